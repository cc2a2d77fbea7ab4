"""The WKV operator of RWKV-4: a weighted mean of all values before, without attention.

k, v, r are projections of a token mixed with the one before it. A channel has

    wkv_t = (sum_{i<t} e^(-(t-1-i) w + k_i) v_i + e^(u + k_t) v_t) / (the same without v)

and the output is the projection of sigmoid(r) * wkv. Kept: numerator, denominator, the largest exponent,
the last token. Source: arXiv:2305.13048, section 3; the stable form: its appendix.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Spec, Step, linear
from costmodel.verify.reference.recurrence import outer, token_before


class RwkvTimeMix(Block):
    """The WKV operator of RWKV-4 (arXiv:2305.13048, section 3; stable: its appendix)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        inner = spec["d_inner"]
        self.mix = nn.Parameter(torch.rand(3, width))
        self.k, self.v, self.r = (linear(width, inner) for _ in range(3))
        self.decay, self.bonus = nn.Parameter(torch.randn(inner)), nn.Parameter(torch.randn(inner))
        self.out = linear(inner, width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot = step.cache.slot(key)
        before = token_before(x, slot)
        k, v, r = (to(x * mix + before * (1 - mix)) for to, mix in zip((self.k, self.v, self.r), self.mix, strict=True))
        k, decay, bonus = k.float(), -torch.exp(self.decay.float()), self.bonus.float()
        pairs = torch.stack([v.float(), torch.ones_like(k)], -1)
        state = slot.get("state", torch.zeros(*k[:, 0].shape, 2))  # numerator and denominator
        largest, outs = slot.get("state_largest", torch.full(k[:, 0].shape, -1e30)), []
        for t in range(x.shape[1]):
            top = torch.maximum(largest, k[:, t] + bonus)
            weight = torch.exp(k[:, t] + bonus - top)
            seen = torch.exp(largest - top)[..., None] * state + outer(weight[..., None], pairs[:, t])[..., 0, :]
            outs.append(seen[..., 0] / seen[..., 1])
            top = torch.maximum(largest + decay, k[:, t])
            added = outer(torch.exp(k[:, t] - top)[..., None], pairs[:, t])[..., 0, :]
            state, largest = torch.exp(largest + decay - top)[..., None] * state + added, top
        slot["state"], slot["state_largest"] = state, largest
        return self.out(torch.sigmoid(r) * torch.stack(outs, 1).to(x.dtype))
