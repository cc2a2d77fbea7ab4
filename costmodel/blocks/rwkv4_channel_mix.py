"""The channel mix of RWKV-4: a plain network with a gate on its output, which also sees the token before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from costmodel.block import Block, Count
from costmodel.blocks.parts.recurrence import gated, token_shift
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS
from costmodel.units import count_text


class RwkvChannelMix(Block):
    """Two matrices with a squared activation between them, and a gate (receptance) on their output.

    Both come from a mixture of the token and the one before it. Kept per sequence and layer,
    whatever the context: the token before, in the model's dtype.
    Source: arXiv:2305.13048, section 3; transformers' rwkv.
    """

    component: ClassVar[str] = "ffn.dense"
    role: ClassVar[str] = "ffn"

    kind: Literal["rwkv4_channel_mix"]
    d_ff: Count

    def reach(self) -> int:
        """Return 1: the token before."""
        return 1

    def describe(self) -> str:
        """Return ``dense``."""
        return "dense"

    def details(self) -> str:
        """Return the inner width."""
        return f"d_ff {count_text(self.d_ff)}, gated output"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        yield from token_shift(at, "k", "r")
        yield at.project("k", split="out", units=self.d_ff, k=self.d_ff)
        yield at.vector("activation", self.d_ff, STEPS["activation"] + STEPS["gate"])  # and its square
        yield at.project("v", d_in=self.d_ff, split="in", units=self.d_ff, v=at.width)
        yield at.project("r", r=at.width)
        yield gated(at, at.width)
