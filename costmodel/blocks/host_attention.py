"""Attention to the cache of another model: the mixer of a drafter that has no keys of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, require_known, require_multiple
from costmodel.blocks.parts.head_norm import HeadNorm, NormShape, head_norm
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import minimum, round_up
from costmodel.steps import STEPS
from costmodel.things import State


class HostAttention(Block):
    """Queries of a drafter on keys and values of the model that it drafts for, its host.

    Keys and values are neither computed nor kept here: they are the last ones of a layer of the host,
    whose ``n_kv_heads`` and ``head_dim`` are stated. Every new token sees what the host had cached
    before the step, the last ``window`` of it or all, and no other new token. So without cached
    tokens there is nothing to see. The cache that is read is in the host's memory, not in this
    model's; reading it counts.
    Source: transformers' gemma4_assistant.
    """

    component: ClassVar[str] = "mixer.host_attention"
    role: ClassVar[str] = "attention"
    reads_host: ClassVar[bool] = True

    kind: Literal["host_attention"]
    n_heads: Count
    n_kv_heads: Count | None = None
    head_dim: Count
    v_head_dim: Count | None = None
    bias: list[str] = []
    q_norm: HeadNorm | NormShape | None = None
    rope: bool = True
    rope_dim: Count | None = None
    window: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> HostAttention:
        if self.n_kv_heads is not None:
            require_multiple(self, "n_heads", "n_kv_heads")
        require_known(self.bias, ("q", "o"), "bias")
        if self.rope_dim and self.rope_dim > self.head_dim:
            raise Impossible(f"rope_dim {self.rope_dim} is more than head_dim {self.head_dim}", "rope_dim")
        if self.keep is not None:
            raise Impossible("every token reads the host's cache, and keep lets only some in", "keep", "leave keep out")
        return self

    @cached_property
    def kv_heads(self) -> int:
        """Return the key and value heads of the host."""
        return self.n_kv_heads or self.n_heads

    def describe(self) -> str:
        """Return ``host``, and that there is a window."""
        return "host window" if self.window else "host"

    def details(self) -> str:
        """Return span and heads: ``window 512, 4 heads, 1 kv heads of the host, head_dim 256``."""
        span = [f"window {self.window}"] if self.window else []
        heads = [f"{self.n_heads} heads", f"{self.kv_heads} kv heads of the host", f"head_dim {self.head_dim}"]
        return ", ".join([*span, *heads])

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, kv_heads, k = self.n_heads, self.kv_heads, self.head_dim
        v = self.v_head_dim or k
        yield at.project("q", bias=self.bias, split="out", units=heads, q=heads * k)
        if (norm := head_norm(self.q_norm)) is not None:
            yield norm.lower(at, "q_norm", heads, k)
        if self.rope:
            yield at.vector("rope", heads * (self.rope_dim or k), STEPS["rotary"])
        seen = at.cached if self.window is None else minimum(at.cached, self.window)
        page = round_up(seen, at.load.page)
        cache = State("kv", "cross", seen, seen, 0, page, seen, 0, "kv", kv_heads, kv_heads * (k + v))
        yield at.attend(
            "attend",
            at.new * seen,
            seen,
            n_heads=heads,
            n_kv_heads=kv_heads,
            qk_head_dim=k,
            v_head_dim=v,
            states=(cache,),
        )
        yield at.project("o", d_in=heads * v, bias=self.bias, split="in", units=heads, o=at.width)
