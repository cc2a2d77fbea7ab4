"""The recurrent block of Griffin: one value a channel, behind a convolution.

With x, y projections, x convolved, an input gate i and a recurrence gate r from block-diagonal matrices,

    a_t = exp(-8 r_t softplus(rate)),   h_t = a_t h_(t-1) + sqrt(1 - a_t^2) (i_t x_t)

and the output is the projection of h * activation(y). Source: arXiv:2402.19427, equations 1 to 4.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Spec, Step, conv, linear, matrix, silu
from costmodel.verify.reference.recurrence import begin, outer, taps


class RgLru(Block):
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
            torch.sigmoid(torch.baddbmm(bias.view(self.n, 1, -1), pieces, each.mT).transpose(0, 1).flatten(1)).reshape(
                x.shape
            )
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
