"""The projector of a tower: steps on tokens that stand along one axis or two, to the text width."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Cache, Norm, Spec, Step, linear, matrix
from .stacks import Stack


def square(x: Tensor, axes: int) -> Tensor:
    """Return (batch, tokens, width) as (batch, width, side) or (batch, width, side, side)."""
    if axes == 1:
        return x.transpose(1, 2)
    side = math.isqrt(x.shape[1])
    return x.unflatten(1, (side, side)).permute(0, 3, 1, 2)


def tokens(x: Tensor) -> Tensor:
    """Undo ``square``."""
    return x.flatten(2).transpose(1, 2)


class Convolution(nn.Module):
    """One matrix over squares of tokens around every ``stride``-th token of a square, or over so many of a row."""

    def __init__(self, spec: Spec, width: int, axes: int) -> None:
        super().__init__()
        self.axes, kernel = axes, spec["kernel"]
        sizes = {"kernel_size": kernel, "stride": spec.get("stride", 1), "padding": kernel // 2}
        way = nn.Conv1d if axes == 1 else nn.Conv2d
        self.conv = way(width, spec["linear"], bias=spec.get("bias", False), **sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, fewer tokens, columns) of (batch, tokens, width)."""
        return tokens(self.conv(square(x, self.axes)))


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
        """Return what the layers make of (batch, tokens, width)."""
        inner = Step(Cache(), x.shape[1], 0, log=step.log)
        if self.queries is not None:
            inner.source, inner.new = x, len(self.queries)
            x = self.queries.repeat(len(x), 1, 1)
        x = self.stack(x if self.before is None else self.before(x), inner)
        for name in ("executed_pairs", "full_pairs", "useful_pairs"):
            setattr(step, name, getattr(step, name) + getattr(inner, name))
        step.log.keep(inner.cache.moved())
        return x if self.after is None else self.after(x)


class Projector(nn.Module):
    """Steps from the tokens of a tower to the text width."""

    def __init__(self, steps: list[Spec], width: int, blocks: Spec, axes: int = 2) -> None:
        super().__init__()
        self.spec, self.axes, self.steps, self.gates = steps, axes, nn.ModuleList(), nn.ModuleDict()
        self.separators = nn.ParameterList()
        for i, step in enumerate(steps):
            width *= step.get("merge", 1) ** axes * step.get("repeat", 1)
            self.steps.append(self._step(step, width, blocks, f"step {i}"))
            if step.get("gated"):
                self.gates[str(i)] = self._step(step, width, blocks, "")
            if step.get("separators"):
                self.separators.append(matrix(step["separators"], width))
            width = step.get("linear") or (step.get("layers") or {}).get("d_model") or width

    def _step(self, step: Spec, width: int, blocks: Spec, name: str) -> nn.Module:
        if step.get("layers"):
            return InnerStack(step["layers"], blocks, width, name)
        if step.get("kernel", 1) > 1:
            return Convolution(step, width, self.axes)
        if "linear" in step:
            return linear(width, step["linear"], step.get("bias", False))
        return Norm(step["norm"], width) if "norm" in step else nn.Identity()

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return what the steps make of (batch, tokens, width)."""
        for i, (spec, module) in enumerate(zip(self.spec, self.steps, strict=True)):
            if "pool" in spec:
                x = self._pool(x, spec["pool"])
            elif "merge" in spec:
                x = self._merge(x, spec["merge"])
            x = torch.cat([x] * spec.get("repeat", 1), -1)
            gate = self.gates[str(i)](x) if str(i) in self.gates else 1
            made = module(x, step) if spec.get("layers") else module(x)
            x = (F.gelu(made) if spec.get("activation") else made) * gate
        return x

    def _pool(self, x: Tensor, n: int) -> Tensor:
        way = F.avg_pool1d if self.axes == 1 else F.avg_pool2d
        return tokens(way(square(x, self.axes), n))

    def _merge(self, x: Tensor, n: int) -> Tensor:
        if self.axes == 1:
            return x[:, : x.shape[1] // n * n].unflatten(1, (-1, n)).flatten(2)
        return tokens(F.pixel_unshuffle(square(x, self.axes), n))
