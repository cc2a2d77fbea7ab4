"""Numbers with units, as budgets and assertions write them: ``40B``, ``10 GiB``, ``1.5%``, ``50 ms``."""

from __future__ import annotations

import re
from fractions import Fraction

from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.units import COUNT_SCALE, SCALE

Amount = int | float | str
LONGEST = 400  # characters of a number or an expression
# A word of the language behind a number is no unit of it.
NUMBER = (
    r"(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?)"
    r"(?:(?P<gap> ?)(?P<unit>%|(?!(?:and|or|not)\b)[A-Za-z]+))?"
)
SECONDS = {"s": Fraction(1), "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6), "ns": Fraction(1, 10**9)}

# An amount of each dimension that has units.
UNITS = {"bytes": "10 GB", "seconds": "50 ms", "FLOP": "90 GFLOP"}


class ExpressionError(UsageError):
    """A text that cannot be read. ``column`` counts from 0."""

    def __init__(self, message: str, column: int, hint: str | None = None) -> None:
        super().__init__(message, "AC221", hint=hint)
        self.column = column


def read_number(text: str) -> Fraction:
    """Return the exact value of one number.

    Raises:
        ExpressionError: it is none.
    """
    return scaled(_match(text))


def bound_of(value: Amount, dimension: str, *, exact: bool = False) -> Fraction:
    """Read a limit of a figure. ``exact``: a whole number that is the figure itself needs no unit.

    Raises:
        ExpressionError: its unit measures something else, or it has none and the figure has one.
    """
    match = _match(str(value))
    number, own, example = scaled(match), measured(match), UNITS.get(dimension)
    if own not in ("count", dimension) or (own == "count" and match["unit"] and example):
        raise ExpressionError(
            f"{quote(value)} is no amount of a figure in {dimension}", 0, f'as in "{example or "40B"}"'
        )
    if example and number and not match["unit"] and not exact:
        raise ExpressionError(
            f"{quote(value)} has no unit, and the figure is one in {dimension}", 0, f'as in "{example}"'
        )
    return number


def change_of(value: Amount, dimension: str) -> tuple[Fraction, bool]:
    """Read a change of a figure: a share with ``%`` (True), or an amount (False)."""
    share = isinstance(value, str) and dimension_of(value) == "share"
    return (read_number(str(value)), True) if share else (bound_of(value, dimension), False)


def has_unit(value: Amount) -> bool:
    """Say whether a number has a unit. Raises ExpressionError where it is none."""
    return bool(_match(str(value))["unit"])


def dimension_of(text: str) -> str:
    """Return what the unit of a number measures: count, bytes, seconds, FLOP or share.

    Raises:
        ExpressionError: it is no number.
    """
    return measured(_match(text))


def measured(match: re.Match[str]) -> str:
    """Return the same of a number that was found."""
    unit = match["unit"] or ""
    if unit == "%":
        return "share"
    if unit in SECONDS:
        return "seconds"
    if unit.endswith("FLOP"):
        return "FLOP"
    return "bytes" if _is_bytes(match) else "count"


def _match(text: str) -> re.Match[str]:
    match = re.fullmatch(NUMBER, text.strip(), re.ASCII) if len(text) <= LONGEST else None
    if match is None:
        raise ExpressionError(f"{quote(text)} is not a number", 0, 'write "40B", "10 GB", "1%" or "50 ms"')
    return match


def _is_bytes(match: re.Match[str]) -> bool:
    """Say whether the unit is one of bytes: GB, KiB, or B behind a space; ``40B`` is a count."""
    unit = match["unit"] or ""
    return bool(match["gap"]) if unit == "B" else unit.endswith("B")


def scaled(match: re.Match[str]) -> Fraction:
    """Return a number times its unit. Raises ExpressionError for a unit that does not exist."""
    number, unit = Fraction(match["number"].replace("_", "")), match["unit"] or ""
    if unit == "%":
        return number / 100
    if unit in SECONDS:
        return number * SECONDS[unit]
    if unit.endswith("FLOP") and unit[:-4] in SCALE:
        return number * SCALE[unit[:-4]]
    if _is_bytes(match):
        if unit[:-1] in SCALE:
            return number * SCALE[unit[:-1]]
    elif unit in COUNT_SCALE:
        return number * COUNT_SCALE[unit]
    known = [*filter(None, COUNT_SCALE), *(f"{name}B" for name in SCALE if name), *SECONDS, "GFLOP", "%"]
    case = next((f"did you mean {one}?" for one in known if one.lower() == unit.lower()), None)
    hint = case or did_you_mean(unit, known) or "units: k M B T, Ki Mi, kB GB GiB, ms s, GFLOP, %"
    raise ExpressionError(f"there is no unit {quote(unit)}", match.start("unit"), hint)
