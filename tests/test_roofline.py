"""Times of a step: by hand on a made-up machine, and what must hold whatever the sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.architecture import Architecture
from costmodel.dtypes import BF16
from costmodel.plan import resolve
from costmodel.profiles import Hardware
from costmodel.timed import Step
from costmodel.times import Roofline
from costmodel.workload import Workload
from tests.reading import read
from tests.small import spec

# 1 TFLOP/s, 100 GB/s: 10 FLOPs a byte where the ceilings meet. Links of 10 GB/s between 4 devices, 1 beyond.
MADE_UP = """\
name: made-up
title: Made up
vendor: nobody
generation: none
memory_capacity: {value: 80 GB, basis: unverified}
memory_bandwidth: {value: 100 GB/s, basis: unverified}
dense_peak:
  bf16: {value: 1 TFLOP/s, basis: unverified}
scale_up:
  name: near
  bandwidth: {value: 10 GB/s, basis: unverified}
  domain: {value: 4, basis: unverified}
scale_out:
  name: far
  bandwidth: {value: 1 GB/s, basis: unverified}
"""
P, W, L, FAR = (Fraction(10**n) for n in (12, 11, 10, 9))


def machine(text: str = MADE_UP) -> Hardware:
    return Hardware.model_validate(read(text).data)


HARDWARE = machine()


def tiny(n_layers: int = 1) -> Architecture:
    """A stream of 64, layers of two matrices of 64 x 256, 16 tokens in the vocabulary; no attention, no norms."""
    return spec(d_model=64, blocks={"f": {"kind": "ffn", "d_ff": 256, "gated": False}}, ffn="f", n_layers=n_layers)


def timed(found: Architecture, load: Workload, hardware: Hardware = HARDWARE, **plan: Any) -> Step:
    return Roofline(found, hardware, resolve(found, plan), BF16).step(load)


def exactly(seconds: Fraction) -> Any:
    """Equal but for the rounding of a few floating-point sums."""
    return pytest.approx(float(seconds), rel=1e-14)


# By hand. T tokens: each matrix of a layer 2 x 64 x 256 = 32,768 FLOPs a token and as many bytes of weights, 640
# bytes a token in and out; the head 2,048 FLOPs, 2,048 bytes and 160; the embedding 256 bytes, all a token.


@pytest.mark.parametrize(
    ("tokens", "bound", "serial"),
    [
        # 67,584 T FLOPs against 67,584 + 1,696 T bytes: compute binds from T = 14.
        (10, "memory", Fraction(67_584 + 1_696 * 10) / W),
        # The matrices of the layer are bound by compute from T = 13, embedding and head by memory still.
        (20, "compute", 2 * 32_768 * 20 / P + (256 * 20 + 2_048 + 160 * 20) / W),
        # The head too, from T = 46.
        (50, "compute", (2 * 32_768 + 2_048) * 50 / P + 256 * 50 / W),
    ],
)
def test_a_step_on_one_device(tokens: int, bound: str, serial: Fraction) -> None:
    found = timed(tiny(), Workload(new_tokens=tokens))
    assert found.compute_s == exactly(67_584 * tokens / P)
    assert found.memory_s == exactly((67_584 + 1_696 * tokens) / W)
    assert found.floor_s == max(found.compute_s, found.memory_s)
    assert found.serial_s == exactly(serial)
    assert (found.bound, found.network_s, found.expected_s) == (bound, 0, None)  # no measurements of this machine


def test_a_row_has_the_time_of_its_own_bound() -> None:
    rows = {row.work.path: row for row in timed(tiny(), Workload(new_tokens=20)).rows}
    assert [(path, row.bound) for path, row in rows.items()] == [
        ("embedding", "memory"),
        ("layers.f.up", "compute"),
        ("layers.f.down", "compute"),
        ("lm_head", "memory"),
    ]
    assert rows["layers.f.up"].serial_s == exactly(32_768 * 20 / P)
    assert rows["lm_head"].serial_s == exactly((2_048 + 160 * 20) / W)


@pytest.mark.parametrize(
    ("tp", "reduces", "wire"),
    [
        # All-reduces of the embedding and the layer: 128 T bytes each, of which a ring sends 2 (n - 1) / n; the
        # logits of 32 T bytes are gathered: (n - 1) / n.
        (2, False, Fraction(128 + 128 + 16) / L),
        (4, False, Fraction(192 + 192 + 24) / L),
        # A switch that adds: (n + 1) / n, where that is less.
        (2, True, Fraction(128 + 128 + 16) / L),
        (4, True, Fraction(160 + 160 + 24) / L),
        # Two domains of 4: reduced within the first, an all-reduce of a quarter between them; 7/8 of the logits do not
        # stay: 3/4 of them within, and half of a quarter's worth from the other domain. Both fabrics can work at once:
        # the slower one is the floor.
        (8, False, Fraction(32 + 32 + 4) / FAR),
    ],
)
def test_a_step_on_a_tensor_parallel_group(tp: int, reduces: bool, wire: Fraction) -> None:
    text = MADE_UP.replace("name: near", f"name: near\n  reduces: {str(reduces).lower()}")
    found = timed(tiny(), Workload(new_tokens=20), machine(text), tp=tp)
    assert found.compute_s == exactly(67_584 * 20 / P / tp)
    # Cut: weights, the inner values (1,024 bytes a token) and the logits (32). Whole: 256 + 3 x 128 bytes a token.
    assert found.memory_s == exactly((67_584 + 1_056 * 20) / W / tp + 640 * 20 / W)
    assert found.network_s == exactly(20 * wire)
    assert found.floor_s == max(found.compute_s, found.network_s)
    assert found.bound == ("compute" if tp == 2 else "network")  # 676 ns against 544; 338 or less against 688 or more
    row_times = Fraction(0)
    for row in found.rows:
        row_times += max(Fraction(row.compute_s), Fraction(row.memory_s), Fraction(row.network_s))
    inside = 20 * Fraction(192 + 192 + 24) / L if tp == 8 else 0  # engines use one fabric after the other
    assert found.serial_s == exactly(row_times + inside)


def test_a_step_on_two_stages() -> None:
    # 3 layers: the first stage has two and the embedding, the second one and the head. 4 sequences of 5 tokens in
    # two micro-batches of 10 tokens. Each layer is 65,536 + 1,280 x 10 bytes; all is bound by memory; 1,280 bytes
    # are sent on at 10 GB/s.
    found = timed(tiny(3), Workload(batch=4, new_tokens=5), pp=2)
    layer = Fraction(65_536 + 1_280 * 10) / W
    first, second = 2 * layer + 256 * 10 / W, layer + (2_048 + 160 * 10) / W
    assert (found.micro_batches, found.local_batch) == (2, 2)
    assert found.serial_s == exactly(2 * (first + 1_280 / L))  # more than first + second: both wait for the slower
    # No schedule is faster than the first stage's FLOPs of all 20 tokens: 2 layers of 65,536 a token.
    assert found.compute_s == exactly(2 * 65_536 * 20 / P)
    assert found.memory_s == exactly((3 * (65_536 + 1_280 * 5) + 256 * 5 + 2_048 + 160 * 5) / W)  # 5 tokens pass both
    assert found.network_s == exactly(2_560 / L)
    assert found.floor_s == found.compute_s
    one = timed(tiny(3), Workload(batch=1, new_tokens=10), pp=2)
    assert one.micro_batches == 1
    assert one.floor_s == exactly(first + second)  # one sequence passes both
    assert one.serial_s == exactly(first + second + 1_280 / L)


def test_a_stage_in_another_domain_is_reached_over_the_slow_link() -> None:
    near = timed(tiny(2), Workload(new_tokens=10), pp=2, tp=2)  # devices 0, 1 and 2, 3 of one domain
    far = timed(tiny(2), Workload(new_tokens=10), pp=2, tp=4)  # 0 to 3 and 4 to 7
    sent = [[row.network_s for row in found.rows if row.work.path == "stage0.send"] for found in (near, far)]
    assert sent == [[exactly(1_280 / L)], [exactly(1_280 / FAR)]]


def test_groups_share_the_batch() -> None:
    alone = timed(tiny(), Workload(batch=3, new_tokens=4))
    spread = timed(tiny(), Workload(batch=10, new_tokens=4), dp=4)  # 3 sequences on the busiest
    assert (spread.floor_s, spread.serial_s, spread.local_batch) == (alone.floor_s, alone.serial_s, 3)


# What must hold

ATTENTION = {"kind": "attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 16}
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "dense": {"mixer": ATTENTION, "ffn": {"kind": "ffn", "d_ff": 96}},
    "window": {"mixer": {**ATTENTION, "window": 24}, "ffn": {"kind": "ffn", "d_ff": 96}},
    "experts": {"mixer": ATTENTION, "ffn": {"kind": "moe", "n_experts": 8, "top_k": 2, "d_ff": 32}},
    "latent": {
        "mixer": {
            "kind": "mla", "n_heads": 4, "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16,
            "qk_rope_head_dim": 8, "v_head_dim": 16,
        },
        "ffn": {"kind": "ffn", "d_ff": 96},
    },
    "recurrent": {
        "mixer": {"kind": "mamba2", "n_heads": 8, "head_dim": 16, "d_state": 8, "n_groups": 2, "d_conv": 4},
        "ffn": {"kind": "ffn", "d_ff": 96},
    },
}  # fmt: skip
PLANS = ({}, {"tp": 2}, {"pp": 2}, {"dp": 3}, {"tp": 2, "pp": 2, "dp": 2}, {"cp": 2})


@cache
def model(shape: str, n_layers: int = 4, n_experts: int = 8) -> Architecture:
    blocks = {name: dict(block) for name, block in SHAPES[shape].items()}
    if blocks["ffn"]["kind"] == "moe":
        blocks["ffn"]["n_experts"] = n_experts
    return spec(d_model=64, vocab_size=64, blocks=blocks, mixer="mixer", ffn="ffn", n_layers=n_layers)


def loads() -> st.SearchStrategy[Workload]:
    sizes = {"batch": st.integers(1, 40), "new_tokens": st.integers(1, 60), "cached_tokens": st.integers(0, 300)}
    return st.builds(Workload, **sizes, mla=st.sampled_from(["absorbed", "expanded"]))  # type: ignore[arg-type]


shapes, plans, more = st.sampled_from(sorted(SHAPES)), st.sampled_from(PLANS), st.integers(1, 30)


@given(shapes, plans, loads(), more)
def test_a_floor_never_falls_where_there_is_more(shape: str, plan: dict[str, int], load: Workload, more: int) -> None:
    def floor(load: Workload, **sizes: int) -> float:
        return float(timed(model(shape, **sizes), load, **plan).floor_s)

    least = floor(load) * (1 - 1e-12)
    assert floor(replace(load, batch=load.batch + more)) >= least
    assert floor(replace(load, cached_tokens=load.cached_tokens + more)) >= least
    assert floor(replace(load, new_tokens=load.new_tokens + more)) >= least
    assert floor(load, n_layers=4 + 2 * more) >= least
    assert floor(load, n_experts=8 + more) >= least


@given(shapes, plans, loads())
def test_the_floor_is_the_largest_side_and_no_more_than_the_serial_sum(
    shape: str, plan: dict[str, int], load: Workload
) -> None:
    found = timed(model(shape), load, **plan)
    sides = {"compute": found.compute_s, "memory": found.memory_s, "network": found.network_s}
    assert found.bound == max(sides, key=lambda name: sides[name])
    assert max(sides.values()) <= found.floor_s * (1 + 1e-12)
    if plan.get("pp", 1) == 1:
        assert found.floor_s == max(sides.values())
    assert found.floor_s <= found.serial_s * (1 + 1e-12)
    for row in found.rows:
        assert row.serial_s == max(row.compute_s, row.memory_s, row.network_s)
        assert row.serial_s == {"compute": row.compute_s, "memory": row.memory_s, "network": row.network_s}[row.bound]


@given(shapes, loads(), st.integers(1, 6))
def test_a_pipeline_is_no_faster_than_its_stages(shape: str, load: Workload, pp: int) -> None:
    found = timed(model(shape, 6), load, pp=pp)
    sides = [[getattr(row, side) for row in found.rows] for side in ("compute_s", "memory_s")]
    # The slowest stage is above the mean; one sequence passes all of them.
    assert found.floor_s >= timed(model(shape, 6), load).floor_s / pp * (1 - 1e-12)
    assert found.floor_s >= timed(model(shape, 6), replace(load, batch=1)).floor_s * (1 - 1e-12)
    # Rows are of one micro-batch in every stage, so their sums are of all stages.
    one = timed(model(shape, 6), replace(load, batch=found.local_batch))
    assert sum(sides[0]) == pytest.approx(one.compute_s, rel=1e-12)
    assert sum(sides[1]) == pytest.approx(one.memory_s, rel=1e-12)
