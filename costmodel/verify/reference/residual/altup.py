"""AltUp: streams beside the one that layers compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from costmodel.verify.reference.parts import Norm, Spec, linear, matrix


class AltUp(nn.Module):
    """The projections into the further streams and back (arXiv:2301.13310; Gemma 3n)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n = spec["n_streams"]
        self.into = nn.ModuleList(linear(width, width) for _ in range(self.n - 1))
        self.back = matrix(self.n - 1, width, width)

    def split(self, x: Tensor) -> Tensor:
        """Return the streams (N, B, S, d)."""
        return torch.stack([x, *(to(x) for to in self.into)])

    def join(self, streams: Tensor) -> Tensor:
        """Return the mean of the streams led back."""
        return torch.cat([streams[:1], torch.bmm(streams[1:].flatten(1, 2), self.back.mT).view_as(streams[1:])]).mean(0)


class AltUpLayer(nn.Module):
    """Predict every stream from all, compute one, correct all by what was wrong about that one."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n = spec["n_streams"]
        self.norm, self.router = Norm("rms", width), linear(width, self.n)
        self.predict, self.correct = linear(self.n, self.n * self.n), linear(self.n, self.n)
        self.scale = nn.Parameter(torch.ones(width))

    def _route(self, x: Tensor) -> Tensor:
        return torch.tanh(self.router(self.norm(x)))

    def predicted(self, streams: Tensor) -> Tensor:
        """Return the predicted streams."""
        mixing = self.predict(self._route(streams[0])).unflatten(-1, (self.n, self.n))
        return streams + (streams.permute(1, 2, 3, 0) @ mixing).permute(3, 0, 1, 2)

    def corrected(self, predicted: Tensor, out: Tensor) -> Tensor:
        """Return the corrected streams; the active one is scaled."""
        weights = self.correct(self._route(out)) + 1
        found = predicted + weights.permute(2, 0, 1)[..., None] * (out - predicted[0])
        return torch.cat([found[:1] * self.scale, found[1:]])
