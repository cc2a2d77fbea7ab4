"""Times of whole sweeps and of measured devices: arrays equal points, and expectations keep above the sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.dtypes import Recipe
from costmodel.errors import UsageError
from costmodel.hardware import load_all_hardware, load_hardware
from costmodel.plan import Plan, resolve
from costmodel.roofline import Roofline
from costmodel.workload import Workload

SPECS = {found.name: found for found in catalog.load_all() if isinstance(found, Architecture)}
MEASURED = [found.name for found in load_all_hardware() if found.fit("gemm", "bf16") is not None]
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
AXES = {
    "batch": {"batch": [1, 3, 64, 200], "new_tokens": 1, "cached_tokens": 1000},
    "new_tokens": {"batch": 4, "new_tokens": [1, 2, 9, 300], "cached_tokens": 1000},
    "cached_tokens": {"batch": 4, "new_tokens": 1, "cached_tokens": [0, 5, 100, 5000]},
    "all": {"batch": [1, 3, 64, 200], "new_tokens": [300, 1, 2, 9], "cached_tokens": [0, 5, 100, 5000]},
}


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("device", ["h100-sxm", "mi300x"])  # with measurements and without
@pytest.mark.parametrize(("name", "asked"), CASES, ids=str)
def test_a_sweep_equals_its_points(name: str, asked: dict[str, Any], device: str, axis: str) -> None:
    plan = suited(name, asked)
    assert plan is not None
    for source in ({"source_new": SOURCE}, {"source_cached": SOURCE}):
        arrays = {size: np.array(value) if isinstance(value, list) else value for size, value in AXES[axis].items()}
        swept = Roofline(SPECS[name], load_hardware(device), plan, Recipe()).step(Workload(**arrays, **source))
        for i in range(4):
            sizes = {size: value[i] if isinstance(value, list) else value for size, value in AXES[axis].items()}
            point = Roofline(SPECS[name], load_hardware(device), plan, Recipe()).step(Workload(**sizes, **source))
            for time in TIMES:
                many, one = getattr(swept, time), getattr(point, time)
                if one is None:
                    assert many is None
                    continue
                assert np.broadcast_to(many, 4)[i] == pytest.approx(one, rel=1e-12), time


@pytest.mark.parametrize(("name", "asked"), CASES, ids=str)
def test_growing_batches_equal_steps_of_each(name: str, asked: dict[str, Any]) -> None:
    plan = suited(name, asked)
    assert plan is not None
    roofline = Roofline(SPECS[name], load_hardware("h100-sxm"), plan, Recipe())
    load = Workload(new_tokens=2, cached_tokens=500, source_cached=SOURCE)
    batches = (1, 2, 7, 64, 65)
    for batch, found in zip(batches, roofline.steps(load, batches), strict=True):
        alone = Roofline(SPECS[name], load_hardware("h100-sxm"), plan, Recipe()).step(
            Workload(batch=batch, new_tokens=2, cached_tokens=500, source_cached=SOURCE)
        )
        assert [getattr(found, time) for time in TIMES] == pytest.approx([getattr(alone, t) for t in TIMES], rel=1e-12)


RECIPES = ("bf16", "fp8", "weights=fp8-block,kv=fp8", "weights=int8", "weights=int4", "experts=mxfp4", "weights=nvfp4")
EMULATED = frozenset(("fp8", "int8", "int4", "mxfp4", "nvfp4"))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("device", MEASURED)
@given(data=st.data())
def test_nothing_is_expected_below_its_own_bound(device: str, recipe: str, data: st.DataObject) -> None:
    name, asked = data.draw(st.sampled_from(CASES))
    plan = suited(name, asked)
    assert plan is not None
    new = data.draw(st.sampled_from([1, 2, 64, 3000]))
    load = Workload(
        batch=data.draw(st.integers(1, 200)),
        new_tokens=new,
        cached_tokens=data.draw(st.integers(0, 20_000)),
        source_new=SOURCE if new > 2 else 0,
        source_cached=0 if new > 2 else SOURCE,
    )
    roofline = Roofline(SPECS[name], load_hardware(device), plan, Recipe.parse(recipe), emulated=EMULATED)
    found = roofline.step(load)
    for row in found.rows:
        if row.expected_s is not None:
            assert row.serial_s <= row.expected_s * (1 + 1e-12), row.work.path
    if found.expected_s is not None:
        assert found.floor_s <= found.serial_s * (1 + 1e-12)
        assert found.serial_s <= found.expected_s * (1 + 1e-12)
