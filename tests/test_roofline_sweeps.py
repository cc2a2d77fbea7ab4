"""Times of whole sweeps and of measured devices: arrays equal points, and expectations keep above the sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.dtypes import BF16, Recipe
from costmodel.errors import UsageError
from costmodel.plan import Plan, resolve
from costmodel.profiles import load_all_hardware, load_hardware
from costmodel.times import Roofline
from costmodel.workload import Workload

SPECS = {found.name: found for found in catalog.load_all() if isinstance(found, Architecture)}
MEASURED = [
    found.name for found in load_all_hardware() if found.fit("gemm", "bf16") is not None and "bf16" in found.dense_peak
]
TIMES = ("floor_s", "compute_s", "memory_s", "network_s", "serial_s", "expected_s")
SOURCE = 37  # tokens an encoder has read
# Models that use every kind of kernel.
MODELS = (
    "llama-3.1-8b", "gemma-3-27b", "mixtral-8x7b", "deepseek-v3.2", "deepseek-v4-flash", "gpt-oss-120b",
    "mamba2-2.7b", "qwen3-next-80b-a3b", "zamba2-2.7b", "t5-base", "switch-base-8", "moe-mod-1t",
)  # fmt: skip
PLANS: tuple[dict[str, Any], ...] = (
    {}, {"tp": 2}, {"pp": 2}, {"ep": 8}, {"cp": 2}, {"tp": 2, "pp": 2, "dp": 2}, {"ep": 8, "skew": 0.5},
)  # fmt: skip


def suited(name: str, asked: dict[str, Any]) -> Plan | None:
    try:
        return resolve(SPECS[name], asked)
    except UsageError:
        return None  # experts are spread where there are none


CASES = [(name, asked) for name in MODELS for asked in PLANS if suited(name, asked) is not None]
AXES: Mapping[str, dict[str, Any]] = {
    "batch": {"batch": [1, 3, 64, 200], "new_tokens": 1, "cached_tokens": 1000},
    "new_tokens": {"batch": 4, "new_tokens": [1, 2, 9, 300], "cached_tokens": 1000},
    "cached_tokens": {"batch": 4, "new_tokens": 1, "cached_tokens": [0, 5, 100, 5000]},
    "all": {"batch": [1, 3, 64, 200], "new_tokens": [300, 1, 2, 9], "cached_tokens": [0, 5, 100, 5000]},
}


def at(load: Mapping[str, Any], i: int) -> dict[str, Any]:
    """The sizes of one point of a sweep."""
    return {size: value[i] if isinstance(value, list) else value for size, value in load.items()}


def differences(name: str, device: str, axis: str, plan: Plan) -> Iterator[str]:
    """Name the times of a sweep that are not those of its points."""
    for source in ({"source_new": SOURCE}, {"source_cached": SOURCE}):
        load = AXES[axis] | source
        arrays = {size: np.array(value) if isinstance(value, list) else value for size, value in load.items()}
        swept = Roofline(SPECS[name], load_hardware(device), plan, BF16).step(Workload(**arrays))
        points = [
            Roofline(SPECS[name], load_hardware(device), plan, BF16).step(Workload(**at(load, i))) for i in range(4)
        ]
        for time in TIMES:
            many, ones = getattr(swept, time), [getattr(point, time) for point in points]
            if many is None or None in ones:
                assert many is None
                assert ones == [None] * 4
            elif not np.allclose(np.broadcast_to(many, 4), ones, rtol=1e-12, atol=0):
                yield time


devices = pytest.mark.parametrize("device", ["h100-sxm", "mi300x"])  # with measurements and without
axes = pytest.mark.parametrize("axis", AXES)


@axes
@devices
@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_equals_its_points(name: str, device: str, axis: str) -> None:
    suiting = {str(asked): suited(name, asked) for asked in PLANS if "cp" not in asked}
    wrong = {
        (text, time)
        for text, plan in suiting.items()
        if plan is not None
        for time in differences(name, device, axis, plan)
    }
    assert wrong == set()


@axes
@devices
def test_a_sweep_of_cut_sequences_equals_its_points(device: str, axis: str) -> None:
    wrong = {(name, time) for name in MODELS[:5] for time in differences(name, device, axis, Plan(cp=2))}
    assert wrong == set()


@pytest.mark.parametrize(("name", "asked"), CASES, ids=str)
def test_growing_batches_equal_steps_of_each(name: str, asked: dict[str, Any]) -> None:
    plan = suited(name, asked)
    assert plan is not None
    roofline = Roofline(SPECS[name], load_hardware("h100-sxm"), plan, BF16)
    load = Workload(new_tokens=2, cached_tokens=500, source_cached=SOURCE)
    batches = (1, 2, 7, 64, 65)
    for batch, found in zip(batches, roofline.steps(load, batches), strict=True):
        alone = Roofline(SPECS[name], load_hardware("h100-sxm"), plan, BF16).step(
            Workload(batch=batch, new_tokens=2, cached_tokens=500, source_cached=SOURCE)
        )
        assert [getattr(found, time) for time in TIMES] == pytest.approx([getattr(alone, t) for t in TIMES], rel=1e-12)


RECIPES = (
    "bf16", "weights=fp8,kv=fp8", "weights=fp8-block", "weights=int8", "weights=int4", "experts=mxfp4", "weights=nvfp4",
)  # fmt: skip
EMULATED = frozenset(("fp8", "int8", "int4", "mxfp4", "nvfp4"))
LOADS = (
    Workload(cached_tokens=100, source_cached=SOURCE),
    Workload(batch=64, cached_tokens=4000, source_cached=SOURCE),
    Workload(batch=3, new_tokens=4, cached_tokens=1000, source_cached=SOURCE),
    Workload(new_tokens=3000, source_new=SOURCE),
    Workload(batch=4, new_tokens=500, cached_tokens=2000, source_cached=SOURCE),
)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("device", MEASURED)
def test_nothing_is_expected_below_its_own_bound(device: str, recipe: str) -> None:
    profile = load_hardware(device)
    below = set()
    for name in MODELS[:7]:
        roofline = Roofline(SPECS[name], profile, Plan(), Recipe.parse(recipe), emulated=EMULATED)
        for load in LOADS:
            found = roofline.step(load)
            assert found.floor_s <= found.serial_s * (1 + 1e-12)
            for row in found.rows:
                if row.expected_s is not None and row.serial_s > row.expected_s * (1 + 1e-12):
                    below.add((name, row.work.path))
            if found.expected_s is not None and found.serial_s > found.expected_s * (1 + 1e-12):
                below.add((name, "all"))
    assert below == set()


@pytest.mark.parametrize(("name", "asked"), CASES, ids=str)
def test_no_plan_is_expected_below_its_own_bound(name: str, asked: dict[str, Any]) -> None:
    plan = suited(name, asked)
    assert plan is not None
    roofline = Roofline(SPECS[name], load_hardware("h100-sxm"), plan, BF16)
    for load in LOADS:
        found = roofline.step(load)
        assert found.expected_s is not None
        assert found.floor_s <= found.serial_s * (1 + 1e-12)
        assert found.serial_s <= found.expected_s * (1 + 1e-12)


@pytest.mark.parametrize("device", ["h100-sxm", "mi300x"])
@pytest.mark.parametrize("name", MODELS)
def test_the_naive_program_takes_longer(name: str, device: str) -> None:
    for load in LOADS:
        fused, naive = (
            Roofline(SPECS[name], load_hardware(device), Plan(), BF16, fused=fused).step(load)
            for fused in (True, False)
        )
        assert naive.compute_s == pytest.approx(fused.compute_s, rel=1e-12)
        assert naive.memory_s > fused.memory_s
        assert naive.serial_s > fused.serial_s
        assert naive.floor_s >= fused.floor_s * (1 - 1e-12)
