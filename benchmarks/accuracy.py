"""Measure the expected times of kernels against public measurements: the tables of docs/validation.md.

    python benchmarks/accuracy.py

Every device's shipped coefficients on the half of the shapes that they were not fitted to; a device
from another's coefficients and its own datasheet; rows faster than the floor; regions where the
formulas are off. docs/data.py writes the same tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.calibration import halves
from costmodel.machine import Machine
from costmodel.measured import Table, ceilings, read
from costmodel.profiles import Hardware, load_hardware
from costmodel.timing.fit import Fit, floor_us

HERE = Path(__file__).parent
# Name in the files -> profile, in the order of the tables.
DEVICES = {
    "h100_sxm": "h100-sxm",
    "h200_sxm": "h200-sxm",
    "b200_sxm": "b200-sxm",
    "a100_sxm": "a100-sxm-80gb",
    "l40s": "l40s",
}
# Device -> whose coefficients stand in for its own, as if it had never been measured.
STAND_INS = {
    "h100_sxm": "h200-sxm",
    "h200_sxm": "h100-sxm",
    "b200_sxm": "h200-sxm",
    "a100_sxm": "l40s",
    "l40s": "a100-sxm-80gb",
}
# What is judged: at most these median errors on H100, H200 and B200; A100 and L40S 1.5 times as much.
LIMITS = {
    ("gemm", "bf16"): 0.07,
    ("gemm", "fp8"): 0.10,
    ("gemm", "fp8-block"): 0.12,
    ("gemm", "nvfp4"): 0.20,
    ("attention_decode", ""): 0.13,
    ("attention_prefill", ""): 0.12,
    ("mla_absorbed", ""): 0.13,
    ("moe", "bf16"): 0.08,
    ("moe", "fp8"): 0.10,
    ("moe", "nvfp4"): 0.25,
    ("all_reduce", ""): 0.12,
}
TITLES = {
    "gemm": "GEMM",
    "attention_decode": "decode attention",
    "attention_prefill": "prefill attention",
    "mla_absorbed": "MLA, absorbed",
    "mla_expanded": "MLA, expanded",
    "moe": "experts, balanced",
    "all_reduce": "custom all-reduce",
    "nccl": "NCCL",
    "moe_a2a": "dispatch, combine",
}


@dataclass(slots=True)
class Part:
    """Rows of one format of a file: what was measured, the floor, who is held out and who is judged."""

    family: str
    key: str
    shape: Any
    measured: Any
    floor: Any
    held_out: Any
    judged: Any
    counted: bool  # whether coefficients are fitted to such rows at all

    def errors(self, fit: Fit, hardware: Hardware) -> Any:
        """Return |expected / measured - 1| of every row."""
        machine = Machine.of(hardware)
        known = fit.multiplies if fit.multiplies in machine.peaks or not fit.multiplies else "bf16"
        rates = ceilings(machine, known)
        return np.abs(fit.expected_us(self.shape, rates) / self.measured - 1)


@dataclass(slots=True)
class Row:
    """Errors of one device, family and format on shapes that were not fitted to."""

    device: str
    family: str
    key: str
    rows: int
    judged: int
    median: float
    p90: float
    all_median: float
    roofline: float  # of the datasheet's roofline alone, on the judged rows
    below: int  # rows measured faster than their floor

    @property
    def limit(self) -> float | None:
        """Return the median error that is promised, None where none is."""
        found = LIMITS.get((self.family, self.key), LIMITS.get((self.family, "")))
        if found is None or (self.family == "all_reduce" and self.device == "l40s"):
            return None  # over PCIe: reported, not judged
        if self.device in ("a100_sxm", "l40s"):
            return None if self.family == "mla_absorbed" else 1.5 * found
        return found


@cache
def files(device: str) -> tuple[Table, ...]:
    """Return the files of one device."""
    hardware = profile(device)
    paths = sorted(p for p in (HERE / "measured").glob("*.csv.gz") if p.name.split("__")[1] == device)
    return tuple(read(path, hardware) for path in paths)


@cache
def profile(device: str) -> Hardware:
    """Return the profile of a device by its name in the files."""
    return load_hardware(DEVICES[device])


@cache
def parts(device: str) -> tuple[Part, ...]:
    """Return the rows of all files of a device, by format."""
    return tuple(part for table in files(device) for part in _parts(table, profile(device)))


def _parts(table: Table, hardware: Hardware) -> Iterator[Part]:
    machine = Machine.of(hardware)
    latencies, fitted = np.array(table.latencies), halves(table)
    for index, found in table.groups():
        kind, key = table.family.fit_of(found.key)
        multiplies = found.multiplies
        if multiplies == "fp8" and "fp8" not in machine.peaks:
            multiplies = "bf16"
        floor = floor_us(found.shape, ceilings(machine, multiplies)) + 0.0 * latencies[index]
        judged = np.broadcast_to(np.asarray(found.judged), index.shape)
        yield Part(kind.family, key, found.shape, latencies[index], floor, ~fitted[index], judged, found.fitted)


def errors(device: str, coefficients: Hardware | None = None) -> list[Row]:
    """Return the errors of a device, with its own coefficients or another device's."""
    own = profile(device)
    rows = []
    for family, key in dict.fromkeys((part.family, part.key) for part in parts(device)):
        fit = (coefficients or own).fit(family, key)
        its = [part for part in parts(device) if (part.family, part.key) == (family, key)]
        counted = [part for part in its if part.counted] or its
        if fit is not None:
            rows.append(_row(device, own, fit, counted))
    return rows


