"""A short convolution between two gates."""

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
        self.into, self.out = linear(width, 3 * width, biased), linear(width, width, biased)
        self.conv, self.conv_bias = taps(width, spec["d_conv"], biased)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Convolve the new tokens."""
        b, c, x = self.into(x).chunk(3, -1)
        return self.out(c * conv(self.conv, self.conv_bias, b * x, step.cache.slot(key), "conv"))
