"""DeepSeek-V4's compressed attention, as its report writes it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import (
    Block,
    Norm,
    Slot,
    Span,
    Spec,
    Step,
    attend,
    grouped,
    heads,
    linear,
    matrix,
    merged,
    shared_product,
    tally,
)


class Compressor(nn.Module):
    """Every ``ratio`` tokens leave one entry; with overlap it also weighs the group before."""

    def __init__(self, width: int, entry: int, ratio: int, overlap: bool) -> None:
        super().__init__()
        self.ratio, self.entry, self.series = ratio, entry, 2 if overlap else 1
        self.kv, self.gate = linear(width, self.series * entry), linear(width, self.series * entry)
        self.bias = nn.Parameter(torch.randn(ratio, self.series * entry))
        self.norm = Norm("rms", entry)

    def forward(self, x: Tensor, slot: Slot) -> Tensor:
        """Return all closed entries (B, n, entry); keep them, the open group and what overlaps."""
        groups = torch.cat([self.kv(x), self.gate(x)], -1)
        if "open" in slot:
            groups, slot.read = torch.cat([slot["open"], groups], 1), slot.read + slot["open"].nbytes
        entries = slot.get("entries", x.new_zeros(len(x), 0, self.entry))
        before, overlap = entries.nbytes, slot.get("overlap")
        while groups.shape[1] >= self.ratio:
            group, groups = groups[:, : self.ratio], groups[:, self.ratio :]
            kv, gate = group.chunk(2, -1)
            gate = gate + self.bias
            if self.series == 2:
                # Values and gates of the first series are the part that the next group will read.
                (first_kv, kv), (first_gate, gate) = kv.chunk(2, -1), gate.chunk(2, -1)
                if "overlap" in slot:
                    old_kv, old_gate = slot["overlap"].chunk(2, -1)
                    kv, gate = torch.cat([old_kv, kv], 1), torch.cat([old_gate, gate], 1)
                slot["overlap"] = torch.cat([first_kv, first_gate], -1)
            entry = self.norm((gate.softmax(1) * kv).sum(1, keepdim=True))
            entries = torch.cat([entries, entry], 1)
        slot["entries"], slot["open"] = entries, groups.clone()
        slot.written += entries.nbytes - before + groups[:, -x.shape[1] :].nbytes
        if slot.get("overlap") is not overlap:
            slot.written += slot["overlap"].nbytes
            slot.read += 0 if overlap is None else overlap.nbytes
        return entries


class CompressedAttention(Block):
    """DeepSeek-V4's CSA and HCA: a raw window and compressed entries, in one softmax."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.spec, self.span = spec, Span({"window": spec["window"]})
        self.n, self.k, rank = spec["n_heads"], spec["head_dim"], spec["q_lora_rank"]
        self.ratio, index = spec.get("ratio"), spec.get("indexer")
        self.q_a, self.q_a_norm = linear(width, rank), Norm("rms", rank)
        self.q_b, self.q_norm = linear(rank, self.n * self.k), Norm("none", self.k)
        self.kv, self.kv_norm = linear(width, self.k), Norm("rms", self.k)
        self.groups = spec["o_groups"]
        self.o_a = matrix(self.groups, spec["o_lora_rank"], self.n // self.groups * self.k)
        self.o_b = linear(self.groups * spec["o_lora_rank"], width)
        if spec.get("sinks", True):
            self.sinks = nn.Parameter(torch.randn(self.n))
        if self.ratio:
            self.compressor = Compressor(width, self.k, self.ratio, spec.get("overlap", False))
        if index:
            self.index_q = linear(
                width if index.get("queries") == "hidden" else rank, index["n_heads"] * index["head_dim"]
            )
            self.index_weights = linear(width, index["n_heads"])
            self.index = Compressor(width, index["head_dim"], self.ratio or 0, spec.get("overlap", False))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to the window and to the closed groups."""
        latent = self.q_a_norm(self.q_a(x))
        q = self.q_norm(heads(self.q_b(latent), self.n))
        both, positions = self.span.extend(step, step.cache.slot(key), {"kv": self.kv_norm(self.kv(x))})
        keys, mask = both["kv"], self.span.mask(step.positions, positions)
        if self.ratio:
            entries = self.compressor(x, step.cache.slot((*key, "entries")))
            closed = torch.arange(1, entries.shape[1] + 1)[None, :] * self.ratio <= step.positions[:, None] + 1
            if self.spec.get("indexer"):
                closed = self._choose(x, latent, step, key, closed)
                mask = mask.expand(len(x), -1, -1)
            keys, mask = torch.cat([keys, entries], 1), torch.cat([mask, closed], -1)
        out = merged(attend(step, key, q, keys[:, None], keys[:, None], mask, sinks=getattr(self, "sinks", None)))
        by_group = out.unflatten(-1, (self.groups, -1)).transpose(1, 2)  # (B, g, S, in)
        return self.o_b(grouped(by_group, self.o_a.mT).transpose(1, 2).flatten(-2))

    def _choose(self, x: Tensor, latent: Tensor, step: Step, key: Any, closed: Tensor) -> Tensor:
        """Return which closed entries each query reads: (B, S, entries)."""
        index = self.spec["indexer"]
        entries = self.index(x, step.cache.slot((*key, "index")))
        step.log.read((*key, "index"), entries)
        q = heads(self.index_q(x if index.get("queries") == "hidden" else latent), index["n_heads"])
        scores = F.relu(shared_product(q, entries[:, None].mT))
        tally(step, len(x), index["n_heads"], closed, index["head_dim"], closed.numel())
        weighed = (scores * self.index_weights(x).transpose(1, 2)[..., None]).sum(1).float()
        weighed = weighed.masked_fill(~closed, -torch.inf)
        best = weighed.topk(min(index["top_k"], weighed.shape[-1]), -1).indices
        return torch.zeros_like(weighed, dtype=torch.bool).scatter_(-1, best, True) & closed
