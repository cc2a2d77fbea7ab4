"""mLSTM: a matrix memory with exponential gates and a normaliser.

With an input gate e^i and a forget gate f of a head, and m the largest exponent so far,

    memory_t     = f_t memory_(t-1) + e^(i_t) v_t k_t^T              (v_head_dim x qk_head_dim)
    normaliser_t = f_t normaliser_(t-1) + e^(i_t) k_t
    y_t          = memory_t q_t / max(|<normaliser_t, q_t>|, e^(-m))

The normaliser is run as the memory of a further value that is always 1.
Source: arXiv:2405.04517, section 2.3; transformers' xlstm.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Spec, Step, linear
from costmodel.verify.reference.recurrence import begin, outer, read


class Mlstm(Block):
    """The matrix memory of xLSTM (arXiv:2405.04517, equations 19 to 27; stable: equation 15)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.k, self.v = spec["n_heads"], spec["qk_head_dim"], spec["v_head_dim"]
        keys, values = self.n * self.k, self.n * self.v
        self.to_q, self.to_k = linear(width, keys), linear(width, keys)
        self.to_v, self.gate, self.out = linear(width, values), linear(width, values), linear(values, width)
        self.enter, self.forget = (linear(width, self.n, True) for _ in range(2))
        self.weight = nn.Parameter(torch.ones(values))

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Scan the new tokens."""
        slot, batch = step.cache.slot(key), len(x)
        q, k, v = (to(x).unflatten(-1, (self.n, -1)) for to in (self.to_q, self.to_k, self.to_v))
        enter, forget = (15 * torch.tanh(to(x).float() / 15) for to in (self.enter, self.forget))
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
