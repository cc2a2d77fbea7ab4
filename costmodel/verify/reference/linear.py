"""Linear recurrences without a delta rule or a state space, token by token."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .parts import Norm, Step, conv, linear, matrix, silu
from .recurrent import Spec, begin, outer, read, scan, taps


class RgLru(nn.Module):
    """The recurrent block of Griffin: RG-LRU behind a convolution (arXiv:2402.19427, equations 1 to 4)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, piece = spec["n_heads"], spec["head_dim"]
        self.inner = self.n * piece
        self.x, self.y = linear(width, self.inner, True), linear(width, self.inner, True)
        self.out = linear(self.inner, width, True)
        self.conv, self.conv_bias = taps(self.inner, spec["d_conv"], True)
        self.gates, self.gate_bias = matrix(2, self.n, piece, piece), nn.Parameter(torch.randn(2, self.inner))
        self.rate = nn.Parameter(torch.randn(self.inner))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot, y = step.cache.slot(key), silu(self.y(x))
        x = conv(self.conv, self.conv_bias, self.x(x), slot, "conv")
        pieces = x.flatten(0, 1).unflatten(-1, (self.n, -1)).transpose(0, 1)
        of_input, of_state = (
            torch.sigmoid(torch.bmm(pieces, each.mT).transpose(0, 1).flatten(1) + bias).reshape(x.shape)
            for each, bias in zip(self.gates, self.gate_bias, strict=True)
        )
        log_decay = -8 * of_state.float() * F.softplus(self.rate.float())
        scale = torch.sqrt(1e-6 - torch.expm1(2 * log_decay))
        added = outer(scale[..., None], (of_input * x)[..., None])[..., 0, 0]
        state, outs = begin(slot, *added[:, 0].shape), []
        for t in range(added.shape[1]):
            state = torch.exp(log_decay[:, t]) * state + added[:, t]
            outs.append(state)
        slot["state"] = state
        return self.out(torch.stack(outs, 1).to(x.dtype) * y)


def token_before(x: Tensor, slot: dict[str, Tensor]) -> Tensor:
    """Return every token's predecessor, nothing for the first; keep the last token."""
    before = slot["conv_shift"] if "conv_shift" in slot else torch.zeros_like(x[:, 0])
    slot["conv_shift"] = x[:, -1].clone()
    return torch.cat([before[:, None], x[:, :-1]], 1)


class RwkvTimeMix(nn.Module):
    """The WKV operator of RWKV-4 (arXiv:2305.13048, equations 11 to 15; stable: its appendix)."""

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


class RwkvChannelMix(nn.Module):
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


class Lightning(nn.Module):
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


class Mlstm(nn.Module):
    """The matrix memory of xLSTM (arXiv:2405.04517, equations 19 to 27; stable: equation 15)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.k, self.v = spec["n_heads"], spec["qk_head_dim"], spec["v_head_dim"]
        keys, values = self.n * self.k, self.n * self.v
        self.to_q, self.to_k = linear(width, keys), linear(width, keys)
        self.to_v, self.gate, self.out = linear(width, values), linear(width, values), linear(values, width)
        self.gates, self.weight = linear(width, 2 * self.n, True), nn.Parameter(torch.ones(values))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot, batch = step.cache.slot(key), len(x)
        q, k, v = (to(x).unflatten(-1, (self.n, -1)) for to in (self.to_q, self.to_k, self.to_v))
        enter, forget = (15 * torch.tanh(self.gates(x).float() / 15)).chunk(2, -1)
        forget = F.logsigmoid(forget)
        one = torch.cat([v, torch.ones_like(v[..., :1])], -1)  # whose memory is the normaliser
        state = begin(slot, batch, self.n, self.v + 1, self.k)
        largest, outs = slot.get("state_largest", torch.zeros(batch, self.n)), []
        for t in range(x.shape[1]):
            top = torch.maximum(forget[:, t] + largest, enter[:, t])
            added = outer(one[:, t], torch.exp(enter[:, t] - top)[..., None] * k[:, t] / self.k**0.5)
            state = torch.exp(forget[:, t] + largest - top)[..., None, None] * state + added
            found, largest = read(state, q[:, t]), top
            outs.append(found[..., :-1] / torch.maximum(found[..., -1:].abs(), torch.exp(-top)[..., None]))
        slot["state"], slot["state_largest"] = state, largest
        y = F.layer_norm(torch.stack(outs, 1), (self.v,)).to(x.dtype).flatten(-2) * self.weight
        return self.out(y * torch.sigmoid(self.gate(x)))
