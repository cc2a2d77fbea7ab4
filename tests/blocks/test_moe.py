"""Mixture of experts by hand, every option of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from small import block, refused, rows, spec

from costmodel import figures
from costmodel.ops import Experts, Op

MOE: dict[str, Any] = {"kind": "moe", "n_experts": 6, "top_k": 2, "d_ff": 7}
# Two tokens of a model 10 wide: (parameters, FLOPs, elementwise steps).
BASE = {
    "router.scores": (60, 240, 0),  # 10 * 6
    "router.choice": (0, 0, 60),  # softmax, 5 steps * 6 * 2 tokens
    "experts.up": (840, 1120, 0),  # 6 * 2 * 10*7; 2 chosen: 2 * 2 * 140 * 2 tokens
    "experts.activation": (0, 0, 56),  # 2 steps * 7 * 2 chosen * 2 tokens
    "experts.down": (420, 560, 0),  # 6 * 7*10
    "experts.combine": (0, 0, 80),  # scaled and added: 2 * 10 * 2 * 2
}


def experts(ops: list[Op]) -> list[Experts]:
    return [op for op in ops if isinstance(op, Experts)]


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"activation": "gelu"}, {}),
        (
            {"gated": False},
            {"experts.up": (420, 560, 0), "experts.activation": (0, 0, 28)},
        ),
        # Biases of 14 and 10 an expert, added by the chosen: 14 * 2 * 2 and 10 * 2 * 2.
        ({"bias": True}, {"experts.up": (924, 1120, 56), "experts.down": (480, 560, 40)}),
        ({"router": {"score": "sigmoid"}}, {"router.choice": (0, 0, 12)}),
        ({"router": {"score": "sqrtsoftplus"}}, {"router.choice": (0, 0, 12)}),
        ({"router": {"bias": True}}, {"router.scores": (66, 240, 12)}),
        ({"router": {"correction_bias": True}}, {}),  # a buffer
        ({"router": {"hash": True}}, {}),  # a table of buffers
        ({"router": {"scale": True}}, {"router.scale": (10, 0, 80)}),  # RMS, 4 * 10 * 2
        ({"router": {"expert_scale": True}}, {"router.choice": (6, 0, 60)}),
        ({"router": {"output_scale": True}}, {"router.choice": (1, 0, 60)}),
        # Two shared experts of 5 that the router scores: 2 outputs more, one product an inner value.
        (
            {"shared": {"d_ff": 5, "n_experts": 2, "scored": True}},
            {
                "router.scores": (80, 320, 0),
                "router.choice": (0, 0, 80),
                "shared.scored": (0, 0, 20),
                "shared.up": (200, 800, 0),
                "shared.activation": (0, 0, 40),
                "shared.down": (100, 400, 0),
            },
        ),
        ({"router": {"groups": 3, "top_groups": 3}}, {}),
        # The kind of a token is its expert: one of 6, nothing scored, nothing scaled.
        (
            {"router": {"by_kind": True}, "top_k": 1},
            {
                "router.scores": None,
                "router.choice": None,
                "experts.up": (840, 560, 0),
                "experts.activation": (0, 0, 28),
                "experts.down": (420, 280, 0),
                "experts.combine": None,
            },
        ),
        # 6 experts, of which 2*2 are reached: 4 scores from 10 values, a sum and 5 steps for each of 4, 2 tokens.
        (
            {"router": {"product_keys": True}},
            {"router.scores": (40, 160, 0), "router.sums": (0, 0, 8), "router.choice": (0, 0, 40)},
        ),
        # Zero experts widen the router; 2 * 6/8 = 3/2 real experts a token.
        (
            {"zero_experts": 2},
            {
                "router.scores": (80, 320, 0),
                "router.choice": (0, 0, 80),
                "experts.up": (840, 840, 0),
                "experts.activation": (0, 0, 42),
                "experts.down": (420, 420, 0),
                "experts.combine": (0, 0, 60),
            },
        ),
        (
            {"zero_experts": 2, "expected_top_k": 1},
            {
                "router.scores": (80, 320, 0),
                "router.choice": (0, 0, 80),
                "experts.up": (840, 560, 0),
                "experts.activation": (0, 0, 28),
                "experts.down": (420, 280, 0),
                "experts.combine": (0, 0, 40),
            },
        ),
        # Experts 4 wide behind 10 -> 4 and 4 -> 10.
        (
            {"latent": 4},
            {
                "latent.down": (40, 160, 0),
                "experts.up": (336, 448, 0),
                "experts.down": (168, 224, 0),
                "experts.combine": (0, 0, 32),
                "latent.up": (40, 160, 0),
            },
        ),
        (
            {"latent": 4, "latent_norms": True},
            {
                "latent.down": (40, 160, 0),
                "experts.up": (336, 448, 0),
                "experts.down": (168, 224, 0),
                "experts.combine": (0, 0, 32),
                "latent.norm": (4, 0, 32),  # 4 steps * 4 * 2
                "latent.expert_norm": (4, 0, 64),  # 4 * 4 * 2 chosen * 2
                "latent.up": (40, 160, 0),
            },
        ),
        (
            {"latent": 4, "latent_norms": "sum"},
            {
                "latent.down": (40, 160, 0),
                "experts.up": (336, 448, 0),
                "experts.down": (168, 224, 0),
                "experts.combine": (0, 0, 32),
                "latent.sum_norm": (4, 0, 32),  # 4 steps * 4 * 2
                "latent.up": (40, 160, 0),
            },
        ),
        # Two shared experts of 5 are one network of 10: 10 * 20 and 10 * 10.
        (
            {"shared": {"n_experts": 2, "d_ff": 5}},
            {"shared.up": (200, 800, 0), "shared.activation": (0, 0, 40), "shared.down": (100, 400, 0)},
        ),
        (
            {"shared": {"d_ff": 5, "gate": True}, "gated": False, "bias": True},
            {
                "experts.up": (462, 560, 28),
                "experts.activation": (0, 0, 28),
                "experts.down": (480, 560, 40),
                "shared.up": (55, 200, 10),
                "shared.activation": (0, 0, 10),
                "shared.down": (60, 200, 20),
                "shared.gate": (10, 40, 0),
                "shared.gated": (0, 0, 20),
            },
        ),
        # A bias of the shared network alone, and one on the sum of the routed ones.
        (
            {"shared": {"d_ff": 5, "bias": True}},
            {"shared.up": (110, 400, 20), "shared.activation": (0, 0, 20), "shared.down": (60, 200, 20)},
        ),
        ({"output_bias": True}, {"experts.output_bias": (10, 0, 20)}),
        # Each expert takes 3/2 times its share: 3/2 experts a token.
        (
            {"expert_choice": True, "capacity_factor": 1.5},
            {
                "experts.up": (840, 840, 0),
                "experts.activation": (0, 0, 42),
                "experts.down": (420, 420, 0),
                "experts.combine": (0, 0, 60),
            },
        ),
    ],
    ids=str,
)
def test_by_hand(fields: dict[str, Any], changed: dict[str, tuple[int, int, int] | None]) -> None:
    wanted = {name: found for name, found in (BASE | changed).items() if found is not None}
    assert rows(block(MOE | fields)) == wanted


@pytest.mark.parametrize(
    ("fields", "slots", "executed"),
    [
        ({}, None, 1120),
        # ceil(1 * 2 tokens * 2 / 6) = 1 row each: 6 rows of 2 * 140.
        ({"capacity_factor": 1}, 6, 1680),
        # ceil(3/2 * 4 / 6) = 1; ceil(2 * 4 / 6) = 2.
        ({"capacity_factor": "3/2"}, 6, 1680),
        ({"capacity_factor": 2}, 12, 3360),
        # ceil(1/2 * 4 / 6) = 1.
        ({"capacity_factor": 0.5}, 6, 1680),
        # Experts choose: ceil(2 * 2 tokens / 6) = 1 row each.
        ({"expert_choice": True, "capacity_factor": 2}, 6, 1680),
        ({"expert_choice": True, "capacity_factor": 4}, 12, 3360),
    ],
    ids=str,
)
def test_rows_at_a_fixed_capacity(fields: dict[str, Any], slots: int | None, executed: int) -> None:
    up, down = experts(block(MOE | fields))
    assert (up.slots, up.executed, down.slots) == (slots, executed, slots)
    assert down.executed * 2 == up.executed


def test_dropped_tokens_are_not_executed() -> None:
    # 30 tokens * 2 = 60 rows are useful; ceil(1/2 * 60 / 6) = 5 rows each, 30 in all.
    up, _ = experts(block(MOE | {"capacity_factor": 0.5}, new_tokens=30))
    assert (up.flops, up.executed) == (60 * 280, 30 * 280)


@pytest.mark.parametrize(
    ("fields", "active", "fewest", "most"),
    [
        ({}, 2 * 210, 420, 420),
        ({"bias": True}, 2 * 234, 468, 468),
        ({"top_k": 6}, 1260, 1260, 1260),
        ({"zero_experts": 2}, 315, 0, 420),  # 3/2 of 210; none or two
        ({"zero_experts": 3}, 279, 0, 420),  # 2 * 6/9: 70 * 4/3 rounded down, three times
        ({"zero_experts": 1}, 360, 210, 420),  # 2 * 6/7 of 210; one or two
        ({"zero_experts": 2, "expected_top_k": "5/4"}, 261, 0, 420),  # 70 * 5/4 rounded down, three times
        ({"top_k": 7, "zero_experts": 1}, 1260, 1260, 1260),
        ({"expert_choice": True, "capacity_factor": 2}, 420, 0, 1260),
    ],
    ids=str,
)
def test_what_a_token_uses(fields: dict[str, Any], active: int, fewest: int, most: int) -> None:
    found = figures.params(spec(blocks={"it": MOE | fields}, mixer="it"))
    rest = found.active - found.active_components["moe.experts"]
    assert found.active_components["moe.experts"] == active
    assert (found.active_min - rest, found.active_max - rest) == (fewest, most)


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({}, 2),
        ({"zero_experts": 2}, Fraction(3, 2)),
        ({"zero_experts": 6}, 1),  # an int again
        ({"expected_top_k": 2}, 2),
        ({"expert_choice": True, "capacity_factor": 2}, 2),
        ({"expert_choice": True, "capacity_factor": "5/2"}, Fraction(5, 2)),
    ],
    ids=str,
)
def test_how_many_are_chosen(fields: dict[str, Any], chosen: object) -> None:
    found = spec(blocks={"it": MOE | fields}, mixer="it").blocks["it"].chosen
    assert (found, type(found)) == (chosen, type(chosen))


def test_buffers_stand_apart() -> None:
    router = {"correction_bias": True, "hash": True}
    found = spec(blocks={"it": MOE | {"router": router, "zero_experts": 1}}, mixer="it", n_layers=3)
    # In 3 layers a bias for each of 7 and a table of 16 tokens * 2.
    assert figures.params(found).not_in_total == {"buffers": 3 * (7 + 32)}
    without = spec(blocks={"it": MOE | {"zero_experts": 1}}, mixer="it", n_layers=3)
    assert figures.params(found).total == figures.params(without).total


def test_parts_of_a_report() -> None:
    shared = {"d_ff": 5, "gate": True}
    found = figures.params(spec(blocks={"it": MOE | {"shared": shared, "latent": 4}}, mixer="it")).components
    # gate, up 2*10*5, down 50 and the gate 10; latent 40 twice; experts 6 * 3 * 4*7.
    assert found == {
        "embedding": 160,
        "lm_head": 160,
        "moe.router": 60,
        "moe.latent": 80,
        "moe.experts": 504,
        "moe.shared": 160,
    }


def test_experts_are_cut_as_a_whole() -> None:
    ops = block(MOE | {"bias": True, "shared": {"d_ff": 5}, "router": {"bias": True}})
    cuts = {f"{op.path.split('.')[2]}.{w.name}": (w.shape, w.split, w.units, w.role) for op in ops for w in op.weights}
    assert cuts == {
        "router.router": ((6, 10), "none", 1, "router"),
        "router.router.bias": ((6,), "none", 1, "router"),
        "experts.gate": ((6, 7, 10), "experts", 6, "experts"),
        "experts.gate.bias": ((6, 7), "experts", 6, "experts"),
        "experts.up": ((6, 7, 10), "experts", 6, "experts"),
        "experts.up.bias": ((6, 7), "experts", 6, "experts"),
        "experts.down": ((6, 10, 7), "experts", 6, "experts"),
        "experts.down.bias": ((6, 10), "experts-whole", 6, "experts"),
        "shared.gate": ((5, 10), "out", 5, "ffn"),
        "shared.gate.bias": ((5,), "out", 5, "ffn"),
        "shared.up": ((5, 10), "out", 5, "ffn"),
        "shared.up.bias": ((5,), "out", 5, "ffn"),
        "shared.down": ((10, 5), "in", 5, "ffn"),
        "shared.down.bias": ((10,), "in", 5, "ffn"),
    }


def test_what_experts_read_and_write() -> None:
    up, down = experts(block(MOE))
    # One row a token feeds both chosen experts; each gives gate and up, and has a row of its own down.
    assert (up.takes, up.gives) == (2 * 10, 2 * 2 * 14)
    assert (down.takes, down.gives) == (2 * 2 * 7, 2 * 2 * 10)
    moved = {
        op.path.removeprefix("layers.it."): (op.takes, op.gives)
        for op in block(MOE | {"shared": {"d_ff": 5, "gate": True}})
    }
    assert moved["experts.activation"] == (2 * 28, 28)
    assert moved["experts.combine"] == (40, 40)
    assert moved["shared.gated"] == (2 * 20, 20)


@pytest.mark.parametrize(
    ("fields", "words", "details"),
    [
        ({}, "moe 2/6", "6 experts of d_ff 7, 2 chosen; softmax router"),
        (
            {"zero_experts": 2, "router": {"hash": True}},
            "moe 2/6",
            "6 experts of d_ff 7, 2 chosen, 3/2 in the mean, 2 zero experts; hash router",
        ),
        (
            {"shared": {"d_ff": 7}, "router": {"score": "sigmoid"}},
            "moe 2/6+1",
            "6 experts of d_ff 7, 2 chosen, 1 shared; sigmoid router",
        ),
        (
            {"shared": {"n_experts": 2, "d_ff": 5}},
            "moe 2/6+2",
            "6 experts of d_ff 7, 2 chosen, 2 shared of d_ff 5; softmax router",
        ),
    ],
    ids=str,
)
def test_words(fields: dict[str, Any], words: str, details: str) -> None:
    found = spec(blocks={"it": MOE | fields}, mixer="it")
    assert (found.blocks["it"].describe(), found.blocks["it"].details()) == (words, details)
    assert figures.reach(found) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"top_k": 7}, "blocks.it.top_k: top_k 7 is more than the 6 experts there are (AC120) at most 6"),
        (
            {"top_k": 9, "zero_experts": 2},
            "blocks.it.top_k: top_k 9 is more than the 8 experts there are (AC120) at most 8",
        ),
        (
            {"expected_top_k": "3/2"},
            "blocks.it.expected_top_k: expected_top_k 3/2 cannot be: a token uses 2 to 2 experts (AC120)",
        ),
        (
            {"zero_experts": 1, "expected_top_k": "1/2"},
            "blocks.it.expected_top_k: expected_top_k 1/2 cannot be: a token uses 1 to 2 experts (AC120)",
        ),
        (
            {"zero_experts": 1, "expected_top_k": "5/2"},
            "blocks.it.expected_top_k: expected_top_k 5/2 cannot be: a token uses 1 to 2 experts (AC120)",
        ),
        (
            {"expert_choice": True},
            "blocks.it.expert_choice: expert_choice needs a capacity_factor (AC120) add capacity_factor: 1",
        ),
        (
            {"expert_choice": True, "capacity_factor": 2, "zero_experts": 1},
            "blocks.it.zero_experts: with expert_choice tokens do not choose, so there is no zero_experts (AC120)",
        ),
        (
            {"expert_choice": True, "capacity_factor": 2, "expected_top_k": 2},
            "blocks.it.expected_top_k: with expert_choice tokens do not choose, so there is no expected_top_k (AC120)",
        ),
        (
            {"expert_choice": True, "capacity_factor": 7},
            "blocks.it.capacity_factor: capacity_factor 7 gives a token more than all 6 experts (AC120) at most 6",
        ),
        ({"capacity_factor": "0"}, 'blocks.it.capacity_factor: "0" is not above 0 (AC104) write "5/4"'),
        ({"router": {"groups": 4}}, "blocks.it.n_experts: n_experts 6 is not a multiple of router.groups 4 (AC120)"),
        (
            {"router": {"groups": 2, "top_groups": 3}},
            "blocks.it.router: router.top_groups 3 is more than router.groups 2 (AC120)",
        ),
        (
            {"router": {"top_groups": 1}},
            "blocks.it.router: router.top_groups chooses among groups, and there are none (AC120) add groups",
        ),
    ],
    ids=str,
)
def test_what_a_mixture_cannot_be(fields: dict[str, Any], expected: str) -> None:
    assert refused(MOE | fields) == [expected]


@pytest.mark.parametrize(
    "edge",
    [
        {"top_k": 6},
        {"zero_experts": 1, "expected_top_k": 1},
        {"zero_experts": 1, "expected_top_k": 2},
        {"top_k": 8, "zero_experts": 2},
        {"expert_choice": True, "capacity_factor": 6},
        {"capacity_factor": 7},
    ],
)
def test_what_a_mixture_may_just_be(edge: dict[str, Any]) -> None:
    assert block(MOE | edge)
