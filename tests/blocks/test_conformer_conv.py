"""The convolution module of a conformer by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, refused, rows

CONV: dict[str, Any] = {"kind": "conformer_conv", "d_conv": 3, "d_inner": 4}
# Two tokens of a model 10 wide: (parameters, FLOPs, elementwise steps).
PLAIN = {
    "in": (80, 320, 0),  # 10 * 2*4
    "gated": (0, 0, 16),  # a sigmoid, a product
    "conv": (12, 48, 0),  # 3 taps of 4 channels
    "norm": (8, 0, 16),  # weight and bias; a product and a sum
    "activation": (0, 0, 8),
    "out": (40, 160, 0),
}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"norm": "layer"}, {"norm": (8, 0, 56)}),
        ({"gate_bias": True}, {"gated": (8, 0, 32)}),
        ({"bias": ["in", "conv", "out"]}, {"in": (88, 320, 16), "conv": (16, 48, 8), "out": (50, 160, 20)}),
        ({"pointwise": True, "bias": ["pointwise"]}, {"pointwise": (20, 64, 8)}),
    ],
    ids=str,
)
def test_by_hand(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert rows(block(CONV | fields)) == PLAIN | changed


def test_without_a_norm() -> None:
    assert rows(block(CONV | {"norm": None})) == {k: v for k, v in PLAIN.items() if k != "norm"}


def test_the_statistics_of_a_batch_norm_are_buffers() -> None:
    roles = [weight.role for op in block(CONV) if op.path.endswith("norm") for weight in op.weights]
    assert roles == ["norm", "norm", "buffer", "buffer"]


@pytest.mark.parametrize(("causal", "kept"), [(False, []), (True, [12])])
def test_only_taps_that_look_back_are_kept(causal: bool, kept: list[int]) -> None:
    assert [state.width for op in block(CONV | {"causal": causal}) for state in op.states] == kept


def test_what_cannot_be() -> None:
    (found,) = refused(CONV | {"bias": ["pointwise"]})
    assert found.startswith('blocks.it.bias: bias names "pointwise"')
    (found,) = refused(CONV | {"keep": "1/2"})
    assert found.startswith("blocks.it.keep: a window goes over all tokens")
