"""Groups of keys that share one: the keys of an indexer that scores blocks of tokens."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, minimum
from costmodel.spans import compressed_pairs, triangle
from costmodel.steps import STEPS
from costmodel.things import State


def pooled_pairs(new: Size, cached: Size, pool: int, attention: str) -> Size:
    """Count the (query, closed group) pairs of one sequence: ``causal`` or ``full``."""
    if attention == "full":
        return new * ((cached + new) // pool)
    return compressed_pairs(new, cached, pool)


def selected_pairs(new: Size, cached: Size, pool: int, top_k: int) -> Size:
    """Count the pairs when a query reads ``top_k`` tokens of closed groups at most, and those of its open one.

    The query at position t (from 1) sees t tokens up to t = top_k + pool - 1, then top_k + (t mod pool).
    """

    def open_ones(n: Size) -> Size:
        whole = n // pool
        return whole * triangle(pool - 1) + triangle(n - whole * pool)

    def below(n: Size) -> Size:
        growing = minimum(n, top_k + pool - 1)
        return triangle(growing) + top_k * (n - growing) + open_ones(n) - open_ones(growing)

    return below(cached + new) - below(cached)


class Pools:
    """What turns ``pool`` keys of ``width`` into one, and what it must remember to do so.

    ``gated``: a projection beside the key's weighs it; else the keys are averaged and normalised.
    """

    def __init__(self, at: Site, pool: int, width: int, *, gated: bool) -> None:
        self.at, self.pool, self.width, self.gated = at, pool, width, gated
        self.entries, self.before = at.context // pool, at.cached // pool

    def project(self) -> Op:
        """Return the projection to keys, and to gates; it remembers the open group."""
        at, width = self.at, self.width
        projected = at.project("k", k=width, gate=width) if self.gated else at.project("k", k=width)
        projected.states = (self._open(),)
        return projected

    def lower(self, rotated: int) -> Iterator[Op]:
        """Yield the pooling of every group that closes."""
        at, pool, width = self.at, self.pool, self.width
        closed = at.batch * (self.entries - self.before)
        if self.gated:  # a bias by place, a softmax, the product and the sum
            bias = at.weight("position_bias", pool, width)
            steps = 2 * STEPS["add"] + STEPS["softmax"] + STEPS["gate"]
            yield at.vector("pool", pool * width, steps, inputs=2, weights=(bias,), tokens=closed)
        else:
            yield at.vector("pool", pool * width, STEPS["add"], tokens=closed)
            yield at.norm("k_norm", width, tokens=closed)
        if rotated:
            yield at.vector("entry_rope", rotated, STEPS["rotary"], tokens=closed)

    def kept(self) -> State:
        """Return the keys of closed groups; engines allocate one for a group that is open."""
        most = -(-self.at.context // self.pool)
        written = self.entries - self.before
        kept, read = self.entries, self.before
        return self.at.entries(
            "index", kept, self.width, read=read, written=written, most=most, kind="index", role="index"
        )

    def _open(self) -> State:
        """Return the open group: keys and gates as they were computed, in the activations' dtype."""
        at, pool = self.at, self.pool
        left, held = at.cached - self.before * pool, at.context - self.entries * pool
        written = minimum(held, at.context - at.cached)
        width = (2 if self.gated else 1) * self.width
        stored = at.runs if at.keeps else 0
        return State("index_open", "index", held, left, written, held, held, stored, "activations", 1, width)
