"""Recurrent mixers, token by token: one product for each rank-1 update and each read-out."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Step, conv, linear, matrix, silu

Spec = dict[str, Any]


def outer(left: Tensor, right: Tensor) -> Tensor:
    """Return left right^T in fp32: (..., a) and (..., b) -> (..., a, b), one rank-1 matrix each."""
    found = torch.bmm(left.float().flatten(0, -2)[..., None], right.float().flatten(0, -2)[:, None])
    return found.unflatten(0, left.shape[:-1])


def read(state: Tensor, by: Tensor) -> Tensor:
    """Return state @ by: (..., a, b) and (..., b) -> (..., a)."""
    return torch.bmm(state.flatten(0, -3), by.float().flatten(0, -2)[..., None])[..., 0].unflatten(0, by.shape[:-1])


def scan(slot: dict[str, Tensor], decay: Tensor, added: Tensor, by: Tensor) -> Tensor:
    """Decay the state and add to it, token by token, and read every state that there was.

    decay and added are (B, S, ..., a, b) or broadcast to it, by is (B, S, ..., b).
    """
    state, states = begin(slot, *added[:, 0].shape), []
    for t in range(added.shape[1]):
        state = decay[:, t] * state + added[:, t]
        states.append(state)
    slot["state"] = state
    return read(torch.stack(states, 1), by)


def begin(slot: dict[str, Tensor], *shape: int) -> Tensor:
    """Return the state that earlier steps left, or zeros in fp32."""
    return slot["state"] if "state" in slot else torch.zeros(shape)


def taps(channels: int, d_conv: int, bias: bool) -> tuple[nn.Parameter, nn.Parameter | None]:
    """Return the weight and the bias of a depthwise convolution."""
    return matrix(channels, d_conv), nn.Parameter(torch.randn(channels)) if bias else None


class Mamba(nn.Module):
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


class Mamba2(nn.Module):
    """State space duality (arXiv:2405.21060): one decay a head; B and C of a group serve its heads."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.p, self.state = spec["n_heads"], spec["head_dim"], spec["d_state"]
        self.groups, biased = spec.get("n_groups", 1), spec.get("bias", False)
        inner, shared = self.n * self.p, self.groups * self.state
        self.sizes = [inner, inner + 2 * shared, self.n]
        self.into = linear(width, sum(self.sizes), biased in (True, "in"))
        self.out = linear(inner, width, biased in (True, "out"))
        self.conv, self.conv_bias = taps(inner + 2 * shared, spec["d_conv"], spec.get("conv_bias", True))
        self.a_log, self.d, self.dt_bias = (nn.Parameter(torch.randn(self.n)) for _ in range(3))
        self.norm = Norm("rms", inner) if spec.get("gated_norm", True) else None

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot = step.cache.slot(key)
        z, xbc, dt = self.into(x).split(self.sizes, -1)
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


def delta_rule(state: Tensor, q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """One token of the gated delta rule (arXiv:2412.06464, equation 10).

    state (N, v, k), q and k (N, k), v (N, v), decay (N, 1, 1 or k), beta (N, 1).
    """
    state = decay * state
    correction = beta.float() * (v.float() - read(state, k))
    state = state + outer(correction, k)
    return state, read(state, q)


class GatedDeltaNet(nn.Module):
    """Gated DeltaNet (arXiv:2412.06464) with grouped keys, as Qwen3-Next has it."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.nk, self.k, self.nv, self.v = (spec[f] for f in ("n_k_heads", "k_head_dim", "n_v_heads", "v_head_dim"))
        keys, values = self.nk * self.k, self.nv * self.v
        self.qkv, self.z = linear(width, 2 * keys + values), linear(width, values)
        self.b, self.a = linear(width, self.nv), linear(width, self.nv)
        self.conv = taps(2 * keys + values, spec["d_conv"], False)[0]
        self.a_log, self.dt_bias = nn.Parameter(torch.randn(self.nv)), nn.Parameter(torch.randn(self.nv))
        self.norm, self.out = Norm("rms", self.v), linear(values, width)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot, batch = step.cache.slot(key), len(x)
        mixed = silu(conv(self.conv, None, self.qkv(x), slot, "conv"))
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


class KimiDeltaAttention(nn.Module):
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


class ShortConv(nn.Module):
    """LFM2's double-gated short convolution."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        biased = spec.get("bias", False)
        self.into, self.out = linear(width, 3 * width, biased), linear(width, width, biased)
        self.conv, self.conv_bias = taps(width, spec["d_conv"], biased)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Convolve the new tokens."""
        b, c, x = self.into(x).chunk(3, -1)
        return self.out(c * conv(self.conv, self.conv_bias, b * x, step.cache.slot(key), "conv"))
