"""Gated DeltaNet: a matrix a head, corrected by the delta rule and forgotten by a gate.

With q, k, v projected and convolved, q and k of length 1, a gate g and a rate beta of a head,

    state_t = g_t state_(t-1)
    state_t = state_t + beta_t (v_t - state_t k_t) k_t^T             (v_head_dim x k_head_dim)
    y_t     = state_t q_t

and the output is the projection of norm(y) * silu(z). Keys of a head serve several heads of values.
Source: arXiv:2412.06464, equation 10; grouped keys as in Qwen3-Next.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, conv, linear, silu
from costmodel.verify.reference.recurrence import begin, delta_rule, taps


class GatedDeltaNet(Block):
    """Gated DeltaNet (arXiv:2412.06464) with grouped keys, as Qwen3-Next has it."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.nk, self.k, self.nv, self.v = (spec[f] for f in ("n_k_heads", "k_head_dim", "n_v_heads", "v_head_dim"))
        keys, values = self.nk * self.k, self.nv * self.v
        self.to_q, self.to_k, self.to_v = linear(width, keys), linear(width, keys), linear(width, values)
        self.z, self.b, self.a = linear(width, values), linear(width, self.nv), linear(width, self.nv)
        self.conv = taps(2 * keys + values, spec["d_conv"], False)[0]
        self.a_log, self.dt_bias = nn.Parameter(torch.randn(self.nv)), nn.Parameter(torch.randn(self.nv))
        self.norm, self.out = Norm("rms", self.v), linear(values, width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot, batch = step.cache.slot(key), len(x)
        mixed = torch.cat([self.to_q(x), self.to_k(x), self.to_v(x)], -1)
        mixed = silu(conv(self.conv, None, mixed, slot, "conv"))
        q, k, v = mixed.split([self.nk * self.k, self.nk * self.k, self.nv * self.v], -1)
        q, k = (F.normalize(t.unflatten(-1, (self.nk, -1)), dim=-1) for t in (q, k))
        q, k = (t.repeat_interleave(self.nv // self.nk, 2) for t in (q, k))
        v, beta = v.unflatten(-1, (self.nv, -1)), torch.sigmoid(self.b(x))
        decay = torch.exp(-torch.exp(self.a_log.float()) * F.softplus(self.a(x).float() + self.dt_bias.float()))
        state, outs = begin(slot, batch * self.nv, self.v, self.k), []
        for t in range(x.shape[1]):
            q_t, k_t, v_t = (tensor[:, t].flatten(0, 1) for tensor in (q, k, v))
            state, out = delta_rule(state, q_t, k_t, v_t, decay[:, t].reshape(-1, 1, 1), beta[:, t].reshape(-1, 1))
            outs.append(out.unflatten(0, (batch, self.nv)))
        slot["state"] = state
        y = self.norm(torch.stack(outs, 1).to(x.dtype)).flatten(-2)
        return self.out(y * silu(self.z(x)))
