"""Compressed convolutional attention and routers with a network of their own, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, moved, refused, rows, spec

from costmodel import figures
from costmodel.ops import Attend
from costmodel.workload import Workload

CCA: dict[str, Any] = {
    "kind": "cca", "n_heads": 4, "n_kv_heads": 2, "head_dim": 3, "d_conv": 3, "d_conv_heads": 2,
}  # fmt: skip
MOE: dict[str, Any] = {"kind": "moe", "n_experts": 3, "top_k": 1, "d_ff": 4}

Rows = dict[str, tuple[int, int, int]]
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
OF_CCA: Rows = {
    "q": (120, 480, 0),
    "kv": (120, 480, 0),  # keys 6, values 3 + 3
    "delay": (0, 0, 0),
    "mean_q": (0, 0, 48),  # 2 * 12 * 2
    "mean_k": (0, 0, 24),  # a sum of two and its share, 2 * 6 * 2
    "conv": (72, 216, 36),  # 18 channels of 3 taps and a bias
    "conv_heads": (126, 432, 36),  # 18 channels of 3 inputs and 2 taps, and a bias
    "add": (0, 0, 36),
    "q_norm": (0, 0, 72),  # 3 * 12 * 2
    "k_norm": (0, 0, 36),
    "temperature": (2, 0, 12),
    "rope": (0, 0, 108),  # 3 * (4+2)*3 * 2
    "attend": (0, 432, 180),  # 2 * 4 * 6 * 9 pairs; 5 * 4 * 9
    "o": (120, 480, 0),
}
OF_ROUTER: Rows = {
    "router.down": (55, 200, 10),
    "router.carried": (5, 0, 20),
    "router.norm": (5, 0, 40),
    "router.first": (30, 100, 10),
    "router.first_activation": (0, 0, 10),
    "router.second": (30, 100, 10),
    "router.second_activation": (0, 0, 10),
    "router.scores": (15, 60, 0),
    "router.choice": (0, 0, 30),
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"bias": True}, {"q": (132, 480, 24), "kv": (132, 480, 24), "o": (130, 480, 20)}),
        ({"rope_dim": 2}, {"rope": (0, 0, 72)}),
        ({"window": 3}, {"attend": (0, 288, 120)}),  # 3 pairs each
        # Keys of 5: the late part of a value is 2, the other one 3.
        (
            {"n_heads": 1, "n_kv_heads": 1, "head_dim": 5},
            {
                "q": (50, 200, 0),
                "kv": (100, 400, 0),
                "mean_q": (0, 0, 20),
                "mean_k": (0, 0, 10),
                "conv": (40, 120, 20),
                "conv_heads": (110, 400, 20),
                "add": (0, 0, 20),
                "q_norm": (0, 0, 30),
                "k_norm": (0, 0, 30),
                "temperature": (1, 0, 10),
                "rope": (0, 0, 60),
                "attend": (0, 180, 45),
                "o": (50, 200, 0),
            },
        ),
    ],
    ids=str,
)
def test_operations_by_hand(fields: dict[str, Any], expected: Rows) -> None:
    assert rows(block(CCA | fields)) == OF_CCA | expected


def test_values_are_halves() -> None:
    kv = next(op for op in block(CCA | {"n_heads": 1, "n_kv_heads": 1, "head_dim": 5}) if op.path.endswith(".kv"))
    assert {w.name: w.shape[0] for w in kv.weights} == {"k": 5, "v": 3, "v_delayed": 2}
    assert kv.beside  # type: ignore[attr-defined]


@pytest.mark.parametrize(("cached", "window", "kept"), [(3, None, 5), (3, 4, 4), (0, 4, 2)])
def test_states(cached: int, window: int | None, kept: int) -> None:
    data = CCA | ({"window": window} if window else {})
    found = {s.name: s for op in block(data, cached_tokens=cached) for s in op.states}
    assert {name: (s.kind, s.role, s.kept, s.width, s.units) for name, s in found.items()} == {
        "delayed": ("recurrent", "conv", 1, 3, 2),
        "conv": ("conv", "conv", 1, 18 * 3, 2),
        "conv_heads": ("conv", "conv", 1, 18 * 2, 2),
        "kv": ("window" if window else "full", "kv", kept, 12, 2),
    }
    model = spec(blocks={"it": data}, mixer="it")
    cache = figures.cache(model.lower(Workload(new_tokens=2, cached_tokens=cached)))
    assert (cache.bytes, cache.state_bytes) == (2 * (93 + 12 * kept), 2 * 93)


def test_pieces_and_sizes() -> None:
    ops = block(CCA)
    groups, heads = ("out", 2), ("out", 4)
    assert {w.name: (w.split, w.units) for op in ops for w in op.weights if not w.name.endswith("bias")} == {
        "q": heads, "k": groups, "v": groups, "v_delayed": groups, "conv": groups, "conv_heads": groups,
        "temperature": groups, "o": ("in", 4),
    }  # fmt: skip
    assert {w.name: w.shape for op in ops for w in op.weights if w.name.startswith("conv")} == {
        "conv": (18, 3), "conv.bias": (18,), "conv_heads": (18, 3, 2), "conv_heads.bias": (18,),
    }  # fmt: skip
    (attend,) = [op for op in ops if isinstance(op, Attend)]
    assert (attend.n_heads, attend.n_kv_heads, attend.qk_head_dim, attend.v_head_dim, attend.keys) == (4, 2, 3, 3, 5)
    found = moved(ops)
    operands = {"delay": 1, "mean_q": 2, "mean_k": 2, "add": 2, "temperature": 1, "rope": 1}
    assert {name: found[name][0] // found[name][1] for name in operands} == operands


@pytest.mark.parametrize(
    ("fields", "words", "details", "reach"),
    [
        ({}, "cca", "4 heads, 2 kv heads, head_dim 3, taps 3 + 2", None),
        ({"window": 7}, "cca window", "window 7, 4 heads, 2 kv heads, head_dim 3, taps 3 + 2", 6 + 3),
        (
            {"window": 7, "d_conv": 1, "d_conv_heads": 1},
            "cca window",
            "window 7, 4 heads, 2 kv heads, head_dim 3, taps 1 + 1",
            6 + 1,
        ),
    ],
)
def test_in_words(fields: dict[str, Any], words: str, details: str, reach: int | None) -> None:
    found = spec(blocks={"it": CCA | fields}, mixer="it").blocks["it"]
    assert (found.describe(), found.details(), found.reach()) == (words, details, reach)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"n_kv_heads": 3}, "n_heads: n_heads 4 is not a multiple of n_kv_heads 3 (AC120) 3, 6; or n_kv_heads 1, 2, 4"),
        ({"rope_dim": 4}, "rope_dim: rope_dim 4 is more than head_dim 3 (AC120)"),
    ],
)
def test_what_cannot_be(fields: dict[str, Any], problem: str) -> None:
    assert refused(CCA | fields) == [f"blocks.it.{problem}"]
    spec(blocks={"it": CCA | {"rope_dim": 3}}, mixer="it")


def test_routers_with_a_network() -> None:
    found = rows(block(MOE | {"router": {"hidden": 5, "carried": True}}))
    assert {name: row for name, row in found.items() if name.startswith("router.")} == OF_ROUTER
    first = rows(block(MOE | {"router": {"hidden": 5, "bias": True}}))
    expected = OF_ROUTER | {"router.scores": (18, 60, 6)}
    del expected["router.carried"]
    assert {name: row for name, row in first.items() if name.startswith("router.")} == expected
    carried = moved(block(MOE | {"router": {"hidden": 5, "carried": True}}))["router.carried"]
    assert carried == (20, 10)  # its own values and those of the layer before


def test_what_is_carried_must_be_hidden() -> None:
    problem = "blocks.it.router.carried: carried adds to hidden values, and there are none (AC120) add hidden"
    assert refused(MOE | {"router": {"carried": True}}) == [problem]
