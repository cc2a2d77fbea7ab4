"""Attention over a raw window and compressed entries of everything before (DeepSeek-V4 CSA, HCA)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, require_multiple
from costmodel.blocks.parts.indexer import Indexer
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, indicator, minimum
from costmodel.spans import Span, compressed_pairs
from costmodel.steps import STEPS
from costmodel.things import State


class CompressedAttention(Block):
    """One key head that is also the value head, a window of raw tokens, and compressed entries.

    Every ``ratio`` tokens m close a group and leave one entry of ``head_dim``: a weighted sum of
    the group (HCA), or, with ``overlap``, of the group and the one before in two series (CSA).
    ``indexer``: a query reads only the ``top_k`` entries that score best; it has a compressor of
    its own at its own width. Without ``ratio`` only the window is left. Queries come through a
    latent of ``q_lora_rank``, outputs go through ``o_groups`` times ``o_lora_rank``.

    Kept per sequence and layer after C tokens, with n = 1 series, or 2 with overlap:

    - the window: min(C, window) keys of ``head_dim``, kept once, since values are the keys;
    - entries: floor(C / m) of ``head_dim``;
    - the open group: C mod m tokens of 2 n ``head_dim`` (values and gates of every series);
    - with overlap, from the first closed group on: the first series of the last closed group,
      m tokens of 2 ``head_dim``;
    - with an indexer: the last three again at the indexer's ``head_dim``.

    A step must read no more than ``top_k`` entries, since all its queries may choose the same.
    Source: DeepSeek-V4 technical report, sections 2.3.1 and 2.3.2, as transformers' deepseek_v4
    quotes them; counts are those of its modules.
    """

    component: ClassVar[str] = "mixer.compressed_attention"
    role: ClassVar[str] = "attention"

    kind: Literal["compressed_attention"]
    n_heads: Count
    head_dim: Count
    q_lora_rank: Count
    o_lora_rank: Count
    o_groups: Count
    window: Count
    ratio: Count | None = None
    overlap: bool = False
    indexer: Indexer | None = None
    sinks: bool = True
    rope_dim: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> CompressedAttention:
        require_multiple(self, "n_heads", "o_groups")
        for name in ("overlap", "indexer"):
            if getattr(self, name) and self.ratio is None:
                raise Impossible(f"{name} is about compressed entries, and there is no ratio", name, "add ratio: 4")
        if self.indexer and self.indexer.position_scale:
            raise Impossible("queries of compressed entries have no scale by position", "indexer", "leave it out")
        if self.indexer and self.indexer.pool:
            raise Impossible("entries are groups already, and the indexer has a pool", "indexer.pool", "leave it out")
        return self

    @cached_property
    def span(self) -> Span:
        """Return the raw keys that a query sees."""
        return Span(self.window)

    @cached_property
    def series(self) -> int:
        """Return how many series a token is projected to."""
        return 2 if self.overlap else 1

    def reach(self) -> int | None:
        """Return the window less the token itself, or None where entries stand for all the rest."""
        return self.window - 1 if self.ratio is None else None

    def describe(self) -> str:
        """Return how many tokens an entry stands for."""
        if self.ratio is None:
            return "window"
        return f"compressed {self.ratio}"

    def details(self) -> str:
        """Return heads, window, ratio and choice."""
        parts = [
            f"{self.n_heads} heads of {self.head_dim}",
            f"window {self.window}",
            f"{self.ratio} tokens an entry" if self.ratio else "",
            f"top {self.indexer.top_k}" if self.indexer else "",
        ]
        return ", ".join(filter(None, parts))

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, width, latent = self.n_heads, self.head_dim, self.q_lora_rank
        rotated = min(self.rope_dim or width, width)
        yield at.project("q_a", q_a=latent)
        yield at.norm("q_a_norm", latent)
        yield at.project("q_b", d_in=latent, split="out", units=heads, q_b=heads * width)
        yield at.norm("q_norm", width, count=heads, kind="none")
        yield at.project("kv", kv=width)
        yield at.norm("kv_norm", width)
        # Queries, the key, and the outputs back: the value was rotated with the key.
        yield at.vector("rope", (2 * heads + 1) * rotated, STEPS["rotary"])
        if self.ratio is not None:
            compressed = Compressor(at.sub("compressor"), self.ratio, self.series, width, rotated)
            yield from compressed.lower()
            if self.indexer is not None:
                yield from self._score(at.sub("indexer"), self.indexer, self.ratio)
        yield self._attend(at)
        in_group = heads // self.o_groups * width
        yield at.project(
            "o_a", d_in=in_group, groups=self.o_groups, split="out", units=self.o_groups, o_a=self.o_lora_rank
        )
        mixed = self.o_groups * self.o_lora_rank
        yield at.project("o_b", d_in=mixed, split="in", units=self.o_groups, o_b=at.width)

    def _score(self, at: Site, indexer: Indexer, ratio: Size) -> Iterator[Op]:
        """Yield the choice of entries: each of the indexer's heads scores each closed entry.

        The heads' weighted sum is two steps a score: transformers runs it elementwise here.
        """
        heads, width = indexer.n_heads, indexer.head_dim
        rotated = min(self.rope_dim or width, width)
        d_query = at.width if indexer.queries == "hidden" else self.q_lora_rank
        yield at.project("q", d_in=d_query, q=heads * width)
        yield at.vector("rope", heads * rotated, STEPS["rotary"])
        yield at.project("head_weights", head_weights=heads)
        compressed = Compressor(at, ratio, self.series, width, rotated, role="index")
        yield from compressed.lower()
        yield at.attend(
            "score",
            self._pairs(at, ratio, top_k=None),
            compressed.entries,
            n_heads=heads,
            n_kv_heads=1,
            qk_head_dim=width,
            v_head_dim=0,
            states=(compressed.kept(),),
            steps=STEPS["activation"] + STEPS["gate"] + STEPS["add"],
            variant="index",
        )

    def _pairs(self, at: Site, ratio: Size, top_k: int | None) -> Size:
        """Count the (query, entry) pairs of one sequence."""
        full = at.load.attention == "full"
        return at.pairs(
            lambda new, cached: new * ((cached + new) // ratio) if full else compressed_pairs(new, cached, ratio, top_k)
        )

    def _attend(self, at: Site) -> Op:
        """Return one attention over the window and the entries, as one softmax takes them."""
        attention = at.load.attention
        pairs = at.pairs(lambda new, cached: self.span.pairs(new, cached, attention))
        keys = at.resident(self.span)
        states: tuple[State, ...] = (at.cache("window", self.span, self.head_dim),)
        if self.ratio is not None:
            top_k = self.indexer.top_k if self.indexer else None
            compressed = Compressor(at, self.ratio, self.series, self.head_dim, 0)
            pairs, keys = pairs + self._pairs(at, self.ratio, top_k), keys + compressed.entries
            states += (compressed.kept(top_k),)
        return at.attend(
            "attend",
            pairs,
            keys,
            n_heads=self.n_heads,
            n_kv_heads=1,
            qk_head_dim=self.head_dim,
            v_head_dim=self.head_dim,
            states=states,
            weights=(at.weight("sinks", self.n_heads, split="out", units=self.n_heads),) if self.sinks else (),
        )


class Compressor:
    """What turns ``ratio`` tokens into one entry of ``width``, and what it must remember to do so."""

    def __init__(self, at: Site, ratio: Size, series: Size, width: Size, rotated: Size, role: str = "kv") -> None:
        self.at, self.ratio, self.series, self.width, self.rotated, self.role = at, ratio, series, width, rotated, role
        self.context, self.cached = at.share(at.context), at.share(at.cached)
        self.entries = self.context // ratio  # closed so far
        self.before = self.cached // ratio  # closed by earlier steps

    def lower(self) -> Iterator[Op]:
        """Yield the projections of every token and the pooling of every group that closes."""
        at, ratio, width = self.at, self.ratio, self.width
        columns = self.series * width
        projected = at.project("compress", kv=columns, gate=columns)
        projected.states = self._open()
        yield projected
        closed = at.batch * (self.entries - self.before)
        # Every value of a group: its gate's bias and softmax, the product and the sum.
        steps = 2 * STEPS["add"] + STEPS["softmax"] + STEPS["gate"]
        bias = at.weight("position_bias", ratio, columns)
        yield at.vector("pool", ratio * columns, steps, inputs=2, weights=(bias,), tokens=closed)
        yield at.norm("norm", width, tokens=closed)
        yield at.vector("entry_rope", self.rotated, STEPS["rotary"], tokens=closed)

    def kept(self, top_k: int | None = None) -> State:
        """Return the entries; engines allocate one for a group that is open."""
        return self.at.entries(
            "entries",
            self.entries,
            self.width,
            read=self.before if top_k is None else minimum(self.before, top_k),
            written=self.entries - self.before,
            most=-(-self.context // self.ratio),
            kind="compressed",
            role=self.role,
        )

    def _open(self) -> tuple[State, ...]:
        """Return the open group, and the last closed one where the next entry needs it.

        Both are projections as they were computed, so they have the activations' dtype.
        """
        at, ratio = self.at, self.ratio
        stored = at.runs if at.keeps else 0
        left, held = self.cached - self.before * ratio, self.context - self.entries * ratio
        columns = 2 * self.series * self.width
        written = minimum(held, self.context - self.cached)
        group = State("open", "compressed", held, left, written, held, held, stored, "activations", 1, columns)
        if self.series == 1:
            return (group,)
        closed = indicator(self.entries > self.before)
        kept, read = ratio * indicator(self.entries > 0), ratio * closed * indicator(self.before > 0)
        overlap = State(
            "overlap", "compressed", kept, read, ratio * closed, kept, kept, stored, "activations", 1, 2 * self.width
        )
        return (group, overlap)
