"""Quantities of devices as people read them: one unit a row."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from costmodel.amounts import Unit, bytes_unit, fixed, flops_unit
from costmodel.report.device import CalibrationRow, HardwareRow


def unit_of(unit: str, values: Iterable[Fraction | None]) -> Unit:
    """Return the unit for a row of values: ``GB``, ``TB/s``, ``TFLOP/s``; W, ns and counts as they are."""
    known = [value for value in values if value]
    if unit.startswith("B"):
        found = bytes_unit(known)
    elif unit.startswith("FLOP"):
        found = flops_unit([value / 10 for value in known])  # a rate keeps three digits
    else:
        return Unit(unit, 1, 0)
    return Unit(found.name + unit.removeprefix("B").removeprefix("FLOP"), found.size, found.digits)


def amount_text(value: Fraction, unit: str, shown: Unit) -> str:
    """Return a value in a row's unit; what is no whole number of a plain unit keeps two digits."""
    if not unit.startswith(("B", "FLOP")) and value.denominator != 1:
        return fixed(value, 2)
    return shown.of(value)


def calibrated_text(row: HardwareRow) -> str:
    """Return ``own``, ``like h100-sxm`` or ``none``."""
    return f"like {row.like[0]}" if row.calibrated == "like" else row.calibrated


def error_text(error: float | None) -> str:
    """Return an error as ``4.3%``; ``-`` where none was measured."""
    return "-" if error is None else f"{fixed(100 * Fraction(error), 1)}%"


def coefficients_text(row: CalibrationRow) -> str:
    """Return ``fixed_us 3.19, compute 0.81``."""
    return ", ".join(f"{name} {value:.4g}" for name, value in row.coefficients.items())
