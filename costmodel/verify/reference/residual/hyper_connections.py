"""Hyper-connections: several residual streams, mixed around every sublayer."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Norm, Spec, linear


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
