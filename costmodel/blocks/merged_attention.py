"""Self-attention and cross-attention in one: a softmax over the own tokens and those of a source."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, require_known, require_multiple
from costmodel.blocks.parts.head_norm import HeadNorm, NormShape, head_norm
from costmodel.blocks.parts.source_cache import source_cache
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.spans import Span
from costmodel.steps import STEPS


class MergedAttention(Block):
    """Queries that see the tokens of their own stack and all those of the source, in one softmax.

    One set of matrices makes the keys and values of both, so that both are as wide. Those of the own
    tokens are rotated, and kept within the ``window``; those of the source are kept as in
    cross-attention. ``source_norm``: a norm on the source, in every layer anew. Without ``causal`` the
    own tokens see each other both ways, as queries of a resampler do.
    Source: transformers 5.23, t5gemma2 (``T5Gemma2MergedAttention``), idefics2, kosmos2;
    arXiv:2204.14198, figure 5 (keys of latents beside those of what they read).
    """

    component: ClassVar[str] = "mixer.merged_attention"
    role: ClassVar[str] = "attention"
    reads_source: ClassVar[bool] = True
    source_as_wide: ClassVar[bool] = True

    kind: Literal["merged_attention"]
    n_heads: Count
    n_kv_heads: Count | None = None
    head_dim: Count
    v_head_dim: Count | None = None
    bias: list[str] = []
    qk_norm: HeadNorm | NormShape | None = None
    source_norm: Literal["rms", "layer", "none"] | None = None
    rope: bool = True
    softcap: float | None = None
    window: Count | None = None
    causal: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> MergedAttention:
        if self.n_kv_heads is not None:
            require_multiple(self, "n_heads", "n_kv_heads")
        require_known(self.bias, ("q", "k", "v", "o"), "bias")
        if self.window and not self.causal:
            message = "without causal every token sees every other, and the window hides some"
            raise Impossible(message, "window", "leave window out")
        if self.keep is not None:
            raise Impossible("the source has keys for every token, and keep lets only some in", "keep", "leave it out")
        return self

    @cached_property
    def span(self) -> Span:
        """Return the own tokens that a query sees."""
        return Span(self.window, None, 0, self.causal)

    def reach(self) -> int | None:
        """Return the window less the token itself."""
        return None if self.span.limit is None else self.span.limit - 1

    def describe(self) -> str:
        """Return ``merged``, and that there is a window."""
        return "merged window" if self.window else "merged"

    def details(self) -> str:
        """Return span and heads: ``window 4096, 8 heads, 4 kv heads, head_dim 256``."""
        kv = [f"{self.n_kv_heads} kv heads"] if self.n_kv_heads not in (None, self.n_heads) else []
        span = [f"window {self.window}"] if self.window else []
        return ", ".join([*span, f"{self.n_heads} heads", *kv, f"head_dim {self.head_dim}"])

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, kv_heads = self.n_heads, self.n_kv_heads or self.n_heads
        k, v = self.head_dim, self.v_head_dim or self.head_dim
        source_rows = at.batch * at.load.source_new
        both = at.tokens + source_rows
        if self.source_norm:
            yield at.norm("source_norm", kind=self.source_norm, tokens=source_rows)
        yield at.project("q", bias=self.bias, split="out", units=heads, q=heads * k)
        columns: dict[str, Size] = {"k": kv_heads * k, "v": kv_heads * v}
        yield at.project("kv", tokens=both, bias=self.bias, split="out", units=kv_heads, **columns)
        if (norm := head_norm(self.qk_norm)) is not None:
            yield norm.lower(at, "q_norm", heads, k)
            keys = at.sub("keys")
            keys.tokens = both
            yield norm.lower(keys, "k_norm", kv_heads, k)
        if self.rope:
            yield at.vector("rope", (heads + kv_heads) * k, STEPS["rotary"])
        source = at.load.source_new + at.load.source_cached
        own = at.cache("kv", self.span, kv_heads * (k + v), units=kv_heads)
        yield at.attend(
            "attend",
            self.span.pairs(at.new, at.cached, at.load.attention) + at.new * source,
            at.resident(self.span) + source,
            n_heads=heads,
            n_kv_heads=kv_heads,
            qk_head_dim=k,
            v_head_dim=v,
            states=(own, source_cache(at, kv_heads, kv_heads * (k + v))),
            steps=STEPS["softmax"] + (STEPS["softcap"] if self.softcap else 0),
        )
        yield at.project("o", d_in=heads * v, bias=self.bias, split="in", units=heads, o=at.width)
