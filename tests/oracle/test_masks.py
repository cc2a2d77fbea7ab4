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


@pytest.mark.parametrize(("prompt", "window"), [(7, 4), (2, 5), (9, 2), (1, 20)])
def test_a_window_that_never_drops_the_prompt_as_unlimited_ocr_runs_it(prompt: int, window: int) -> None:
    from transformers import UnlimitedOcrTextConfig, UnlimitedOcrTextModel

    sizes = {"hidden_size": 12, "num_attention_heads": 2, "num_key_value_heads": 2, "moe_intermediate_size": 5}
    config = UnlimitedOcrTextConfig(
        num_hidden_layers=2, vocab_size=20, intermediate_size=8, n_routed_experts=4, num_experts_per_tok=2,
        sliding_window=window, attn_implementation="eager", experts_implementation="eager", **sizes,
    )  # fmt: skip
    torch.manual_seed(0)
    model, cache, context = UnlimitedOcrTextModel(config).eval(), None, 0
    span = Span(window=window, sink_tokens=prompt)
    for new in (prompt, 1, 1, 3, 1, 6, 1):
        with torch.no_grad():
            out = model(torch.randint(20, (1, new)), past_key_values=cache, use_cache=True, output_attentions=True)
        seen = out.attentions[0][0, 0]
        assert int((seen > 0).sum()) == span.pairs(new, context, "causal")
        assert seen.numel() == span.pairs(new, context, "full")
        cache, context = out.past_key_values, context + new
        held = sum(t.shape[-2] for t in (cache.layers[0].keys, cache.layers[0].prefill_keys) if t.dim() > 1)
        # Of a full window transformers drops the oldest token at once, which no later query sees.
        assert held == span.read(context)
