"""A short convolution between two gates.

With B, C, x the three parts of a projection: out(C * conv(B * x)). Kept: ``d_conv`` columns.
Source: transformers' lfm2 (Lfm2ShortConv).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from costmodel.verify.reference.parts import Block, Spec, Step, conv, linear
from costmodel.verify.reference.recurrence import taps


class ShortConv(Block):
    """LFM2's double-gated short convolution."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        biased = spec.get("bias", False)
        self.to_b, self.to_c, self.to_x, self.out = (linear(width, width, biased) for _ in range(4))
        self.conv, self.conv_bias = taps(width, spec["d_conv"], biased)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Convolve the new tokens."""
        b, c, x = self.to_b(x), self.to_c(x), self.to_x(x)
        return self.out(c * conv(self.conv, self.conv_bias, b * x, step.cache.slot(key), "conv"))
