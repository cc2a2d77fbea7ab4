"""Attention from one stack to another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from costmodel.verify.reference.head_norm import apply_norm, head_norm
from costmodel.verify.reference.parts import Block, Norm, Spec, Step, attend, heads, linear, merged


class CrossAttention(Block):
    """Queries of the decoder, keys and values of the source (arXiv:1706.03762, section 3.2.3)."""

    def __init__(self, spec: Spec, width: int, d_source: int) -> None:
        super().__init__()
        self.n, self.k = spec["n_heads"], spec["head_dim"]
        self.g, self.v = spec.get("n_kv_heads") or self.n, spec.get("v_head_dim") or self.k
        biased = spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.to_k = linear(d_source, self.g * self.k, "k" in biased)
        self.to_v = linear(d_source, self.g * self.v, "v" in biased)
        self.o = linear(self.n * self.v, width, "o" in biased)
        self.q_norm = head_norm(spec.get("qk_norm"), self.n, self.k)
        self.k_norm = head_norm(spec.get("qk_norm"), self.g, self.k)
        self.window = spec.get("window")
        self.source_norm = Norm(spec["source_norm"], d_source) if spec.get("source_norm") else None
        if spec.get("gate"):
            self.gate = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to all of the source, or its last tokens; only its new tokens are projected."""
        q = apply_norm(self.q_norm, heads(self.q(x), self.n))
        slot = step.cache.slot(key)
        if step.source is not None:
            source = step.source if self.source_norm is None else self.source_norm(step.source)
            k = apply_norm(self.k_norm, heads(self.to_k(source), self.g))
            v = heads(self.to_v(source), self.g)
            slot.written += sum(t[:, :, -(self.window or t.shape[2]) :].nbytes for t in (k, v))
            slot["k"] = torch.cat([slot["k"], k], 2) if "k" in slot else k
            slot["v"] = torch.cat([slot["v"], v], 2) if "v" in slot else v
        mask = torch.ones(step.new, slot["k"].shape[2], dtype=torch.bool)
        if self.window and step.seen is not None:
            last = int(step.seen[-1])
            at = torch.arange(last - slot["k"].shape[2], last)[None]
            mask = (at < step.seen[:, None]) & (at >= step.seen[:, None] - self.window)
        out = self.o(merged(attend(step, key, q, slot["k"], slot["v"], mask)))
        if self.window:
            slot |= {name: slot[name][:, :, -self.window :].clone() for name in ("k", "v")}
        return out * torch.tanh(self.gate) if hasattr(self, "gate") else out