def _row(device: str, own: Hardware, fit: Fit, its: list[Part]) -> Row:
    some = any(part.judged.any() for part in its)
    judged, every, roofline = [], [], []
    for part in its:
        error = part.errors(fit, own)
        chosen = part.held_out & (part.judged if some else True)
        judged.append(error[chosen])
        every.append(error[part.held_out])
        roofline.append(np.abs(part.floor / part.measured - 1)[chosen])
    found = np.concatenate(judged)
    return Row(
        device=device,
        family=its[0].family,
        key=its[0].key,
        rows=sum(len(part.measured) for part in its),
        judged=int(found.size),
        median=float(np.median(found)),
        p90=float(np.quantile(found, 0.9)),
        all_median=float(np.median(np.concatenate(every))),
        roofline=float(np.median(np.concatenate(roofline))),
        below=sum(int((part.measured < part.floor).sum()) for part in its),
    )


def pooled(device: str, family: str, prefix: str) -> float:
    """Return the median error over all formats of a family that begin so, of judged held-out rows."""
    own = profile(device)
    found = []
    for part in parts(device):
        fit = own.fit(part.family, part.key)
        if part.family == family and part.key.startswith(prefix) and fit is not None and part.counted:
            found.append(part.errors(fit, own)[part.held_out & part.judged])
    return float(np.median(np.concatenate(found)))


def floors(device: str) -> tuple[int, int, int]:
    """Return (rows, faster than their floor, of them with operands beyond the on-chip memory): GEMM and attention."""
    total = below = large = 0
    on_chip = float(memory.amount) if (memory := profile(device).on_chip_memory) else 0.0
    for part in parts(device):
        if part.family in ("gemm", "attention_prefill", "attention_decode", "mla_absorbed", "mla_expanded"):
            faster = part.measured < part.floor
            total += len(faster)
            below += int(faster.sum())
            large += int((faster & (part.shape.bytes > on_chip)).sum())
    return total, below, large


