"""Types of ggml: how many bytes a block of so many values takes. Data, compared with the ``gguf`` package by a test.

Source: ggml, enum ggml_type of ggml.h and the block structures of ggml-common.h; the numbers of types
that are no longer written are left out, so a file that has one is refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Quant(NamedTuple):
    """``size`` bytes hold a block of ``block`` values. ``dtype``: what our recipes call it; None: nothing."""

    name: str
    block: int
    size: int
    dtype: str | None

    def bytes(self, values: int) -> int:
        """Return the bytes of so many values, which are whole blocks."""
        return values // self.block * self.size


def _table(text: str) -> dict[int, Quant]:
    """Read lines of number, name, block, size and, where it is not the name, our word (-: none)."""
    found = {}
    for line in text.strip().splitlines():
        number, name, block, size, *word = line.split()
        dtype = word[0] if word else name.lower()
        found[int(number)] = Quant(name, int(block), int(size), None if dtype == "-" else dtype)
    return found


QUANTS = MappingProxyType(
    _table(
        """
        0 F32 1 4 fp32
        1 F16 1 2 fp16
        2 Q4_0 32 18
        3 Q4_1 32 20
        6 Q5_0 32 22
        7 Q5_1 32 24
        8 Q8_0 32 34
        9 Q8_1 32 40 -
        10 Q2_K 256 84
        11 Q3_K 256 110
        12 Q4_K 256 144
        13 Q5_K 256 176
        14 Q6_K 256 210
        15 Q8_K 256 292 -
        16 IQ2_XXS 256 66
        17 IQ2_XS 256 74
        18 IQ3_XXS 256 98
        19 IQ1_S 256 50
        20 IQ4_NL 32 18
        21 IQ3_S 256 110
        22 IQ2_S 256 82
        23 IQ4_XS 256 136
        24 I8 1 1 -
        25 I16 1 2 -
        26 I32 1 4 -
        27 I64 1 8 -
        28 F64 1 8 -
        29 IQ1_M 256 56
        30 BF16 1 2 bf16
        34 TQ1_0 256 54
        35 TQ2_0 256 66
        39 MXFP4 32 17
        40 NVFP4 64 36
        41 Q1_0 128 18
        """
    )
)
