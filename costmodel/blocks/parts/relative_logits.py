"""A bias of attention by distance, which every token mixes for itself from learned profiles."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.block import Count, Model
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.things import Weight


class RelativeLogits(Model):
    """What a query adds to its scores by distance: ``width`` numbers a head weigh as many learned profiles.

    The profiles, ``width`` x ``extent`` numbers, are those of all heads; beyond ``extent`` tokens
    nothing is added. All ``extent`` numbers are computed for every query, whatever it sees. ``clip``:
    the numbers of a head are scaled by learned factors and cut to a greatest length before.
    Source: transformers' inkling; ``clip``: inkling2.
    """

    width: Count
    extent: Count
    clip: bool = False

    def lower(self, at: Site, n_heads: int) -> Iterator[Op]:
        """Yield the projection to the weights of profiles, and their mixture."""
        yield at.project("relative", split="out", units=n_heads, relative=n_heads * self.width)
        if self.clip:
            scale = at.weight("relative_scale", n_heads, self.width, split="out", units=n_heads)
            yield clipped(at, "relative_clip", n_heads * self.width, scale)
        # Heads are cut among devices, and here the profiles instead, which is the same share of the work.
        mixed = at.project("profiles", d_in=self.width, split="out", units=self.extent, profiles=self.extent)
        mixed.tokens = mixed.tokens * n_heads
        yield mixed


def clipped(at: Site, name: str, width: int, *scale: Weight) -> Op:
    """Return vectors cut to a greatest length: square, sum, factor; one product more with learned factors."""
    return at.vector(name, width, 3 + len(scale), weights=scale)
