"""A vision tower: patches, a stack in which every patch sees every other, a projector."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Spec, Step, linear, matrix
from .stacks import Stack


class Projector(nn.Module):
    """Steps from the patches of a tower to the text width."""

    def __init__(self, steps: list[Spec], width: int) -> None:
        super().__init__()
        self.spec, self.steps, self.gates = steps, nn.ModuleList(), nn.ModuleDict()
        for i, step in enumerate(steps):
            width *= step.get("merge", 1) ** 2
            if "linear" in step:
                self.steps.append(linear(width, step["linear"], step.get("bias", False)))
                if step.get("gated"):
                    self.gates[str(i)] = linear(width, step["linear"], step.get("bias", False))
                width = step["linear"]
            else:
                self.steps.append(Norm(step["norm"], width) if "norm" in step else nn.Identity())

    def forward(self, x: Tensor, side: int) -> Tensor:
        """Return what the steps make of (images, side * side, width)."""
        for i, (spec, module) in enumerate(zip(self.spec, self.steps, strict=True)):
            square = x.unflatten(1, (side, side)).permute(0, 3, 1, 2)
            if "pool" in spec:
                x = F.avg_pool2d(square, spec["pool"]).flatten(2).transpose(1, 2)
            elif "merge" in spec:
                x = F.pixel_unshuffle(square, spec["merge"]).flatten(2).transpose(1, 2)
            side //= spec.get("pool") or spec.get("merge") or 1
            gate = self.gates[str(i)](x) if str(i) in self.gates else 1
            x = (F.gelu(module(x)) if spec.get("activation") else module(x)) * gate
        return x


class Tower(nn.Module):
    """CLIP, SigLIP, Pixtral, Llama 4 and Qwen: a convolution whose stride is its size, layers, a projector."""

    def __init__(self, spec: Spec, text_width: int) -> None:
        super().__init__()
        self.spec, width = {"norm": {"kind": "layer"}, **spec}, spec["d_model"]
        norm, kernel = self.spec["norm"], (spec.get("frames", 1), spec["patch_size"], spec["patch_size"])
        self.patch = nn.Conv3d(spec.get("channels", 3), width, kernel, kernel, bias=spec.get("patch_bias", False))
        self.first = nn.Parameter(torch.randn(width)) if spec.get("class_token") else None
        self.positions = matrix(spec["positions"], width) if spec.get("positions") else None

        def new() -> Norm:
            return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True))

        self.before = new() if spec.get("pre_norm") else None
        self.after = new() if norm.get("final", True) else None
        features: Spec = {"layer_scale": {}} if spec.get("layer_scale") is not None else {}
        self.stack = Stack("vision", self.spec, self.spec, spec["n_layers"], width, features)
        self.features = spec.get("feature_layers", 1)
        self.projector = Projector(spec.get("projector", []), self.features * width)
        deep = spec.get("deepstack") or {"copies": 0, "projector": []}
        self.deepstack = nn.ModuleList(Projector(deep["projector"], width) for _ in range(deep["copies"]))
        self.separators = matrix(spec["separators"], text_width) if spec.get("separators") else None

    def forward(self, pixels: Tensor, step: Step) -> Tensor:
        """Return what the language model gets of (images, channels, frames, side, side)."""
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
        added = [projector(x, side) for projector in self.deepstack]
        return sum(added, self.projector(torch.cat([x] * self.features, -1), side))
