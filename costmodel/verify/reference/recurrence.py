"""What recurrent mixers share, token by token: one product for each rank-1 update and each read-out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .parts import matrix


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


def delta_rule(state: Tensor, q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """One token of the gated delta rule (arXiv:2412.06464, equation 10).

    state (N, v, k), q and k (N, k), v (N, v), decay (N, 1, 1 or k), beta (N, 1).
    """
    state = decay * state
    correction = beta.float() * (v.float() - read(state, k))
    state = state + outer(correction, k)
    return state, read(state, q)


def token_before(x: Tensor, slot: dict[str, Tensor]) -> Tensor:
    """Return every token's predecessor, nothing for the first; keep the last token."""
    before = slot["conv_shift"] if "conv_shift" in slot else torch.zeros_like(x[:, 0])
    slot["conv_shift"] = x[:, -1].clone()
    return torch.cat([before[:, None], x[:, :-1]], 1)
