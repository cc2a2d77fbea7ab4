"""Features of the residual stream: AltUp, LAuReL, per-layer embeddings, hyper-connections."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, linear, matrix

Spec = dict[str, Any]


class AltUp(nn.Module):
    """The projections into the further streams and back (arXiv:2301.13310; Gemma 3n)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n = spec["n_streams"]
        self.into = nn.ModuleList(linear(width, width) for _ in range(self.n - 1))
        self.back = nn.ModuleList(linear(width, width) for _ in range(self.n - 1))

    def split(self, x: Tensor) -> Tensor:
        """Return the streams (N, B, S, d)."""
        return torch.stack([x, *(to(x) for to in self.into)])

    def join(self, streams: Tensor) -> Tensor:
        """Return the mean of the streams led back."""
        return torch.stack([streams[0], *(to(s) for to, s in zip(self.back, streams[1:], strict=True))]).mean(0)


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


class Laurel(nn.Module):
    """A low-rank path and a norm (arXiv:2411.07501)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.left, self.right = linear(width, spec["rank"]), linear(spec["rank"], width)
        self.norm = Norm("rms", width)

    def forward(self, x: Tensor) -> Tensor:
        """Return x and its low-rank path."""
        return x + self.norm(self.right(self.left(x)))


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


class NGrams(nn.Module):
    """Hashes of the last tokens, a table, a gate by the streams, a dilated convolution (transformers' qwen4_exp)."""

    def __init__(self, spec: Spec, width: int, rows: int) -> None:
        super().__init__()
        self.n, self.heads, self.dilation = spec.get("streams", 1), spec["heads"], spec.get("dilation", 1)
        self.table = matrix(rows, spec["width"] // self.heads)
        self.key, self.value = linear(spec["width"], self.n * width), linear(spec["width"], width)
        self.norms = nn.ModuleList(Norm("rms", width, shape=(self.n, width)) for _ in range(3))
        self.taps = matrix(self.n * width, spec["d_conv"])

    def forward(self, tokens: Tensor, streams: Tensor, slot: dict[str, Tensor]) -> Tensor:
        """Return what is added to the streams (B, S, N, d)."""
        ids = torch.stack([tokens * (2 * head + 1) for head in range(self.heads)], -1)  # any hash will do
        found = self.table[ids % len(self.table)].flatten(-2)
        key, query = self.norms[0](self.key(found).unflatten(-1, (self.n, -1))), self.norms[1](streams)
        score = (key * query).mean(-1, keepdim=True)
        gated = torch.sigmoid(score.abs().clamp_min(1e-6).sqrt() * score.sign()) * self.value(found)[..., None, :]
        return gated + self._conv(self.norms[2](gated).flatten(-2), slot).unflatten(-1, (self.n, -1))

    def _conv(self, x: Tensor, slot: dict[str, Tensor]) -> Tensor:
        channels, taps = self.taps.shape
        reach = (taps - 1) * self.dilation
        columns = x.transpose(1, 2)
        old = slot["conv"] if "conv" in slot else columns.new_zeros(len(x), channels, reach)
        whole = torch.cat([old, columns], -1)
        slot["conv"] = whole[..., whole.shape[-1] - reach :].clone()
        out = F.conv1d(whole, self.taps[:, None], groups=channels, dilation=self.dilation)
        return F.silu(out).transpose(1, 2)


class HyperConnection(nn.Module):
    """The weights around one sublayer (arXiv:2512.24880), or of the head alone."""

    def __init__(self, spec: Spec, width: int, *, head: bool = False) -> None:
        super().__init__()
        self.n, self.mixes = spec["n_streams"], spec.get("kind", "mhc") == "mhc" and not head
        columns = self.n if head else self.n * (2 + self.n) if self.mixes else 2 * self.n
        self.fn, self.base = linear(self.n * width, columns), nn.Parameter(torch.randn(columns))
        self.scale = nn.Parameter(torch.ones(1 if head else 3 if self.mixes else 2))

    def weights(self, streams: Tensor) -> tuple[Tensor, ...]:
        """Return the weights that collapse, spread and mix; streams are (B, S, N, d)."""
        flat = streams.flatten(-2)
        parts = (self.fn(Norm("none", flat.shape[-1])(flat)) + self.base).split(self.n, -1)
        found = tuple(torch.sigmoid(p * s) for p, s in zip(parts, self.scale[:2], strict=False))
        if self.mixes:
            mixing = torch.stack(parts[2:], -2) * self.scale[2]
            found += (mixing.softmax(-1),)
        return found

    def collapse(self, streams: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted sum of the streams."""
        return (streams * weight[..., None]).sum(-2)

    def spread(self, streams: Tensor, weights: tuple[Tensor, ...], out: Tensor) -> Tensor:
        """Return the streams mixed, and the output added to each."""
        if self.mixes:
            streams = weights[2] @ streams
        return streams + weights[1][..., None] * out[..., None, :]


class GatedConnection(nn.Module):
    """A gate for every value of every stream, through a bottleneck (transformers' qwen4_exp)."""

    def __init__(self, spec: Spec, width: int, *, head: bool = False) -> None:
        super().__init__()
        self.n, rank = spec["n_streams"], spec["rank"]
        self.norm = Norm("rms", width, shape=(self.n, width))
        self.down, self.up = linear(self.n * width, rank), linear(rank, self.n * width)
        if not head:
            self.inject = linear(self.n * width, self.n)

    def weights(self, streams: Tensor) -> tuple[Tensor, ...]:
        """Return what is let through of each stream, and the weights that spread the output."""
        normed = self.norm(streams)
        gate = torch.sigmoid(self.up(F.silu(self.down(normed.flatten(-2)) / self.n)))
        found: tuple[Tensor, ...] = (normed * gate.unflatten(-1, (self.n, -1)),)
        if hasattr(self, "inject"):
            found += (2 * torch.sigmoid(self.inject(normed.flatten(-2)) / self.n),)
        return found

    def collapse(self, streams: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        """Return the mean of what is let through."""
        return weight.mean(-2)

    def spread(self, streams: Tensor, weights: tuple[Tensor, ...], out: Tensor) -> Tensor:
        """Return the output added to each stream."""
        return streams + weights[1][..., None] * out[..., None, :]


def connection(spec: Spec, width: int, *, head: bool = False) -> nn.Module:
    """Return the weights around one sublayer, or of the head, of the kind that a spec names."""
    return (GatedConnection if spec.get("kind") == "gated" else HyperConnection)(spec, width, head=head)
