"""What an encoder reads where it looks up no table, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small import problems, rows, spec

from costmodel import figures
from costmodel.workload import Workload

BLOCKS: dict[str, Any] = {
    "cross": {"kind": "cross_attention", "n_heads": 1, "head_dim": 2},
    "both": {"kind": "attention", "n_heads": 1, "head_dim": 2, "causal": False},
}
LOAD = Workload(batch=2, new_tokens=4, source_new=3)


def fields(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    source = {"channels": 7, "convolutions": list(steps), **more}
    return {"blocks": BLOCKS, "mixer": "cross", "encoder": {"n_layers": 1, "mixer": "both", "input": source}}


def of_input(*steps: dict[str, Any], **more: Any) -> dict[str, tuple[int, int, int]]:
    ops = spec(**fields(*steps, **more)).lower(LOAD)
    return rows([op for op in ops if op.path.startswith("encoder.input")], "encoder.input")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # 2 sequences of 3 tokens come of 6 frames each: 12 rows of 3 * 7 values, then 6 of 3 * 6
        (
            ({"out": 6, "kernel": 3, "activation": "gelu"}, {"out": 10, "kernel": 3, "stride": 2}),
            {
                "convolution_1": (3 * 7 * 6 + 6, 2 * 12 * 126, 12 * 6),
                "convolution_1_activation": (0, 0, 12 * 6),
                "convolution_2": (3 * 6 * 10 + 10, 2 * 6 * 180, 60),
            },
        ),
        # without padding 3 tokens come of (3-1)*2 + 5 = 9 frames
        (
            ({"out": 6, "bias": False, "norm": "layer"}, {"out": 10, "kernel": 5, "stride": 2, "padding": False}),
            {
                "convolution_1": (42, 2 * 18 * 42, 0),
                "convolution_1_norm": (12, 0, 18 * 6 * 7),
                "convolution_2": (310, 2 * 6 * 300, 60),
            },
        ),
        # half of 20 columns gates the other: a product, and no activation is named
        (
            ({"out": 20, "kernel": [2, 3], "stride": [2, 3], "gated": True},),
            {"convolution_1": (6 * 7 * 20 + 20, 2 * 6 * 840, 120), "convolution_1_activation": (0, 0, 60)},
        ),
    ],
    ids=str,
)
def test_convolutions_by_hand(steps: tuple[dict[str, Any], ...], expected: dict[str, tuple[int, int, int]]) -> None:
    assert of_input(*steps) == expected


def test_numbers_of_a_compression() -> None:
    # one step on each of 7 values of 2 x 6 frames
    assert of_input({"out": 10, "stride": 2}, scalars=1)["compression"] == (1, 0, 84)


def test_nothing_else_of_the_encoder_changes() -> None:
    ops = spec(**fields({"out": 10})).lower(LOAD)
    assert "encoder.embedding" not in {op.path for op in ops}
    assert next(op for op in ops if op.path == "embedding").tokens == 8
    without = spec(**fields({"out": 10})).lower(Workload(new_tokens=4, source_cached=3))
    assert sum(op.flops for op in without if op.path.startswith("encoder")) == 0


def test_tables_for_rows_and_columns() -> None:
    data = fields({"out": 10})
    data["encoder"]["positions"] = [5, 6]
    found = spec(**data)
    paths = {op.path: sum(w.total for w in op.weights) for op in found.lower(LOAD)}
    assert (paths["encoder.positions_1"], paths["encoder.positions_2"]) == (50, 60)
    assert figures.params(found).components["embedding"] == 16 * 10 + 80 + 110


def test_relative_positions_may_be_the_decoders_alone() -> None:
    data = fields({"out": 10}) | {"relative_bias": 4, "relative_heads": 1}
    both = figures.params(spec(**data)).total
    data["encoder"]["relative_bias"] = 0
    assert both - figures.params(spec(**data)).total == 4


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"out": 9}, "encoder.input.convolutions[0].out: the input ends at a width of 9, and the encoder is 10 wide"),
        ({"out": 21, "gated": True}, "encoder.input.convolutions.0.out: out 21 has no half that gates the other"),
        ({"out": 10, "kernel": []}, "encoder.input.convolutions.0.kernel: kernel lists no axis"),
        (
            {"out": 10, "kernel": 3, "stride": [2, 2]},
            "encoder.input.convolutions.0.stride: kernel and stride have another number of axes",
        ),
        (
            {"out": 10, "kernel": [3, 3], "padding": False},
            "encoder.input.convolutions.0.padding: over several axes the windows without padding depend on the shape",
        ),
    ],
)
def test_what_it_cannot_be(step: dict[str, Any], expected: str) -> None:
    assert problems(**fields(step))[0].startswith(expected.replace(".0.", "[0]."))


def test_what_does_not_go_together() -> None:
    data = fields({"out": 10})
    data["encoder"]["embedding"] = {"table": True}
    assert problems(**data) == ["encoder.input: an encoder has an input or a table, not both (AC120) "
                                "leave one of them out"]  # fmt: skip
    mixed = fields({"out": 10}, {"out": 10, "kernel": [1, 1]})
    assert problems(**mixed)[0].startswith("encoder.input.convolutions[1].kernel: it goes over 2 axes")
