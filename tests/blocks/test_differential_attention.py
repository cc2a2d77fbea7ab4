"""Differential attention by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, refused, rows

from costmodel.blocks.differential_attention import DifferentialAttention
from costmodel.ops import Attend

DIFFERENTIAL: dict[str, Any] = {"kind": "differential_attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 3}
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
PLAIN = {
    "q": (120, 480, 0),  # 10 * 4*3
    "kv": (120, 480, 0),  # 10 * (2*3 + 2*3)
    "rope": (0, 0, 108),  # 3 steps * (4+2) * 3 * 2
    "attend": (0, 648, 180),  # 2 * 4 heads * (3 + 6) * 9 pairs; 5 * 4 * 9
    "difference": (12, 0, 72),  # four vectors of 3; 3 steps * 2 pairs * 6 * 2
    "out_norm": (0, 0, 72),  # 3 * 2*6 * 2
    "o": (120, 480, 0),
}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"norm_weight": True}, {"out_norm": (6, 0, 96)}),
        ({"rope_dim": 2}, {"rope": (0, 0, 72)}),
        ({"window": 4}, {"attend": (0, 576, 160)}),  # 8 pairs
        ({"bias": ["q", "v", "o"]}, {"q": (132, 480, 24), "kv": (126, 480, 12), "o": (130, 480, 20)}),
        (
            {"n_kv_heads": None},
            {"kv": (240, 960, 0), "rope": (0, 0, 144)},
        ),
    ],
)
def test_operations_by_hand(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert rows(block(DIFFERENTIAL | fields)) == PLAIN | changed


def test_nothing_is_rotated_without_positions() -> None:
    assert "rope" not in rows(block(DIFFERENTIAL | {"rope": False}))


def test_a_pair_of_key_heads_has_one_value_and_stays_together() -> None:
    found = next(op for op in block(DIFFERENTIAL) if isinstance(op, Attend))
    assert (found.n_heads, found.n_kv_heads, found.qk_head_dim, found.v_head_dim, found.keys) == (4, 2, 3, 6, 5)
    (state,) = found.states
    assert (state.width, state.kept, state.units) == (12, 5, 1)


def test_words_and_reach() -> None:
    plain, local = (DifferentialAttention(**DIFFERENTIAL | more) for more in ({}, {"window": 8}))
    assert (plain.describe(), plain.reach()) == ("differential", None)
    assert (local.describe(), local.reach()) == ("differential window", 7)
    assert local.details() == "window 8, 4 heads in pairs, 2 kv heads, head_dim 3"
    assert plain.details().startswith("full, ")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"n_heads": 3, "n_kv_heads": None}, "blocks.it.n_heads: heads work in pairs, and n_heads is 3 (AC120)"),
        ({"n_kv_heads": 1}, "blocks.it.n_kv_heads: heads work in pairs, and n_kv_heads is 1 (AC120)"),
        ({"n_kv_heads": 3}, "blocks.it.n_heads: n_heads 4 is not a multiple of n_kv_heads 3 (AC120)"),
        ({"rope_dim": 4}, "blocks.it.rope_dim: rope_dim 4 is more than head_dim 3 (AC120)"),
        ({"bias": ["gate"]}, 'blocks.it.bias: bias knows no "gate" (AC103)'),
    ],
)
def test_what_it_cannot_be(fields: dict[str, Any], expected: str) -> None:
    (found,) = refused(DIFFERENTIAL | fields)
    assert found.startswith(expected)
