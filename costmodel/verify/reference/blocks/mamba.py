"""Mamba: a selective state space, one state of ``d_state`` values a channel."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, conv, linear, silu
from costmodel.verify.reference.recurrence import outer, scan, taps


class Mamba(Block):
    """Selective state space (arXiv:2312.00752, algorithm 2)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.inner, self.state, self.rank = spec["d_inner"], spec["d_state"], spec["dt_rank"]
        biased, norms = spec.get("bias", False), spec.get("norms", False)
        self.into, self.out = linear(width, 2 * self.inner, biased), linear(self.inner, width, biased)
        self.conv, self.conv_bias = taps(self.inner, spec["d_conv"], spec.get("conv_bias", True))
        self.x, self.dt = linear(self.inner, self.rank + 2 * self.state), linear(self.rank, self.inner, True)
        self.a_log, self.d = nn.Parameter(torch.randn(self.inner, self.state)), nn.Parameter(torch.randn(self.inner))
        kind = {True: "rms", "weightless": "none"}.get(norms)
        self.norms = nn.ModuleList(Norm(kind, w) for w in (self.rank, self.state, self.state)) if kind else None

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot = step.cache.slot(key)
        x, z = self.into(x).chunk(2, -1)
        x = silu(conv(self.conv, self.conv_bias, x, slot, "conv"))
        parts = self.x(x).split([self.rank, self.state, self.state], -1)
        dt, b, c = [n(p) for n, p in zip(self.norms, parts, strict=True)] if self.norms else parts
        dt = F.softplus(self.dt(dt))
        decay = torch.exp(-dt[..., None].float() * torch.exp(self.a_log.float()))
        added = outer(dt * x, b)
        y = scan(slot, decay, added, c).to(x.dtype) + self.d * x
        return self.out(y * silu(z))
