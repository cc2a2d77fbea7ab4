"""Files of measured kernels: CSV with the columns of a family, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel.errors import UsageError, plain, quote
from costmodel.hardware import Hardware
from costmodel.machine import Machine
from costmodel.timing.families import Family, families, family_of
from costmodel.timing.fit import Ceilings, Measured, floor_us

MAX_BYTES = 512 * 2**20  # uncompressed
LATENCY = "latency_us"


@dataclass(slots=True)
class Table:
    """A file: its columns as texts, and the family that has them."""

    where: str
    family: Family
    header: list[str]
    columns: dict[str, Sequence[str]] = field(repr=False)
    size: int = 0

    @property
    def latencies(self) -> list[float]:
        """Return what was measured, in microseconds. Raises UsageError where there is no such column."""
        if LATENCY not in self.columns:
            raise UsageError(f"{self.where} has no column {LATENCY}", hint="calibrate needs what was measured")
        return self._numbers(LATENCY)

    def _numbers(self, name: str) -> list[float]:
        try:
            return list(map(float, self.columns[name]))
        except ValueError:
            line = next(i for i, text in enumerate(self.columns[name]) if not _is_number(text))
            found = quote(self.columns[name][line])
            raise UsageError(f"{plain(self.where)}:{line + 2}: {name} {found} is not a number") from None

    def groups(self) -> Iterator[tuple[Any, Measured]]:
        """Yield rows that share their texts: where they stand, and their sizes as numbers or arrays.

        Arrays where NumPy is installed; else every row by itself.
        """
        numbers = {name: self._numbers(name) for name in self.family.numbers}
        names = (*self.family.texts, *(name for name in self.family.further if name in self.columns))
        texts = [self.columns[name] for name in names]
        phases: list[str] | None = None
        if self.family.phase is not None:
            isl, step = self.columns["isl"], self.columns["step"]
            phases = [self.family.phase({"isl": i, "step": s}) for i, s in zip(isl, step, strict=True)]
            texts, names = [*texts, phases], (*names, "phase")
        places: dict[tuple[str, ...], list[int]] = {}
        for index, row in enumerate(zip(*texts, strict=True)):
            places.setdefault(row, []).append(index)
        np = _numpy()
        arrays = {name: np.array(values) for name, values in numbers.items()} if np else {}
        for row, rows in places.items():
            text = dict(zip(names, row, strict=True))
            if np:
                where = np.array(rows)
                yield where, self.family.measured(text, {name: array[where] for name, array in arrays.items()})
                continue
            for i in rows:
                yield i, self.family.measured(text, {name: values[i] for name, values in numbers.items()})


def read(path: Path, hardware: Hardware) -> Table:
    """Read a file of measured kernels.

    Raises:
        UsageError: it cannot be read, is too large, or has the columns of no family.
    """
    where = plain(str(path))
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        reason = (getattr(error, "strerror", None) or str(error) or "it is cut short").lower()
        raise UsageError(f"{where} cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise UsageError(f"{where} is larger than {MAX_BYTES:,} bytes", hint="split it")
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{where} is not CSV in UTF-8: {plain(str(error))[:80]}") from None
    lines = [line for line in lines if line]
    if not lines:
        raise UsageError(f"{where} is empty", hint="a header and rows, as in docs/validation")
    header, *body = lines
    for number, line in enumerate(body, 2):
        if len(line) != len(header):
            raise UsageError(f"{where}:{number}: {len(line)} values under {len(header)} columns")
    known = families(in_switch=adds_in_switch(hardware))
    family = family_of(header, known)
    if family is None:
        listed = "; ".join(f"{one.name}: {', '.join((*one.texts, *one.numbers))}" for one in known)
        raise UsageError(f"{where} has the columns of no kernel", hint=listed)
    rows: Sequence[Sequence[str]] = list(zip(*body, strict=True)) if body else [()] * len(header)
    columns = dict(zip(header, rows, strict=True))
    return Table(where, family, header, columns, len(body))


def adds_in_switch(hardware: Hardware) -> bool:
    """Say whether the device's fabric adds in its switches, so that an all-reduce sends each part once."""
    return bool(hardware.scale_up and hardware.scale_up.reduces)


def ceilings(machine: Machine, multiplies: str) -> Ceilings:
    """Return a device's rates in a format.

    Raises:
        UsageError: the device does not multiply it.
    """
    peak = machine.peak(multiplies) / 1e6 if multiplies else 1.0
    link = machine.scale_up.bandwidth / 1e6 if machine.scale_up else 0.0
    if not multiplies and not link:
        raise UsageError(f"{machine.name} has no link to other devices", hint="collectives need scale_up")
    bandwidth = machine.bandwidth / 1e6 if multiplies else link
    return Ceilings(peak, bandwidth, machine.compute_units or 1, machine.on_chip or 0.0, link)


def evaluate(table: Table, hardware: Hardware) -> tuple[list[float], list[float | None]]:
    """Return the floor and the expected time of every row, in microseconds; None where nothing was measured.

    Raises:
        UsageError: the device does not multiply a format of the file.
    """
    machine = Machine.of(hardware)
    floors: list[float] = [0.0] * table.size
    expected: list[float | None] = [None] * table.size
    for index, found in table.groups():
        kind, key = table.family.fit_of(found.key)
        fit = hardware.fit(kind.family, key)
        floor = floor_us(found.shape, ceilings(machine, _fits(machine, found.multiplies)))
        times = fit.expected_us(found.shape, ceilings(machine, fit.multiplies)) if fit else None
        if isinstance(index, int):
            floors[index], expected[index] = floor, times
            continue
        for place, value in zip(index.tolist(), _list(floor, index), strict=True):
            floors[place] = value
        if times is not None:
            for place, value in zip(index.tolist(), _list(times, index), strict=True):
                expected[place] = value
    return floors, expected


def _fits(machine: Machine, multiplies: str) -> str:
    """Return the format that a device multiplies in place of fp8 caches it has no fp8 for."""
    return "bf16" if multiplies == "fp8" and "fp8" not in machine.peaks else multiplies


def _list(values: Any, index: Any) -> list[float]:
    found: list[float] = (values + 0.0 * index).tolist()
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numpy() -> Any:
    """Return NumPy where it is installed: it is no part of the core."""
    if os.environ.get("ARCHCALC_NO_NUMPY"):
        return None
    try:
        import numpy
    except ImportError:
        return None
    return numpy
