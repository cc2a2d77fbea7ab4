"""Differential attention: two softmaxes a pair of heads, one subtracted from the other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Norm, Span, Spec, Step, attend, heads, linear, merged


class DifferentialAttention(Block):
    """Two softmaxes a pair of heads, one subtracted from the other (arXiv:2410.05258, section 2.1)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.span, self.n, self.k = Span(spec), spec["n_heads"], spec["head_dim"]
        self.g, biased = spec.get("n_kv_heads") or self.n, spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.to_k = linear(width, self.g * self.k, "k" in biased)
        self.to_v = linear(width, self.g * self.k, "v" in biased)
        self.o = linear(self.n * self.k, width, "o" in biased)
        self.first, self.second = (nn.Parameter(0.1 * torch.randn(2, self.k)) for _ in range(2))
        self.norm = Norm("rms" if spec.get("norm_weight") else "none", 2 * self.k)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend with every head; heads 2i and 2i + 1 are a pair, whose keys share a value of twice the width."""
        fresh = {
            "k": heads(self.to_k(x), self.g).transpose(1, 2),
            "v": heads(self.to_v(x), self.g // 2).transpose(1, 2),
        }
        both, positions = self.span.extend(step, step.cache.slot(key), fresh)
        k, v = both["k"].transpose(1, 2), both["v"].transpose(1, 2)
        share = self.n // self.g  # queries of a key: the first ones of its pair, then the second ones
        q = heads(self.q(x), self.n)
        out = attend(step, key, q, k, v, self.span.mask(step.positions, positions))
        out = out.unflatten(1, (self.g // 2, 2, share))
        factor = (self.first.prod(0).sum().exp() - self.second.prod(0).sum().exp() + 0.2).to(x.dtype)
        pairs = (out[:, :, 0] - factor * out[:, :, 1]).flatten(1, 2)
        return self.o(merged(0.8 * self.norm(pairs)))
