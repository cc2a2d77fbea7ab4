"""Kimi Delta Attention: the delta rule with a decay for every channel of a key.

As Gated DeltaNet, with the gate a vector g of ``head_dim`` values that scales the columns of the state:

    state_t = state_(t-1) diag(g_t)
    state_t = state_t + beta_t (v_t - state_t k_t) k_t^T             (head_dim x head_dim)
    y_t     = state_t q_t

q, k and v have a convolution each; the decay and the output's gate come through a bottleneck of
``head_dim``, or from full matrices, the gate alone or both. Source: arXiv:2510.26692, section 3.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Norm, Spec, Step, conv, linear, silu
from costmodel.verify.reference.recurrence import begin, delta_rule, taps


class KimiDeltaAttention(Block):
    """Kimi Delta Attention (arXiv:2510.26692): a decay for every channel of a key."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.e = spec["n_heads"], spec["head_dim"]
        inner = self.n * self.e
        self.q, self.k, self.v = (linear(width, inner) for _ in range(3))
        self.convs = nn.ParameterList(taps(inner, spec["d_conv"], False)[0] for _ in range(3))
        gates = spec.get("gates")
        self.f = linear(width, inner) if gates == "full_rank" else nn.Sequential(*self._bottleneck(width))
        self.g = linear(width, inner) if gates else nn.Sequential(*self._bottleneck(width))
        self.b, self.a_log = linear(width, self.n), nn.Parameter(torch.randn(self.n))
        self.dt_bias, self.norm = nn.Parameter(torch.randn(inner)), Norm("rms", self.e)
        self.out = linear(inner, width)

    def _bottleneck(self, width: int) -> tuple[nn.Module, nn.Module]:
        return linear(width, self.e), linear(self.e, self.n * self.e)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot, batch = step.cache.slot(key), len(x)
        found = [
            silu(conv(w, None, to(x), slot, f"conv_{i}")).unflatten(-1, (self.n, -1))
            for i, (w, to) in enumerate(zip(self.convs, (self.q, self.k, self.v), strict=True))
        ]
        q, k, v = F.normalize(found[0], dim=-1), F.normalize(found[1], dim=-1), found[2]
        rate = F.softplus(self.f(x).float() + self.dt_bias.float()).unflatten(-1, (self.n, -1))
        decay, beta = torch.exp(-torch.exp(self.a_log.float())[:, None] * rate), torch.sigmoid(self.b(x))
        state, outs = begin(slot, batch * self.n, self.e, self.e), []
        for t in range(x.shape[1]):
            q_t, k_t, v_t = (tensor[:, t].flatten(0, 1) for tensor in (q, k, v))
            state, out = delta_rule(state, q_t, k_t, v_t, decay[:, t].reshape(-1, 1, self.e), beta[:, t].reshape(-1, 1))
            outs.append(out.unflatten(0, (batch, self.n)))
        slot["state"] = state
        y = self.norm(torch.stack(outs, 1).to(x.dtype)) * torch.sigmoid(self.g(x)).unflatten(-1, (self.n, -1))
        return self.out(y.flatten(-2))
