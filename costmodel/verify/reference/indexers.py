"""Small attentions that pick the keys, or blocks of keys, of large ones, and a scale of queries by position."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Span, Spec, Step, heads, linear, shared_product, tally


class PositionScale(nn.Module):
    """Queries times a learned scale of their head by position (transformers' mistral_large4)."""

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.scale, self.offset = nn.Parameter(torch.rand(n_heads)), nn.Parameter(torch.rand(n_heads))

    def forward(self, q: Tensor, positions: Tensor) -> Tensor:
        """Scale q (B, heads, S, width)."""
        by = self.scale[:, None] * torch.log1p(positions.float()).to(q.dtype) + self.offset[:, None]
        return q * by[..., None]


class Indexer(nn.Module):
    """The lightning indexer: DeepSeek-V3.2-Exp technical report, equation 1.

    From the hidden state, queries have a LayerNorm on their input (transformers' mistral_large4).
    """

    def __init__(self, spec: Spec, width: int, latent: int) -> None:
        super().__init__()
        self.n, self.e, self.top_k = spec["n_heads"], spec["head_dim"], spec["top_k"]
        self.hidden = spec.get("queries") == "hidden"
        self.q = linear(width if self.hidden else latent, self.n * self.e)
        self.k = linear(width, self.e)
        self.k_norm = Norm("layer", self.e)
        if self.hidden:
            self.q_norm = Norm("layer", width)
        self.weights = linear(width, self.n)
        if spec.get("position_scale"):
            self.by_position = PositionScale(self.n)

    def forward(self, x: Tensor, latent: Tensor | None, step: Step, key: Any) -> Tensor:
        """Return the choice as a mask (B, S, keys) over all tokens so far."""
        q = heads(self.q(self.q_norm(x) if self.hidden else latent), self.n)
        q = self.by_position(q, step.positions) if hasattr(self, "by_position") else q
        span = Span({})
        both, positions = span.extend(step, step.cache.slot(key), {"index": self.k_norm(self.k(x))})
        step.log.read(key, both["index"])
        causal = span.mask(step.positions, positions)
        scores = F.relu(shared_product(q, both["index"][:, None].mT))
        weighted = (self.weights(x)[:, :, None] @ scores.transpose(1, 2))[:, :, 0]
        tally(step, len(x), self.n, causal, self.e + 1, causal.numel())
        weighted = weighted.float().masked_fill(~causal, -torch.inf)
        best = weighted.topk(min(self.top_k, weighted.shape[-1]), -1).indices
        return torch.zeros_like(weighted, dtype=torch.bool).scatter_(-1, best, True) & causal


class BlockIndexer(nn.Module):
    """Scores of single keys, of which the best stands for its block (transformers' minimax_m3_vl)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.e, self.block, self.top = (spec[key] for key in ("n_heads", "head_dim", "block", "top_blocks"))
        self.q, self.k = linear(width, self.n * self.e), linear(width, self.e)
        self.q_norm, self.k_norm = Norm("rms", self.e), Norm("rms", self.e)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Return the choice as a mask (B, S, keys) over all tokens so far; every head has the same."""
        q, span = self.q_norm(heads(self.q(x), self.n)), Span({})
        both, positions = span.extend(step, step.cache.slot(key), {"index": self.k_norm(self.k(x))})
        step.log.read(key, both["index"])
        causal = span.mask(step.positions, positions)
        scores = (shared_product(q, both["index"][:, None].mT)).amax(1).masked_fill(~causal, -torch.inf)
        tally(step, len(x), self.n, causal, self.e, causal.numel())
        of = positions // self.block
        blocks = torch.stack([scores[..., of == b].amax(-1) for b in range(int(of[-1]) + 1)], -1)
        own = (step.positions // self.block).expand(len(x), -1)[..., None]
        best = blocks.scatter(-1, own, torch.inf).topk(min(self.top, blocks.shape[-1]), -1).indices
        return torch.zeros_like(blocks, dtype=torch.bool).scatter_(-1, best, True)[..., of] & causal
