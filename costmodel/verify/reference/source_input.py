"""What an encoder reads where it looks up no table: convolutions over frames of sound, or over pixels."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, linear

Spec = dict[str, Any]


class SourceInput(nn.Module):
    """Whisper, Speech2Text, Moonshine (1-D), Parakeet (time and bands) and patches (2-D), one after another."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.steps, self.channels, self.bands = spec.get("convolutions", []), spec.get("channels", 1), spec.get("bands")
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        self.scalars = nn.Parameter(torch.randn(spec["scalars"])) if spec.get("scalars") else None
        width, bands = self.channels, self.bands or 1
        for step in self.steps:
            kernel, stride = self._sizes(step)
            kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(kernel) - 1]
            groups = width if step.get("depthwise") else 1
            self.layers.append(kind(width, step["out"], kernel, stride, bias=step.get("bias", True), groups=groups))
            width = step["out"] // 2 if step.get("gated") else step["out"]
            biased = step.get("norm_bias", True)
            self.norms.append(Norm(step["norm"], width, bias=biased) if step.get("norm") else nn.Identity())
            if self.bands:
                around = 0 if step.get("padding", True) else kernel[1] - 1
                bands = math.ceil((bands - around) / stride[1])
        flat = width * bands
        self.linear = linear(flat, spec["linear"], spec.get("linear_bias", False)) if spec.get("linear") else None

    def _sizes(self, step: Spec) -> tuple[list[int], list[int]]:
        """Return the kernel and the stride along every axis."""
        kernel, stride = step.get("kernel", 1), step.get("stride", 1)
        axes = len(kernel) if isinstance(kernel, list) else 2 if self.bands else 1
        kernel = kernel if isinstance(kernel, list) else [kernel] * axes
        return kernel, stride if isinstance(stride, list) else [stride] * axes

    def some(self, batch: int, tokens: int) -> Tensor:
        """Return a random input from which so many tokens come, all along the first axis."""
        shape = [tokens] + [1] * (len(self._sizes(self.steps[0])[0]) - 1 if self.steps else 0)
        for step in reversed(self.steps):
            kernel, stride = self._sizes(step)
            if step.get("padding", True):
                shape = [n * s for n, s in zip(shape, stride, strict=True)]
            else:
                shape = [(n - 1) * s + k for n, s, k in zip(shape, stride, kernel, strict=True)]
        return self.frames(batch, shape[0]) if self.bands else torch.randn(batch, self.channels, *shape)

    def frames(self, batch: int, frames: int) -> Tensor:
        """Return random frames of sound: (batch, channels, frames), with bands behind them where there are any."""
        return torch.randn(batch, self.channels, frames, *([self.bands] if self.bands else []))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, tokens, width) of (B, channels, positions along every axis)."""
        if self.scalars is not None:
            x = torch.asinh(self.scalars.sum().exp() * x)
        for step, layer, norm in zip(self.steps, self.layers, self.norms, strict=True):
            kernel, stride = self._sizes(step)
            if step.get("padding", True):
                # As many windows as strides begin in the input: zeros around it for the last of them.
                most = [
                    max((math.ceil(n / s) - 1) * s + k - n, 0)
                    for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)
                ]
                x = F.pad(x, [side for pad in reversed(most) for side in (pad // 2, pad - pad // 2)])
            x = layer(x)
            x = F.glu(x, 1) if step.get("gated") else F.gelu(x) if step.get("activation") else x
            x = norm(x.movedim(1, -1)).movedim(-1, 1)
        x = x.transpose(1, 2).flatten(2) if self.bands else x.flatten(2).transpose(1, 2)
        return x if self.linear is None else self.linear(x)
