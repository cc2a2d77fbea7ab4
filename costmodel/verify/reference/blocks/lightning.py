"""Lightning attention: linear attention with a fixed decay a head.

    state_t = decay state_(t-1) + v_t k_t^T,   y_t = state_t q_t     (head_dim x head_dim)

and the output is the projection of norm(y) * sigmoid(gate). Source: arXiv:2501.08313, section 2.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, linear, silu
from costmodel.verify.reference.recurrence import outer, scan


class Lightning(Block):
    """Linear attention with a fixed decay a head (arXiv:2501.08313, section 2.2)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, inner = spec["n_heads"], spec["n_heads"] * spec["head_dim"]
        self.own = spec.get("state_dtype") == "model"
        self.q, self.k, self.v, self.gate = (linear(width, inner) for _ in range(4))
        self.norm, self.out = Norm("rms", inner), linear(inner, width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot = step.cache.slot(key)
        q, k, v = (silu(to(x)).unflatten(-1, (self.n, -1)) for to in (self.q, self.k, self.v))
        decay = torch.exp(-torch.arange(1, self.n + 1) / self.n)[:, None, None].expand(1, x.shape[1], -1, 1, 1)
        y = self.norm(scan(slot, decay, outer(v, k), q).to(x.dtype).flatten(-2))
        if self.own:
            slot["state"] = slot["state"].to(x.dtype)
        return self.out(y * torch.sigmoid(self.gate(x)))
