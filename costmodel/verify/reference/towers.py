"""Towers: what they read, a stack in which every token sees every other, a projector."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .parts import Norm, Spec, Step, matrix
from .projector import Projector
from .source_input import SourceInput
from .stacks import Stack


class Layers(nn.Module):
    """What towers of both senses have: positions, norms, layers; a projector from ``features`` outputs side by side."""

    def __init__(self, name: str, spec: Spec, text_width: int, axes: int) -> None:
        super().__init__()
        self.spec, width = {"norm": {"kind": "layer"}, **spec}, spec["d_model"]
        norm = self.spec["norm"]
        rows = spec.get("positions") or []
        self.positions = nn.ParameterList(matrix(n, width) for n in (rows if isinstance(rows, list) else [rows]))

        def new() -> Norm:
            return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True))

        self.before = new() if spec.get("pre_norm") else None
        self.after = new() if norm.get("final", True) else None
        features: Spec = {"layer_scale": {}} if spec.get("layer_scale") is not None else {}
        n = spec["n_layers"]
        self.stack = Stack(name, self.spec, self.spec, n, width, features) if n else None
        self.features, self.blocks = spec.get("feature_layers", 1), spec.get("blocks", {})
        self.projector = Projector(spec.get("projector", []), self.features * width, self.blocks, axes)
        self.separators = matrix(spec["separators"], text_width) if spec.get("separators") else None

    def run(self, x: Tensor, step: Step) -> Tensor:
        """Return the output of the layers, normalised."""
        for rows in self.positions:
            x = x + rows[torch.arange(x.shape[1]) % len(rows)]
        if self.before is not None:
            x = self.before(x)
        step.new = x.shape[1]
        x = x if self.stack is None else self.stack(x, step)
        return x if self.after is None else self.after(x)


class Tower(Layers):
    """CLIP, SigLIP, Pixtral, Llama 4 and Qwen: a convolution whose stride is its size, layers, a projector."""

    def __init__(self, spec: Spec, text_width: int) -> None:
        super().__init__("vision", spec, text_width, axes=2)
        width, kernel = spec["d_model"], (spec.get("frames", 1), spec["patch_size"], spec["patch_size"])
        self.patch = nn.Conv3d(spec.get("channels", 3), width, kernel, kernel, bias=spec.get("patch_bias", False))
        self.first = nn.Parameter(torch.randn(width)) if spec.get("class_token") else None
        values = math.prod(kernel) * spec.get("channels", 3)
        self.input_norm = Norm(spec["input_norm"], values) if spec.get("input_norm") else None
        deep = spec.get("deepstack") or {"copies": 0, "projector": []}
        self.deepstack = nn.ModuleList(Projector(deep["projector"], width, self.blocks) for _ in range(deep["copies"]))

    def some(self, images: int) -> Tensor:
        """Return random images."""
        spec, size = self.spec, self.spec["image_size"]
        return torch.randn(images, spec.get("channels", 3), spec.get("frames", 1), size, size)

    def forward(self, pixels: Tensor, step: Step) -> Tensor:
        """Return what the language model gets of (images, channels, frames, side, side)."""
        x = self.patch(pixels if self.input_norm is None else self._normed(pixels, self.input_norm))
        patches = x.shape[-1] ** 2
        x = x.flatten(2).transpose(1, 2)
        if self.first is not None:
            x = torch.cat([self.first.expand(len(x), 1, -1), x], 1)
        x = self.run(x, step)
        x = x if self.spec.get("class_token") == "kept" else x[:, x.shape[1] - patches :]
        added = [projector(x, step) for projector in self.deepstack]
        return sum(added, self.projector(torch.cat([x] * self.features, -1), step))

    def _normed(self, pixels: Tensor, norm: Norm) -> Tensor:
        """Return pixels of which those of every patch are normalised together."""
        _, _, frames, size, _ = pixels.shape
        patch = self.patch.kernel_size[1]
        side = size // patch
        whole = pixels[..., : side * patch, : side * patch].unflatten(-1, (side, patch)).unflatten(-3, (side, patch))
        patches = whole.permute(0, 3, 5, 1, 2, 4, 6)  # (images, side, side, channels, frames, patch, patch)
        normed = norm(patches.flatten(3)).view(patches.shape)
        return normed.permute(0, 3, 4, 1, 5, 2, 6).reshape(*pixels.shape[:2], frames, side * patch, side * patch)


class AudioTower(Layers):
    """Whisper's encoder and conformers: convolutions, layers, a projector."""

    def __init__(self, spec: Spec, text_width: int) -> None:
        super().__init__("audio", spec, text_width, axes=1)
        self.input, self.piece = SourceInput(spec["input"]), spec.get("piece") or spec["frames"]

    def some(self, clips: int) -> Tensor:
        """Return random clips."""
        return self.input.frames(clips, self.spec["frames"])

    def forward(self, sound: Tensor, step: Step) -> Tensor:
        """Return what the language model gets of (clips, channels, frames), or with bands behind them."""
        pieces = torch.cat(sound.split(self.piece, 2))
        x = torch.cat(self.input(pieces).chunk(sound.shape[2] // self.piece), 1)
        found: Tensor = self.projector(self.run(x, step), step)
        return found
