"""Mixture of attention heads, as transformers' jetmoe writes it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Span, Spec, Step, attend, by_expert, heads, linear, stack


class MixtureOfAttention(Block):
    """Experts of a query and an output projection over shared keys and values (arXiv:2306.04640)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.n, self.k, self.g = spec["n_experts"], spec["top_k"], spec["n_kv_heads"]
        inner = self.g * spec["head_dim"]
        self.router, self.span = linear(width, self.n), Span({})
        self.into, self.out = stack(self.n, inner, width), stack(self.n, width, inner)
        self.to_k, self.to_v = linear(width, inner), linear(width, inner)
        if spec.get("output_bias"):
            self.output_bias = nn.Parameter(torch.randn(width))

    @property
    def per_token(self) -> int:
        """Return the experts a token uses."""
        return self.k

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Choose, attend once for every chosen expert, add up."""
        scores, place = self.router(x), (key[0], *key[2:])
        if not (step.sticky and place in step.router):
            step.router[place] = scores.topk(self.k, -1).indices
        chosen = step.router[place]
        gates = scores.gather(-1, chosen).float().softmax(-1).to(x.dtype)
        rows, expert = x[:, :, None].expand(-1, -1, self.k, -1).reshape(-1, x.shape[-1]), chosen.flatten()
        step.log.route(key, chosen)
        q = by_expert(rows, expert, lambda e, x: F.linear(x, self.into[e])).reshape(*chosen.shape, -1)
        fresh = {"k": heads(self.to_k(x), self.g).transpose(1, 2), "v": heads(self.to_v(x), self.g).transpose(1, 2)}
        both, positions = self.span.extend(step, step.cache.slot(key), fresh)
        k, v = (both[name].transpose(1, 2) for name in ("k", "v"))
        q = q.unflatten(-1, (self.g, -1)).permute(0, 3, 2, 1, 4).flatten(1, 2)  # heads of one key head together
        # A little of the queries is let through: a token that sees only itself has no gradient for them.
        seen = attend(step, key, q, k, v, self.span.mask(step.positions, positions)) + 1e-3 * q
        seen = seen.unflatten(1, (self.g, self.k)).permute(0, 3, 2, 1, 4).flatten(-2)  # (B, S, experts, inner)
        out = by_expert(seen.flatten(0, 2), expert, lambda e, x: F.linear(x, self.out[e])).reshape(*chosen.shape, -1)
        total = (out * gates[..., None]).sum(2)
        return total + self.output_bias if hasattr(self, "output_bias") else total
