"""Attention to the cache of another model, whose keys and values are made up here (transformers' gemma4_assistant)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from costmodel.verify.reference.head_norm import apply_norm, head_norm
from costmodel.verify.reference.parts import Block, Spec, Step, attend, heads, linear, merged


class HostAttention(Block):
    """Queries of this model, keys and values of its host: those of the tokens before the step."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.k, self.window = spec["n_heads"], spec["head_dim"], spec.get("window")
        self.g, self.v = spec.get("n_kv_heads") or self.n, spec.get("v_head_dim") or self.k
        biased = spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.q_norm = head_norm(spec.get("q_norm"), self.n, self.k)
        self.o = linear(self.n * self.v, width, "o" in biased)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to what the host has, and keep nothing."""
        q = apply_norm(self.q_norm, heads(self.q(x), self.n))
        seen = min(step.past, self.window or step.past)
        k, v = (torch.randn(len(x), self.g, seen, width, dtype=x.dtype) for width in (self.k, self.v))
        return self.o(merged(attend(step, key, q, k, v, torch.ones(step.new, seen, dtype=torch.bool))))
