"""Mamba: a selective state space, one state of ``d_state`` values a channel.

With x, z the two halves of a projection, x convolved, and dt, B, C projections of x, a channel c has

    state_t = exp(dt_t A) * state_(t-1) + dt_t x_t B_t        (d_state values)
    y_t     = <state_t, C_t> + D x_t

and the output is the projection of y * silu(z). Source: arXiv:2312.00752, equation 2 and algorithm 2.
"""

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
        self.to_x, self.to_z = (linear(width, self.inner, biased) for _ in range(2))
        self.out = linear(self.inner, width, biased)
        self.conv, self.conv_bias = taps(self.inner, spec["d_conv"], spec.get("conv_bias", True))
        self.to_dt, self.dt = linear(self.inner, self.rank), linear(self.rank, self.inner, True)
        self.to_b, self.to_c = (linear(self.inner, self.state) for _ in range(2))
        self.a_log, self.d = nn.Parameter(torch.randn(self.inner, self.state)), nn.Parameter(torch.randn(self.inner))
        kind = {True: "rms", "weightless": "none"}.get(norms)
        self.norms = nn.ModuleList(Norm(kind, w) for w in (self.rank, self.state, self.state)) if kind else None

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot = step.cache.slot(key)
        x, z = self.to_x(x), self.to_z(x)
        x = silu(conv(self.conv, self.conv_bias, x, slot, "conv"))
        parts = self.to_dt(x), self.to_b(x), self.to_c(x)
        dt, b, c = [n(p) for n, p in zip(self.norms, parts, strict=True)] if self.norms else parts
        dt = F.softplus(self.dt(dt))
        decay = torch.exp(-dt[..., None].float() * torch.exp(self.a_log.float()))
        added = outer(dt * x, b)
        y = scan(slot, decay, added, c).to(x.dtype) + self.d * x
        return self.out(y * silu(z))
