"""What stands between the blocks of a stack: norms, residual adds, relative positions, features."""

from __future__ import annotations

from typing import Any

import pytest
from small import moved, problems, rows, spec

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.workload import Workload

BLOCKS: dict[str, Any] = {
    "a": {"kind": "ffn", "d_ff": 7},
    "b": {"kind": "ffn", "d_ff": 4},
    "c": {"kind": "attention", "n_heads": 1, "head_dim": 2},
}
PARTS = ("norms", "residual", "relative_bias")


def stack(**fields: Any) -> Architecture:
    return spec(**{"blocks": BLOCKS, "n_layers": 3, "mixer": "b", "ffn": "a"} | fields)


def between(found: Architecture) -> dict[str, tuple[int, int, int]]:
    """What stands between the blocks, two new tokens after three."""
    every = found.lower(Workload(new_tokens=2, cached_tokens=3))
    return rows([op for op in every if op.path.removeprefix("layers.") in PARTS], "layers")


# 3 layers of two sublayers, 10 wide, two tokens: 6 adds of 10 values.
ADDS = (0, 0, 120)


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ({}, (60, 0, 480)),  # 6 norms of 10; 4 steps * 60 * 2 tokens
        ({"place": "post"}, (60, 0, 480)),
        ({"place": "sandwich"}, (120, 0, 960)),
        ({"place": "parallel"}, (30, 0, 240)),  # one a layer
        ({"place": "parallel", "separate": True}, (60, 0, 480)),
        ({"kind": "layer"}, (120, 0, 840)),  # weight and bias; 7 steps
        ({"kind": "layer", "bias": False}, (60, 0, 840)),
        ({"kind": "none"}, (0, 0, 360)),  # 3 steps
    ],
    ids=str,
)
def test_norms_by_hand(norm: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert between(stack(norm=norm)) == {"norms": expected, "residual": ADDS}


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ({}, (10, 0, 80)),
        ({"kind": "layer"}, (20, 0, 140)),
        ({"kind": "layer", "bias": False}, (10, 0, 140)),
        ({"kind": "none"}, (0, 0, 60)),
    ],
    ids=str,
)
def test_the_last_norm_by_hand(norm: dict[str, Any], expected: tuple[int, int, int]) -> None:
    def ends(found: Architecture) -> dict[str, tuple[int, int, int]]:
        return rows([op for op in found.lower(Workload(new_tokens=2)) if op.path.startswith("head.")], "head")

    assert ends(stack(norm=norm)) == {"final_norm": expected}
    assert ends(stack(norm=norm | {"final": False})) == {}


@pytest.mark.parametrize(
    ("fields", "norms", "adds", "parallel"),
    [
        ({}, 6, 6, 3),
        ({"mixer": "2 b then none"}, 5, 5, 3),
        ({"mixer": "2 b then none", "ffn": "2 a then none"}, 4, 4, 2),  # nothing stands in the third layer
        ({"mixer": "a & b", "ffn": None}, 3, 6, 3),  # one norm, two outputs to add
        ({"mixer": None, "ffn": None, "layer": ["b", "a", "c & a"]}, 9, 12, 3),
        ({"mixer": None, "ffn": None, "layer": [["a", "none", "a & b"]]}, 2, 3, 2),
    ],
    ids=str,
)
def test_places_of_norms_and_adds(fields: dict[str, Any], norms: int, adds: int, parallel: int) -> None:
    given = {name: value for name, value in ({"mixer": "b", "ffn": "a"} | fields).items() if value is not None}
    found = between(spec(blocks=BLOCKS, n_layers=3, norm={}, **given))
    assert found == {"norms": (10 * norms, 0, 80 * norms), "residual": (0, 0, 20 * adds)}
    beside = between(spec(blocks=BLOCKS, n_layers=3, norm={"place": "parallel"}, **given))
    assert beside["norms"] == (10 * parallel, 0, 80 * parallel)


def test_tokens_of_several_kinds_have_norms_of_their_own() -> None:
    found = stack(norm={"kinds": 2, "kind": "layer"})
    # As many steps as with one; 6 norms of 10 and their biases, twice, of which a token uses half.
    assert between(found)["norms"] == (240, 0, 840)
    assert figures.params(found).groups["layers.norms"] == (240, 120)
    assert figures.params(found).groups["head.final_norm"] == (20, 20)


def test_without_sublayers_there_are_no_norms() -> None:
    assert between(spec(blocks=BLOCKS, mixer="none", norm={})) == {"residual": (0, 0, 0)}


def test_a_shared_block_brings_its_own_norms() -> None:
    shared = {"s": {"of": ["a"]}}
    found = stack(shared=shared, mixer="s", norm={})
    # Only the sublayers of the ffn have a norm of the layer; every output is added.
    assert between(found) == {"norms": (30, 0, 240), "residual": ADDS}
    beside = between(stack(shared=shared, mixer="s & b", norm={}))
    assert beside == {"norms": (60, 0, 480), "residual": (0, 0, 180)}  # b needs one
    alone = between(
        spec(blocks=BLOCKS, n_layers=3, shared=shared, mixer="s", ffn="2 a then none", norm={"place": "parallel"})
    )
    assert alone["norms"] == (20, 0, 160)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"extra_norm": "pre"}, (30, 0, 240)),  # 3 norms of 10; 4 steps * 30 * 2 tokens
        ({"extra_norm": "post"}, (30, 0, 240)),
        ({"extra_norm": "sandwich"}, (60, 0, 480)),
        ({"extra_norm": "plain"}, (0, 0, 180)),  # 3 steps * 30 * 2 tokens
        ({"extra_norm": "post", "keep": "1/2"}, (30, 0, 120)),  # of the tokens that enter
    ],
    ids=str,
)
def test_a_block_may_have_further_norms_of_its_own(fields: dict[str, Any], expected: tuple[int, int, int]) -> None:
    found = stack(blocks=BLOCKS | {"a": BLOCKS["a"] | fields}, norm={})
    ops = found.lower(Workload(new_tokens=2, cached_tokens=3))
    assert rows(ops, "layers")["a.extra_norm"] == expected
    assert between(found) == between(stack(norm={}))
    with_bias = stack(blocks=BLOCKS | {"a": BLOCKS["a"] | fields}, norm={"kind": "layer"})
    assert figures.params(with_bias).groups["layers.a"][0] == 3 * 210 + 2 * expected[0]


