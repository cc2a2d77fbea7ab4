"""Dynamic masks: numbers made of the values that are kept say which keys queries read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.spans import Span, causal_pairs
from costmodel.steps import STEPS


@dataclass(slots=True, frozen=True)
class DynamicMask:
    """A number for every key and key head, from the values of all heads; queries read the ``most`` largest.

    The numbers are not kept: every step makes those of all keys in memory again.
    Source: arXiv:2508.02124; as transformers 5.23 runs it in doge.
    """

    most: int
    span: Span

    def lower(self, at: Site, kv_heads: Size, values: Size, *, bias: bool) -> Iterator[Op]:
        """Yield the numbers: a projection, a softplus, a learned factor of the head, an exponential."""
        keys = at.batch * at.resident(self.span)
        yield at.project("mask", d_in=values, tokens=keys, bias=bias, split="none", mask=kv_heads)
        steps = 2 * STEPS["activation"] + STEPS["gate"]
        yield at.vector("mask_scale", kv_heads, steps, tokens=keys, weights=(at.weight("mask_factor", kv_heads),))

    def selected(self, new: Size, cached: Size) -> Size:
        """Count the pairs of one head and sequence that are left after the choice, causally."""
        limit = self.span.limit
        return causal_pairs(new, cached, self.most if limit is None else min(self.most, limit))
