"""Self-attention and cross-attention in one softmax, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import figures
from costmodel.errors import InvalidSpec
from costmodel.validation import parse
from costmodel.workload import Workload

MERGED: dict[str, Any] = {"kind": "merged_attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 3}


def model(**changes: Any) -> Any:
    """Return a decoder of width 5 and one layer, which reads a source as wide."""
    spec = {"name": "toy", "d_model": 5, "vocab_size": 7, "n_layers": 1, "d_source": 5, "mixer": "merged"}
    return parse(spec | {"blocks": {"merged": {k: v for k, v in (MERGED | changes).items() if v is not None}}})


def of_block(load: Workload, **changes: Any) -> list[Any]:
    return [op for op in model(**changes).lower(load) if op.path.startswith("layers.merged.")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 180),  # q and o 5*12 each, k and v 5*6 each
        ({"bias": ["q", "k", "v", "o"]}, 180 + 12 + 6 + 6 + 5),
        ({"v_head_dim": 2}, 60 + 30 + 20 + 40),  # v 5*4, o 8*5
        ({"qk_norm": "head"}, 180 + 3 + 3),
        ({"source_norm": "rms"}, 180 + 5),
        ({"source_norm": "layer"}, 180 + 10),
    ],
)
def test_parameters_by_hand(changes: dict[str, Any], expected: int) -> None:
    assert sum(w.total for op in of_block(Workload(), **changes) for w in op.weights) == expected


def flops(load: Workload, **changes: Any) -> int:
    return sum(op.flops for op in of_block(load, **changes))


def test_flops_by_hand() -> None:
    # Four new tokens and six of a source: q and o 2*4*60 each, k and v of ten rows 2*10*60; 4*6 pairs with the
    # source and 1 + 2 + 3 + 4 with each other, 4 heads, 2 * (3 + 3).
    first = Workload(new_tokens=4, source_new=6)
    assert flops(first) == 2 * 480 + 1200 + (24 + 10) * 4 * 12
    assert flops(first, causal=False) == 2 * 480 + 1200 + (24 + 16) * 4 * 12
    assert flops(first, window=2) == 2 * 480 + 1200 + (24 + 7) * 4 * 12
    # One more: its own keys alone, and eleven pairs.
    assert flops(Workload(new_tokens=1, cached_tokens=4, source_cached=6)) == 2 * 120 + 120 + 11 * 4 * 12


def test_the_cache_by_hand() -> None:
    load = Workload(new_tokens=4, source_new=6)
    assert figures.cache(model().lower(load)).values == (4 + 6) * 12
    assert figures.cache(model(window=2).lower(load)).values == (2 + 6) * 12


def test_only_own_tokens_are_rotated() -> None:
    steps = {op.path: op.elementwise for op in of_block(Workload(new_tokens=4, source_new=6))}
    assert steps["layers.merged.rope"] == 4 * 18 * 3
    assert "layers.merged.rope" not in {op.path for op in of_block(Workload(new_tokens=4), rope=False)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_kv_heads": 3}, "n_heads 4 is not a multiple of n_kv_heads 3"),
        ({"window": 2, "causal": False}, "without causal every token sees every other, and the window hides some"),
        ({"keep": "1/2"}, "the source has keys for every token, and keep lets only some in"),
        ({"bias": ["gate"]}, 'bias knows no "gate"'),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        model(**changes)
    assert caught.value.message == message


def test_a_source_of_another_width_is_refused() -> None:
    spec = {"name": "toy", "d_model": 5, "vocab_size": 7, "n_layers": 1, "d_source": 6, "mixer": "merged"}
    with pytest.raises(InvalidSpec) as caught:
        parse(spec | {"blocks": {"merged": MERGED}})
    assert (caught.value.message, caught.value.where) == ("the source is 6 wide, and the layers 5", "blocks.merged")
