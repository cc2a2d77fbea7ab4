"""Files of measured kernels: CSV with the columns of a family, plain or gzipped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from costmodel.csv_columns import columns_of, line_of
from costmodel.errors import UsageError, plain, quote
from costmodel.machine import Machine
from costmodel.profiles import Hardware
from costmodel.sizes import maximum
from costmodel.timing.families import Family, families, family_of
from costmodel.timing.fit import Ceilings, Fit, Measured, floor_us

LATENCY = "latency_us"
_MOST = 2.0**60  # a size beyond it is a typing mistake
_FROM_ZERO = frozenset(("step", "window_size"))  # nothing cached, no window


@dataclass(slots=True)
class Table:
    """A file: its columns as texts, and the family that has them.

    ``lines``: its rows as they were written, where no value is quoted; None: put together anew.
    ``blank``: line numbers that hold nothing.
    """

    where: str
    family: Family
    header: list[str]
    columns: dict[str, Sequence[str]] = field(repr=False)
    size: int = 0
    lines: list[str] | None = field(default=None, repr=False)
    blank: Sequence[int] = ()

    @property
    def latencies(self) -> list[float]:
        """Return what was measured, in microseconds. Raises UsageError where there is no such column."""
        if LATENCY not in self.columns:
            raise UsageError(f"{self.where} has no column {LATENCY}", hint="calibrate needs what was measured")
        return self._numbers(LATENCY)

    def _numbers(self, name: str) -> list[float]:
        """Return a column of numbers above 0 (or from 0), all of them finite."""
        texts, from_zero = self.columns[name], name in _FROM_ZERO
        try:
            found = list(map(float, texts))
            if not found or (isfinite(sum(found)) and max(found) <= _MOST and _least(min(found), from_zero=from_zero)):
                return found
        except ValueError:
            pass
        place, text = next((i, text) for i, text in enumerate(texts) if not _is_size(text, from_zero=from_zero))
        need = "a number" if not _is_number(text) else f"a number {'from 0' if from_zero else 'above 0'} to 2^60"
        raise UsageError(f"{self.where}:{self.line(place)}: {name} {quote(text)} is not {need}")

    def line(self, row: int) -> int:
        """Return the line of the file that holds a row, both counted as people do: the header is line 1."""
        return line_of(row, self.blank)

    def groups(self) -> Iterator[tuple[Any, Measured]]:
        """Yield rows that share their texts: where they stand, and their sizes as numbers or arrays.

        Arrays where NumPy is installed; else every row by itself.
        """
        numbers = {name: self._numbers(name) for name in self.family.numbers}
        names = (*self.family.texts, *(name for name in self.family.further if name in self.columns))
        texts = [self.columns[name] for name in names]
        if self.family.phase is not None:
            steps = list(zip(self.columns["isl"], self.columns["step"], strict=True))
            phases = {(isl, step): self.family.phase({"isl": isl, "step": step}) for isl, step in set(steps)}
            texts, names = [*texts, [phases[step] for step in steps]], (*names, "phase")
        places: dict[tuple[str, ...], list[int]] = {}
        for index, row in enumerate(zip(*texts, strict=True)):
            places.setdefault(row, []).append(index)
        np = numpy_or_none()
        arrays = {name: np.array(values) for name, values in numbers.items()} if np else {}
        for row, rows in places.items():
            text = dict(zip(names, row, strict=True))
            if np:
                where = np.array(rows)
                yield where, self.family.measured(text, {name: array[where] for name, array in arrays.items()})
                continue
            for i in rows:
                yield i, self.family.measured(text, {name: values[i] for name, values in numbers.items()})


class Evaluated(NamedTuple):
    """Rows of one format: where they stand, the coefficients' device, times in microseconds.

    ``index`` is a place or an array of them, ``floor`` and ``expected`` are a number or an array;
    ``expected`` is None where nothing was measured.
    """

    index: Any
    measured: Measured
    fit: Fit | None
    device: str | None
    floor: Any
    expected: Any


def read(path: Path, hardware: Hardware) -> Table:
    """Read a file of measured kernels.

    Raises:
        UsageError: it cannot be read, is too large, or has the columns of no family.
    """
    where = plain(str(path))
    header, columns, lines, blank = columns_of(path, where)
    known = families(in_switch=adds_in_switch(hardware))
    family = family_of(header, known)
    if family is None:
        listed = [(f"{one.name}: {', '.join((*one.texts, *one.numbers))}", {*one.texts, *one.numbers}) for one in known]
        nearest = max(listed, key=lambda one: len(one[1].intersection(header)))[0]
        raise UsageError(f"{where} has the columns of no kernel", hint=f"the nearest, {nearest}")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{where} has two columns called {quote(twice)}", hint="take one of them out")
    found = dict(zip(header, columns, strict=True))
    return Table(where, family, header, found, len(columns[0]), lines, blank)


def adds_in_switch(hardware: Hardware) -> bool:
    """Say whether the device's fabric adds in its switches, so that an all-reduce sends each part once."""
    return bool(hardware.scale_up and hardware.scale_up.reduces)


