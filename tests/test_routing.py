"""Experts that a step touches, counted the slow way, and how unequal their loads are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product
from math import e, exp, gamma, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.dtypes import BF16
from costmodel.kernels import Device, Kernel
from costmodel.machine import Machine
from costmodel.plan import Plan, resolve
from costmodel.routing import busiest_share, touched_skewed, touched_uniform
from costmodel.workload import Workload

SPECS = {found.name: found for found in catalog.load_all() if isinstance(found, Architecture)}
ROUTED = [name for name, found in SPECS.items() if any(block.kind == "moe" for block in found.blocks.values())]
EACH = 3 * 4096 * 14_336  # values of one expert of Mixtral 8x7B, in each of 32 layers


def experts(name: str, plan: Plan, load: Workload) -> list[Kernel]:
    """The kernels of routed experts on one device; ``load`` is one group's."""
    device = Device(Machine("made-up", {"bf16": 1e12}, 1e11, 10**9), plan, BF16)
    return [k for k in device.kernels(SPECS[name].lower(load), load.batch) if k.family == "moe"]


@pytest.mark.parametrize(("n_experts", "chosen", "tokens"), [(4, 1, 5), (5, 2, 3), (4, 3, 4), (6, 2, 1)])
def test_distinct_experts_of_every_choice_there_is(n_experts: int, chosen: int, tokens: int) -> None:
    sets = [frozenset(one) for one in combinations(range(n_experts), chosen)]
    choices = list(product(sets, repeat=tokens))
    for local in range(1, n_experts + 1):
        seen = sum(sum(expert < local for expert in frozenset().union(*choice)) for choice in choices)
        mean = Fraction(seen, len(choices))
        assert touched_uniform(local, n_experts, chosen, tokens) == pytest.approx(float(mean), rel=1e-13)


@given(local=st.integers(1, 512), chosen=st.integers(1, 16), tokens=st.integers(1, 10_000))
def test_touched_experts_are_bounded_and_never_fewer_for_more_tokens(local: int, chosen: int, tokens: int) -> None:
    found = touched_uniform(local, 512, chosen, tokens)
    assert found <= min(local, local * chosen * tokens / 512) * (1 + 1e-12)
    assert found <= touched_uniform(local, 512, chosen, tokens + 1)
    assert touched_uniform(local, 512, chosen, 1) == pytest.approx(local * chosen / 512, rel=1e-12)


def integrated(of: Callable[[np.ndarray], np.ndarray], shape: float) -> float:
    """The mean of a function of a popularity, whose distribution is gamma with mean 1, by trapezia."""
    if shape >= 1:
        popularity = np.linspace(0, 80, 2_000_001)
        density = shape**shape * popularity ** (shape - 1) * np.exp(-shape * popularity) / gamma(shape)
        return float(np.trapezoid(density * of(popularity), popularity))
    power = np.linspace(0, (80 / shape) ** shape, 2_000_001)  # popularity ** shape: no pole at 0
    popularity = power ** (1 / shape)
    return float(
        np.trapezoid(np.exp(-shape * popularity) * of(popularity), power) * shape ** (shape - 1) / gamma(shape)
    )


@pytest.mark.parametrize("shape", [0.2, 0.5, 1.0, 2.5, 8.0])
@pytest.mark.parametrize(("local", "rows"), [(8, 0.5), (8, 8.0), (32, 500.0)])
def test_skewed_routing_is_the_mean_over_a_gamma_distribution(shape: float, local: int, rows: float) -> None:
    """An expert of popularity g is sent rows / local x g rows in the mean, and none with exp(- of that)."""
    assert integrated(np.ones_like, shape) == pytest.approx(1, rel=1e-5)
    assert integrated(lambda g: g, shape) == pytest.approx(1, rel=1e-5)
    hit = integrated(lambda g: 1 - np.exp(-rows / local * g), shape)
    assert touched_skewed(local, rows, shape) == pytest.approx(local * hit, rel=1e-4)


def test_even_popularity_is_uniform_routing() -> None:
    # Of 8 experts here, with 20 rows: 8 (1 - e^(-20/8)), as for many experts elsewhere.
    assert touched_skewed(8, 20.0, 1e9) == pytest.approx(8 * (1 - exp(-2.5)), rel=1e-6)
    assert touched_uniform(8, 80_000, 1, 200_000) == pytest.approx(8 * (1 - exp(-2.5)), rel=1e-4)


