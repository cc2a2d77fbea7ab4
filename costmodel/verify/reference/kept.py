"""A block that only a share of the tokens enters (Mixture of Depths, arXiv:2404.02258)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from .parts import Span, Spec, Step, linear


class Kept(nn.Module):
    """Any block behind a choice of tokens; the others pass it by.

    Blocks in which tokens see each other let in evenly spread ones of every sequence; networks the
    best of the whole batch.
    """

    def __init__(self, spec: Spec, width: int, inner: nn.Module) -> None:
        super().__init__()
        self.spec, self.keep, self.inner = spec, Fraction(spec["keep"]), inner
        for parameter in inner.parameters():
            parameter.keep = self.keep
        if spec.get("keep_router"):
            self.keep_router = linear(width, 1)

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Let some tokens in."""
        if hasattr(self, "keep_router"):
            x = x * torch.sigmoid(self.keep_router(x))
        if step.sticky:  # a single token, which asks for the gradient of everything that it can use
            return self.inner(x, step, key)
        return self._best(x, step, key) if self.spec["kind"] == "moe" else self._spread(x, step, key)

    def _best(self, x: Tensor, step: Step, key: Any) -> Tensor:
        flat = x.flatten(0, 1)
        chosen = flat.sum(-1).topk(math.ceil(len(flat) * self.keep)).indices
        out = self.inner(flat[None, chosen], step, key)[0]
        return torch.zeros_like(flat).index_copy(0, chosen, out).reshape(x.shape)

    def _spread(self, x: Tensor, step: Step, key: Any) -> Tensor:
        past = math.floor(self.keep * step.past)
        entered = [math.floor(self.keep * (step.past + t)) for t in range(step.new + 1)]
        inside = torch.tensor([t for t in range(step.new) if entered[t + 1] > entered[t]], dtype=torch.long)
        inner = Step(step.cache, len(inside), past, step.mla, step.padded, loop=step.loop, log=step.log)
        out = torch.zeros_like(x)
        out[:, inside] = self.inner(x[:, inside], inner, key)
        step.executed_pairs += inner.executed_pairs
        span = Span(self.spec)
        ones = int(span.mask(inner.positions, torch.arange(past + inner.new)).sum())
        # A token that is let in sees itself for sure, and every other one with the same chance.
        cost = Fraction(inner.useful_pairs) / ones
        every = torch.arange(step.past + step.new)
        seen_by_new = {"full": step.new * len(every), "useful": int(span.mask(step.positions, every).sum())}
        for name, seen in seen_by_new.items():
            expected = self.keep * self.keep * (seen - step.new) + self.keep * step.new
            setattr(step, f"{name}_pairs", getattr(step, f"{name}_pairs") + cost * expected)
        return out
