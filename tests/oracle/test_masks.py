"""Pairs of prefixes and of blocks are the ones in the masks that transformers makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.spans import Span

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch")
masking = pytest.importorskip("transformers.masking_utils")


def ones(tokens: int, groups: Any, window: int | None = None) -> list[int]:
    """Return how many keys each of so many tokens sees; tokens of one group, not -1, see each other."""
    from transformers import DynamicCache, Gemma3TextConfig

    config = Gemma3TextConfig(sliding_window=window or 99, attn_implementation="eager")
    make = masking.create_sliding_window_causal_mask if window else masking.create_causal_mask
    found = make(
        config=config,
        inputs_embeds=torch.zeros(1, tokens, 4),
        attention_mask=None,
        past_key_values=DynamicCache(config=config),
        block_sequence_ids=torch.tensor([groups]),
    )
    return [int(n) for n in (found[0, 0] == 0).sum(-1)]


@settings(max_examples=60, deadline=None)
@given(tokens=st.integers(1, 24), prefix=st.integers(0, 30), window=st.none() | st.integers(1, 9))
def test_a_prefix_as_transformers_masks_it(tokens: int, prefix: int, window: int | None) -> None:
    # As paligemma does: one group of the prefix, none of what follows.
    seen = ones(tokens, [0 if t < prefix else -1 for t in range(tokens)], window)
    assert Span(window=window, prefix=prefix).pairs(tokens, 0, "causal") == sum(seen)


@settings(max_examples=60, deadline=None)
@given(tokens=st.integers(1, 24), block=st.integers(1, 9), data=st.data())
def test_blocks_as_transformers_masks_them(tokens: int, block: int, data: st.DataObject) -> None:
    seen = ones(tokens, [t // block for t in range(tokens)])
    assert Span(block=block).pairs(tokens, 0, "causal") == sum(seen)
    # What is cached in whole blocks has seen none of what follows: later steps are the rows that are left.
    cached = block * data.draw(st.integers(0, tokens // block))
    assert Span(block=block).pairs(tokens - cached, cached, "causal") == sum(seen[cached:])