@given(local=st.integers(1, 256), devices=st.integers(1, 512), shape=st.floats(0.05, 50))
def test_the_busiest_device_has_the_mean_load_or_more_and_never_all_of_more(
    local: int, devices: int, shape: float
) -> None:
    found = busiest_share(local, devices, shape)
    assert 1 <= found <= devices
    assert busiest_share(local, 1, shape) == 1
    assert busiest_share(local + 1, devices, shape) <= found  # more experts on a device even out
    assert busiest_share(local, devices, 2 * shape) <= found
    assert busiest_share(local, np.array([devices, 1]), shape).tolist() == pytest.approx([found, 1], rel=1e-12)


def test_the_busiest_device_by_hand() -> None:
    # 2.757 standard deviations sqrt(2 ln(devices) / (local shape)); here ln(e^2) = 2 of 8 experts, shape 0.5.
    assert log(e**2) == 2
    assert busiest_share(8, e**2, 0.5) == pytest.approx(1 + 2.757, rel=1e-12)


# On a device


def test_one_token_reads_the_experts_it_chooses() -> None:
    (kernel,) = experts("mixtral-8x7b", Plan(), Workload())
    assert kernel.weight_bytes == pytest.approx(2 * 32 * 2 * EACH, rel=1e-14)
    assert kernel.useful == 2 * 32 * 2 * EACH


def test_tokens_of_all_groups_meet_the_experts_of_a_device() -> None:
    # 8 devices with 5 sequences each: 40 tokens choose 80 experts, 10 on every device, which holds one of 8.
    (kernel,) = experts("mixtral-8x7b", resolve(SPECS["mixtral-8x7b"], {"ep": 8}), Workload(batch=5))
    assert (kernel.sizes["rows"], kernel.sizes["local"], kernel.sizes["tokens"]) == (10, 1, 40)
    assert kernel.useful == kernel.flops == 2 * 32 * EACH * 10
    assert kernel.weight_bytes == pytest.approx(2 * 32 * EACH * (1 - 0.75**40), rel=1e-14)
    assert kernel.input_bytes == kernel.output_bytes == 2 * 32 * 10 * 4096


def test_a_router_may_pass_by_redundant_copies() -> None:
    # 256 + 32 copies on 32 devices: 9 each; one token in each of 32 groups chooses 8 of 256, of which 8 are
    # here. Were all 9 chosen alike, 5.35 would be read; the fewest are 5.10.
    plan = resolve(SPECS["deepseek-v3"], {"ep": 32, "redundant_experts": 32})
    (kernel,) = experts("deepseek-v3", plan, Workload(batch=1))
    assert kernel.sizes["local"] == 9
    assert kernel.sizes["touched"] == pytest.approx(8 * (1 - (248 / 256) ** 32), rel=1e-13)


def test_unequal_loads_take_longer_and_touch_fewer() -> None:
    even, skewed = (experts("mixtral-8x7b", Plan(ep=8, dp=8, skew=skew), Workload(batch=5))[0] for skew in (None, 0.5))
    busiest = busiest_share(1, 8, 0.5)
    assert skewed.useful == pytest.approx(busiest * even.useful, rel=1e-12)
    assert skewed.flops == pytest.approx(busiest * even.flops, rel=1e-12)
    assert skewed.sizes["touched"] == pytest.approx(touched_skewed(1, 10 * busiest, 0.5), rel=1e-12)


@pytest.mark.parametrize("name", ROUTED)
@pytest.mark.parametrize(("tp", "ep", "dp"), [(1, 1, 1), (2, 1, 1), (2, 2, 1), (1, 2, 2), (1, 2, 4), (2, 4, 2)])
def test_devices_compute_what_their_tokens_ask_for(name: str, tp: int, ep: int, dp: int) -> None:
    plan = resolve(SPECS[name], {"tp": tp, "ep": ep, "dp": dp})
    load = Workload(batch=3, new_tokens=8, source_new=4)
    alone, spread = experts(name, Plan(), load), experts(name, plan, load)
    for one, other in zip(alone, spread, strict=True):
        assert other.useful * plan.stage_devices == pytest.approx(one.useful * dp, rel=1e-14)
        assert other.flops * plan.stage_devices == pytest.approx(one.flops * dp, rel=1e-14)