def test_a_shared_block_takes_no_further_norms() -> None:
    blocks = {"a": BLOCKS["a"] | {"extra_norm": "post"}}
    assert problems(blocks=blocks, shared={"s": {"of": ["a"]}}, mixer="s") == [
        'shared.s.of[0]: "a" has an extra_norm, and a shared block has one norm for each block of its own '
        "(AC120) leave extra_norm of a out"
    ]


def test_loops_run_everything_again_over_the_same_weights() -> None:
    found = between(stack(norm={}, loops=5))
    assert found == {"norms": (60, 0, 5 * 480), "residual": (0, 0, 5 * 120)}


def test_relative_positions_by_hand() -> None:
    # A table of 8 buckets * 4 heads, once; every layer adds a value a head and pair: 4 * 5 * 2 tokens.
    found = between(stack(relative_bias=8, relative_heads=4))
    assert found["relative_bias"] == (32, 0, 40 * 3)
    assert between(stack(relative_bias=8, relative_heads=4, loops=5))["relative_bias"] == (32, 0, 40 * 15)
    assert figures.params(stack(relative_bias=8, relative_heads=4)).components["mixer.relative_bias"] == 32


def test_an_add_reads_both_of_its_operands() -> None:
    every = stack(norm={}, relative_bias=8, relative_heads=4).lower(Workload(new_tokens=2, cached_tokens=3))
    found = moved([op for op in every if op.path.removeprefix("layers.") in PARTS], "layers")
    assert found == {"norms": (20, 20), "residual": (40, 20), "relative_bias": (40, 40)}


def test_the_layers_and_their_groups() -> None:
    found = stack(mixer="c then none + b").stack.layout
    assert found.layers == [(("c",), ("a",)), ((), ("a",)), (("b",), ("a",))]
    assert found.counts == {"c": 1, "a": 3, "b": 1}
    assert (found.sublayers, found.normed, found.normed_layers, found.added) == (5, 5, 3, 0)
    assert stack(mixer="c + 2 b").stack.layout.groups() == [(1, (("c",), ("a",))), (2, (("b",), ("a",)))]


def test_features_stand_at_their_places() -> None:
    plain = figures.params(stack())
    # LAuReL once a layer: 10*2 + 2*10 and a norm of 10.
    laurel = figures.params(stack(laurel={"rank": 2}))
    assert laurel.total - plain.total == 3 * 50
    # Hyper-connections once a sublayer: 4 weights from 2*10 values, their biases and two scales; at the
    # end 2 weights, biases and a scale.
    streams = figures.params(stack(hyper_connections={"n_streams": 2, "kind": "hc"}))
    assert streams.total - plain.total == 6 * (80 + 4 + 2) + (40 + 2 + 1)
    # AltUp: two matrices once; a layer norm 10, router 20, 2*4 and 2*2, scale 10.
    altup = figures.params(stack(altup={"n_streams": 2}))
    assert altup.total - plain.total == 200 + 3 * 52
    # Per-layer embeddings: 5 rows of 3 layers * 2; the projection 10*6 and a norm of 2; a layer 20 + 20 + 10.
    ple = figures.params(stack(ple={"vocab_size": 5, "width": 2}))
    assert ple.total - plain.total == 30 + 62 + 3 * 50


def test_a_stack_looks_forward_and_back_as_far_as_its_windows_reach() -> None:
    window = {"kind": "attention", "n_heads": 1, "head_dim": 2, "window": 4}
    found = spec(blocks=BLOCKS | {"w": window}, n_layers=5, mixer="2 w then none", ffn="a", loops=3)
    assert figures.reach(found) == 1 + 3 * 2 * 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mixer": "2 b"}, "mixer: mixer fills 2 of n_layers 3: 1 are missing (AC130) start the last part with"),
        ({"ffn": "4 a"}, "ffn: ffn fills 4 of n_layers 3: 1 too many (AC130)"),
        ({"ffn": "x"}, 'ffn: ffn: expected the name of a block, found "x" (AC130)'),
        ({"ffn": "none + z"}, "ffn: ffn fills 2 of n_layers 3: 1 are missing (AC130)"),
        ({"ffn": "a then z"}, 'ffn: ffn names "z", which is not among blocks (AC130) blocks: a, b, c'),
    ],
    ids=str,
)
def test_what_a_stack_cannot_be(fields: dict[str, Any], expected: str) -> None:
    (found,) = problems(**{"blocks": BLOCKS, "n_layers": 3, "mixer": "b", "ffn": "a"} | fields)
    assert found.startswith(expected)


def test_a_long_name_is_cut() -> None:
    (found,) = problems(blocks=BLOCKS, n_layers=3, mixer="b", ffn="z" * 70)
    assert found == f'ffn: ffn names "{"z" * 64}", which is not among blocks (AC130) blocks: a, b, c'
