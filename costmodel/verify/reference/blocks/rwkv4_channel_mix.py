"""The channel mix of RWKV-4: a network on a token and the one before it.

sigmoid(R r) * V(relu(K k)^2), with k and r mixtures of both tokens (a smooth activation here, so that
every weight has a gradient). Kept: the last token. Source: arXiv:2305.13048, section 3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Spec, Step, linear, silu
from costmodel.verify.reference.recurrence import token_before


class RwkvChannelMix(Block):
    """The channel mix of RWKV-4 (arXiv:2305.13048, equations 16 to 18)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.rand(2, width))
        self.k, self.v, self.r = linear(width, spec["d_ff"]), linear(spec["d_ff"], width), linear(width, width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Mix the channels of a token and the one before it."""
        before = token_before(x, step.cache.slot(key))
        k, r = (to(x * mix + before * (1 - mix)) for to, mix in zip((self.k, self.r), self.mix, strict=True))
        return torch.sigmoid(r) * self.v(silu(k).square())
