"""A declared block: weights, work and state of the size that the spec says."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from costmodel.verify.reference.parts import Block, Span, Spec, Step, matrix, stack


class Custom(Block):
    """Declared weights; work of the declared size: products of the right number of terms."""

    def __init__(self, spec: Spec, _width: int) -> None:
        super().__init__()
        self.spec, self.span = spec, Span({"window": spec.get("window")})
        active = spec.get("active", {})
        self.stacks = nn.ParameterDict({n: stack(*s) for n, s in spec.get("weights", {}).items() if n in active})
        self.whole = nn.ParameterDict({n: matrix(*s) for n, s in spec.get("weights", {}).items() if n not in active})

    def forward(self, x: Tensor, step: Step, key: Any) -> Tensor:
        """Do the declared work on every token and on every pair."""
        slot, batch = step.cache.slot(key), len(x)
        gain = torch.ones(())
        for name, slices in self.stacks.items():
            gain = gain + slices[: self.spec["active"][name]].sum()
        ones = x.new_ones(batch * step.new, 1, max(1, self.spec.get("flops_per_token", 0) // 2))
        if self.spec.get("flops_per_token"):
            torch.bmm(ones, ones.transpose(1, 2))
        fresh = {}
        if width := self.spec.get("cache_per_token"):
            fresh["cache"] = x.new_zeros(batch, step.new, width)
        both, positions = self.span.extend(step, slot, fresh)
        slot.read += sum(tensor.nbytes for tensor in both.values())
        if per_pair := self.spec.get("flops_per_pair"):
            mask = self.span.mask(step.positions, positions)
            terms = x.new_ones(batch * mask.numel(), 1, per_pair // 2)
            torch.bmm(terms, terms.transpose(1, 2))
            step.executed_pairs += batch * mask.numel() * per_pair
            step.full_pairs += batch * mask.numel() * per_pair
            step.useful_pairs += batch * int(mask.sum()) * per_pair
        if size := self.spec.get("state"):
            model = self.spec.get("state_dtype") == "model"
            slot["state"] = torch.zeros(batch, size, dtype=x.dtype if model else torch.float32)
        return x * gain.to(x.dtype) + 1  # not only a factor, which a norm behind it would take away
