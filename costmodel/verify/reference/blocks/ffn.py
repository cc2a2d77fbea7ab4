"""A feed-forward network: two matrices with an activation between them, or three with a gate."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, linear, silu


class FeedForward(Block):
    """Two matrices, or three (arXiv:2002.05202)."""

    def __init__(self, spec: Spec, width: int, d_ff: int | None = None) -> None:
        super().__init__()
        inner, bias = d_ff or spec["d_ff"], spec.get("bias", False)

        def has(name: str) -> bool:
            return bias is True or (bias is not False and name in bias)

        self.gate = linear(width, inner, has("gate")) if spec.get("gated", True) else None
        self.up, self.down = linear(width, inner, has("up")), linear(inner, width, has("down"))
        norm = spec.get("inner_norm")
        self.norm = Norm("layer" if norm == "layer" else "rms", inner) if norm else None
        if spec.get("scalars"):
            self.scalars = nn.Parameter(torch.ones(spec["scalars"]))
        if rank := spec.get("input_scale"):
            self.scale = nn.Sequential(linear(width, rank), nn.GELU(), linear(rank, width))
        if spec.get("output_scale"):
            self.output_scale = nn.Parameter(torch.ones(1))

        if keep := spec.get("keep"):
            self.keep = Fraction(keep)
            for parameter in self.parameters():
                parameter.keep = self.keep
        if spec.get("keep_router"):
            self.keep_router = linear(width, 1)

    def forward(self, x: Tensor, _step: Step, _key: Any, adapter: nn.Module | None = None) -> Tensor:
        """Apply both layers; an adapter adds to gate and up together. ``keep``: to some tokens."""
        if not hasattr(self, "keep"):
            return self._network(x, adapter)
        flat = x.flatten(0, 1)
        score = self.keep_router(flat)[:, 0] if hasattr(self, "keep_router") else flat.sum(-1)
        chosen = score.topk(math.ceil(len(flat) * self.keep)).indices
        return torch.zeros_like(flat).index_copy(0, chosen, self._network(flat[chosen], None)).reshape(x.shape)

    def _network(self, x: Tensor, adapter: nn.Module | None) -> Tensor:
        if hasattr(self, "scale"):
            shared = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)[None]  # of the step: a delay, a time
            x = x * (1 + self.scale(shared))
        added = adapter(x).split(self.up.out_features, -1) if adapter is not None else ()
        up = self.up(x) + (added[-1] if added else 0)
        up = silu(up) if self.gate is None else up * silu(self.gate(x) + (added[0] if added else 0))
        if hasattr(self, "scalars"):
            up = up * self.scalars.mean()
        down = self.down(up if self.norm is None else self.norm(up))
        return down * self.output_scale if hasattr(self, "output_scale") else down
