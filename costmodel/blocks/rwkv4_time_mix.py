"""The time mix of RWKV-4: attention without queries, whose weights decay by channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from costmodel.block import Block, Count
from costmodel.blocks.parts.recurrence import gated, scan, token_shift
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class RwkvTimeMix(Block):
    """A weighted mean of all values so far in each of ``d_inner`` channels, and a gate on it.

    Keys, values and gates (receptance) each come from a mixture of the token and the one before
    it. Kept per sequence and layer, whatever the context: numerator, denominator and largest
    exponent of the mean, ``3 * d_inner`` values in fp32, and the token before, in the model's
    dtype. A token is added to numerator and denominator, and, with a weight of its own, to what
    is read of both: 2 products with ``2 * d_inner`` values. Executed FLOPs are the recurrence's.
    Source: arXiv:2305.13048, section 3 and appendix on numerical stability; transformers' rwkv.
    """

    component: ClassVar[str] = "mixer.rwkv4"
    role: ClassVar[str] = "attention"

    kind: Literal["rwkv4_time_mix"]
    d_inner: Count

    def describe(self) -> str:
        """Return ``rwkv``."""
        return "rwkv"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        inner = self.d_inner
        yield from token_shift(at, "k", "v", "r")
        yield at.project("k", split="out", units=inner, k=inner)
        yield at.project("v", split="out", units=inner, v=inner)
        yield at.project("r", split="out", units=inner, r=inner)
        # With the key, its bonus or the decay: a sum, the larger exponent, and twice a difference and its
        # exponential; for the output and again for the state.
        weights = tuple(at.weight(name, inner, split="out", units=inner) for name in ("decay", "bonus"))
        yield at.vector("exponents", inner, 12, weights=weights)
        yield scan(
            at,
            state=2 * inner,
            products=2,
            width=inner,
            units=inner,
            decays=2,  # of what is read, and of what is kept
            beside=inner,
        )
        yield at.vector("mean", inner, STEPS["gate"], inputs=2)  # numerator by denominator
        yield gated(at, inner)
        yield at.project("out", d_in=inner, split="in", units=inner, out=at.width)
