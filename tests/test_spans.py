"""Closed forms of the pairs that are attended equal counting them one by one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.spans import (
    Span,
    block_pairs,
    blockwise_pairs,
    causal_pairs,
    chunk_pairs,
    compressed_pairs,
    mutual_pairs,
)

SMALL = st.integers(0, 40)


def positions(new: int, cached: int) -> range:
    """The positions, from 1, of the new tokens."""
    return range(cached + 1, cached + new + 1)


@pytest.mark.parametrize(
    ("new", "cached", "window", "expected"),
    [
        (4, 0, None, 10),  # 1 + 2 + 3 + 4
        (1, 9, None, 10),  # the last token sees 10
        (4, 0, 2, 7),  # 1 + 2 + 2 + 2
        (3, 5, 4, 12),  # 4 + 4 + 4: the window is full
        (0, 7, 3, 0),
    ],
)
def test_causal_pairs_by_hand(new: int, cached: int, window: int | None, expected: int) -> None:
    assert causal_pairs(new, cached, window) == expected


@given(new=SMALL, cached=SMALL, window=st.none() | st.integers(1, 60))
def test_causal_pairs_counts_what_a_loop_counts(new: int, cached: int, window: int | None) -> None:
    assert causal_pairs(new, cached, window) == sum(min(p, window or p) for p in positions(new, cached))


@given(new=SMALL, cached=SMALL, chunk=st.integers(1, 60))
def test_chunk_pairs_counts_what_a_loop_counts(new: int, cached: int, chunk: int) -> None:
    assert chunk_pairs(new, cached, chunk) == sum((p - 1) % chunk + 1 for p in positions(new, cached))


@given(new=SMALL, cached=SMALL, chunk=st.integers(1, 60))
def test_tokens_of_a_chunk_that_see_each_other_are_counted_one_by_one(new: int, cached: int, chunk: int) -> None:
    every = range(cached + new)
    expected = sum(q // chunk == k // chunk for q in every[cached:] for k in every)
    assert mutual_pairs(new, cached, chunk) == expected
    assert Span(chunk=chunk, causal=False).pairs(new, cached, "causal") == expected


@given(new=SMALL, cached=SMALL, block=st.integers(1, 60))
def test_tokens_that_see_their_block_and_all_before_it_are_counted_one_by_one(
    new: int, cached: int, block: int
) -> None:
    every = range(cached + new)
    span = Span(block=block)
    assert span.pairs(new, cached, "causal") == sum(k // block <= q // block for q in every[cached:] for k in every)
    assert (span.kept(cached + new), span.read(cached)) == (cached + new, cached)


def test_blocks_of_diffusion_by_hand() -> None:
    # Two whole blocks of 4 after 8 tokens: 4 queries see 12 keys, 4 see 16.
    assert blockwise_pairs(8, 8, 4) == 4 * 12 + 4 * 16
    # Of a block in the making, what is there: 2 tokens see 10.
    assert blockwise_pairs(2, 8, 4) == 2 * 10
    # One denoising step of a block of 32 at a context of 4,096.
    assert blockwise_pairs(32, 4064, 32) == 32 * 4096
    assert blockwise_pairs(9, 5, 1) == causal_pairs(9, 5)


@given(new=SMALL, cached=SMALL, prefix=SMALL, window=st.none() | st.integers(1, 20))
def test_a_prefix_adds_the_pairs_within_it(new: int, cached: int, prefix: int, window: int | None) -> None:
    span = Span(window=window, prefix=prefix)
    context = cached + new
    resident = range(cached - span.read(cached), context)
    seen = sum(
        (k <= q and (window is None or q - k < window)) or (q < prefix and k < prefix)
        for q in range(cached, context)
        for k in resident
    )
    assert span.pairs(new, cached, "causal") == seen
    assert span.pairs(new, cached, "full") == new * len(resident)


def test_a_prefix_by_hand() -> None:
    # 3 tokens see each other, the 4th and 5th all before them.
    assert Span(prefix=3).pairs(5, 0, "causal") == 3 * 3 + 4 + 5
    # The first 2 were computed before: the third sees what is there, as in any step.
    assert Span(prefix=3).pairs(3, 2, "causal") == 3 + 4 + 5
    assert Span(prefix=4).pairs(3, 2, "causal") == 2 * 4 + 5


@given(new=SMALL, cached=SMALL, ratio=st.integers(1, 9), top_k=st.none() | st.integers(1, 6))
def test_compressed_pairs_counts_what_a_loop_counts(new: int, cached: int, ratio: int, top_k: int | None) -> None:
    entries = [p // ratio for p in positions(new, cached)]
    expected = sum(entries if top_k is None else (min(n, top_k) for n in entries))
    assert compressed_pairs(new, cached, ratio, top_k) == expected


@given(
    new=st.integers(1, 30),
    cached=SMALL,
    window=st.integers(1, 20),
    sinks=st.integers(0, 5),
    page=st.integers(1, 9),
)
def test_a_window_keeps_reads_and_sees_what_a_mask_says(
    new: int, cached: int, window: int, sinks: int, page: int
) -> None:
    span = Span(window=window, sink_tokens=sinks)
    context = new + cached

    def seen(p: int) -> set[int]:
        return {k for k in range(1, p + 1) if k <= sinks or k > p - window}

    # The closed form caps what is seen at window + sink tokens: exact once the window has left the
    # sinks behind, and before that as well, since everything is then seen.
    assert span.pairs(new, cached, "causal") == sum(len(seen(p)) for p in positions(new, cached))
    assert span.kept(context) == len(seen(context))
    first = cached + 1
    assert span.read(cached) == len(seen(first) - {first})
    assert span.pairs(new, cached, "full") == new * (span.read(cached) + new)
    assert span.paged(context, page) >= span.kept(context)


@given(start=st.integers(0, 50), window=st.integers(1, 40), page=st.integers(1, 16))
def test_a_window_touches_no_more_pages_than_allocated(start: int, window: int, page: int) -> None:
    touched = {token // page for token in range(start, start + window)}
    assert len(touched) * page <= Span(window=window).paged(10**6, page)


@given(new=st.integers(1, 40), cached=SMALL, block=st.integers(1, 7), top=st.integers(1, 5))
def test_blocks_of_keys_are_counted_query_by_query(new: int, cached: int, block: int, top: int) -> None:
    def seen(position: int) -> int:  # the own block as far as it goes, and whole ones before it
        own = (position - 1) % block + 1
        return own + block * min(top - 1, (position - 1) // block)

    assert block_pairs(new, cached, block, top) == sum(seen(p) for p in positions(new, cached))


def test_some_window_touches_all_the_pages_allocated() -> None:
    for window in range(1, 40):
        for page in range(1, 17):
            most = max(len({t // page for t in range(s, s + window)}) for s in range(page))
            assert most * page == Span(window=window).paged(10**6, page)


def test_pages_of_sink_tokens_by_hand() -> None:
    # A window of 5 touches (5-2)//4 + 2 = 2 pages of 4, 3 sink tokens one, 5 of them two.
    assert Span(window=5, sink_tokens=3).paged(40, 4) == 3 * 4
    assert Span(window=5, sink_tokens=5).paged(40, 4) == 4 * 4
    assert Span(window=5, sink_tokens=5).paged(9, 4) == 3 * 4  # no more than there are tokens
    assert Span(chunk=5).paged(40, 4) == 2 * 4


@given(new=st.integers(1, 20), cached=SMALL)
def test_both_ways_every_token_sees_every_token(new: int, cached: int) -> None:
    span = Span(causal=False)
    assert span.pairs(new, cached, "causal") == span.pairs(new, cached, "full") == new * (new + cached)


@pytest.mark.parametrize(
    ("span", "share", "window", "sinks"),
    [
        (Span(window=6), Fraction(1, 2), 3, 0),
        (Span(window=6, sink_tokens=3), Fraction(2, 3), 4, 2),
        (Span(window=7, sink_tokens=2), Fraction(2, 3), 4, 2),  # 14/3 rounded down, 4/3 rounded up
        (Span(chunk=6), Fraction(1, 2), 3, 0),
        (Span(window=6), Fraction(1, 8), 1, 0),  # the token itself
    ],
)
def test_a_span_counted_in_the_tokens_that_are_kept(span: Span, share: Fraction, window: int, sinks: int) -> None:
    assert span.thinned(share) == Span(window, None, sinks)


def test_a_span_without_a_limit_stays_one() -> None:
    for span in (Span(), Span(causal=False)):
        assert span.thinned(Fraction(1, 2)) == span
