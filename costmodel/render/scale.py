"""The unit of a figure that changed: one for both values, the change, and what each line did."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from costmodel.amounts import Unit, bytes_unit, fixed, flops_unit, params_unit
from costmodel.gate import names
from costmodel.gate.diff import Diff, FigureDiff
from costmodel.gate.findings import number
from costmodel.units import parse_count

_MEANS = ("flops.prefill", "flops.prefill_attention")


@dataclass(slots=True, frozen=True)
class Scale:
    """How a figure is written: divided by ``size``, with ``digits`` and a ``unit`` (which touches a count)."""

    size: Fraction
    unit: str
    digits: int | None

    def of(self, value: Fraction) -> str:
        """Return a value without its unit."""
        if self.digits is None:
            return number(value / self.size)
        text = fixed(value / self.size, self.digits)
        return text.replace(",", "") if self.unit == "B" else text

    def with_unit(self, value: Fraction) -> str:
        """Return a value with its unit: ``39.14B``, ``11.26 GB``, ``61``."""
        gap = "" if self.unit in ("B", "M", "k", "") else " "
        return f"{self.of(value)}{gap}{self.unit}"

    def signed(self, delta: Fraction) -> str:
        """Return a change without its unit, with its sign."""
        return f"{'-' if delta < 0 else '+'}{self.of(abs(delta))}"


def scale_of(one: FigureDiff) -> Scale:
    """Return one unit for both values; more digits where the change would round to nothing."""
    tokens = _tokens(one)
    values = [abs(value) / tokens for value in (one.base, one.head) if value]
    if not values:
        return Scale(tokens, "", None)
    unit: Unit
    if one.figure.startswith("params."):
        unit = params_unit(int(max(values)))
    elif names.dimension(one.figure) == "bytes":
        unit = bytes_unit(values)
    elif names.dimension(one.figure) == "FLOP":
        # Work of a token is said in GFLOP, whatever its size.
        unit = Unit("GFLOP", 10**9, 1) if max(values) >= 10**9 else flops_unit(values)
    else:
        return Scale(tokens, "", None)
    digits, moved = unit.digits, abs(one.delta or Fraction(0)) / tokens / unit.size
    if moved and 2 * moved * 10**digits < 1:
        digits += 3
    return Scale(tokens * unit.size, unit.name, digits)


def _tokens(one: FigureDiff) -> Fraction:
    """Return what a figure is divided by: the work of a prompt is shown as the mean of its tokens."""
    return Fraction(parse_count(one.at.replace(",", ""))) if one.figure in _MEANS and one.at else Fraction(1)


def label_of(one: FigureDiff, scale: Scale, found: Diff) -> str:
    """Return a figure as a table's row: ``params.total, B``, ``cache at 128Ki, GB, bf16``."""
    at = f" at {one.at}" if one.at else ""
    unit = scale.unit
    if one.figure == "cache.bytes":
        return f"cache{at}, {unit}, {found.conventions.dtype}"
    if one.figure in _MEANS:
        return f"{one.figure.removeprefix('flops.')} {one.at}, {unit}/token"
    name = one.figure.removeprefix("flops.")
    return f"{name}{at}, {unit}" if unit else f"{name}{at}"