def ceilings(machine: Machine, multiplies: str) -> Ceilings:
    """Return a device's rates in a format; the empty format is the link's.

    Raises:
        UsageError: the device does not multiply it, or has no link.
    """
    if multiplies and multiplies not in machine.peaks:
        raise UsageError(
            f"{machine.name} has no {multiplies} matmul (it has {', '.join(machine.peaks)})",
            hint="archcalc hardware list shows what others multiply",
        )
    peak = machine.peak(multiplies) / 1e6 if multiplies else 1.0
    link = machine.scale_up.bandwidth / 1e6 if machine.scale_up else 0.0
    if not multiplies and not link:
        raise UsageError(
            f"{machine.name} has no link to other devices", hint="archcalc hardware list shows which devices have one"
        )
    bandwidth = machine.bandwidth / 1e6 if multiplies else link
    return Ceilings(peak, bandwidth, machine.compute_units or 1, machine.on_chip or 0.0, link)


def evaluated(table: Table, hardware: Hardware) -> Iterator[Evaluated]:
    """Yield the times of all rows, those of one format together where NumPy is installed.

    Raises:
        UsageError: the device does not multiply a format of the file.
    """
    machine = Machine.of(hardware)
    known: dict[str, tuple[Fit | None, str | None, Ceilings, Ceilings]] = {}
    for index, found in table.groups():
        if found.key not in known:
            kind, key = table.family.fit_of(found.key)
            fit, device = hardware.fit_from(kind.family, key) or (None, None)
            rates = ceilings(machine, multiplied(table.family, machine, found))
            known[found.key] = (fit, device, rates, fit_ceilings(machine, fit, rates) if fit else rates)
        fit, device, rates, own = known[found.key]
        floor = floor_us(found.shape, rates)
        expected = maximum(fit.expected_us(found.shape, own), floor) if fit else None
        yield Evaluated(index, found, fit, device, floor, expected)


def fit_ceilings(machine: Machine, fit: Fit, rates: Ceilings) -> Ceilings:
    """Return the rates that coefficients divide by: ``rates`` where another device's name a format this one lacks."""
    lacks = fit.multiplies and fit.multiplies not in machine.peaks
    return rates if lacks else ceilings(machine, fit.multiplies)


def evaluate(table: Table, hardware: Hardware) -> tuple[list[float], list[float | None]]:
    """Return the floor and the expected time of every row, in microseconds; None where nothing was measured.

    Raises:
        UsageError: the device does not multiply a format of the file.
    """
    return times(table.size, evaluated(table, hardware))


def times(size: int, rows: Iterable[Evaluated]) -> tuple[list[float], list[float | None]]:
    """Return floors and expected times of ``size`` rows in the order of their file."""
    np = numpy_or_none()
    floors: Any = np.zeros(size) if np else [0.0] * size
    expected: Any = np.full(size, np.nan) if np else [None] * size
    missing = False
    for one in rows:
        floors[one.index] = one.floor
        if one.expected is not None:
            expected[one.index] = one.expected
        missing |= one.expected is None
    if not np:
        return floors, expected
    found = expected.tolist()
    return floors.tolist(), [None if time != time else time for time in found] if missing else found


def multiplied(family: Family, machine: Machine, found: Measured) -> str:
    """Return the format that a device multiplies for rows: bf16 where it has no fp8 and only the cache is fp8."""
    cached = family.phase is not None and found.key != "prefill:fp8"
    return "bf16" if found.multiplies == "fp8" and cached and "fp8" not in machine.peaks else found.multiplies


def numpy_or_none() -> Any:
    """Return NumPy where it is installed: it is no part of the core."""
    if os.environ.get("ARCHCALC_NO_NUMPY"):
        return None
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def _least(number: float, *, from_zero: bool) -> bool:
    return number >= 0 if from_zero else number > 0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_size(text: str, *, from_zero: bool) -> bool:
    """Say whether a text is a number that a size or a latency may be."""
    if not _is_number(text):
        return False
    return float(text) <= _MOST and _least(float(text), from_zero=from_zero)
