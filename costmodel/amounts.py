"""Exact numbers as tables print them: one unit a row or column, rounded half up, never cut."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from costmodel.units import context_text, count_text

__all__ = ["Unit", "bytes_unit", "context_text", "count_text", "fixed", "flops_unit", "params_unit", "percent", "ratio"]

Number = int | Fraction


class Unit:
    """A unit for a row or column: its name, its size and the digits behind the point."""

    __slots__ = ("digits", "name", "size")

    def __init__(self, name: str, size: int, digits: int) -> None:
        self.name, self.size, self.digits = name, size, digits

    def of(self, value: Number, digits: int | None = None) -> str:
        """Return a number in this unit; zero is ``0``. ``digits``: so many significant ones."""
        if not value:
            return "0"
        number = Fraction(value) / self.size
        if digits is None or self.size == 1:
            return fixed(number, self.digits)
        return significant(number, digits)


_BYTES = {
    "si": (("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12), ("PB", 10**15)),
    "iec": (("B", 1), ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30), ("TiB", 2**40), ("PiB", 2**50)),
}
_MOST_BEHIND = 30  # digits behind a point, where a number has fewer significant ones
_FLOPS = (("FLOP", 1), ("kFLOP", 10**3), ("MFLOP", 10**6), ("GFLOP", 10**9), ("TFLOP", 10**12), ("PFLOP", 10**15))


def fixed(value: Number, digits: int) -> str:
    """Return a number with so many digits behind the point, thousands by comma, halves up."""
    scaled = Fraction(value) * 10**digits
    whole = (abs(scaled) + Fraction(1, 2)).__floor__()
    sign = "-" if scaled < 0 and whole else ""
    before, behind = divmod(whole, 10**digits)
    return f"{sign}{before:,}" + (f".{behind:0{digits}}" if digits else "")


def significant(value: Number, digits: int) -> str:
    """Return a number with so many significant digits, halves up; none before the point is lost; zero is ``0``."""
    if not value:
        return "0"
    behind = 0
    while behind < _MOST_BEHIND and len(fixed(value, behind).replace(",", "").lstrip("-0.").replace(".", "")) < digits:
        behind += 1
    return fixed(value, behind)


def params_unit(largest: int) -> Unit:
    """Return B, or M where the largest number is below 1B, or k below 1M."""
    if largest >= 10**9:
        return Unit("B", 10**9, 2)
    return Unit("M", 10**6, 2) if largest >= 10**6 else Unit("k", 10**3, 2)


def shared_params_unit(values: Iterable[int]) -> Unit:
    """Return the largest of B, M and k in which the smallest of some numbers keeps two significant digits."""
    known = [value for value in values if value]
    unit = params_unit(max(known, default=0))
    while unit.size > 10**3 and min(known) * 10 ** (unit.digits - 1) < unit.size:
        unit = params_unit(unit.size - 1)
    return unit


def params_text(value: int, unit: Unit) -> str:
    """Return a parameter count; the unit touches, thousands have no comma: ``1026.41B``."""
    return unit.of(value).replace(",", "") + (unit.name if value else "")


def bytes_unit(values: Iterable[Number], system: str = "si", digits: int = 2) -> Unit:
    """Return the largest unit in which the smallest number above 0 keeps two significant digits.

    It is no larger than ten times the largest number.
    """
    known = [value for value in values if value]
    smallest, largest = min(known, default=0), max(known, default=0)
    table = _BYTES[system]
    return _unit(tuple(one for one in table if one is table[0] or largest * 10 >= one[1]), smallest, digits)


def flops_unit(values: Iterable[Number], digits: int = 1, least: str = "kFLOP") -> Unit:
    """Return the same for FLOPs."""
    smallest = min((value for value in values if value), default=0)
    names = [name for name, _ in _FLOPS]
    return _unit(_FLOPS[names.index(least) :], smallest, digits)


def _unit(table: tuple[tuple[str, int], ...], smallest: Number, digits: int) -> Unit:
    name, size = table[0]
    for name_, size_ in table[1:]:
        # Two significant digits: 0.10 with two digits behind the point, 1.0 with one.
        if smallest * 10**digits >= 10 * size_:
            name, size = name_, size_
    return Unit(name, size, digits if size > 1 else 0)


def bytes_text(value: Number, system: str = "si", digits: int = 2) -> str:
    """Return one number of bytes in its own unit: ``70.3 kB``, ``512 B``."""
    table = _BYTES[system]
    name, size = next((item for item in reversed(table) if value >= item[1]), table[0])
    return f"{fixed(Fraction(value) / size, digits if size > 1 else 0)} {name}"


def percent(part: int, whole: int, digits: int = 1) -> str:
    """Return a share as ``97.4%``; ``-`` of nothing."""
    return f"{fixed(Fraction(100 * part, whole), digits)}%" if whole else "-"


def ratio(last: Number, first: Number) -> str:
    """Return last / first as ``0.60x``, ``0.031x``, ``5.08x``, ``132x``; ``-`` where it is none."""
    if not first or not last:
        return "-"
    value = Fraction(last) / Fraction(first)
    digits = 3 if value < Fraction(1, 10) else 2 if value < 100 else 0
    if digits == 3 and value < Fraction(1, 2000):
        return "<0.001x"
    return f"{fixed(value, digits)}x"
