"""What an encoder reads where it looks up no table: convolutions over frames of sound, or over pixels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Spec


class SourceInput(nn.Module):
    """Whisper, Speech2Text, Moonshine (1-D) and patches (2-D), one convolution after another."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.steps, self.channels = spec["convolutions"], spec["channels"]
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        self.scalars = nn.Parameter(torch.randn(spec["scalars"])) if spec.get("scalars") else None
        width = self.channels
        for step in self.steps:
            kernel, stride = _sizes(step)
            kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(kernel) - 1]
            self.layers.append(kind(width, step["out"], kernel, stride, bias=step.get("bias", True)))
            width = step["out"] // 2 if step.get("gated") else step["out"]
            self.norms.append(Norm(step["norm"], width) if step.get("norm") else nn.Identity())

    def some(self, batch: int, tokens: int) -> Tensor:
        """Return a random input from which so many tokens come, all along the first axis."""
        shape = [tokens] + [1] * (len(_sizes(self.steps[0])[0]) - 1)
        for step in reversed(self.steps):
            kernel, stride = _sizes(step)
            if step.get("padding", True):
                shape = [n * s for n, s in zip(shape, stride, strict=True)]
            else:
                shape = [(n - 1) * s + k for n, s, k in zip(shape, stride, kernel, strict=True)]
        return torch.randn(batch, self.channels, *shape)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, tokens, width) of (B, channels, positions along every axis)."""
        if self.scalars is not None:
            x = torch.asinh(self.scalars.sum().exp() * x)
        for step, layer, norm in zip(self.steps, self.layers, self.norms, strict=True):
            kernel, stride = _sizes(step)
            if step.get("padding", True):
                pads = [(max(k - s, 0) // 2, math.ceil(max(k - s, 0) / 2)) for k, s in zip(kernel, stride, strict=True)]
                x = F.pad(x, [n for pair in reversed(pads) for n in pair])
            x = layer(x)
            x = F.glu(x, 1) if step.get("gated") else F.gelu(x) if step.get("activation") else x
            x = norm(x.movedim(1, -1)).movedim(-1, 1)
        return x.flatten(2).transpose(1, 2)


def _sizes(step: Spec) -> tuple[list[int], list[int]]:
    """Return the kernel and the stride along every axis."""
    kernel, stride = step.get("kernel", 1), step.get("stride", 1)
    kernel = kernel if isinstance(kernel, list) else [kernel]
    return kernel, stride if isinstance(stride, list) else [stride] * len(kernel)
