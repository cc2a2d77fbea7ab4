"""Exact counts and quantities, read from text and written as text.

Decimal prefixes are powers of 1000, ``Ki Mi Gi Ti Pi`` are powers of 1024. Everything is a Python
int (a Fraction for shares); what is no whole number is an error, never rounded.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from costmodel.errors import FieldError, quote

if TYPE_CHECKING:
    from fractions import Fraction

_LONGEST = 40  # characters; 10^25 has 26 digits
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
SCALE = MappingProxyType({"": 1} | _DECIMAL | _BINARY)  # of quantities, whose units may be B
COUNT_SCALE = MappingProxyType({**SCALE, "B": 10**9})  # of counts, where B is a billion

_NUMBER = re.compile(
    r"(?P<whole>[0-9]+(?:_[0-9]+)*)(?:\.(?P<part>[0-9]+))?(?:[eE]\+?(?P<power>[0-9]{1,2}))?"
    r" ?(?P<rest>[A-Za-z].*)?"
)
_PREFIXED = re.compile(r"(?P<prefix>[KMGTP]i|[kMGTP]?)(?P<unit>[A-Za-z].*)")
_FRACTION = re.compile(r"(?P<over>[0-9]{1,12}) ?/ ?(?P<under>[0-9]{1,12})|[0-9]{1,12}(?:\.[0-9]{1,12})?")


def parse_count(text: str) -> int:
    """Read ``"128Ki"``, ``"671B"``, ``"1.5 M"``, ``"1e6"`` or ``"14_336"`` as an exact integer.

    Raises:
        FieldError: not a count, or not a whole number.
    """
    number = _match(text, "a count", 'write digits and, if you like, a unit, as in "128Ki" or "671B"')
    prefix = number["rest"] or ""
    if prefix not in COUNT_SCALE:
        raise FieldError(f"{quote(text)} is not a count", "AC106", hint=_prefix_hint(text, prefix))
    return _exact(number, COUNT_SCALE[prefix], text, "count")


def parse_quantity(text: str, unit: str) -> int:
    """Read ``"3.35 TB/s"`` in unit ``"B/s"`` as the exact integer 3_350_000_000_000.

    ``80 GB`` and ``80 GiB`` differ by 7 % and stay different.

    Raises:
        FieldError: not a quantity in this unit, or not a whole number of it.
    """
    number, scale = _quantity(text, unit)
    return _exact(number, scale, text, f"number of {unit}")


def parse_amount(text: str, unit: str) -> Fraction:
    """Read a quantity that need not be a whole number of its unit: ``"2.5 USD/h"``. No unit: ``""``.

    Raises:
        FieldError: not a quantity in this unit.
    """
    from fractions import Fraction

    number, scale = _quantity(text, unit)
    part = number["part"] or ""
    digits = int(number["whole"].replace("_", "") + part)
    return Fraction(digits * scale * 10 ** int(number["power"] or 0), 10 ** len(part))


def _quantity(text: str, unit: str) -> tuple[re.Match[str], int]:
    """Split a quantity into its number and the size of its prefix."""
    prefix = "G" if unit.startswith(("B", "FLOP")) else ""
    hint = f'write a number, a space and a unit, as in "2 {prefix}{unit}"' if unit else "write digits alone"
    number = _match(text, f"a quantity in {unit}" if unit else "a number", hint)
    rest = _PREFIXED.fullmatch(number["rest"] or "")
    if (number["rest"] or "") == unit:  # "12 bit": no prefix, whatever letter the unit starts with
        return number, 1
    if unit and rest and rest["unit"] == unit:
        return number, SCALE[rest["prefix"]]
    raise FieldError(f"{quote(text)} is not a quantity in {unit or 'plain digits'}", "AC106", hint=hint)


def parse_fraction(text: str, *, share: bool = True) -> Fraction:
    """Read ``"1/8"`` (or ``"0.125"``) as an exact share above 0 and at most 1.

    Without ``share``, any number above 0: ``"5/4"``.

    Raises:
        FieldError: not a share, or out of range.
    """
    from fractions import Fraction  # start-up: few specs hold a share

    match = _FRACTION.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise FieldError(f"{quote(text)} is not a share", "AC106", hint='write "1/8" or "0.125"')
    under = int(match["under"] or 1)
    value = Fraction(int(match["over"]), under) if match["over"] and under else None
    if match["over"] is None:
        value = Fraction(match[0])
    if value is None or value <= 0 or (share and value > 1):
        most, hint = (" and at most 1", 'write "1/8"') if share else ("", 'write "5/4"')
        raise FieldError(f"{quote(text)} is not above 0{most}", "AC104", hint=hint)
    return value


def packed_bytes(elements: int, bits: int) -> int:
    """Return the bytes that hold ``elements`` values of ``bits`` bits, packed."""
    return -(-elements * bits // 8)


def count_text(number: int) -> str:
    """Write a count: thousands by comma from five digits on."""
    return f"{number:,}" if abs(number) >= 10_000 else str(number)


def context_text(tokens: int) -> str:
    """Write a context length as people say it: 131072 is ``128Ki``, 128000 is ``128,000``.

    128000 is 125 Ki too, but whoever typed 128k does not know it again.
    """
    for prefix in ("Gi", "Mi", "Ki"):
        if tokens % _BINARY[prefix] == 0 and tokens % 1000:
            return f"{tokens // _BINARY[prefix]}{prefix}"
    return count_text(tokens)


def _match(text: str, what: str, hint: str) -> re.Match[str]:
    """Split a number from what follows it, or say what a number looks like."""
    text = text.strip()
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is not None:
        return match
    if text.startswith("-"):
        hint = "it must be 0 or more"
    elif "," in text:
        hint = f'write "{text.replace(",", "_")}"' if _NUMBER.fullmatch(text.replace(",", "_")) else hint
    raise FieldError(f"{quote(text)} is not {what}", "AC106", hint=hint)


def _exact(number: re.Match[str], scale: int, text: str, what: str) -> int:
    """Return whole.part x 10^power x scale, which must be a whole number."""
    part = number["part"] or ""
    power: int = 10 ** int(number["power"] or 0)  # at most 99
    parts: int = 10 ** len(part)
    value, left = divmod(int(number["whole"].replace("_", "") + part) * scale * power, parts)
    if left:
        raise FieldError(f"{quote(text)} is not a whole {what}", "AC106", hint="give it exactly")
    return value


def _prefix_hint(text: str, prefix: str) -> str:
    """Say which prefix was meant: K and KB are nobody's, ki is Ki."""
    number = text.strip().removesuffix(prefix).strip()
    for right in COUNT_SCALE:
        if right and right.lower() == prefix.lower():
            binary = f"{right.upper()}i"
            other = f' or "{number}{binary}"' if binary in COUNT_SCALE else ""
            return f'write "{number}{right}"{other}'
    return f"units of a count: {', '.join(filter(None, COUNT_SCALE))}"
