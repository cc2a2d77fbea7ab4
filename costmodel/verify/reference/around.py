"""What a block may have around it: norms of its own, a gate on its input."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from .parts import Norm, Spec, Step, linear, silu


class Normed(nn.Module):
    """A block with norms of its own, beside those of its sublayer: before it, after it or both."""

    def __init__(self, spec: Spec, width: int, inner: nn.Module, norm: Spec) -> None:
        super().__init__()
        self.inner, place = inner, spec["extra_norm"]

        def new() -> Norm:
            made = Norm("none" if place == "plain" else norm.get("kind", "rms"), width, bias=norm.get("bias", True))
            for parameter in made.parameters():
                parameter.keep = Fraction(spec.get("keep", 1))
            return made

        self.before = new() if place in ("pre", "sandwich") else None
        self.after = new() if place in ("post", "sandwich") else None
        if place == "plain":
            self.after = Norm("none", width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Normalise, run the block, normalise."""
        out = self.inner(x if self.before is None else self.before(x), step, key)
        return out if self.after is None else self.after(out)


class GatedInput(nn.Module):
    """A block whose input is gated through a bottleneck (transformers' axk2: AXK2GatedRMSNorm)."""

    def __init__(self, inner: nn.Module, width: int, rank: int) -> None:
        super().__init__()
        self.inner, self.down, self.up = inner, linear(width, rank), linear(rank, width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Gate, then work."""
        return self.inner(x * torch.sigmoid(self.up(silu(self.down(x)))), step, key)
