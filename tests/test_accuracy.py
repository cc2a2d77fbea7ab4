"""Expected times against public measurements that were not fitted to, and floors against all of them.

The data lie in benchmarks/measured. Coefficients are those that ship; the half of the shapes that they
were not fitted to is found by the digest of the sizes, so nothing is fitted here.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import accuracy
import steps

from costmodel.profiles import load_all_hardware, load_hardware

JUDGED = [
    (row.device, row.family, row.key, row.limit)
    for device in accuracy.DEVICES
    for row in accuracy.errors(device)
    if row.limit is not None
]


def test_everything_promised_is_judged() -> None:
    """Eleven promises: every one is checked on every device that has its rows."""
    seen = {(device, family, key if (family, key) in accuracy.LIMITS else "") for device, family, key, _ in JUDGED}
    for device in ("h100_sxm", "h200_sxm", "b200_sxm"):
        wanted = {(device, *promise) for promise in accuracy.LIMITS}
        if device != "b200_sxm":
            wanted -= {(device, "gemm", "nvfp4"), (device, "moe", "nvfp4")}
        assert wanted <= seen
    assert {key for _, family, key, _ in JUDGED if family == "attention_decode"} == {"bf16", "fp8"}


@pytest.mark.parametrize(("device", "family", "key", "limit"), JUDGED)
def test_the_median_error_on_unseen_shapes_is_as_promised(device: str, family: str, key: str, limit: float) -> None:
    row = next(row for row in accuracy.errors(device) if (row.family, row.key) == (family, key))
    assert row.judged >= 20
    assert row.median <= limit
    assert row.median < row.roofline  # coefficients are worth their lines


def test_all_nvfp4_experts_together() -> None:
    assert accuracy.pooled("b200_sxm", "moe", "nvfp4") <= 0.25


@pytest.mark.parametrize("device", accuracy.DEVICES)
def test_profiles_state_the_errors_that_they_have(device: str) -> None:
    hardware = accuracy.profile(device)
    for row in accuracy.errors(device):
        fit = getattr(hardware.calibration, row.family).get(row.key)
        assert fit is not None
        assert fit.rows == row.rows
        for stated, found in ((fit.median_error, row.median), (fit.p90_error, row.p90)):
            assert stated == pytest.approx(found, abs=6e-5)


@pytest.mark.parametrize("device", ["h100_sxm", "h200_sxm", "b200_sxm"])
def test_floors_hold(device: str) -> None:
    """What was faster had operands that fit in the on-chip memory, where a repeated kernel finds them."""
    total, below, larger_than_on_chip = accuracy.floors(device)
    assert total > 100_000
    assert below <= 0.005 * total
    assert larger_than_on_chip == 0


@pytest.mark.parametrize(("device", "other"), [("h100_sxm", "h200-sxm"), ("h200_sxm", "h100-sxm")])
def test_a_device_that_was_never_seen_is_within_twice_the_promise(device: str, other: str) -> None:
    for row in accuracy.errors(device, load_hardware(other)):
        if row.limit is not None:
            assert row.median <= 2 * row.limit, (row.family, row.key)


def test_skewed_routing_describes_unequal_loads() -> None:
    for device, load, rows, error, balanced in accuracy.skews():
        assert rows > 1000
        assert error < balanced, (device, load)
        assert error <= 0.14, (device, load)


def test_whole_decode_steps() -> None:
    found = steps.compare()[-1]
    assert found.model == "all"
    assert found.held_out > 200
    assert found.median_error is not None
    assert found.median_error <= 0.20
    assert found.below_floor == 0


def test_the_overhead_that_ships_is_the_one_that_is_fitted() -> None:
    fitted = steps.fit()
    for name in ("h100-sxm", "h200-sxm"):
        shipped, device = load_hardware(name).step_from()
        assert device == name
        assert shipped is not None
        assert shipped.rows == fitted.rows
        assert shipped.step_us == pytest.approx(fitted.step_us, rel=0.05)
        assert shipped.layer_us == pytest.approx(fitted.layer_us, rel=0.02)
        assert shipped.median_error == pytest.approx(fitted.median_error, abs=0.002)


def test_every_figure_of_every_profile_says_how_it_is_known() -> None:
    profiles = list(load_all_hardware())
    assert len(profiles) >= 43
    for profile in profiles:
        quantities = profile.quantities()
        assert len(quantities) >= 4, profile.name
        for path, quantity in quantities.items():
            where = f"{profile.name}: {path}"
            assert (quantity.source is None) == (quantity.basis == "unverified"), where
            if quantity.source is not None:
                source = profile.sources[quantity.source]
                assert source.title, where
                assert source.read, where
            assert math.isfinite(quantity.amount), where
        used = {quantity.source for quantity in quantities.values()} | {profile.calibration.source}
        assert set(profile.sources) <= used, f"{profile.name}: a source that nothing names"


def test_every_set_of_coefficients_says_on_what_it_rests() -> None:
    for profile in load_all_hardware():
        for family, key, fit in profile.calibration.fits():
            where = f"{profile.name}: {family} {key}"
            assert profile.calibration.source, where
            if fit.rows == 0:  # measured on the spot, on nothing held out
                assert profile.calibration.note, where
                continue
            assert fit.median_error is not None, where
            assert fit.p90_error is not None, where


def test_no_peak_is_below_a_slower_format() -> None:
    """A narrower format is never slower, and bf16 never slower than fp32: sparse or mistyped rates stand out."""
    order = [("fp32", "bf16"), ("bf16", "fp8"), ("fp8", "nvfp4"), ("fp8", "mxfp4")]
    for profile in load_all_hardware():
        peaks = {name: rate.amount for name, rate in profile.dense_peak.items()}
        for wide, narrow in order:
            if wide in peaks and narrow in peaks:
                assert peaks[narrow] >= peaks[wide], f"{profile.name}: {narrow} below {wide}"
                assert peaks[narrow] <= 33 * peaks[wide], f"{profile.name}: {narrow} against {wide}"
