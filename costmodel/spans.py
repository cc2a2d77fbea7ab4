"""Which keys a query sees: pairs, resident keys, kept entries.

One sequence has ``cached`` tokens from earlier steps and ``new`` ones in this step; afterwards
its context is ``cached + new``. Every function here serves prefill, decode and what lies between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from costmodel.sizes import Size, absent, ceil_div, maximum, minimum, round_up


def triangle(n: Size) -> Size:
    """Return 1 + 2 + ... + n."""
    return n * (n + 1) // 2


def causal_pairs(new: Size, cached: Size, window: int | None = None) -> Size:
    """Count the (query, key) pairs that a causal mask keeps.

    Query i of ``new`` (from 1) sees the ``cached`` keys and i new ones, its own
    among them; a sliding window keeps the last ``window`` of these.
    """
    if window is None:
        return new * cached + triangle(new)
    growing = maximum(0, minimum(new, window - cached))  # queries that still see everything
    return growing * cached + triangle(growing) + (new - growing) * window


def chunk_pairs(new: Size, cached: Size, chunk: int) -> Size:
    """Count the pairs when a query sees only the tokens of its own chunk, itself included."""

    def below(n: Size) -> Size:
        whole = n // chunk
        return whole * triangle(chunk) + triangle(n - whole * chunk)

    return below(cached + new) - below(cached)


def mutual_pairs(new: Size, cached: Size, chunk: int) -> Size:
    """Count the pairs when the tokens of a chunk see each other, earlier and later ones."""
    before = cached - cached // chunk * chunk  # of the chunk in which the new tokens begin
    first = minimum(new, chunk - before)
    rest = new - first
    whole = rest // chunk
    last = rest - whole * chunk
    return first * (before + first) + whole * chunk * chunk + last * last


def blockwise_pairs(new: Size, cached: Size, block: int) -> Size:
    """Count the pairs when a query sees its own block, later tokens too, and all before it."""

    def below(n: Size) -> Size:
        whole = n // block
        return block * (block * triangle(whole) + (n - whole * block) * (whole + 1))

    context = cached + new
    last = context - context // block * block  # tokens of a block that is not full yet
    return below(context) - below(cached) - minimum(new, last) * (block - last)


def compressed_pairs(new: Size, cached: Size, ratio: int, top_k: int | None = None) -> Size:
    """Count the pairs with entries that stand for ``ratio`` closed tokens each.

    The query at position t (from 1) sees floor(t / ratio) entries, at most ``top_k`` of them.
    """

    def below(n: Size) -> Size:
        # The first token that sees more than top_k entries is number (top_k + 1) * ratio.
        seen = n if top_k is None else minimum(n, top_k * ratio + ratio - 1)
        whole = seen // ratio
        total = whole * (seen + 1) - ratio * triangle(whole)
        return total if top_k is None else total + (n - seen) * top_k

    return below(cached + new) - below(cached)


def block_pairs(new: Size, cached: Size, block: int, top: int) -> Size:
    """Count the pairs when a query sees ``top`` blocks of ``block`` keys: its own, as far as it goes, and whole ones.

    While there are no more blocks than that it sees everything.
    """

    def below(n: Size) -> Size:
        seen = minimum(n, top * block)
        return triangle(seen) + (n - seen) * (top - 1) * block + chunk_pairs(n - seen, 0, block)

    return below(cached + new) - below(cached)


@dataclass(slots=True, frozen=True)
class Span:
    """The keys that one attention layer can see.

    ``window`` and ``chunk`` count the query itself; ``sink_tokens`` are the first tokens of the
    sequence, always seen beside a window (StreamingLLM, arXiv:2309.17453, section 3). At most one
    of ``window`` and ``chunk`` is set. A span that is not causal sees every token of the step, or of its
    chunk, or beside a window the next ``ahead`` ones. With a ``block`` tokens see their own block whole,
    and all before it. The first ``prefix`` tokens see each other, as far as they are in memory in one step.
    """

    window: int | None = None
    chunk: int | None = None
    sink_tokens: Size = 0
    causal: bool = True
    ahead: int = 0
    block: int | None = None
    prefix: Size = 0

    @property
    def kind(self) -> str:
        """Return ``full``, ``window`` or ``chunk``."""
        return "window" if self.window else "chunk" if self.chunk else "full"

    @property
    def limit(self) -> Size | None:
        """Return the most entries that are kept, or None when all are."""
        if self.chunk:
            return self.chunk
        return self.window + self.sink_tokens if self.window else None

    def thinned(self, share: Fraction) -> Span:
        """Return the same span counted in the tokens that are kept, where only a share is: at least one."""
        if self.limit is None:
            return self
        moving = (self.limit - self.sink_tokens) * share.numerator // share.denominator
        sinks = ceil_div(self.sink_tokens * share.numerator, share.denominator)
        return Span(maximum(1, moving), None, sinks)

    def pairs(self, new: Size, cached: Size, attention: str) -> Size:
        """Count the pairs of one head and sequence: ``causal`` or ``full`` (docs/conventions.md)."""
        if attention == "full":
            return new * self.resident(new, cached)
        if not absent(self.prefix):
            first = minimum(new, maximum(0, self.prefix - cached))  # new tokens of the prefix
            rest = replace(self, prefix=0).pairs(new - first, cached + first, attention)
            return first * self.resident(first, cached) + rest
        if self.block:
            return blockwise_pairs(new, cached, self.block)
        if self.ahead:
            return causal_pairs(new, cached, self.window) + causal_pairs(new, 0, self.ahead + 1) - new
        if not self.causal:
            return mutual_pairs(new, cached, self.chunk) if self.chunk else new * (cached + new)
        if self.chunk:
            return chunk_pairs(new, cached, self.chunk)
        return causal_pairs(new, cached, self.limit)

    def resident(self, new: Size, cached: Size) -> Size:
        """Return the keys in memory during the step: those kept so far and the new ones."""
        return self.read(cached) + new

    def kept(self, context: Size) -> Size:
        """Return the entries kept after the step, the current token's included."""
        return context if self.limit is None else minimum(context, self.limit)

    def read(self, cached: Size) -> Size:
        """Return the entries left by earlier steps that this step can still see."""
        return cached if self.limit is None else minimum(cached, self.limit - 1)

    def paged(self, context: Size, page: int) -> Size:
        """Return the entries allocated when tokens come in pages.

        A window of W tokens touches at most floor((W - 2) / page) + 2 pages, whatever its start.
        """
        whole = round_up(context, page)
        if self.limit is None:
            return whole
        moving = self.limit - self.sink_tokens
        pages = (moving - 2) // page + 2 + -(-self.sink_tokens // page)
        return minimum(whole, pages * page)
