"""A learned scale of the residual stream and of what is added to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Scaled(nn.Module):
    """A learned factor and summand for every value (as zaya has them)."""

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(width))
        self.summand = nn.Parameter(torch.zeros(width)) if bias else 0

    def forward(self, x: Tensor) -> Tensor:
        """Add, then multiply."""
        return (x + self.summand) * self.factor
