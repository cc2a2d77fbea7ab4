"""A vision tower: patches, a stack in which every patch sees every other, a projector."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Step, linear, matrix
from .stacks import Stack

Spec = dict[str, Any]


class Tower(nn.Module):
    """SigLIP, Pixtral and Llama 4: a convolution whose stride is its size, layers, a projector."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec, width = {"norm": {"kind": "layer"}, **spec}, spec["d_model"]
        norm, patch = self.spec["norm"], spec["patch_size"]
        self.patch = nn.Conv2d(spec.get("channels", 3), width, patch, patch, bias=spec.get("patch_bias", False))
        self.first = nn.Parameter(torch.randn(width)) if spec.get("class_token") else None
        self.positions = matrix(spec["positions"], width) if spec.get("positions") else None

        def new() -> Norm:
            return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True))

        self.before = new() if spec.get("pre_norm") else None
        self.after = new() if norm.get("final", True) else None
        self.stack = Stack("vision", self.spec, self.spec, spec["n_layers"], width, {})
        self.steps = nn.ModuleList()
        for step in spec.get("projector", ()):
            width *= step.get("merge", 1) ** 2
            if "linear" in step:
                self.steps.append(linear(width, step["linear"], step.get("bias", False)))
                width = step["linear"]
            else:
                self.steps.append(Norm(step["norm"], width) if "norm" in step else nn.Identity())

    def forward(self, pixels: Tensor, step: Step) -> Tensor:
        """Return what the language model gets of (images, channels, side, side)."""
        x = self.patch(pixels)
        side = x.shape[-1]
        x = x.flatten(2).transpose(1, 2)
        if self.first is not None:
            x = torch.cat([self.first.expand(len(x), 1, -1), x], 1)
        if self.positions is not None:
            x = x + self.positions[torch.arange(x.shape[1]) % len(self.positions)]
        if self.before is not None:
            x = self.before(x)
        step.new = x.shape[1]
        x = self.stack(x, step)
        if self.after is not None:
            x = self.after(x)
        x = x[:, x.shape[1] - side * side :]
        for spec, module in zip(self.spec.get("projector", ()), self.steps, strict=True):
            square = x.unflatten(1, (side, side)).permute(0, 3, 1, 2)
            if "pool" in spec:
                x = F.avg_pool2d(square, spec["pool"]).flatten(2).transpose(1, 2)
            elif "merge" in spec:
                x = F.pixel_unshuffle(square, spec["merge"]).flatten(2).transpose(1, 2)
            side //= spec.get("pool", spec.get("merge", 1))
            x = F.gelu(module(x)) if spec.get("activation") else module(x)
        return x
