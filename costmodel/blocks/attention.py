"""Softmax attention: multi-head, multi-query and grouped-query, over any span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, Natural
from costmodel.blocks.parts.attention_fields import check_fields
from costmodel.blocks.parts.block_indexer import BlockIndexer
from costmodel.blocks.parts.dynamic_mask import DynamicMask
from costmodel.blocks.parts.head_norm import HeadNorm, NormShape, head_norm
from costmodel.blocks.parts.indexer import Indexer
from costmodel.blocks.parts.recurrence import conv
from costmodel.blocks.parts.relative_logits import RelativeLogits, clipped
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.spans import Span
from costmodel.steps import STEPS
from costmodel.things import State


class Attention(Block):
    """Softmax attention with queries in ``n_heads`` and keys and values in ``n_kv_heads`` heads.

    Kept per token and layer: ``n_kv_heads * (head_dim + v_head_dim)`` values within the span.
    ``d_in``: width of the input where it is not the residual stream's. ``bias`` lists the
    projections that have one. ``kv: tied``: values are the keys, before their norm and rotation;
    ``kv_copies`` says whether the cache still holds both. ``kv_from`` names the block whose cache
    is read instead of an own one. ``gate``: a sigmoid on the output, by value or by head;
    ``gate_bias: head`` adds one number a head to a gate by value.
    ``out_norm``: a norm on the output before its projection, of the same shapes as ``qk_norm``.
    ``indexer``: attention reads only the keys it picks, by queries from the hidden state;
    ``block_indexer``: whole blocks of keys; ``dynamic_mask``: so many of those seen, which a number
    for every key and key head picks, made in every step of all the values in memory, and added to
    the scores (``mask`` in ``bias``; arXiv:2508.02124, doge of transformers 5.23).
    ``ahead``: with ``causal: false``, the tokens after itself that a token sees beside its window.
    ``kv_conv``: a causal convolution of so many taps on each value of keys and values, added to them
    before their norm; as many columns are kept in fp32. ``dynamic_taps``: each token adds a number to
    each tap of a key head and of a value head, which it projects from its input. ``relative``: a bias by
    distance. ``sinks``: one extra softmax term a head, learned or ``projected`` from the input. ``qk_clip``:
    queries, scaled by a learned factor a value, and keys are cut to a greatest length. ``separate_inputs``:
    queries, keys and values read sums over depth of their own (attention_residuals), each with a norm.
    ``softcap`` and ``rope`` change no count but the
    elementwise steps. Without ``causal`` tokens see each other, all of them or those of a ``chunk``.
    ``block_size``: block diffusion. A token sees its block of so many tokens whole, and all before it; a
    step of denoising is one of ``block_size`` new tokens. ``prefix``: what the first tokens of a sequence
    are, as many as the workload says: ``bidirectional``, they see each other (prefix-LM), or ``kept``, a
    window never drops them.
    Source: arXiv:1706.03762, section 3.2; arXiv:2305.13245 (grouped queries); ``out_norm``: bitnet
    of transformers 5.23; ``kv_conv``, ``relative``: inkling; ``dynamic_taps``, ``qk_clip``, ``projected``
    sinks, ``separate_inputs``: inkling2; ``block_size``: arXiv:2503.09573;
    ``prefix``: arXiv:1910.10683 (causal with prefix), paligemma; ``kept``: unlimited_ocr.
    """

    component: ClassVar[str] = "mixer.attention"
    role: ClassVar[str] = "attention"

    kind: Literal["attention"]
    n_heads: Count
    n_kv_heads: Count | None = None
    head_dim: Count
    v_head_dim: Count | None = None
    d_in: Count | None = None
    bias: list[str] = []
    qk_norm: HeadNorm | NormShape | None = None
    qk_clip: bool = False
    v_norm: Literal["l2"] | None = None
    out_norm: HeadNorm | NormShape | None = None
    gate: Literal["element", "head"] | None = None
    gate_bias: Literal["head"] | None = None
    sinks: bool | Literal["projected"] = False
    softcap: float | None = None
    rope: bool = True
    rope_dim: Count | None = None
    window: Count | None = None
    chunk: Count | None = None
    sink_tokens: Natural = 0
    ahead: Natural = 0
    causal: bool = True
    block_size: Count | None = None
    prefix: Literal["bidirectional", "kept"] | None = None
    kv: Literal["separate", "tied"] = "separate"
    kv_copies: Literal[1, 2] = 2
    kv_from: str | None = None
    kv_conv: Count | None = None
    dynamic_taps: bool = False
    separate_inputs: bool = False
    relative: RelativeLogits | None = None
    indexer: Indexer | None = None
    block_indexer: BlockIndexer | None = None
    dynamic_mask: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Attention:
        check_fields(self)
        return self

    def check(self, blocks: Mapping[str, Block]) -> None:
        """Raise Impossible unless the block that ``kv_from`` names keeps a cache of this shape."""
        if self.kv_from is None:
            return
        source = blocks.get(self.kv_from)
        if not isinstance(source, Attention) or source.kv_from is not None:
            raise Impossible(
                f'kv_from names "{self.kv_from}", which is no attention block with a cache of its own',
                "kv_from",
                code="AC121",
            )
        for name in ("kv_heads", "head_dim", "v_dim"):
            if getattr(source, name) != getattr(self, name):
                raise Impossible(
                    f'the cache of "{self.kv_from}" has {name} {getattr(source, name)}, '
                    f"this block reads {getattr(self, name)}",
                    "kv_from",
                    code="AC121",
                )
        limit = source.span.limit
        if self.prefix == "kept" and source.prefix != "kept":
            message = f'"{self.kv_from}" does not keep the prefix that this block reads'
            raise Impossible(message, "kv_from", "give both blocks prefix: kept", "AC121")
        if limit is not None and (self.span.limit is None or self.span.limit > limit):
            raise Impossible(
                f'"{self.kv_from}" keeps {limit} tokens, and this block reads {self.span.limit or "all"}',
                "kv_from",
                f"give both blocks the same {source.span.kind}",
                "AC121",
            )

    def reads(self) -> tuple[str, ...]:
        """Return the block whose cache this one reads."""
        return (self.kv_from,) if self.kv_from else ()

    @cached_property
    def kv_heads(self) -> int:
        """Return the key and value heads."""
        return self.n_kv_heads or self.n_heads

    @cached_property
    def v_dim(self) -> int:
        """Return the width of a value head."""
        return self.v_head_dim or self.head_dim

    @cached_property
    def span(self) -> Span:
        """Return the keys that a query sees, the prefix apart."""
        return Span(self.window, self.chunk, self.sink_tokens, self.causal, self.ahead, self.block_size)

    def span_at(self, at: Site) -> Span:
        """Return the keys that a query sees in a step: its prefix has as many tokens as the workload says."""
        if self.prefix is None:
            return self.span
        tokens = at.context if at.load.prefix is None else at.load.prefix
        return replace(self.span, **{"prefix" if self.prefix == "bidirectional" else "sink_tokens": tokens})

    @property
    def _mask(self) -> DynamicMask | None:
        return DynamicMask(self.dynamic_mask, self.span) if self.dynamic_mask else None

    @cached_property
    def norm(self) -> HeadNorm | None:
        """Return the norm on queries and keys."""
        return head_norm(self.qk_norm)

    def reach(self) -> int | None:
        """Return the window less the token itself; a full span, sink tokens and a prefix reach anything."""
        limit: int | None = self.span.limit
        if self.sink_tokens or self.prefix or limit is None:
            return None
        return limit - 1 + (self.kv_conv - 1 if self.kv_conv else 0)

    def describe(self) -> str:
        """Return the span, and what is special about it."""
        if self.indexer or self.block_indexer or self.dynamic_mask:
            return "indexed"
        if self.block_size:
            return "blockwise"
        return self.span.kind if self.causal or self.ahead else "bidirectional"

    def details(self) -> str:
        """Return span, heads, and what is special: ``window 1024, 32 heads, 16 kv heads, head_dim 128``."""
        parts = [
            {"window": f"window {self.window}", "chunk": f"chunk {self.chunk}"}.get(self.span.kind, self.describe()),
            f"{self.n_heads} heads",
            f"{self.kv_heads} kv heads" if self.kv_heads != self.n_heads else "",
            f"head_dim {self.head_dim}",
            f"v {self.v_dim}" if self.v_dim != self.head_dim else "",
            f"{self.sink_tokens} sink tokens" if self.sink_tokens else "",
            f"{self.ahead} ahead" if self.ahead else "",
            f"blocks of {self.block_size}" if self.block_size else "",
            f"prefix {self.prefix}" if self.prefix else "",
            f"top {self.block_indexer.top_blocks} blocks of {self.block_indexer.block}" if self.block_indexer else "",
            "qk norm" if self.norm else "qk clip" if self.qk_clip else "",
            "sinks" if self.sinks else "",
            f"{self.gate} gate" if self.gate else "",
            "values are keys" if self.kv == "tied" else "",
            f"cache of {self.kv_from}" if self.kv_from else "",
            f"{self.kv_conv} {'dynamic ' * self.dynamic_taps}taps on keys and values" if self.kv_conv else "",
            "separate inputs" if self.separate_inputs else "",
            f"bias by distance up to {self.relative.extent}" if self.relative else "",
            f"top {self.indexer.top_k}" if self.indexer else "",
            f"top {self.dynamic_mask} by a dynamic mask" if self.dynamic_mask else "",
        ]
        return ", ".join(filter(None, parts))

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, kv_heads, k, v = self.n_heads, self.kv_heads, self.head_dim, self.v_dim
        own = self.kv_from is None
        d_in = self.d_in or at.width
        yield at.project("q", d_in=d_in, bias=self.bias, split="out", units=heads, q=heads * k)
        if own:
            yield from self._keys_and_values(at, d_in)
        if self.norm is not None:
            yield self.norm.lower(at, "q_norm", heads, k)
            if own:
                yield self.norm.lower(at, "k_norm", kv_heads, k)
        if self.qk_clip:
            scale = at.weight("q_scale", heads, k, split="out", units=heads)
            yield clipped(at, "q_clip", heads * k, scale)
            if own:
                yield clipped(at, "k_clip", kv_heads * k)
        if self.v_norm is not None and own:
            yield at.norm("v_norm", v, count=kv_heads, kind="none")
        if self.rope:
            rotated = self.rope_dim or k
            yield at.vector("rope", (heads + (kv_heads if own else 0)) * rotated, STEPS["rotary"])
        if self.indexer is not None:
            yield from self.indexer.lower(at.sub("indexer"), None)
        if self.block_indexer is not None:
            rotated = (self.rope_dim or k) if self.rope else 0
            yield from self.block_indexer.lower(at.sub("indexer"), rotated)
        if (mask := self._mask) is not None:
            yield from mask.lower(at, kv_heads, kv_heads * v, bias="mask" in self.bias)
        if self.relative is not None:
            yield from self.relative.lower(at, heads)
        if self.sinks == "projected":
            yield at.project("sinks", d_in=d_in, split="out", units=heads, sinks=heads)
        yield self._attend(at, own)
        if self.gate is not None:
            columns_of_gate = heads * v if self.gate == "element" else heads
            yield at.project("gate", d_in=d_in, bias=self.bias, split="out", units=heads, gate=columns_of_gate)
            steps = STEPS["activation"] + STEPS["gate"] + (1 if self.gate_bias else 0)
            weights = (at.weight("gate_bias", heads, split="out", units=heads),) if self.gate_bias else ()
            yield at.vector("gated", heads * v, steps, inputs=2, weights=weights)
        if (norm := head_norm(self.out_norm)) is not None:
            yield norm.lower(at, "out_norm", heads, v)
        yield at.project("o", d_in=heads * v, bias=self.bias, split="in", units=heads, o=at.width)

    def _keys_and_values(self, at: Site, d_in: Size) -> Iterator[Op]:
        """Yield their projections, with those of dynamic taps, and the convolution of both."""
        groups, k, v, taps = self.kv_heads, self.head_dim, self.v_dim, self.kv_conv
        columns: dict[str, dict[str, Size]] = {"k": {"k": groups * k}}
        if self.kv == "separate":
            columns["v"] = {"v": groups * v}
        if taps and self.dynamic_taps:
            for name, of_one in columns.items():
                of_one[f"{name}_taps"] = groups * taps
        together = {} if self.separate_inputs else {"kv": {n: w for c in columns.values() for n, w in c.items()}}
        for name, outs in (together or columns).items():
            yield at.project(
                name, d_in=d_in, bias=self.bias, split="out", units=groups, beside=not self.separate_inputs, **outs
            )
        if taps:
            width = groups * (k + v)
            yield conv(at, "kv_conv", width, taps, units=groups, role="state")
            yield at.vector("kv_conv_add", width, STEPS["add"] * (1 + taps * self.dynamic_taps), inputs=2)

    def _attend(self, at: Site, own: bool) -> Op:
        heads, kv_heads, k, v = self.n_heads, self.kv_heads, self.head_dim, self.v_dim
        width = k if self.kv == "tied" and self.kv_copies == 1 else k + v
        span = self.span_at(at)
        cache: State = at.cache("kv", span, kv_heads * width, own=own, units=kv_heads)
        attention, indexer = at.load.attention, self.block_indexer or self.indexer
        if indexer is not None:
            indexer.limit(cache, at.cached)
        pick = self._mask or indexer
        seen = pick.selected if pick and attention != "full" else partial(span.pairs, attention=attention)
        return at.attend(
            "attend",
            at.pairs(seen),
            at.resident(span),
            n_heads=heads,
            n_kv_heads=kv_heads,
            qk_head_dim=k,
            v_head_dim=v,
            states=(cache,),
            weights=(at.weight("sinks", heads, split="out", units=heads),) if self.sinks is True else (),
            steps=STEPS["softmax"]
            + (STEPS["softcap"] if self.softcap else 0)
            + STEPS["add"] * (bool(self.relative) + bool(self.dynamic_mask)),
        )
