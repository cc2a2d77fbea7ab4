"""An audio tower by hand, and what cannot be one."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import figures
from costmodel.errors import InvalidSpec, UsageError
from costmodel.report.flops import flops as flops_page
from costmodel.validation import parse
from costmodel.workload import Workload

WAVES = {"channels": 2, "convolutions": [{"out": 4, "kernel": 3, "stride": 2, "activation": "gelu"}]}
PLANES = {
    "bands": 7,
    "convolutions": [{"out": 3, "kernel": 3, "stride": 2}, {"out": 3, "kernel": [3, 2], "depthwise": True}],
    "linear": 4,
    "linear_bias": True,
}


def spec(**changes: Any) -> dict[str, Any]:
    """Return a model of width 5 with a tower of width 4 that hears 9 frames: 5 tokens, of which 2 are left."""
    audio = {
        "input": WAVES,
        "frames": 9,
        "d_model": 4,
        "n_layers": 2,
        "blocks": {
            "attention": {"kind": "attention", "n_heads": 2, "head_dim": 2, "causal": False},
            "mlp": {"kind": "ffn", "d_ff": 6, "gated": False},
        },
        "mixer": "attention",
        "ffn": "mlp",
        "positions": 10,
        "projector": [{"merge": 2}, {"linear": 5, "bias": True}],
    }
    return {
        "name": "toy",
        "d_model": 5,
        "vocab_size": 10,
        "n_layers": 1,
        "blocks": {"mlp": {"kind": "ffn", "d_ff": 3}},
        "ffn": "mlp",
        "components": {"audio": {k: v for k, v in (audio | changes).items() if v is not None}},
    }


def audio(load: Workload, **changes: Any) -> list[Any]:
    """Return the operations of the tower alone."""
    return parse(spec(**changes)).lower_component("audio", load)


def parameters(**changes: Any) -> int:
    return sum(w.total for op in audio(Workload(), **changes) for w in op.weights)


def flops(clips: int, **changes: Any) -> int:
    return sum(op.flops for op in audio(Workload(clips=clips), **changes))


# Convolution 3*2*4 + 4 = 28, positions 40; a layer 4*16 + 2*24 and two norms of 8 = 128; last norm 8;
# projector 8*5 + 5 = 45.
ALL = 28 + 40 + 2 * 128 + 8 + 45


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ALL),
        ({"positions": None}, ALL - 40),
        ({"projector": [{"pool": 2}, {"norm": "layer"}, {"linear": 5}]}, ALL - 45 + 8 + 20),
        ({"separators": 2}, ALL + 10),
        # 9 + 1 values a channel and 3 channels; 3*2 + 1 a channel; 3 channels of 4 bands, and 4 biases
        ({"input": PLANES}, ALL - 28 + 30 + 21 + 12 * 4 + 4),
    ],
    ids=str,
)
def test_parameters_by_hand(changes: dict[str, Any], expected: int) -> None:
    assert parameters(**changes) == expected


# A token of a layer: 2 * (4*16 + 2*24) = 224, and 2 * 2 heads * (2 + 2) = 16 for each that it sees.
LAYERS = 2 * (5 * 224 + 25 * 16)


def test_flops_of_two_clips_by_hand() -> None:
    # 5 positions of 6 values and 4 columns; 2 outputs of 8 values and 5 columns: the fifth token is left over.
    assert flops(2) == 2 * (5 * 2 * 24 + LAYERS + 2 * 2 * 40)
    # Over 5 x 4 places and 3 channels: a square of 9, then a window of 6 on each; 12 values and 4 columns.
    assert flops(2, input=PLANES) == 2 * (20 * 2 * 27 + 20 * 2 * 18 + 5 * 2 * 48 + LAYERS + 2 * 2 * 40)


def test_pieces_go_through_the_convolutions_by_themselves() -> None:
    found = parse(spec(piece=3)).components["audio"]
    assert (found.tokens, found.tokens_out) == (3 * 2, 3)
    assert flops(1, piece=3) == 6 * 2 * 24 + 2 * (6 * 224 + 36 * 16) + 3 * 2 * 40


@pytest.mark.parametrize(("frames", "tokens"), [(9, 4), (8, 3), (3, 1)])
def test_without_padding_windows_lie_in_the_clip(frames: int, tokens: int) -> None:
    steps = [{"out": 4, "kernel": 3, "stride": 2, "padding": False}]
    changes = {"input": {"channels": 2, "convolutions": steps}, "frames": frames, "projector": None}
    assert parse(spec(**changes)).components["audio"].tokens == tokens


def test_without_clips_there_are_weights_and_no_work() -> None:
    ops = audio(Workload(batch=3, new_tokens=4, images=2))
    assert sum(op.flops + op.elementwise for op in ops) == 0
    assert figures.params(parse(spec()), ["audio"]).total == ALL + 50 + 50 + 2 * 5 + 3 * 15


def test_clips_do_not_hear_each_other_or_the_text() -> None:
    text = Workload(batch=7, new_tokens=9, cached_tokens=4, clips=3, attention="full")
    assert sum(op.flops for op in audio(text)) == 3 * flops(1)


def test_the_command_counts_clips_with_the_tower() -> None:
    document = parse(spec())
    alone = flops_page(document, new=2).flops.forward
    assert flops_page(document, new=2, clips=3, include=["audio"]).flops.forward == alone + flops(3)
    with pytest.raises(UsageError, match="--clips 3 is work of a tower, and none that takes clips is counted"):
        flops_page(document, clips=3)
    with pytest.raises(UsageError, match="--images 1 is work of a tower"):
        flops_page(document, images=1, include=["audio"])


def problem(**changes: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        parse(spec(**changes))
    (found,) = caught.value.problems
    return f"{'.'.join(map(str, found.path))}: {found.message}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"d_model": 6},
            "components.audio.input.convolutions.0.out: the input ends at a width of 4, and the tower is 6 wide",
        ),
        (
            {"input": PLANES | {"linear": 3}},
            "components.audio.input.linear: the input ends at a width of 3, and the tower is 4 wide",
        ),
        ({"piece": 4}, "components.audio.piece: frames 9 is not a multiple of piece 4"),
        (
            {"positions": 4},
            "components.audio.positions: 5 tokens have no row each in a table of 4 positions",
        ),
        (
            {"projector": [{"pool": 6}, {"linear": 5}]},
            "components.audio.projector: of 5 tokens the projector leaves none",
        ),
        (
            {"projector": [{"linear": 4}]},
            "components.audio.projector.0: the projector ends at a width of 4, but d_model is 5",
        ),
        (
            {"input": PLANES | {"linear": None, "linear_bias": False}},
            "components.audio.input.bands: bands stand side by side behind the convolutions, "
            "and no matrix makes one width of them",
        ),
        (
            {"input": PLANES | {"convolutions": [{"out": 3}, {"out": 4, "depthwise": True}]}},
            "components.audio.input.convolutions.1.out: out is 4, and depthwise works on 3 channels",
        ),
        (
            {"input": PLANES | {"convolutions": [{"out": 3, "kernel": [2, 2, 2]}]}},
            "components.audio.input.convolutions.0.kernel: a plane has two axes, and the kernel 3",
        ),
        (
            {"input": {"channels": 4, "scalars": 1}},
            "components.audio.input.convolutions: nothing is done with the input",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be(changes: dict[str, Any], expected: str) -> None:
    assert problem(**changes) == expected


def test_a_clip_that_is_shorter_than_a_window_gives_nothing() -> None:
    steps = [{"out": 4, "kernel": 5, "padding": False}]
    found = problem(input={"channels": 2, "convolutions": steps}, frames=4)
    assert found == "components.audio.frames: of 4 frames no token is left"
