"""Attention over depth: what a sublayer reads of the sums of earlier blocks of layers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .parts import Norm, matrix

Spec = dict[str, Any]


class Choice(nn.Module):
    """Learned queries and a norm of what they choose from."""

    def __init__(self, spec: Spec, width: int, queries: int) -> None:
        super().__init__()
        self.queries, self.norm = matrix(queries, width), Norm(spec.get("norm", "rms"), width)

    def forward(self, sources: Tensor) -> Tensor:
        """Return a sum of the sources (B, S, N, d) for each query: (B, S, queries, d)."""
        scores = self.norm(sources) @ self.queries.T / math.sqrt(sources.shape[-1])
        return scores.softmax(-2).transpose(-1, -2) @ sources


class OverDepth(nn.Module):
    """Attention residuals (arXiv:2603.15031): sums of blocks of layers, the last one still growing."""

    def __init__(self, spec: Spec, layout: Any, blocks: dict[str, Spec], width: int, norm: Spec) -> None:
        super().__init__()
        self.every = spec["block_layers"]
        self.order = [(i, j) for i, layer in enumerate(layout) for j, names in enumerate(layer) if names]
        self.choices, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for i, j in self.order:
            separate = any(blocks.get(name, {}).get("separate_inputs") for name in layout[i][j])
            if (i, j) != self.order[0] or spec.get("first", True):
                self.choices[f"{i}_{j}"] = Choice(spec, width, 3 if separate else 1)
            if separate:
                kind, bias = norm.get("kind", "rms"), norm.get("bias", True)
                kinds = norm.get("kinds", 1)
                two = (Norm(kind, width, bias=bias, kinds=kinds) for _ in range(2))
                self.norms[f"{i}_{j}"] = nn.ModuleList(two)
        self.choices["end"] = Choice(spec, width, 1)

    def read(self, place: str, sources: Tensor) -> tuple[Tensor, ...]:
        """Return the input at a place, and where they are others those of keys and values, normalised."""
        found: tuple[Tensor, ...] = (sources[..., 0, :],) * 3  # one source is all there is to choose
        if sources.shape[-2] > 1:
            found = torch.unbind(self.choices[place](sources), -2)
        if place not in self.norms:
            return found[:1]
        return found[0], *(norm(x) for norm, x in zip(self.norms[place], found[1:], strict=True))

    def add(self, i: int, j: int, sources: Tensor, out: Tensor) -> Tensor:
        """Return the sources with an output: added to the last one, or a new one where a block begins."""
        first_of_layer = all(other >= j for layer, other in self.order if layer == i)
        if i % self.every == 0 and first_of_layer:
            return torch.cat([sources, out[..., None, :]], -2)
        return torch.cat([sources[..., :-1, :], sources[..., -1:, :] + out[..., None, :]], -2)
