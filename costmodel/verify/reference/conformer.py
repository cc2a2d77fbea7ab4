"""The convolution module of the Conformer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Step, conv, linear, silu
from .recurrent import taps

Spec = dict[str, Any]


class BatchNorm(nn.Module):
    """A normalisation by what was seen in training, which is not learned."""

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(1 + 0.1 * torch.randn(width)), nn.Parameter(0.1 * torch.randn(width))
        self.register_buffer("mean", torch.randn(width))
        self.register_buffer("variance", 1 + torch.rand(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every channel of (B, S, width)."""
        scale = self.weight * torch.rsqrt(self.variance + 1e-5)
        return x * scale + (self.bias - self.mean * scale)


class ConformerConv(nn.Module):
    """A gated matrix, a window on each channel, a norm, a matrix back (arXiv:2005.08100, section 2.2)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        inner, biased = spec.get("d_inner") or width, spec.get("bias", [])
        self.into = linear(width, 2 * inner, "in" in biased)
        self.conv, self.conv_bias = taps(inner, spec["d_conv"], "conv" in biased)
        self.pointwise = linear(inner, inner, "pointwise" in biased) if spec.get("pointwise") else nn.Identity()
        self.out = linear(inner, width, "out" in biased)
        self.gate_bias = nn.Parameter(0.1 * torch.randn(2, inner)) if spec.get("gate_bias") else None
        norm, self.causal = spec.get("norm", "batch"), spec.get("causal", False)
        self.norm: nn.Module = BatchNorm(inner) if norm == "batch" else Norm(norm, inner) if norm else nn.Identity()

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Convolve the new tokens; only taps that look back need those before."""
        value, gate = self.into(x).chunk(2, -1)
        if self.gate_bias is not None:
            value, gate = value + self.gate_bias[0], gate + self.gate_bias[1]
        x = value * gate.sigmoid()
        if self.causal:
            x = conv(self.conv, self.conv_bias, x, step.cache.slot(key), "conv")
        else:
            channels, window = self.conv.shape
            around = F.pad(x.transpose(1, 2), ((window - 1) // 2, window // 2))
            x = F.conv1d(around, self.conv[:, None], self.conv_bias, groups=channels).transpose(1, 2)
        return self.out(silu(self.norm(self.pointwise(x))))