# Where the formulas are off: a name, the family, and which rows.
REGIONS = (
    ("GEMM of 16 rows or fewer", "gemm", lambda s: s.m <= 16),
    ("GEMM with n or k below 1024", "gemm", lambda s: (s.n < 1024) | (s.k < 1024)),
    ("GEMM of more than 8192 rows", "gemm", lambda s: s.m > 8192),
    ("decode attention with one KV head", "attention_decode", lambda s: s.kv_heads == 1),
    ("decode attention over fewer than 512 keys", "attention_decode", lambda s: s.keys < 512),
    ("prefill attention of fewer than 512 tokens", "attention_prefill", lambda s: s.new < 512),
    ("prefill attention with a window", "attention_prefill", lambda s: s.window > 0),
    ("experts narrower than 256", "moe", lambda s: s.inner < 256),
    ("experts with fewer than one row each", "moe", lambda s: s.rows < s.local),
)


def regions(device: str) -> list[tuple[str, int, float, float]]:
    """Return (region, held-out rows, median error, median of expected / measured)."""
    own = profile(device)
    found = []
    for name, family, where in REGIONS:
        rate, count = [], 0
        for part in parts(device):
            fit = own.fit(part.family, part.key)
            if part.family != family or fit is None or not part.counted:
                continue
            chosen = part.held_out & (where(part.shape) & np.ones(len(part.measured), dtype=bool))
            rates = ceilings(Machine.of(own), fit.multiplies)
            rate.append((fit.expected_us(part.shape, rates) / part.measured)[chosen])
            count += int(chosen.sum())
        if count:
            ratios = np.concatenate(rate)
            found.append((name, count, float(np.median(np.abs(ratios - 1))), float(np.median(ratios))))
    return found


def skews() -> list[tuple[str, str, int, float, float]]:
    """Return (device, load, rows, median error with skewed routing, with balanced routing) of unequal expert loads."""
    from costmodel.timing import moe

    found = []
    for device in DEVICES:
        own = profile(device)
        for table in files(device):
            if table.family.name != "moe":
                continue
            latencies = np.array(table.latencies)
            for load in ("power_law_1.01", "power_law_1.2"):
                ours, balanced = _skewed(table, own, load, latencies, moe)
                if ours.size:
                    found.append((device, load, ours.size, float(np.median(ours)), float(np.median(balanced))))
    return found


def _skewed(table: Table, own: Hardware, load: str, latencies: Any, moe: Any) -> tuple[Any, Any]:
    loads, dtypes = np.array(table.columns["distribution"]), np.array(table.columns["moe_dtype"])
    sources = np.array(table.columns["kernel_source"])
    ours, balanced = [], []
    for dtype in np.unique(dtypes):
        for source in np.unique(sources):
            index = np.flatnonzero((loads == load) & (dtypes == dtype) & (sources == source))
            if not index.size:
                continue
            numbers = {name: np.array(table.columns[name], dtype=float)[index] for name in table.family.numbers}
            for name, errors_ in ((load, ours), ("balanced", balanced)):
                texts = {"moe_dtype": str(dtype), "kernel_source": str(source), "distribution": name}
                measured = moe.measured(texts, numbers)
                fit = own.fit("moe", measured.key)
                if fit is not None:
                    rates = ceilings(Machine.of(own), fit.multiplies)
                    errors_.append(np.abs(fit.expected_us(measured.shape, rates) / latencies[index] - 1))
    empty = np.array([])
    return (np.concatenate(ours) if ours else empty), (np.concatenate(balanced) if balanced else empty)


def main() -> None:
    """Print every table."""
    for device in DEVICES:
        for row in errors(device):
            limit = "" if row.limit is None else f"  limit {row.limit:.1%}"
            print(
                f"{device:9} {TITLES[row.family]:18} {row.key:22} {row.rows:6} rows, {row.judged:5} judged: "
                f"{row.median:6.1%} p90 {row.p90:6.1%}, all {row.all_median:6.1%}, roofline {row.roofline:5.0%}, "
                f"{row.below} below the floor{limit}"
            )
    for device, other in STAND_INS.items():
        for row in errors(device, load_hardware(other)):
            print(f"{device} from {other}: {TITLES[row.family]} {row.key} {row.median:.1%}")
    for device in DEVICES:
        print(device, "floors", floors(device), *regions(device), sep="\n  ")
    print(*skews(), sep="\n")


if __name__ == "__main__":
    main()
