"""The lightning indexer: a small attention that picks the keys a large one reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import model_validator

from costmodel.block import Count, Impossible, Model, Natural
from costmodel.blocks.parts.pools import Pools, pooled_pairs, selected_pairs
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, minimum
from costmodel.spans import Span
from costmodel.steps import STEPS
from costmodel.things import State


class Indexer(Model):
    """Score every key in ``n_heads`` small heads and keep the ``top_k`` best.

    Heads are weighed by a projection of the hidden state and summed, which is one more column in
    the weighted sum. ``queries`` come from the query latent, or from the hidden state, which then
    has a norm of its own before them. Kept per token: one key of ``head_dim``. Every device of a
    plan has all heads, since the choice needs all their scores.

    ``pool``: so many tokens share one key, and ``top_k`` is read in whole groups of them; tokens of
    the group that is still open are always read. ``pooling: gate`` weighs the keys of a group by a
    projection of the hidden state and a learned bias by place; ``mean`` averages them, with norms on
    heads of queries and on the mean, and sums the scores of the heads as they are. Kept then: one
    key a closed group, and the keys (and gates) of the open one. ``rope_dim``: the rotated part of a
    head.
    Source: DeepSeek-V3.2-Exp technical report, section 2.1 (equation 1); from the hidden state:
    transformers' mistral_large4 (without its learned scale by position); pooled: transformers'
    glm5_next (``gate``) and qwen4_exp (``mean``), which keep raw keys and pool them at every step.
    """

    n_heads: Count
    head_dim: Count
    top_k: Count
    queries: Literal["latent", "hidden"] = "latent"
    pool: Count | None = None
    pooling: Literal["gate", "mean"] = "gate"
    rope_dim: Natural | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Indexer:
        if self.pool and self.top_k % self.pool:
            raise Impossible(f"top_k {self.top_k} is not a multiple of pool {self.pool}", "top_k")
        if self.pooling == "mean" and not self.pool:
            raise Impossible("pooling says how groups of keys become one, and there is no pool", "pooling", "add pool")
        if self.pooling == "mean" and self.queries != "hidden":
            raise Impossible("pooling: mean takes queries from the hidden state", "queries", "queries: hidden")
        return self

    @property
    def most(self) -> int:
        """Return the most keys that one query reads: the chosen ones, and an open group."""
        return self.top_k + (self.pool - 1 if self.pool else 0)

    def limit(self, state: State, _cached: Size) -> None:
        """Cut what a cache reads to what one query needs, since all queries may pick the same keys."""
        state.read = minimum(state.read, self.most)
        state.fresh = minimum(state.fresh, self.most - state.read)

    def lower(self, at: Site, latent: Size | None) -> Iterator[Op]:
        """Yield the operations; ``latent`` is the width of the query latent."""
        heads, width = self.n_heads, self.head_dim
        rotated = width if self.rope_dim is None else self.rope_dim
        hidden = self.queries == "hidden" or latent is None
        yield at.project("q", d_in=at.width if hidden else latent, q=heads * width)
        if self.pool is not None:
            yield from self._pooled(at, self.pool, rotated)
            return
        yield at.project("k", k=width)
        yield at.norm("k_norm", width, kind="layer")
        if hidden:
            yield at.norm("q_norm", kind="layer")
        yield at.project("head_weights", head_weights=heads)
        yield at.vector("rope", (heads + 1) * rotated, STEPS["rotary"])
        yield self.score(at, at.cache("index", Span(), width, role="index", kind="index"))

    def _pooled(self, at: Site, pool: int, rotated: int) -> Iterator[Op]:
        """Yield everything but the projection of the queries, where groups of keys are scored."""
        heads, width, mean = self.n_heads, self.head_dim, self.pooling == "mean"
        pools = Pools(at, pool, width, gated=not mean)
        yield pools.project()
        if mean:
            yield at.norm("q_norm", width, count=heads)
        else:
            yield at.norm("k_norm", width, kind="layer")
            yield at.project("head_weights", head_weights=heads)
        if rotated:
            yield at.vector("rope", heads * rotated, STEPS["rotary"])
        yield from pools.lower(rotated)
        attention = at.load.attention
        yield at.attend(
            "score",
            at.pairs(lambda new, cached: pooled_pairs(new, cached, pool, attention)),
            pools.entries,
            n_heads=heads,
            n_kv_heads=1,
            qk_head_dim=width,
            v_head_dim=0 if mean else 1,
            states=(pools.kept(),),
            steps=STEPS["activation"] + (STEPS["add"] if mean else 0),
            variant="index",
        )

    def score(self, at: Site, cache: State) -> Op:
        """Return the scores of every key; ReLU instead of softmax, one step a score."""
        attention = at.load.attention
        return at.attend(
            "score",
            at.pairs(lambda new, cached: Span().pairs(new, cached, attention)),
            at.context,
            n_heads=self.n_heads,
            n_kv_heads=1,
            qk_head_dim=self.head_dim,
            v_head_dim=1,
            states=(cache,),
            steps=STEPS["activation"],
            variant="index",
        )

    def selected(self, new: Size, cached: Size) -> Size:
        """Count the pairs of one sequence and head that are left after the choice, causally."""
        if self.pool is None:
            return Span(window=self.top_k).pairs(new, cached, "causal")
        return selected_pairs(new, cached, self.pool, self.top_k)
