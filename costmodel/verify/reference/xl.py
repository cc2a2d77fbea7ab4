"""Transformer-XL's attention, whose memory is hidden states."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .parts import Step, heads, linear, merged, tally

Spec = dict[str, Any]


class XlAttention(nn.Module):
    """Scores by content and by distance (arXiv:1901.02860, section 3.3), without its feed-forward."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.k, self.memory = spec["n_heads"], spec["head_dim"], spec.get("memory")
        self.causal, inner = spec.get("causal", True), spec["n_heads"] * spec["head_dim"]
        biased = spec.get("bias", [])
        self.q, self.to_k, self.to_v = (linear(width, inner, name in biased) for name in "qkv")
        self.r, self.o = linear(width, inner), linear(inner, width, "o" in biased)
        self.spare = spec.get("spare_distance", True)
        self.content, self.distance = (nn.Parameter(torch.randn(self.n, 1, self.k)) for _ in range(2))
        if spec.get("segments"):
            self.segment_bias = nn.Parameter(torch.randn(self.n, 1, self.k))
            self.segments = nn.Parameter(torch.randn(spec["segments"], self.n, self.k))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to the memory and the step; keep hidden states."""
        slot, new = step.cache.slot(key), x.shape[1]
        every = torch.cat([slot["memory"], x], 1) if "memory" in slot else x
        count = every.shape[1]
        slot["memory"] = every[:, -(self.memory or count) :].clone()
        q, k, v = heads(self.q(x), self.n), heads(self.to_k(every), self.n), heads(self.to_v(every), self.n)
        largest = count if self.spare else count - 1
        far = torch.arange(largest, (-1 if self.causal else -new), -1, dtype=x.dtype)  # distances, the largest first
        sines = torch.sin(far[:, None] * torch.linspace(0.1, 1, x.shape[-1], dtype=x.dtype)).expand(len(x), -1, -1)
        r = heads(self.r(sines), self.n)
        of = torch.arange(count - new, count)[:, None] - torch.arange(count)[None, :]
        at = (largest - of).clamp(max=len(far) - 1).expand(len(x), self.n, -1, -1)
        scores = (q + self.content) @ k.transpose(-1, -2)
        scores = scores + ((q + self.distance) @ r.transpose(-1, -2)).gather(-1, at)
        mask = of >= 0 if self.causal else torch.ones_like(of, dtype=torch.bool)
        tally(step, len(x), self.n, mask, 3 * self.k, mask.numel())
        step.executed_pairs += 2 * len(x) * self.n * new * (len(far) - count) * self.k
        scores = (scores / math.sqrt(self.k)).masked_fill(~mask, -1e9)
        return self.o(merged(scores.float().softmax(-1).to(v.dtype) @ v))
