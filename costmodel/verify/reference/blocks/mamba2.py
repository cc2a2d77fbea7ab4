"""Mamba 2: state space duality, one decay a head.

With z, x, B, C, dt projections of the input, and x, B, C convolved, a head h of ``head_dim`` values has

    state_t = exp(-dt_t exp(a)) * state_(t-1) + (dt_t x_t) B_t^T     (head_dim x d_state)
    y_t     = state_t C_t + D x_t

and the output is the projection of norm(y * silu(z)). B and C of a group serve several heads.
Source: arXiv:2405.21060, sections 2.1 and 7.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, conv, linear, silu
from costmodel.verify.reference.recurrence import outer, scan, taps


class Mamba2(Block):
    """State space duality (arXiv:2405.21060): one decay a head; B and C of a group serve its heads."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.p, self.state = spec["n_heads"], spec["head_dim"], spec["d_state"]
        self.groups, biased = spec.get("n_groups", 1), spec.get("bias", False)
        inner, shared = self.n * self.p, self.groups * self.state
        enters = biased in (True, "in")
        self.to_z, self.to_x = (linear(width, inner, enters) for _ in range(2))
        self.to_b, self.to_c = (linear(width, shared, enters) for _ in range(2))
        self.to_dt = linear(width, self.n, enters)
        self.out = linear(inner, width, biased in (True, "out"))
        self.conv, self.conv_bias = taps(inner + 2 * shared, spec["d_conv"], spec.get("conv_bias", True))
        self.a_log, self.d, self.dt_bias = (nn.Parameter(torch.randn(self.n)) for _ in range(3))
        self.norm = Norm("rms", inner) if spec.get("gated_norm", True) else None

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot = step.cache.slot(key)
        z, dt = self.to_z(x), self.to_dt(x)
        xbc = torch.cat([self.to_x(x), self.to_b(x), self.to_c(x)], -1)
        xbc = silu(conv(self.conv, self.conv_bias, xbc, slot, "conv"))
        shared = self.groups * self.state
        x, b, c = xbc.split([self.n * self.p, shared, shared], -1)
        x = x.unflatten(-1, (self.n, self.p))
        b, c = (t.unflatten(-1, (self.groups, -1)).repeat_interleave(self.n // self.groups, 2) for t in (b, c))
        dt = F.softplus(dt + self.dt_bias)
        decay = torch.exp(-dt.float() * torch.exp(self.a_log.float()))[..., None, None]
        y = scan(slot, decay, outer(dt[..., None] * x, b), c).to(x.dtype)
        y = (y + self.d[:, None] * x).flatten(-2) * silu(z)
        return self.out(y if self.norm is None else self.norm(y))
