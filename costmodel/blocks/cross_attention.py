"""Cross-attention: queries of one stack, keys and values of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, require_known, require_multiple
from costmodel.blocks.parts.head_norm import HeadNorm, NormShape, head_norm
from costmodel.blocks.parts.source_cache import source_cache
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, minimum


class CrossAttention(Block):
    """Attention from the decoder's tokens to the source's.

    Keys and values are computed once a source token and kept: ``n_kv_heads * (head_dim +
    v_head_dim)`` values a source token and layer, whatever the context. ``d_source`` is the width
    of the source stack where it differs. ``gate: tanh`` adds one scalar on the output. ``window``: only
    the last tokens of the source are seen and kept, as the vectors of a patch of bytes are.
    ``source_norm``: a norm on the source, in every layer anew.
    Source: arXiv:1706.03762, section 3.2.3.
    """

    component: ClassVar[str] = "mixer.cross_attention"
    role: ClassVar[str] = "attention"
    reads_source: ClassVar[bool] = True

    kind: Literal["cross_attention"]
    n_heads: Count
    n_kv_heads: Count | None = None
    head_dim: Count
    v_head_dim: Count | None = None
    d_source: Count | None = None
    bias: list[str] = []
    qk_norm: HeadNorm | NormShape | None = None
    gate: Literal["tanh"] | None = None
    window: Count | None = None
    source_norm: Literal["rms", "layer", "none"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> CrossAttention:
        if self.n_kv_heads is not None:
            require_multiple(self, "n_heads", "n_kv_heads")
        require_known(self.bias, ("q", "k", "v", "o"), "bias")
        return self

    @cached_property
    def norm(self) -> HeadNorm | None:
        """Return the norm on queries and keys."""
        return head_norm(self.qk_norm)

    def describe(self) -> str:
        """Return ``cross``."""
        return "cross"

    def details(self) -> str:
        """Return the heads and their width."""
        kv = f", {self.n_kv_heads} kv heads" if self.n_kv_heads not in (None, self.n_heads) else ""
        window = f"window {self.window}, " if self.window else ""
        return f"{window}{self.n_heads} heads{kv}, head_dim {self.head_dim}"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, kv_heads = self.n_heads, self.n_kv_heads or self.n_heads
        k, v = self.head_dim, self.v_head_dim or self.head_dim
        fresh, left = at.load.source_new, at.load.source_cached
        if self.window:
            left = minimum(left, self.window)
        source_rows = at.batch * fresh
        d_source = self.d_source or at.source_width or at.width
        yield at.project("q", bias=self.bias, split="out", units=heads, q=heads * k)
        if self.source_norm:
            yield at.norm("source_norm", d_source, kind=self.source_norm, tokens=source_rows)
        columns: dict[str, Size] = {"k": kv_heads * k, "v": kv_heads * v}
        yield at.project(
            "kv", d_in=d_source, tokens=source_rows, bias=self.bias, split="out", units=kv_heads, **columns
        )
        if self.norm is not None:
            yield self.norm.lower(at, "q_norm", heads, k)
            yield self.norm.lower(replace(at, tokens=source_rows), "k_norm", kv_heads, k)
        seen = left + fresh
        if self.window and at.load.attention != "full":
            seen = minimum(seen, self.window)
        pairs = at.new * seen
        yield at.attend(
            "attend",
            pairs if at.keep is None else at.expected(pairs, at.keep),
            left + fresh,
            n_heads=heads,
            n_kv_heads=kv_heads,
            qk_head_dim=k,
            v_head_dim=v,
            states=(source_cache(at, kv_heads, kv_heads * (k + v), self.window),),
        )
        yield at.project("o", d_in=heads * v, bias=self.bias, split="in", units=heads, o=at.width)
        if self.gate is not None:
            yield at.vector("gate", at.width, 2, weights=(at.weight("gate", 1),))
