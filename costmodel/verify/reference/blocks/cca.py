"""Attention whose queries and keys are convolved (CCA, arXiv:2510.04476)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Span, Spec, Step, attend, conv, linear, matrix, merged


def within_heads(weight: Tensor, bias: Tensor, x: Tensor, slot: dict[str, Tensor], name: str) -> Tensor:
    """Return a causal convolution within each head: x (B, S, heads * e), weight (heads * e, e, taps)."""
    channels, per_head, taps = weight.shape
    columns = x.transpose(1, 2)
    old = slot.get(name, columns.new_zeros(x.shape[0], channels, taps))
    whole = torch.cat([old, columns], -1)
    slot[name] = whole[..., -taps:].clone()
    seen = whole[..., whole.shape[-1] - x.shape[1] - taps + 1 :]
    return F.conv1d(seen, weight, bias, groups=channels // per_head).transpose(1, 2)


class ConvolvedAttention(Block):
    """Two convolutions of queries and keys, means of both, values that are half a token late."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.g, self.e, self.span = spec["n_heads"], spec["n_kv_heads"], spec["head_dim"], Span(spec)
        queries, keys = self.n * self.e, self.g * self.e
        bias, both = spec.get("bias", False), queries + keys
        self.q, self.k = linear(width, queries, bias), linear(width, keys, bias)
        self.now, self.late = linear(width, keys - keys // 2, bias), linear(width, keys // 2, bias)
        self.conv, self.conv_bias = matrix(both, spec["d_conv"]), nn.Parameter(torch.randn(both))
        self.mix, self.mix_bias = matrix(both, self.e, spec["d_conv_heads"]), nn.Parameter(torch.randn(both))
        self.temperature, self.o = nn.Parameter(torch.ones(self.g)), linear(queries, width, bias)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Attend and keep what the span, the convolutions and the late values need."""
        slot = step.cache.slot(key)
        q, k = self.q(x), self.k(x)
        of_k = k.unflatten(-1, (self.g, -1)).repeat_interleave(self.n // self.g, 2)
        mean = (q.unflatten(-1, (self.n, -1)) + of_k) / 2
        mean_k = mean.unflatten(2, (self.g, -1)).mean(3)
        mixed = conv(self.conv, self.conv_bias, torch.cat([q, k], -1), slot, "conv_channels")
        mixed = within_heads(self.mix, self.mix_bias, mixed, slot, "conv_heads")
        q, k = (t.unflatten(-1, (-1, self.e)) for t in mixed.split([q.shape[-1], k.shape[-1]], -1))
        q = F.normalize(q + mean, dim=-1) * self.e**0.5
        k = F.normalize(k + mean_k, dim=-1) * self.e**0.5 * self.temperature[:, None]
        late = self.late(x)
        before = slot.get("state_late", torch.zeros_like(late[:, 0]))
        slot["state_late"] = late[:, -1].clone()
        v = torch.cat([self.now(x), torch.cat([before[:, None], late[:, :-1]], 1)], -1)
        found, positions = self.span.extend(step, slot, {"k": k, "v": v.unflatten(-1, (self.g, -1))})
        k, v = (found[name].transpose(1, 2) for name in ("k", "v"))
        mask = self.span.mask(step.positions, positions)
        return self.o(merged(attend(step, key, q.transpose(1, 2), k, v, mask)))
