"""Plans: degrees that follow from others, what cannot be, what every device holds of a model."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.dtypes import BF16
from costmodel.errors import UsageError
from costmodel.kernels import Device
from costmodel.machine import Machine
from costmodel.ops import Experts
from costmodel.plan import Plan, Stage, resolve, share, stages
from costmodel.things import State, Weight
from costmodel.workload import Workload
from tests.small import spec

SPECS = {found.name: found for found in catalog.load_all() if isinstance(found, Architecture)}
SOURCE = 37  # tokens an encoder has read
STEPS = {
    "decode": Workload(batch=3, new_tokens=1, cached_tokens=4999, source_cached=SOURCE),
    "prefill": Workload(batch=2, new_tokens=300, source_new=SOURCE),
    "chunk": Workload(batch=1, new_tokens=200, cached_tokens=700, source_cached=SOURCE, mla="expanded-cached"),
}
every_spec = pytest.mark.parametrize("name", SPECS)


def refusal(architecture: Architecture, **asked: object) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(architecture, asked)
    return str(caught.value)


def device(plan: Plan, *, fused: bool = True) -> Device:
    """A device that multiplies bf16 only."""
    return Device(Machine("made-up", {"bf16": 1e12}, 1e11, 10**9), plan, BF16, fused=fused)


def weight(*shape: int, split: str = "none", units: int = 1) -> Weight:
    return Weight("w", shape, split=split, units=units)


# Degrees


@pytest.mark.parametrize(
    ("asked", "dp", "devices", "text"),
    [
        ({}, 1, 1, "1 device"),
        ({"tp": 8, "pp": 2}, 1, 16, "tp 8, pp 2"),
        ({"ep": 8}, 8, 8, "ep 8, dp 8"),  # attention data-parallel over the same 8
        ({"ep": 8, "tp": 2}, 4, 8, "tp 2, ep 8, dp 4"),
        ({"ep": 8, "tp": 2, "cp": 2}, 2, 8, "tp 2, ep 8, dp 2, cp 2"),
        ({"ep": 8, "pp": 4}, 8, 32, "pp 4, ep 8, dp 8"),  # the experts of a stage are spread over the stage
        ({"ep": 8, "tp": 8}, 1, 8, "tp 8, ep 8"),
        ({"ep": 2, "tp": 8}, 1, 8, "tp 8, ep 2"),
        ({"ep": 4, "dp": 8}, 8, 8, "ep 4, dp 8"),  # what is given stays: two copies of the experts
        ({"tp": 2, "dp": None, "ep": 4}, 2, 4, "tp 2, ep 4, dp 2"),  # not given
    ],
)
def test_degrees_that_are_not_given_follow(asked: Mapping[str, Any], dp: int, devices: int, text: str) -> None:
    plan = resolve(SPECS["mixtral-8x7b"], asked)
    assert (plan.dp, plan.devices, plan.text) == (dp, devices, text)
    assert plan.stage_devices * plan.pp == plan.devices


@pytest.mark.parametrize(
    ("tp", "ep", "moe_tp", "moe_dp", "sends"),
    [
        (8, 1, 8, 1, False),  # every expert on every device, an eighth of its columns
        (8, 2, 4, 1, False),  # half of the experts, a quarter of their columns
        (8, 8, 1, 1, False),  # an eighth of the experts, whole
        (2, 8, 1, 4, True),  # the tokens of four groups of two meet the experts of eight devices
        (1, 8, 1, 8, True),
        (1, 1, 1, 1, False),
    ],
)
def test_experts_are_cut_by_what_is_left_of_tp(tp: int, ep: int, moe_tp: int, moe_dp: int, sends: bool) -> None:
    plan = resolve(SPECS["mixtral-8x7b"], {"tp": tp, "ep": ep})
    assert (plan.moe_tp, plan.moe_dp, plan.sends_tokens) == (moe_tp, moe_dp, sends)
    held = device(plan).part(Weight("up", (8, 14_336, 4_096), split="experts", units=8))
    assert held * max(tp, ep) == 8 * 14_336 * 4_096


def test_redundant_experts_are_spread_with_the_others() -> None:
    # 256 + 32 = 288 experts on 144 devices: 2 each, where 256 would not divide.
    plan = resolve(SPECS["deepseek-v3"], {"ep": 144, "redundant_experts": 32})
    assert plan.experts(256) == 2
    assert device(plan).part(Weight("down", (256, 7_168, 2_048), split="experts", units=256)) == 2 * 7_168 * 2_048


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("llama-3.1-8b", {"tp": 3}, "error: tp 3 does not divide n_heads 32\n  tp that does: 1, 2, 4, 8, 16, 32"),
        ("llama-3.1-8b", {"tp": 0}, "error: --tp 0 is not a number from 1 to 1,048,576"),
        ("llama-3.1-8b", {"cp": 2**20 + 1}, "error: --cp 1048577 is not a number from 1 to 1,048,576"),
        ("llama-3.1-8b", {"pp": 33}, "error: pp 33 is more than the 32 layers\n  a stage needs a layer"),
        ("llama-3.1-8b", {"ep": 2}, "error: ep 2 spreads experts, and llama-3.1-8b has none\n  leave --ep out"),
        ("phi-4", {"tp": 4}, "error: tp 4 does not divide n_kv_heads 10\n  tp that does: 1, 2, 5, 10"),
        ("mixtral-8x7b", {"ep": 3}, "error: ep 3 does not divide n_experts 8\n  ep that does: 2, 4, 8"),
        (
            "mixtral-8x7b",
            {"ep": 4, "redundant_experts": 3},
            "error: ep 4 does not divide n_experts 8 + 3 redundant\n  ep that does: 11",
        ),
        ("mixtral-8x7b", {"ep": 4, "tp": 6}, "error: of ep 4 and tp 6 one must divide the other\n  ep 6"),
        ("mixtral-8x7b", {"ep": 8, "tp": 3}, "error: ep 8 is no multiple of tp x cp = 3\n  ep 9"),
        (
            "mixtral-8x7b",
            {"ep": 8, "dp": 4},
            "error: ep 8 does not divide the 4 devices of tp x cp x dp\n  ep 1, 2, 4",
        ),
    ],
)
def test_a_plan_that_cannot_be_names_both_numbers(name: str, asked: Mapping[str, Any], message: str) -> None:
    assert refusal(SPECS[name], **asked) == message


@pytest.mark.parametrize(
    ("name", "tp", "limit"),
    [
        ("deepseek-v4-flash", 16, "o_groups 8"),  # 64 heads, whose outputs are projected in 8 groups
        ("mamba-130m", 5, "d_inner 1536"),  # no heads at all
        ("qwen3.5-27b", 12, "n_k_heads 16"),  # 24 and 48 heads, 4 KV heads on 3 devices each
    ],
)
def test_what_cannot_be_cut_has_the_name_that_the_spec_gives_it(name: str, tp: int, limit: str) -> None:
    assert refusal(SPECS[name], tp=tp).splitlines()[0] == f"error: tp {tp} does not divide {limit}"


def test_inner_columns_that_no_device_can_share() -> None:
    heads = {"kind": "attention", "n_heads": 8, "head_dim": 2}
    dense = spec(blocks={"a": heads, "f": {"kind": "ffn", "d_ff": 12}}, mixer="a", ffn="f")
    assert refusal(dense, tp=8) == "error: tp 8 does not divide d_ff 12\n  tp that does: 1, 2, 3, 4, 6, 12"
    moe = {"kind": "moe", "n_experts": 4, "top_k": 2, "d_ff": 12}
    experts = spec(blocks={"a": heads, "f": moe}, mixer="a", ffn="f")
    assert refusal(experts, tp=8) == (
        "error: tp 8 over ep 1 cuts each expert into 8, and they are 12 wide\n  ep that does not: 2, 4"
    )
    assert resolve(experts, {"tp": 8, "ep": 2}).moe_tp == 4  # 3 columns each


# What a device holds


@pytest.mark.parametrize(
    ("tp", "found", "part"),
    [
        (4, weight(32 * 128, 4096, split="out", units=32), 8 * 128 * 4096),  # 8 of 32 query heads
        (4, weight(8 * 128, 4096, split="out", units=8), 2 * 128 * 4096),  # 2 of 8 KV heads
        (16, weight(8 * 128, 4096, split="out", units=8), 128 * 4096),  # one whole head, on two devices each
        (4, weight(4096, 32 * 128, split="in", units=32), 4096 * 8 * 128),
        (4, weight(4096, split="in", units=32), 4096),  # a bias of the sum is not cut
        (4, weight(4096), 4096),  # a norm
        (
            8,
            weight(50_257, 768, split="vocabulary", units=50_257),
            6_283 * 768,
        ),  # 8 x 6,283: 7 rows of padding
        (8, weight(50_257, 768, split="out", units=50_257), 6_283 * 768),  # the head too
        (4, weight(8, 1024, 512, split="out", units=8), 2 * 1024 * 512),  # 2 of 8 groups
    ],
)
def test_a_devices_part_of_a_tensor(tp: int, found: Weight, part: int) -> None:
    assert device(Plan(tp=tp)).part(found) == part
    assert device(Plan(tp=tp)).weight_bytes(found) == 2 * part


@pytest.mark.parametrize(
    ("tp", "units", "values"),
    [(4, 8, 512), (8, 8, 256), (16, 8, 256), (16, 1, 2048)],  # of 8 KV heads of 2 x 128; of one latent
)
def test_a_devices_part_of_a_cache(tp: int, units: int, values: int) -> None:
    state = State("kv", "full", 10, 9, 1, 16, 10, 1, units=units, width=2048)
    assert device(Plan(tp=tp)).state_bytes(state, 10) == 2 * 10 * values


# Stages


def test_layers_are_cut_as_evenly_as_they_go() -> None:
    assert [(stage.first, stage.last, stage.layers) for stage in stages(61, 4)] == [
        (0, 16, 16),  # 61 = 4 x 15 + 1: the first takes the one that is left over
        (16, 31, 15),
        (31, 46, 15),
        (46, 61, 15),
    ]


@given(pp=st.integers(1, 100), more=st.integers(0, 100))
def test_stages_hold_every_layer_once(pp: int, more: int) -> None:
    layers = pp + more
    found = stages(layers, pp)
    assert [layer for stage in found for layer in range(stage.first, stage.last)] == list(range(layers))
    assert max(stage.layers for stage in found) - min(stage.layers for stage in found) <= 1
    assert [(stage.index, stage.of) for stage in found] == [(i, pp) for i in range(pp)]


def test_stages_of_a_model_whose_layers_differ() -> None:
    # DeepSeek-V3: 3 dense layers, then 58 of experts; of 4 stages the first has layers 0 to 15.
    found = SPECS["deepseek-v3"]
    ops = {op.path: op for op in found.lower(Workload())}
    parts = {
        path: [share(found, stage, ops[path]) for stage in stages(61, 4)]
        for path in ("embedding", "layers.mla.o", "layers.dense.up", "layers.moe.experts.up", "lm_head")
    }
    assert parts == {
        "embedding": [1, 0, 0, 0],
        "layers.mla.o": [Fraction(16, 61), Fraction(15, 61), Fraction(15, 61), Fraction(15, 61)],
        "layers.dense.up": [1, 0, 0, 0],
        "layers.moe.experts.up": [Fraction(13, 58), Fraction(15, 58), Fraction(15, 58), Fraction(15, 58)],
        "lm_head": [0, 0, 0, 1],
    }


@every_spec
def test_stages_share_every_operation_out(name: str) -> None:
    found = SPECS[name]
    ops = found.lower(Workload(new_tokens=7, cached_tokens=50, source_new=37))
    for part in found.extra_components:
        ops += found.lower_component(part, Workload(new_tokens=7, images=1))
    for pp in {1, 2, 3, 7, found.n_layers} & {*range(found.n_layers + 1)}:
        for op in ops:
            assert sum(share(found, stage, op) for stage in stages(found.n_layers, pp)) == 1, op.path


def test_the_only_stage_does_everything() -> None:
    op = next(op for op in SPECS["mixtral-8x7b"].lower(Workload()) if isinstance(op, Experts))
    assert share(SPECS["mixtral-8x7b"], Stage(0, 1, 0, 32), op) == 1
