"""``archcalc kernel --from``: floor and expected time of every row of a file, and how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from pathlib import Path
from typing import Any

from costmodel.catalog import asked_folders
from costmodel.errors import UsageError, quote
from costmodel.measured import LATENCY, Evaluated, Table, evaluated, read, times
from costmodel.profiles import Hardware, load_hardware
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.device import RateConventions
from costmodel.report.kernel_shapes import kind_of

ADDED = ("floor_us", "expected_us")


@dataclass(slots=True)
class FormatErrors:
    """Rows of one format and how far times are from what was measured: |time / measured - 1|.

    ``device``: whose coefficients (None: nothing was measured, so no error). ``judged`` rows have
    shapes that models have; ``floor_median_error`` is of the datasheet roofline alone.
    ``below_floor``: rows that were faster than their floor. Without latencies there are no errors.
    """

    key: str
    device: str | None
    rows: int
    judged: int
    median_error: float | None = None
    p90_error: float | None = None
    judged_median_error: float | None = None
    judged_p90_error: float | None = None
    floor_median_error: float | None = None
    below_floor: int | None = None


@dataclass(slots=True)
class KernelFile:
    """What ``archcalc kernel --from FILE`` prints. ``measured``: the file says how long its rows took.

    CSV prints the rows with ``floor_us`` and ``expected_us``; the other formats print ``formats``.
    """

    kernel: str
    hardware: str
    file: str
    rows: int
    measured: bool
    formats: list[FormatErrors]
    conventions: RateConventions = field(default_factory=RateConventions)
    table: Table | None = field(default=None, metadata=PRIVATE)
    floor_us: list[float] = field(default_factory=list, metadata=PRIVATE)
    expected_us: list[float | None] = field(default_factory=list, metadata=PRIVATE)
    command: str = "kernel"
    schema: str = SCHEMA


def kernel_file(
    kernel: str,
    file: str | Path,
    *,
    hardware: str | Hardware,
    specs: Sequence[str | Path] = (),
    errors: bool = True,
) -> KernelFile:
    """Return floor and expected time of every row of a file of kernels, and their errors by format.

    ``errors`` False leaves ``formats`` empty: a file of a hundred thousand rows needs none to get
    its two columns.

    Raises:
        UsageError: the file cannot be read, is of another kernel, or the device lacks its format.
        UnknownSpecError: there is no such device.
        SpecError: its profile says something impossible.
    """
    kind_of(kernel)
    device = load_hardware(hardware, asked_folders(specs)) if isinstance(hardware, str) else hardware
    table = read(Path(file), device)
    if table.family.name != kernel:
        raise UsageError(
            f"{table.where} has the columns of {table.family.name}, not of {kernel}",
            hint=f"archcalc kernel {table.family.name} --hardware {device.name} --from {table.where}",
        )
    again = next((name for name in ADDED if name in table.header), None)
    if again is not None:
        raise UsageError(f"{table.where} has a column {quote(again)} already", hint="take it out, or give the input")
    found = list(evaluated(table, device))
    floors, expected = times(table.size, found)
    formats = _errors(table, found) if errors else []
    measured = LATENCY in table.columns
    return KernelFile(
        kernel, device.name, table.where, table.size, measured, formats,
        table=table, floor_us=floors, expected_us=expected,
    )  # fmt: skip


def _errors(table: Table, rows: Sequence[Evaluated]) -> list[FormatErrors]:
    latencies = table.latencies if LATENCY in table.columns else None
    found: dict[str, list[Evaluated]] = {}
    for one in rows:
        found.setdefault(one.measured.key, []).append(one)
    return [_format(key, its, latencies) for key, its in found.items()]


def _format(key: str, its: Sequence[Evaluated], latencies: Sequence[float] | None) -> FormatErrors:
    """Return one format's errors; rows stand in arrays, or each by itself without NumPy."""
    floors: list[float] = []
    times: list[float] = []
    judged: list[bool] = []
    measured: list[float] = []
    for one in its:
        places = one.index.tolist() if hasattr(one.index, "tolist") else [one.index]
        judged += _each(one.measured.judged, len(places))
        floors += _each(one.floor, len(places))
        times += _each(one.expected, len(places)) if one.expected is not None else []
        measured += [latencies[place] for place in places] if latencies else []
    result = FormatErrors(key, its[0].device, len(floors), sum(judged))
    if latencies is None:
        return result
    result.below_floor = sum(time < floor for time, floor in zip(measured, floors, strict=True))
    if times:
        off = [abs(time / real - 1) for time, real in zip(times, measured, strict=True)]
        result.median_error, result.p90_error = quantile(off, 0.5), quantile(off, 0.9)
        those = [error for error, good in zip(off, judged, strict=True) if good]
        result.judged_median_error, result.judged_p90_error = quantile(those, 0.5), quantile(those, 0.9)
    result.floor_median_error = quantile([abs(f / real - 1) for f, real in zip(floors, measured, strict=True)], 0.5)
    return result


def _each(value: Any, count: int) -> list[Any]:
    found: list[Any] = value.tolist() if hasattr(value, "tolist") else value
    return found if isinstance(found, list) else [found] * count


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile, between two values in proportion; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return low + (high - low) * (place - floor(place))
