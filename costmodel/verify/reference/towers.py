"""Towers: patches or sound, a stack in which tokens see each other, a projector."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Step, linear, matrix
from .source_input import SourceInput
from .stacks import Stack

Spec = dict[str, Any]


class Projector(nn.Module):
    """Steps from the tokens of a tower, along one axis or two, to the text width."""

    def __init__(self, steps: list[Spec], width: int, axes: int = 2) -> None:
        super().__init__()
        self.spec, self.axes, self.steps, self.gates = steps, axes, nn.ModuleList(), nn.ModuleDict()
        for i, step in enumerate(steps):
            width *= step.get("merge", 1) ** axes
            if "linear" in step:
                self.steps.append(linear(width, step["linear"], step.get("bias", False)))
                if step.get("gated"):
                    self.gates[str(i)] = linear(width, step["linear"], step.get("bias", False))
                width = step["linear"]
            else:
                self.steps.append(Norm(step["norm"], width) if "norm" in step else nn.Identity())

    def forward(self, x: Tensor, side: int) -> Tensor:
        """Return what the steps make of (images, side * side, width), or of (clips, side, width)."""
        for i, (spec, module) in enumerate(zip(self.spec, self.steps, strict=True)):
            if "pool" in spec:
                x = self._pool(x, side, spec["pool"])
            elif "merge" in spec:
                x = self._merge(x, side, spec["merge"])
            side //= spec.get("pool") or spec.get("merge") or 1
            gate = self.gates[str(i)](x) if str(i) in self.gates else 1
            x = (F.gelu(module(x)) if spec.get("activation") else module(x)) * gate
        return x

    def _pool(self, x: Tensor, side: int, n: int) -> Tensor:
        if self.axes == 1:
            return F.avg_pool1d(x.transpose(1, 2), n).transpose(1, 2)
        return F.avg_pool2d(self._square(x, side), n).flatten(2).transpose(1, 2)

    def _merge(self, x: Tensor, side: int, n: int) -> Tensor:
        if self.axes == 1:
            return x[:, : side // n * n].unflatten(1, (-1, n)).flatten(2)
        return F.pixel_unshuffle(self._square(x, side), n).flatten(2).transpose(1, 2)

    def _square(self, x: Tensor, side: int) -> Tensor:
        return x.unflatten(1, (side, side)).permute(0, 3, 1, 2)


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

    def some(self, images: int) -> Tensor:
        """Return random images."""
        spec, size = self.spec, self.spec["image_size"]
        return torch.randn(images, spec.get("channels", 3), spec.get("frames", 1), size, size)


class AudioTower(nn.Module):
    """Whisper's encoder and conformers: convolutions, layers, a projector."""

    def __init__(self, spec: Spec, text_width: int) -> None:
        super().__init__()
        self.spec, width = {"norm": {"kind": "layer"}, **spec}, spec["d_model"]
        norm = self.spec["norm"]
        self.input, self.piece = SourceInput(spec["input"]), spec.get("piece") or spec["frames"]
        self.positions = matrix(spec["positions"], width) if spec.get("positions") else None

        def new() -> Norm:
            return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True))

        self.before = new() if spec.get("pre_norm") else None
        self.after = new() if norm.get("final", True) else None
        features: Spec = {"layer_scale": {}} if spec.get("layer_scale") is not None else {}
        self.stack = Stack("audio", self.spec, self.spec, spec["n_layers"], width, features)
        self.projector = Projector(spec.get("projector", []), width, 1)
        self.separators = matrix(spec["separators"], text_width) if spec.get("separators") else None

    def some(self, clips: int) -> Tensor:
        """Return random clips."""
        return self.input.frames(clips, self.spec["frames"])

    def forward(self, sound: Tensor, step: Step) -> Tensor:
        """Return what the language model gets of (clips, channels, frames), or with bands behind them."""
        pieces = torch.cat(sound.split(self.piece, 2))
        x = torch.cat(self.input(pieces).chunk(sound.shape[2] // self.piece), 1)
        if self.positions is not None:
            x = x + self.positions[: x.shape[1]]
        if self.before is not None:
            x = self.before(x)
        step.new = x.shape[1]
        x = self.stack(x, step)
        if self.after is not None:
            x = self.after(x)
        found: Tensor = self.projector(x, x.shape[1])
        return found
