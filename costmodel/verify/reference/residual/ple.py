"""Per-layer embeddings: what every layer gets beside the stream."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Norm, Spec, linear, matrix


class PerLayerInputs(nn.Module):
    """What every layer gets beside the stream: a table row and a projected embedding (Gemma 3n)."""

    def __init__(self, spec: Spec, width: int, n_layers: int) -> None:
        super().__init__()
        self.width, self.rows = spec["width"], spec["vocab_size"]
        self.table = matrix(self.rows, n_layers * self.width)
        self.project, self.norm = linear(width, n_layers * self.width), Norm("rms", self.width)

    def forward(self, tokens: Tensor, x: Tensor) -> Tensor:
        """Return (B, S, layers, width)."""
        projected = self.norm(self.project(x).unflatten(-1, (-1, self.width)))
        return (projected + self.table[tokens % self.rows].unflatten(-1, (-1, self.width))) / 2


class PerLayerGate(nn.Module):
    """Gate, times the layer's slice, up, norm."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.gate, self.up, self.norm = linear(width, spec["width"]), linear(spec["width"], width), Norm("rms", width)

    def forward(self, x: Tensor, piece: Tensor) -> Tensor:
        """Return what is added."""
        return self.norm(self.up(F.silu(self.gate(x)) * piece))
