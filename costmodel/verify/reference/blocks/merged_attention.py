"""Attention to the own tokens and to a source in one softmax, with one set of matrices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from costmodel.verify.reference.head_norm import apply_norm, head_norm
from costmodel.verify.reference.parts import Block, Norm, Span, Spec, Step, attend, heads, linear, merged


class MergedAttention(Block):
    """Queries on the own tokens and on the source in one softmax, with one set of matrices (t5gemma2)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.span, self.n, self.k = Span(spec), spec["n_heads"], spec["head_dim"]
        self.g, self.v = spec.get("n_kv_heads") or self.n, spec.get("v_head_dim") or self.k
        biased = spec.get("bias", [])
        self.q = linear(width, self.n * self.k, "q" in biased)
        self.to_k = linear(width, self.g * self.k, "k" in biased)
        self.to_v = linear(width, self.g * self.v, "v" in biased)
        self.o = linear(self.n * self.v, width, "o" in biased)
        self.q_norm = head_norm(spec.get("qk_norm"), self.n, self.k)
        self.k_norm = head_norm(spec.get("qk_norm"), self.g, self.k)
        self.source_norm = Norm(spec["source_norm"], width) if spec.get("source_norm") else None

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend to both; of the source only new tokens are projected, by one product with the own ones."""
        q, beside = apply_norm(self.q_norm, heads(self.q(x), self.n)), step.cache.slot((*key, "source"))
        fresh, new = x, x.shape[1]
        if step.source is not None:
            source = step.source if self.source_norm is None else self.source_norm(step.source)
            fresh = torch.cat([x, source], 1)
        k = apply_norm(self.k_norm, heads(self.to_k(fresh), self.g))
        both = {"k": k.transpose(1, 2), "v": heads(self.to_v(fresh), self.g).transpose(1, 2)}
        own, positions = self.span.extend(
            step, step.cache.slot(key), {name: tensor[:, :new] for name, tensor in both.items()}
        )
        for name, tensor in both.items() if step.source is not None else ():
            of_source = tensor[:, new:]
            beside[name] = torch.cat([beside[name], of_source], 1) if name in beside else of_source
            beside.written += of_source.nbytes
        k, v = (torch.cat([own[name], beside[name]], 1).transpose(1, 2) for name in ("k", "v"))
        every = torch.ones(step.new, beside["k"].shape[1], dtype=torch.bool)
        mask = torch.cat([self.span.mask(step.positions, positions), every], 1)
        return self.o(merged(attend(step, key, q, k, v, mask)))
