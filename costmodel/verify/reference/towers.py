"""A vision tower: patches, a stack in which every patch sees every other, a projector."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Cache, Norm, Step, linear, matrix
from .stacks import Stack

Spec = dict[str, Any]


class Convolution(nn.Module):
    """One matrix over squares of tokens around every ``stride``-th token of a square."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        kernel = spec["kernel"]
        sizes = {"kernel_size": kernel, "stride": spec.get("stride", 1), "padding": kernel // 2}
        self.conv = nn.Conv2d(width, spec["linear"], bias=spec.get("bias", False), **sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Return (images, fewer tokens, columns) of (images, side * side, width)."""
        side = math.isqrt(x.shape[1])
        return self.conv(x.unflatten(1, (side, side)).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)


class InnerStack(nn.Module):
    """Layers within a projector, on what stands there or on learned queries that read it."""

    def __init__(self, spec: Spec, blocks: Spec, width: int, name: str) -> None:
        super().__init__()
        n, self.queries, own = spec.get("queries"), None, {"norm": {"kind": "layer"}, **spec, "blocks": blocks}
        if n:
            own["d_source"], width = width, spec.get("d_model") or width
            self.queries = matrix(n, width)
        self.width, norm = width, own["norm"]
        kind, bias = norm.get("kind", "rms"), norm.get("bias", True)
        self.before = Norm(kind, width, bias=bias) if spec.get("pre_norm") else None
        self.after = Norm(kind, width, bias=bias) if norm.get("final", True) else None
        self.stack = Stack(name, own, own, spec["n_layers"], width, {})

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return what the layers make of (images, tokens, width)."""
        inner = Step(Cache(), x.shape[1], 0)
        if self.queries is not None:
            inner.source, inner.new = x, len(self.queries)
            x = self.queries.repeat(len(x), 1, 1)
        x = self.stack(x if self.before is None else self.before(x), inner)
        for name in ("executed_pairs", "full_pairs", "useful_pairs"):
            setattr(step, name, getattr(step, name) + getattr(inner, name))
        return x if self.after is None else self.after(x)


class Projector(nn.Module):
    """Steps from the patches of a tower to the text width."""

    def __init__(self, steps: list[Spec], width: int, blocks: Spec) -> None:
        super().__init__()
        self.spec, self.steps, self.gates = steps, nn.ModuleList(), nn.ModuleDict()
        self.separators = nn.ParameterList()
        for i, step in enumerate(steps):
            width *= step.get("merge", 1) ** 2 * step.get("repeat", 1)
            self.steps.append(self._step(step, width, blocks, f"step {i}"))
            if step.get("gated"):
                self.gates[str(i)] = self._step(step, width, blocks, "")
            if step.get("separators"):
                self.separators.append(matrix(step["separators"], width))
            width = step.get("linear") or (step.get("layers") or {}).get("d_model") or width

    @staticmethod
    def _step(step: Spec, width: int, blocks: Spec, name: str) -> nn.Module:
        if step.get("layers"):
            return InnerStack(step["layers"], blocks, width, name)
        if step.get("kernel", 1) > 1:
            return Convolution(step, width)
        if "linear" in step:
            return linear(width, step["linear"], step.get("bias", False))
        return Norm(step["norm"], width) if "norm" in step else nn.Identity()

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return what the steps make of (images, tokens, width)."""
        for i, (spec, module) in enumerate(zip(self.spec, self.steps, strict=True)):
            if "pool" in spec or "merge" in spec:
                side = math.isqrt(x.shape[1])
                square = x.unflatten(1, (side, side)).permute(0, 3, 1, 2)
                way = F.avg_pool2d if "pool" in spec else F.pixel_unshuffle
                x = way(square, spec.get("pool") or spec["merge"]).flatten(2).transpose(1, 2)
            x = torch.cat([x] * spec.get("repeat", 1), -1)
            gate = self.gates[str(i)](x) if str(i) in self.gates else 1
            made = module(x, step) if spec.get("layers") else module(x)
            x = (F.gelu(made) if spec.get("activation") else made) * gate
        return x


class Tower(nn.Module):
    """CLIP, SigLIP, Pixtral, Llama 4 and Qwen: a convolution whose stride is its size, layers, a projector."""

    def __init__(self, spec: Spec, text_width: int) -> None:
        super().__init__()
        self.spec, width = {"norm": {"kind": "layer"}, **spec}, spec["d_model"]
        norm, kernel = self.spec["norm"], (spec.get("frames", 1), spec["patch_size"], spec["patch_size"])
        self.patch = nn.Conv3d(spec.get("channels", 3), width, kernel, kernel, bias=spec.get("patch_bias", False))
        self.first = nn.Parameter(torch.randn(width)) if spec.get("class_token") else None
        rows = spec.get("positions") or []
        self.positions = nn.ParameterList(matrix(n, width) for n in (rows if isinstance(rows, list) else [rows]))
        values = math.prod(kernel) * spec.get("channels", 3)
        self.input_norm = Norm(spec["input_norm"], values) if spec.get("input_norm") else None

        def new() -> Norm:
            return Norm(norm.get("kind", "rms"), width, bias=norm.get("bias", True))

        self.before = new() if spec.get("pre_norm") else None
        self.after = new() if norm.get("final", True) else None
        features: Spec = {"layer_scale": {}} if spec.get("layer_scale") is not None else {}
        n = spec["n_layers"]
        self.stack = Stack("vision", self.spec, self.spec, n, width, features) if n else None
        self.features = spec.get("feature_layers", 1)
        blocks = spec.get("blocks", {})
        self.projector = Projector(spec.get("projector", []), self.features * width, blocks)
        deep = spec.get("deepstack") or {"copies": 0, "projector": []}
        self.deepstack = nn.ModuleList(Projector(deep["projector"], width, blocks) for _ in range(deep["copies"]))
        self.separators = matrix(spec["separators"], text_width) if spec.get("separators") else None

    def forward(self, pixels: Tensor, step: Step) -> Tensor:
        """Return what the language model gets of (images, channels, frames, side, side)."""
        x = self.patch(pixels if self.input_norm is None else self._normed(pixels, self.input_norm))
        tokens = x.shape[-1] ** 2
        x = x.flatten(2).transpose(1, 2)
        if self.first is not None:
            x = torch.cat([self.first.expand(len(x), 1, -1), x], 1)
        for rows in self.positions:
            x = x + rows[torch.arange(x.shape[1]) % len(rows)]
        if self.before is not None:
            x = self.before(x)
        step.new = x.shape[1]
        x = x if self.stack is None else self.stack(x, step)
        if self.after is not None:
            x = self.after(x)
        x = x if self.spec.get("class_token") == "kept" else x[:, x.shape[1] - tokens :]
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
