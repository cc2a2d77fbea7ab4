"""Multi-head latent attention, dense or over the keys that an indexer picks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, Natural, require_known
from costmodel.blocks.parts.indexer import Indexer
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, absent, indicator
from costmodel.spans import Span
from costmodel.steps import STEPS
from costmodel.things import State


class LatentAttention(Block):
    """Multi-head latent attention: keys and values share one compressed vector.

    Kept per token and layer: ``kv_lora_rank + qk_rope_head_dim`` values, whatever the number of heads.
    Executed in one of three ways (``Workload.mla``): ``absorbed``, where queries and outputs are
    moved into the latent space; ``expanded``, where every resident latent is expanded to keys and
    values; ``expanded-cached``, where expanded keys and values are what is kept.
    ``indexer``: attention reads only the keys it picks; ``index_from`` reuses the choice of another
    block, which then has the scores and their cache. ``rope: false`` carries the rope dims unrotated.
    Source: arXiv:2405.04434, section 2.1; absorption: the same, end of section 2.1.2.
    """

    component: ClassVar[str] = "mixer.mla"
    role: ClassVar[str] = "attention"

    kind: Literal["mla"]
    n_heads: Count
    q_lora_rank: Count | None = None
    kv_lora_rank: Count
    qk_nope_head_dim: Count
    qk_rope_head_dim: Natural
    v_head_dim: Count
    bias: list[str] = []
    gate: Literal["element", "head"] | None = None
    sinks: bool = False
    rope: bool = True
    rope_norm: bool = False
    window: Count | None = None
    indexer: Indexer | None = None
    index_from: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> LatentAttention:
        require_known(self.bias, ("q_a", "kv_a", "o", "gate"), "bias")
        if self.indexer and self.index_from:
            raise Impossible("a layer has an indexer or reuses one, not both", "index_from", "leave one out")
        if self.rope_norm and not self.qk_rope_head_dim:
            raise Impossible("rope_norm is a norm on rope dims, and there are none", "rope_norm", "leave it out")
        if self.window and (self.indexer or self.index_from):
            raise Impossible("an indexer picks among all tokens, and the window hides some", "window", "leave one out")
        absent = ([] if self.gate else ["gate"]) + ([] if self.q_lora_rank else ["q_a"])
        if (wrong := next((name for name in absent if name in self.bias), None)) is not None:
            raise Impossible(f'bias names "{wrong}", and the block has no such projection', "bias")
        if self.indexer and self.indexer.queries == "latent" and self.q_lora_rank is None:
            raise Impossible(
                "the indexer reads the query latent, and there is no q_lora_rank",
                "indexer",
                "set q_lora_rank, or indexer: {queries: hidden}",
            )
        return self

    def check(self, blocks: Mapping[str, Block]) -> None:
        """Raise Impossible unless ``index_from`` names a block with an indexer."""
        if self.index_from is not None:
            source = blocks.get(self.index_from)
            if not isinstance(source, LatentAttention) or source.indexer is None:
                raise Impossible(
                    f'index_from names "{self.index_from}", which has no indexer', "index_from", code="AC121"
                )

    def reads(self) -> str | None:
        """Return the block whose choice of keys this one uses."""
        return self.index_from

    @cached_property
    def span(self) -> Span:
        """Return the keys that are kept."""
        return Span(self.window)

    def reach(self) -> int | None:
        """Return the window less the token itself, or None."""
        return None if self.window is None else self.window - 1

    def describe(self) -> str:
        """Return ``mla``, and that keys are picked."""
        return "mla + indexer" if self.indexer or self.index_from else "mla"

    def details(self) -> str:
        """Return heads and widths: ``128 heads, q_lora 1536, kv_lora 512, rope 64, nope 128, v 128``."""
        parts = [
            f"{self.n_heads} heads",
            f"q_lora {self.q_lora_rank}" if self.q_lora_rank else "",
            f"kv_lora {self.kv_lora_rank}",
            f"rope {self.qk_rope_head_dim}",
            f"nope {self.qk_nope_head_dim}",
            f"v {self.v_head_dim}",
            f"window {self.window}" if self.window else "",
            f"top {self.indexer.top_k}" if self.indexer else "",
            f"keys that {self.index_from} picks" if self.index_from else "",
        ]
        return ", ".join(filter(None, parts))

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, rope = self.n_heads, self.qk_rope_head_dim
        d_qk = heads * (self.qk_nope_head_dim + rope)
        if self.q_lora_rank is None:
            yield at.project("q", split="out", units=heads, q=d_qk)
        else:
            yield at.project("q_a", bias=self.bias, q_a=self.q_lora_rank)
        yield at.project("kv_a", bias=self.bias, beside=True, kv_a=self.kv_lora_rank + rope)
        if self.q_lora_rank is not None:
            yield at.norm("q_a_norm", self.q_lora_rank)
            yield at.project("q_b", d_in=self.q_lora_rank, split="out", units=heads, q_b=d_qk)
        yield at.norm("kv_a_norm", self.kv_lora_rank)
        if self.rope_norm:
            yield at.norm("k_rope_norm", rope)
        if self.rope and rope:
            yield at.vector("rope", (heads + 1) * rope, STEPS["rotary"])
        if self.indexer is not None:
            yield from self.indexer.lower(at.sub("indexer"), self.q_lora_rank)
        yield from self._attend(at)
        if self.gate is not None:
            columns = heads * self.v_head_dim if self.gate == "element" else heads
            yield at.project("gate", bias=self.bias, split="out", units=heads, gate=columns)
            yield at.vector("gated", heads * self.v_head_dim, STEPS["activation"] + STEPS["gate"], inputs=2)
        yield at.project("o", d_in=heads * self.v_head_dim, bias=self.bias, split="in", units=heads, o=at.width)

    def _indexer(self, at: Site) -> Indexer | None:
        """Return the indexer that picks the keys: the block's own, or the one it reuses."""
        source = at.blocks.get(self.index_from) if self.index_from else self
        return source.indexer if isinstance(source, LatentAttention) else None

    def _attended(self, at: Site) -> Size:
        """Count the pairs of one sequence and head after the indexer's choice."""
        attention = at.load.attention
        indexer = self._indexer(at)
        if indexer is not None and attention != "full":
            return at.pairs(indexer.selected)
        return at.pairs(lambda new, cached: self.span.pairs(new, cached, attention))

    def _attend(self, at: Site) -> Iterator[Op]:
        """Yield the attention as it is executed; in an array each point has its own way."""
        pairs = self._attended(at)
        keys = at.resident(self.span)
        absorbed = self._absorbed_share(at, pairs, keys)
        expanded = 1 - absorbed
        states = self._states(at)
        if not absent(absorbed):
            yield from self._absorbed(at, absorbed, pairs, keys, states)
            states = tuple(replace(state, stored=0) for state in states)  # kept once, however it is read
        if not absent(expanded):
            yield from self._expanded(at, expanded, pairs, keys, states)

    def _absorbed(self, at: Site, share: Size, pairs: Size, keys: Size, states: tuple[State, ...]) -> Iterator[Op]:
        """Yield attention in the latent space: every head moves its queries there and its outputs back."""
        heads, rank, rope = self.n_heads, self.kv_lora_rank, self.qk_rope_head_dim
        each: dict[str, Any] = {"groups": heads, "tokens": share * at.tokens, "split": "out", "units": heads}
        yield at.project("absorb_k", d_in=self.qk_nope_head_dim, k_up=rank, **each)
        yield self._scores(at, share * pairs, keys, (1, rank + rope, rank), states, "absorbed")
        yield at.project("absorb_v", d_in=rank, v_up=self.v_head_dim, **each)

    def _expanded(self, at: Site, share: Size, pairs: Size, keys: Size, states: tuple[State, ...]) -> Iterator[Op]:
        """Yield attention over keys and values of every head: all that are resident, or the new ones where kept."""
        heads, nope, rope, v = self.n_heads, self.qk_nope_head_dim, self.qk_rope_head_dim, self.v_head_dim
        kept = at.load.mla == "expanded-cached"
        rows = at.tokens if kept else at.batch * keys
        up = at.project(
            "kv_b",
            d_in=self.kv_lora_rank,
            tokens=share * rows,
            split="out",
            units=heads,
            k_up=heads * nope,
            v_up=heads * v,
        )
        if not kept:
            up.states, up.from_states, states = states, bool(states), ()
        yield up
        yield self._scores(at, share * pairs, keys, (heads, nope + rope, v), states, "expanded")

    def _scores(
        self,
        at: Site,
        pairs: Size,
        keys: Size,
        sizes: tuple[Size, Size, Size],
        states: tuple[State, ...],
        variant: str,
    ) -> Op:
        """Return scores and sums with (key heads, width of a key, width of a value)."""
        n_kv_heads, qk_head_dim, v_head_dim = sizes
        return at.attend(
            "attend",
            pairs,
            keys,
            n_heads=self.n_heads,
            n_kv_heads=n_kv_heads,
            qk_head_dim=qk_head_dim,
            v_head_dim=v_head_dim,
            states=states,
            weights=(at.weight("sinks", self.n_heads, split="out", units=self.n_heads),) if self.sinks else (),
            variant=variant,
        )

    def _absorbed_share(self, at: Site, pairs: Size, keys: Size) -> Size:
        """Return 1 where the absorbed form is run, 0 where the expanded one is."""
        if at.load.mla != "auto":
            return 1 if at.load.mla == "absorbed" else 0
        nope, rank, v = self.qk_nope_head_dim, self.kv_lora_rank, self.v_head_dim
        # Absorbed, a pair costs more; expanded, every resident latent is multiplied, not only new ones.
        dearer = (2 * rank - nope - v) * at.batch * pairs
        saved = rank * (nope + v) * at.batch * keys - rank * (nope + v) * at.tokens
        return indicator(dearer < saved)

    def _states(self, at: Site) -> tuple[State, ...]:
        """Return the cache: the latent and the rotated key, or expanded keys and values."""
        if at.load.mla == "expanded-cached":
            width = self.n_heads * (self.qk_nope_head_dim + self.qk_rope_head_dim + self.v_head_dim)
            return (at.cache("kv", self.span, width, units=self.n_heads),)
        kind = "latent" if self.window is None else "window"
        latent = at.cache("latent", self.span, self.kv_lora_rank, kind=kind)
        if (indexer := self._indexer(at)) is not None:
            indexer.limit(latent, at.cached)
        if not self.qk_rope_head_dim:
            return (latent,)
        return latent, replace(latent, name="rope", role="kv_rope", width=self.qk_rope_head_dim)
