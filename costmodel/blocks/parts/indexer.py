"""The lightning indexer: a small attention that picks the keys a large one reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from costmodel.block import Count, Model
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.spans import Span
from costmodel.steps import STEPS
from costmodel.things import State


class Indexer(Model):
    """Score every key in ``n_heads`` small heads and keep the ``top_k`` best.

    Heads are weighed by a projection of the hidden state and summed, which is one more column in
    the weighted sum. ``queries`` come from the query latent, or from the hidden state, which then
    has a norm of its own before them; ``position_scale`` multiplies them by a learned scale of a head
    times the log of the position, plus a learned offset. Kept per token: one key of ``head_dim``. Every device of a
    plan has all heads, since the choice needs all their scores.
    Source: DeepSeek-V3.2-Exp technical report, section 2.1 (equation 1); from the hidden state:
    transformers' mistral_large4.
    """

    n_heads: Count
    head_dim: Count
    top_k: Count
    queries: Literal["latent", "hidden"] = "latent"
    position_scale: bool = False

    def lower(self, at: Site, latent: Size | None, *, rope: bool = True) -> Iterator[Op]:
        """Yield the operations; ``latent`` is the width of the query latent. It rotates where its layer does."""
        heads, width = self.n_heads, self.head_dim
        d_query = at.width if self.queries == "hidden" or latent is None else latent
        yield at.project("q", d_in=d_query, q=heads * width)
        yield at.project("k", k=width)
        yield at.norm("k_norm", width, kind="layer")
        if self.queries == "hidden":
            yield at.norm("q_norm", kind="layer")
        yield at.project("head_weights", head_weights=heads)
        if rope:
            yield at.vector("rope", (heads + 1) * width, STEPS["rotary"])
        if self.position_scale:
            yield position_scale(at, heads, width)
        yield self.score(at, at.cache("index", Span(), width, role="index", kind="index"))

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

    def selected(self) -> Span:
        """Return the span of the keys that are read after the choice: at most ``top_k``."""
        return Span(window=self.top_k)


def position_scale(at: Site, n_heads: Size, head_dim: Size) -> Op:
    """Return queries times a learned scale of their head by position: one product a value."""
    weights = tuple(at.weight(f"position_{name}", n_heads) for name in ("scale", "offset"))
    return at.vector("position_scale", n_heads * head_dim, 1, weights=weights)
