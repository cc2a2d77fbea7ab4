"""Differential attention: one softmax less another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, require_known, require_multiple
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.spans import Span
from costmodel.steps import STEPS


class DifferentialAttention(Block):
    """Softmax attention whose heads work in pairs: the first one's output less lambda times the second's.

    ``n_heads`` counts the heads of queries, ``n_kv_heads`` those of keys; both are even. A pair
    of key heads has one value of twice their width, so every head sums ``2 * head_dim`` values.
    Kept per token and layer: ``n_kv_heads * 2 * head_dim`` values within the span. Lambda comes
    from four vectors of ``head_dim``, once a step, which is not counted. Each pair's output has a
    norm over its ``2 * head_dim`` values, of one weight for all pairs with ``norm_weight``.
    Source: arXiv:2410.05258, section 2.1; without the weight: transformers' diffllama.
    """

    component: ClassVar[str] = "mixer.differential_attention"
    role: ClassVar[str] = "attention"

    kind: Literal["differential_attention"]
    n_heads: Count
    n_kv_heads: Count | None = None
    head_dim: Count
    bias: list[str] = []
    norm_weight: bool = False
    rope: bool = True
    rope_dim: Count | None = None
    window: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> DifferentialAttention:
        if self.n_kv_heads is not None:
            require_multiple(self, "n_heads", "n_kv_heads")
        for name in ("n_heads", "n_kv_heads"):
            value = getattr(self, name)
            if value is not None and value % 2:
                raise Impossible(f"heads work in pairs, and {name} is {value}", name, f"{value + 1} is even")
        require_known(self.bias, ("q", "k", "v", "o"), "bias")
        if self.rope_dim and self.rope_dim > self.head_dim:
            raise Impossible(f"rope_dim {self.rope_dim} is more than head_dim {self.head_dim}", "rope_dim")
        return self

    @cached_property
    def kv_heads(self) -> int:
        """Return the key heads."""
        return self.n_kv_heads or self.n_heads

    @cached_property
    def span(self) -> Span:
        """Return the keys that a query sees."""
        return Span(self.window)

    def reach(self) -> int | None:
        """Return the window less the token itself; a full span reaches anything."""
        return None if self.window is None else self.window - 1

    def describe(self) -> str:
        """Return ``differential``, and the span where it is not full."""
        return "differential" if self.window is None else "differential window"

    def details(self) -> str:
        """Return span, heads and their width."""
        parts = [
            "full" if self.window is None else f"window {self.window}",
            f"{self.n_heads} heads in pairs",
            f"{self.kv_heads} kv heads" if self.kv_heads != self.n_heads else "",
            f"head_dim {self.head_dim}",
        ]
        return ", ".join(filter(None, parts))

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, kv_heads, k = self.n_heads, self.kv_heads, self.head_dim
        pairs, kv_pairs = heads // 2, kv_heads // 2  # a value stands for two key heads: they are not parted
        yield at.project("q", bias=self.bias, split="out", units=pairs, q=heads * k)
        yield at.project("kv", bias=self.bias, split="out", units=kv_pairs, beside=True, k=kv_heads * k, v=kv_heads * k)
        if self.rope:
            yield at.vector("rope", (heads + kv_heads) * (self.rope_dim or k), STEPS["rotary"])
        attention = at.load.attention
        yield at.attend(
            "attend",
            at.pairs(lambda new, cached: self.span.pairs(new, cached, attention)),
            at.resident(self.span),
            n_heads=heads,
            n_kv_heads=kv_heads,
            qk_head_dim=k,
            v_head_dim=2 * k,
            states=(at.cache("kv", self.span, kv_heads * 2 * k, units=kv_pairs),),
        )
        # lambda times the second, the difference; and behind the norm a constant of the layer
        weights = (at.weight("lambda", 4, k),)
        yield at.vector("difference", pairs * 2 * k, 2 * STEPS["gate"] + STEPS["add"], inputs=2, weights=weights)
        yield at.norm("out_norm", 2 * k, count=pairs, kind=None if self.norm_weight else "none")
        yield at.project("o", d_in=heads * k, bias=self.bias, split="in", units=pairs, o=at.width)
