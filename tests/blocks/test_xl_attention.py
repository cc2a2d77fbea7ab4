"""Transformer-XL's attention by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, refused, rows

XL: dict[str, Any] = {"kind": "xl_attention", "n_heads": 2, "head_dim": 3}
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
PLAIN = {
    "q": (60, 240, 0),  # 10 * 2*3
    "kv": (120, 1200, 0),  # twice that, of 5 tokens
    "r": (60, 720, 0),  # of 6 distances: 5 to 0
    "biases": (12, 0, 24),  # two sums
    "attend": (0, 324, 108),  # 2 * 2 heads * (6 + 3) * 9 pairs; 6 * 2 * 9
    "o": (60, 240, 0),
}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"segments": 2}, {"attend": (18, 324, 108)}),
        # 2 of memory: 4 tokens, 5 distances, 3 + 4 pairs.
        ({"memory": 2}, {"kv": (120, 960, 0), "r": (60, 600, 0), "attend": (0, 252, 84)}),
        # Both ways: distances 5 to -1, and 2 * 5 pairs.
        ({"causal": False}, {"r": (60, 840, 0), "attend": (0, 360, 120)}),
        # The largest distance is 4 then.
        ({"spare_distance": False}, {"r": (60, 600, 0)}),
        ({"causal": False, "spare_distance": False}, {"r": (60, 720, 0), "attend": (0, 360, 120)}),
        ({"bias": ["q", "k", "o"]}, {"q": (66, 240, 12), "kv": (126, 1200, 30), "o": (70, 240, 20)}),
    ],
    ids=str,
)
def test_by_hand(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert rows(block(XL | fields)) == PLAIN | changed


@pytest.mark.parametrize(("memory", "kept"), [(None, (5, 3, 2)), (2, (2, 2, 2)), (4, (4, 3, 2))])
def test_hidden_states_are_kept(memory: int | None, kept: tuple[int, int, int]) -> None:
    (state,) = [state for op in block(XL | {"memory": memory}) for state in op.states]
    assert (state.width, (state.kept, state.read, state.written)) == (10, kept)


def test_all_tokens_are_remembered() -> None:
    (found,) = refused(XL | {"keep": "1/2"})
    assert found.startswith("blocks.it.keep: memory is of all tokens")
