"""A bias by distance that queries mix from learned profiles."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .parts import Spec, heads, linear, matrix


class RelativeLogits(nn.Module):
    """A bias by distance that a query mixes from learned profiles (transformers' inkling)."""

    def __init__(self, spec: Spec, width: int, n_heads: int) -> None:
        super().__init__()
        self.n, self.clip = n_heads, spec.get("clip", False)
        self.mix, self.profiles = linear(width, n_heads * spec["width"]), matrix(spec["extent"], spec["width"])
        if self.clip:
            self.scale = nn.Parameter(torch.ones(n_heads, 1, spec["width"]))

    def forward(self, x: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
        """Return what is added to the scores: (B, heads, queries, keys)."""
        mix = heads(self.mix(x), self.n)
        if self.clip:
            mix = clipped(mix * self.scale)
        all_of_them = mix @ self.profiles.T
        distance = (queries[:, None] - keys[None, :]).expand(*all_of_them.shape[:2], -1, -1)
        extent = len(self.profiles)
        found = all_of_them.gather(-1, distance.clamp(0, extent - 1))
        return found.masked_fill((distance < 0) | (distance >= extent), 0)


def clipped(x: Tensor, longest: float = 8.0) -> Tensor:
    """Return vectors of which none is longer."""
    return x * (longest / (x.norm(dim=-1, keepdim=True) + 1e-6)).clamp(max=1)
