"""A network with an adapter for every language behind it."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, linear, silu, stack


class LanguageFeedForward(Block):
    """A network, and one adapter of several behind it (arXiv:2205.06266): all texts here have the first language."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        n, inner, norm = spec["languages"], spec["adapter_width"], spec.get("adapter_norm")
        self.up, self.down = linear(width, spec["d_ff"], True), linear(spec["d_ff"], width, True)
        self.norm = Norm("layer" if norm == "own" else "none", width) if norm else None
        self.adapter_down, self.adapter_up = stack(n, inner, width), stack(n, width, inner)
        self.bias_down, self.bias_up = stack(n, inner), stack(n, width)

    def forward(self, x: Tensor, _step: Step, _key: Any) -> Tensor:
        """Return what is added to the stream."""
        out = self.down(silu(self.up(x)))
        read = x + out if self.norm is None else self.norm(x + out)
        inner = silu(F.linear(read.flatten(0, 1), self.adapter_down[0], self.bias_down[0]))
        return out + F.linear(inner, self.adapter_up[0], self.bias_up[0]).view_as(out)
