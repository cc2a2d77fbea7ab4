"""An indexer that scores groups of keys, as transformers' glm5_next and qwen4_exp write it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .indexers import Indexer
from .parts import Norm, Slot, Spec, Step, heads, linear, shared_product, tally


class PooledIndexer(nn.Module):
    """Closed groups of ``pool`` keys become one key each; the best are read whole, and the open group always."""

    def __init__(self, spec: Spec, width: int, latent: int | None) -> None:
        super().__init__()
        self.n, self.e, self.pool = spec["n_heads"], spec["head_dim"], spec["pool"]
        self.groups = spec["top_k"] // self.pool
        self.hidden, self.mean = spec.get("queries") == "hidden", spec.get("pooling") == "mean"
        self.q, self.k = linear(width if self.hidden else latent or 0, self.n * self.e), linear(width, self.e)
        if self.mean:
            self.q_norm, self.k_norm = Norm("rms", self.e), Norm("rms", self.e)
        else:
            self.k_norm, self.weights = Norm("layer", self.e), linear(width, self.n)
            self.gate, self.bias = linear(width, self.e), nn.Parameter(torch.randn(self.pool, self.e))

    def forward(self, x: Tensor, latent: Tensor | None, step: Step, key: Any) -> Tensor:
        """Return the choice as a mask (B, S, keys) over all tokens so far."""
        q = heads(self.q(x if self.hidden else latent), self.n)
        entries = self._entries(x, step.cache.slot(key))
        step.log.read(key, entries)
        closed = torch.arange(1, entries.shape[1] + 1)[None, :] * self.pool <= step.positions[:, None] + 1
        scores = F.relu(shared_product(self.q_norm(q) if self.mean else q, entries[:, None].mT))
        weighed = scores.sum(1) if self.mean else self._weighed(x, scores)
        tally(step, len(x), self.n, closed, self.e + (not self.mean), closed.numel())
        weighed = weighed.float().masked_fill(~closed, -torch.inf)
        best = weighed.topk(min(self.groups, weighed.shape[-1]), -1).indices
        chosen = torch.zeros_like(weighed, dtype=torch.bool).scatter_(-1, best, True) & closed
        return self._tokens(chosen, step)

    def _weighed(self, x: Tensor, scores: Tensor) -> Tensor:
        return (self.weights(x)[:, :, None] @ scores.transpose(1, 2))[:, :, 0]

    def _entries(self, x: Tensor, slot: Slot) -> Tensor:
        """Return the keys of all closed groups; keep them, and the open group as it was projected."""
        new = self.k(x) if self.mean else torch.cat([self.k_norm(self.k(x)), self.gate(x)], -1)
        left = slot.get("index_open", new[:, :0])
        group, entries = torch.cat([left, new], 1), slot.get("index", x.new_zeros(len(x), 0, self.e))
        slot.read, before = slot.read + left.nbytes, entries.nbytes
        while group.shape[1] >= self.pool:
            first, group = group[:, : self.pool], group[:, self.pool :]
            entries = torch.cat([entries, self._pooled(first)], 1)
        slot["index"], slot["index_open"] = entries, group.clone()
        slot.written += entries.nbytes - before + group[:, -x.shape[1] :].nbytes
        return entries

    def _pooled(self, group: Tensor) -> Tensor:
        if self.mean:
            return self.k_norm(group.mean(1, keepdim=True))
        keys, gates = group.chunk(2, -1)
        return ((gates + self.bias).softmax(1) * keys).sum(1, keepdim=True)

    def _tokens(self, chosen: Tensor, step: Step) -> Tensor:
        """Return the tokens of chosen groups, and of the group that is open at each query."""
        positions = torch.arange(step.past + step.new)
        whole = F.pad(chosen, (0, 1)).repeat_interleave(self.pool, -1)[..., : len(positions)]
        t = step.positions[:, None] + 1
        own = (positions[None, :] >= t // self.pool * self.pool) & (positions[None, :] < t)
        return whole | own


def make_indexer(spec: Spec, width: int, latent: int | None) -> nn.Module:
    """Return the indexer that a spec describes: one of single keys, or of groups of them."""
    return (PooledIndexer if spec.get("pool") else Indexer)(spec, width, latent or 0)
