"""Compressed convolutional attention: queries and keys are convolved, half of a value is the last token's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, require_multiple
from costmodel.blocks.parts.recurrence import conv
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.spans import Span
from costmodel.steps import STEPS


class ConvolvedAttention(Block):
    """Softmax attention in fewer heads than the stream is wide, whose queries and keys are convolved.

    Two causal convolutions follow each other on queries and keys: ``d_conv`` taps on each channel,
    then ``d_conv_heads`` taps within each head, both with biases. The mean of a query and the key
    of its group is added to both. Half of every value comes from the token before. Queries and
    keys are scaled to one length, keys also by a learned number a head. Kept per token and layer:
    ``2 * n_kv_heads * head_dim`` values within the span; per sequence, in the model's dtype, as many
    columns of queries and keys as there are taps, and half a value. ``bias``: of the projections.
    Source: arXiv:2510.04476; transformers' zaya.
    """

    component: ClassVar[str] = "mixer.cca"
    role: ClassVar[str] = "attention"

    kind: Literal["cca"]
    n_heads: Count
    n_kv_heads: Count
    head_dim: Count
    d_conv: Count
    d_conv_heads: Count
    rope_dim: Count | None = None
    window: Count | None = None
    bias: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> ConvolvedAttention:
        require_multiple(self, "n_heads", "n_kv_heads")
        if self.rope_dim and self.rope_dim > self.head_dim:
            raise Impossible(f"rope_dim {self.rope_dim} is more than head_dim {self.head_dim}", "rope_dim")
        return self

    @cached_property
    def span(self) -> Span:
        """Return the keys that a query sees."""
        return Span(self.window)

    def reach(self) -> int | None:
        """Return the window and what the oldest key in it was convolved from; a full span reaches anything."""
        if self.window is None:
            return None
        return self.window - 1 + max(1, self.d_conv + self.d_conv_heads - 2)

    def describe(self) -> str:
        """Return ``cca``, and that there is a window."""
        return "cca window" if self.window else "cca"

    def details(self) -> str:
        """Return span, heads and taps: ``window 4096, 8 heads, 2 kv heads, head_dim 128, taps 2 + 2``."""
        span = [f"window {self.window}"] if self.window else []
        heads = [f"{self.n_heads} heads", f"{self.n_kv_heads} kv heads", f"head_dim {self.head_dim}"]
        return ", ".join([*span, *heads, f"taps {self.d_conv} + {self.d_conv_heads}"])

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, groups, width, span = self.n_heads, self.n_kv_heads, self.head_dim, self.span
        queries, keys = heads * width, groups * width
        both, delayed = queries + keys, keys // 2
        yield at.project("q", bias=self.bias, split="out", units=heads, q=queries)
        yield at.project(
            "kv", bias=self.bias, split="out", units=groups, beside=True, k=keys, v=keys - delayed, v_delayed=delayed
        )
        waiting = at.vector("delay", delayed, 0)  # a copy
        waiting.states = (at.fixed("delayed", delayed, kind="recurrent", role="conv", units=groups),)
        yield waiting
        yield at.vector("mean_q", queries, STEPS["add"] + STEPS["gate"], inputs=2)
        yield at.vector("mean_k", keys, heads // groups, inputs=heads // groups)  # sums of a group, and their share
        yield conv(at, "conv", both, self.d_conv, bias=True, units=groups)
        yield conv(at, "conv_heads", both, self.d_conv_heads, bias=True, units=groups, per_group=width)
        yield at.vector("add", both, STEPS["add"], inputs=2)
        yield at.norm("q_norm", width, count=heads, kind="none")
        yield at.norm("k_norm", width, count=groups, kind="none")
        scale = at.weight("temperature", groups, split="out", units=groups)
        yield at.vector("temperature", keys, STEPS["gate"], weights=(scale,))
        yield at.vector("rope", (heads + groups) * (self.rope_dim or width), STEPS["rotary"])
        attention = at.load.attention
        yield at.attend(
            "attend",
            at.pairs(lambda new, cached: span.pairs(new, cached, attention)),
            at.resident(span),
            n_heads=heads,
            n_kv_heads=groups,
            qk_head_dim=width,
            v_head_dim=width,
            states=(at.cache("kv", span, 2 * keys, units=groups),),
        )
        yield at.project("o", d_in=queries, bias=self.bias, split="in", units=heads, o=at.width)
