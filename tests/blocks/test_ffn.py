"""The dense feed-forward network by hand, every option of it."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, refused, rows, spec

from costmodel import figures
from costmodel.workload import Workload

PLAIN: dict[str, Any] = {"kind": "ffn", "d_ff": 7}
# Two tokens of a model 10 wide: (parameters, FLOPs, elementwise steps).
BASE = {
    "up": (140, 560, 0),  # gate and up, 10 * 7 each
    "activation": (0, 0, 28),  # activation and product, 2 * 7 * 2
    "down": (70, 280, 0),
}
UNGATED = {"up": (70, 280, 0), "activation": (0, 0, 14), "down": (70, 280, 0)}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, BASE),
        ({"gated": False}, UNGATED),
        ({"activation": "gelu"}, BASE),
        ({"bias": True}, BASE | {"up": (154, 560, 28), "down": (80, 280, 20)}),
        ({"bias": ["up"]}, BASE | {"up": (147, 560, 14)}),
        ({"bias": ["gate", "down"]}, BASE | {"up": (147, 560, 14), "down": (80, 280, 20)}),
        ({"bias": True, "gated": False}, UNGATED | {"up": (77, 280, 14), "down": (80, 280, 20)}),
        ({"scalars": 2}, BASE | {"activation": (2, 0, 28)}),
        ({"output_scale": True}, BASE | {"output_scale": (1, 0, 20)}),
        ({"inner_norm": True}, BASE | {"inner_norm": (7, 0, 56)}),  # 4 * 7 * 2
        (
            {"input_scale": 3},  # 2 tokens or 200: one vector, 2 * 3 * 10 each way; 3 activations; 10 sums; 20 products
            BASE
            | {"input_scale.down": (30, 60, 0), "input_scale.activation": (0, 0, 3), "input_scale.up": (30, 60, 0)}
            | {"input_scale.one": (0, 0, 10), "input_scale.scaled": (0, 0, 20)},
        ),
        ({"inner_norm": "layer"}, BASE | {"inner_norm": (14, 0, 98)}),  # 7 * 7 * 2
    ],
    ids=str,
)
def test_by_hand(fields: dict[str, Any], expected: dict[str, tuple[int, int, int]]) -> None:
    assert rows(block(PLAIN | fields)) == expected


def test_the_activation_reads_its_operands() -> None:
    for gated, operands in ((True, 2), (False, 1)):
        (found,) = [op for op in block(PLAIN | {"gated": gated}) if op.path.endswith("activation")]
        assert (found.takes, found.gives) == (operands * 7 * 2, 7 * 2)


def test_weights_are_cut_along_the_inner_width() -> None:
    cuts = {w.name: (w.shape, w.split, w.units, w.role) for op in block(PLAIN) for w in op.weights}
    assert cuts == {
        "gate": ((7, 10), "out", 7, "ffn"),
        "up": ((7, 10), "out", 7, "ffn"),
        "down": ((10, 7), "in", 7, "ffn"),
    }


def test_tokens_do_not_see_each_other() -> None:
    found = spec(blocks={"it": PLAIN}, ffn="it", n_layers=4)
    assert figures.reach(found) == 1
    assert figures.flops(found.lower(Workload(new_tokens=3))).parts["ffn"] == 3 * 4 * 420
    assert figures.cache(found.lower(Workload(new_tokens=3))).rows == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, "d_ff 7"), ({"gated": False}, "d_ff 7, no gate"), ({"d_ff": 14_336}, "d_ff 14,336")],
    ids=str,
)
def test_words(fields: dict[str, Any], expected: str) -> None:
    found = spec(blocks={"it": PLAIN | fields}, mixer="it").blocks["it"]
    assert (found.describe(), found.details()) == ("dense", expected)


def test_a_bias_of_a_matrix_that_is_not_there() -> None:
    (found,) = refused(PLAIN | {"bias": ["q"]})
    assert found.startswith("blocks.it.bias")


def test_a_gate_that_is_not_there_has_no_bias() -> None:
    row = 'blocks.it.bias: bias names "gate", and the block has no such projection (AC120)'
    assert refused(PLAIN | {"bias": ["gate"], "gated": False}) == [row]
    assert block(PLAIN | {"bias": ["up"], "gated": False})
