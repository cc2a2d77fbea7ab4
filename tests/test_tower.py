"""A vision tower by hand, and what cannot be one."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import figures
from costmodel.errors import InvalidSpec
from costmodel.validation import parse
from costmodel.workload import Workload


def spec(**changes: Any) -> dict[str, Any]:
    """Return a model of width 5 with a tower of width 4: 3 x 3 patches and a class token."""
    vision = {
        "image_size": 7,  # three whole patches of 2; the rest is cut off
        "patch_size": 2,
        "d_model": 4,
        "n_layers": 2,
        "blocks": {
            "attention": {
                "kind": "attention",
                "n_heads": 2,
                "head_dim": 2,
                "causal": False,
                "bias": ["q", "k", "v", "o"],
            },
            "mlp": {"kind": "ffn", "d_ff": 6, "gated": False, "bias": True},
        },
        "mixer": "attention",
        "ffn": "mlp",
        "patch_bias": True,
        "class_token": True,
        "positions": 10,
        "pre_norm": True,
        "projector": [{"merge": 3}, {"linear": 5, "bias": True}],
    }
    return {
        "name": "toy",
        "d_model": 5,
        "vocab_size": 10,
        "n_layers": 1,
        "blocks": {"mlp": {"kind": "ffn", "d_ff": 3}},
        "ffn": "mlp",
        "components": {"vision": {k: v for k, v in (vision | changes).items() if v is not None}},
    }


def vision(load: Workload, **changes: Any) -> list[Any]:
    """Return the operations of the tower alone."""
    return parse(spec(**changes)).lower_component("vision", load)


def parameters(**changes: Any) -> int:
    return sum(w.total for op in vision(Workload(), **changes) for w in op.weights)


def flops(images: int, **changes: Any) -> int:
    return sum(op.flops for op in vision(Workload(images=images), **changes))


CROSS = {"kind": "cross_attention", "n_heads": 2, "head_dim": 3}
READERS = {"n_layers": 1, "queries": 3, "d_model": 8, "pre_norm": True, "mixer": "cross"}
LOOK = {"kind": "attention", "n_heads": 2, "head_dim": 2, "causal": False, "bias": ["q", "k", "v", "o"]}
BLOCKS = {"attention": LOOK, "mlp": {"kind": "ffn", "d_ff": 6, "gated": False, "bias": True}}
QUERIES: dict[str, Any] = {"blocks": BLOCKS | {"cross": CROSS}, "projector": [{"layers": READERS}, {"linear": 5}]}
INNER = {"n_layers": 2, "mixer": "attention", "ffn": "mlp"}
LAYERS: dict[str, Any] = {"projector": [{"layers": INNER}, {"linear": 5, "bias": True}]}
# Patch 3*2*2*4 + 4 = 52, class token 4, positions 40, norm 8; a layer 4*16 + 16 and 2*24 + 6 + 4
# and two norms of 8 = 154; last norm 8; projector 9*4*5 + 5 = 185.
ALL = 52 + 4 + 40 + 8 + 2 * 154 + 8 + 185


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ALL),
        ({"class_token": False}, ALL - 4),
        ({"positions": None}, ALL - 40),
        ({"pre_norm": False}, ALL - 8),
        ({"patch_bias": False}, ALL - 4),
        ({"channels": 1}, ALL - 32),
        ({"projector": [{"pool": 3}, {"norm": "rms"}, {"linear": 5}]}, ALL - 185 + 4 + 20),
        ({"projector": [{"norm": "layer"}, {"linear": 5}]}, ALL - 185 + 8 + 20),
        ({"norm": {"kind": "rms", "final": False}}, ALL - 4 - 8 - 2 * 8),
        ({"n_layers": 3}, ALL + 154),
        ({"frames": 2}, ALL + 48),
        ({"layer_scale": {}}, ALL + 2 * 2 * 4),
        ({"separators": 3}, ALL + 15),
        ({"feature_layers": 2}, ALL + 180),
        ({"projector": [{"merge": 3}, {"linear": 5, "bias": True, "gated": True}]}, ALL + 185),
        ({"positions": [3, 4]}, ALL - 40 + 7 * 4),
        ({"class_token": "kept", "projector": [{"linear": 5, "bias": True}]}, ALL - 185 + 25),
        ({"input_norm": "rms"}, ALL + 12),
        ({"input_norm": "layer"}, ALL + 24),
        # No layers: neither 154 twice nor their blocks.
        ({"n_layers": 0, "blocks": {}, "mixer": None, "ffn": None}, ALL - 308),
        # A convolution of 3 x 3 patches, 9*4*6 + 6, and a matrix 6*5.
        ({"projector": [{"linear": 6, "kernel": 3, "stride": 2, "bias": True}, {"linear": 5}]}, ALL - 185 + 222 + 30),
        ({"projector": [{"separators": 2}, {"linear": 5, "bias": True}]}, ALL - 185 + 8 + 25),
        ({"projector": [{"repeat": 2}, {"linear": 5}]}, ALL - 185 + 40),
        # Three queries of width 8 read patches of width 4: q and o 8*6 each, k and v 4*6 each, a norm of 16 before
        # and one behind; a norm of 16 before the layer; a matrix 8*5.
        (QUERIES, ALL - 185 + 24 + 144 + 32 + 16 + 40),
        # Two layers on the patches themselves, and their last norm.
        (LAYERS, ALL - 185 + 2 * 154 + 8 + 25),
        # Two copies of a mean, a norm of 4 with biases and 4*5.
        ({"deepstack": {"copies": 2, "projector": [{"pool": 3}, {"norm": "layer"}, {"linear": 5}]}}, ALL + 2 * 28),
    ],
)
def test_parameters_by_hand(changes: dict[str, Any], expected: int) -> None:
    assert parameters(**changes) == expected


def test_flops_of_two_images_by_hand() -> None:
    # 18 patches 2*48; 20 tokens 2*(64 + 48) in each layer; 2 * 10*10 pairs, 2 heads, 2 * (2 + 2);
    # the projector on one token an image, 2*180.
    assert flops(2) == 18 * 96 + 2 * (20 * 224 + 200 * 2 * 8) + 2 * 360


def test_flops_of_what_stands_beside_the_projector_by_hand() -> None:
    one = flops(1)
    assert flops(1, frames=2) == one + 9 * 96  # nine patches of twice as many values
    assert flops(1, feature_layers=2) == one + 360
    assert flops(1, separators=3) == one
    gated = [{"merge": 3}, {"linear": 7, "gated": True, "activation": "silu"}, {"linear": 5}]
    assert flops(1, projector=gated) == one - 360 + 2 * (2 * 36 * 7 + 7 * 5)
    deep = {"copies": 2, "projector": [{"merge": 3}, {"norm": "layer", "activation": "gelu"}, {"linear": 5}]}
    assert flops(1, deepstack=deep) == one + 2 * 360
    steps = {op.path: op.elementwise for op in vision(Workload(images=1), deepstack=deep)}
    assert steps["vision.deepstack.2_norm"] == 2 * 7 * 36
    assert steps["vision.deepstack.2_activation"] == 2 * 36
    assert steps["vision.deepstack.add"] == 2 * 5


def test_flops_of_queries_layers_and_convolutions_by_hand() -> None:
    one = flops(1) - 360  # without the projector
    # Three queries: q and o 2*3*48 each, k and v of nine patches 2*9*24 each; 27 pairs, 2 heads, 2 * (3 + 3); 2*3*40.
    assert flops(1, **QUERIES) == one + 2 * 288 + 2 * 432 + 27 * 2 * 12 + 240
    # Nine patches: 2*9*(64 + 48) and 81 pairs, 2 heads, 2 * (2 + 2) in each layer; 2*9*20.
    assert flops(1, **LAYERS) == one + 2 * (2016 + 1296) + 360
    # Of 3 x 3 patches 2 x 2 are left: 2*4*(9*4*6), then 2*4*30.
    conv = [{"linear": 6, "kernel": 3, "stride": 2, "bias": True}, {"linear": 5}]
    assert flops(1, projector=conv) == one + 1728 + 240
    assert flops(1, projector=[{"repeat": 2}, {"linear": 5}]) == one + 2 * 9 * 40
    assert flops(1, projector=[{"separators": 2}, {"linear": 5}]) == one + 2 * 9 * 20
    assert flops(1, class_token="kept", projector=[{"linear": 5}]) == one + 2 * 10 * 20
    no_layers = {"n_layers": 0, "blocks": {}, "mixer": None, "ffn": None}
    assert flops(2, **no_layers) == 18 * 96 + 2 * 360


def test_what_reads_patches_keeps_nothing() -> None:
    ops = vision(Workload(images=2), **QUERIES)
    assert figures.cache(ops).values == 0
    none = vision(Workload(), **QUERIES)
    assert sum(op.flops + op.elementwise + op.takes + op.gives for op in none) == 0


def test_patches_of_a_chunk_see_each_other() -> None:
    near = {"kind": "attention", "n_heads": 2, "head_dim": 2, "causal": False, "bias": ["q", "k", "v", "o"], "chunk": 4}
    blocks = {"attention": near, "mlp": {"kind": "ffn", "d_ff": 6, "gated": False, "bias": True}}
    # Ten tokens see each other in chunks of 4, 4 and 2, in two layers: 2 heads, 2 * (2 + 2) a pair.
    assert flops(1, blocks=blocks) == flops(1) - 2 * (100 - 36) * 2 * 8


def test_elementwise_steps_of_a_mean_over_patches() -> None:
    ops = vision(Workload(images=2), projector=[{"pool": 3}, {"linear": 5, "activation": "gelu"}])
    steps = {op.path: op.elementwise for op in ops}
    assert steps["vision.projector.1_pool"] == 2 * 4 * 9  # 8 sums and a division a value
    assert steps["vision.projector.2_activation"] == 2 * 5


def test_images_do_not_see_each_other_or_the_text() -> None:
    one = flops(1)
    assert flops(3) == 3 * one
    text = Workload(batch=7, new_tokens=9, cached_tokens=4, images=1, attention="full")
    assert sum(op.flops for op in vision(text)) == one


def test_without_images_there_are_weights_and_no_work() -> None:
    ops = vision(Workload(batch=2, new_tokens=5))
    assert sum(w.total for op in ops for w in op.weights) == ALL
    assert sum(op.flops + op.elementwise + op.takes + op.gives for op in ops) == 0
    assert all(p.m == 0 or p.n == 0 or p.batch == 0 for op in ops for p in op.matmuls())


def test_a_tower_keeps_nothing() -> None:
    assert figures.cache(vision(Workload(images=2))).values == 0


def test_a_tower_is_in_the_total_when_asked_for() -> None:
    model = parse(spec())
    apart, together = figures.params(model), figures.params(model, ["vision"])
    assert apart.not_in_total == {"vision": ALL}
    assert together.total == apart.total + ALL
    assert together.components["vision"] == ALL
    assert together.active_without_lookup == apart.active_without_lookup + ALL - 40  # positions


def test_tokens_of_an_image() -> None:
    tower = parse(spec()).components["vision"]
    assert (tower.side, tower.tokens, tower.tokens_out) == (3, 10, 1)


@pytest.mark.parametrize(
    ("changes", "message", "path"),
    [
        (
            {"projector": [{"pool": 2}, {"linear": 5}]},
            "3 x 3 patches do not divide into squares of 2 x 2",
            "components.vision.projector[0]",
        ),
        (
            {"projector": [{"pool": 3, "norm": "rms"}]},
            "a step is one of pool, merge, norm, linear, layers, separators and repeat, and this one has pool and norm",
            "components.vision.projector[0].norm",
        ),
        (
            {"projector": [{"activation": "gelu"}]},
            "a step is one of pool, merge, norm, linear, layers, separators and repeat, and this one has nothing",
            "components.vision.projector[0]",
        ),
        (
            {"projector": [{"pool": 3, "bias": True}]},
            "bias stands beside linear, not pool",
            "components.vision.projector[0].bias",
        ),
        (
            {"projector": [{"pool": 3, "activation": "gelu"}]},
            "activation stands beside linear or norm, not pool",
            "components.vision.projector[0].activation",
        ),
        (
            {"deepstack": {"copies": 1, "projector": [{"linear": 5}]}},
            "the projector makes 1 x 1 tokens, and deepstack 3 x 3",
            "components.vision.deepstack.projector[0]",
        ),
        (
            {"deepstack": {"copies": 1, "projector": [{"linear": 5}]}, "projector": []},
            "deepstack stands beside a projector, and there is none",
            "components.vision.deepstack",
        ),
        (
            {"deepstack": {"copies": 1, "projector": [{"merge": 3}, {"linear": 4}]}},
            "the projector ends at a width of 4, but d_model is 5",
            "components.vision.deepstack.projector[1]",
        ),
        ({"patch_size": 8}, "an image of 7 has no whole patch of 8", "components.vision.image_size"),
        (
            {"mixer": None, "ffn": None},
            "no schedule says which blocks the layers are",
            "components.vision.mixer",
        ),
        (
            {"projector": [{"linear": 5, "kernel": 2}]},
            "a kernel of 2 has no middle",
            "components.vision.projector[0].kernel",
        ),
        (
            {"projector": [{"linear": 5, "kernel": 3, "stride": 4}]},
            "a stride of 4 leaves patches out of a kernel of 3",
            "components.vision.projector[0].stride",
        ),
        (
            {"projector": [{"pool": 3, "kernel": 3}, {"linear": 5}]},
            "kernel stands beside linear, not pool",
            "components.vision.projector[0].kernel",
        ),
        (
            QUERIES | {"projector": [{"layers": READERS}, {"merge": 3}, {"linear": 5}]},
            "queries, or patches with a class token, stand in no square and have no neighbours",
            "components.vision.projector[1]",
        ),
        (
            {"class_token": "kept"},
            "queries, or patches with a class token, stand in no square and have no neighbours",
            "components.vision.projector[0]",
        ),
        (
            QUERIES | {"mixer": "cross"},
            '"cross" reads other tokens, and a tower has none',
            "components.vision.blocks",
        ),
        (
            {"projector": [{"layers": INNER | {"queries": 3}}, {"linear": 5}]},
            "no block reads the patches",
            "components.vision.projector[0].layers.queries",
        ),
        (
            QUERIES | {"projector": [{"layers": {"n_layers": 1, "mixer": "cross"}}, {"linear": 5}]},
            '"cross" reads other tokens than these, and there are none',
            "components.vision.projector[0].layers.layer",
        ),
        (
            {"projector": [{"layers": INNER | {"d_model": 8}}, {"linear": 5}]},
            "d_model is the width of queries, and there are none",
            "components.vision.projector[0].layers.d_model",
        ),
        (
            QUERIES | {"blocks": BLOCKS | {"cross": CROSS | {"kind": "merged_attention"}}},
            '"cross" reads patches as wide as itself, and they are 4 wide',
            "components.vision.projector[0].layers.d_model",
        ),
        (
            {"deepstack": {"copies": 1, "projector": [{"layers": INNER}, {"merge": 3}, {"linear": 5}]}},
            "layers stand in the projector itself",
            "components.vision.deepstack.projector[0]",
        ),
        ({"ffn": "mlq"}, 'ffn names "mlq", which is not among blocks', "components.vision.ffn"),
        ({"layer": ["attention"]}, "layer replaces mixer and ffn", "components.vision.layer"),
        (
            {"projector": [{"linear": 6}]},
            "the projector ends at a width of 6, but d_model is 5",
            "components.vision.projector[0]",
        ),
    ],
)
def test_what_cannot_be_a_tower(changes: dict[str, Any], message: str, path: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse(spec(**changes))
    assert (caught.value.message, caught.value.where) == (message, path)
