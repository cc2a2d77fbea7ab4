"""One published figure beside its floor and its expectation, and how the tables of others are read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from costmodel.catalog import load
from costmodel.dtypes import Recipe
from costmodel.plan import resolve
from costmodel.profiles import Hardware, load_hardware
from costmodel.times import Roofline

MEASURED = Path(__file__).parent / "measured" / "endtoend.csv"


@dataclass(slots=True, frozen=True)
class Published:
    """A figure that others print, in their unit, beside ours in the same unit.

    ``bound``: what the floor allows, the most of a rate or the least of a time (unit ms). ``expected``
    is None where the model has no coefficients for what ran. ``like``: whose coefficients, where not
    the device's own.
    """

    group: str
    what: str
    device: str
    conditions: str
    published: float
    unit: str
    bound: float
    expected: float | None
    source: str
    like: str | None = None

    @property
    def reached(self) -> float:
        """Return the part of the bound that was reached: above 1 the figure beats its floor."""
        return self.bound / self.published if self.unit == "ms" else self.published / self.bound

    @property
    def ratio(self) -> float | None:
        """Return expected / published, as both are printed."""
        return None if self.expected is None else self.expected / self.published


class Unstated(NamedTuple):
    """A line of the tables that nothing is computed for, and why."""

    what: str
    device: str
    metric: str
    reason: str
    source: str


Line = dict[str, str]
Found = list[Published | Unstated]


@cache
def lines() -> tuple[Line, ...]:
    """Return the lines of ``endtoend.csv``."""
    with MEASURED.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def of_phase(*beginnings: str) -> list[Line]:
    """Return the lines whose phase begins so."""
    return [line for line in lines() if line["phase"].startswith(beginnings)]


def unstated(line: Line, reason: str) -> Unstated:
    """Return a line that nothing is computed for."""
    return Unstated(line["model"], line["hardware"], line["metric"], reason, line["source"])


def texts(*parts: str | None) -> str:
    """Return what is not empty, joined by commas."""
    return ", ".join(part for part in parts if part)


@cache
def hardware(name: str) -> Hardware:
    """Return a profile."""
    return load_hardware(name)


@cache
def roofline(name: str, device: str, dtype: str, plan: Iterable[tuple[str, object]] = ()) -> Roofline:
    """Return a model on a device, with a plan given as pairs."""
    architecture = load(name)
    return Roofline(architecture, hardware(device), resolve(architecture, dict(plan)), Recipe.parse(dtype))
