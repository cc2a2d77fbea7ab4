"""What others published, checked: a claim holds where it is our figure at its digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

from costmodel.errors import UsageError, quote
from costmodel.report.choices import Choices, tokens

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.document import Claim, Entry

_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12, "Ki": 2**10}
_UNITS |= {"Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_VALUE = re.compile(
    r"~?(?P<digits>[0-9][0-9_,]*(?:\.[0-9]+)?)(?:[eE]\+?(?P<power>[0-9]{1,2}))? ?(?P<unit>[A-Za-z]{0,5})"
)


@dataclass(slots=True, frozen=True)
class Published:
    """A published value and the size of its last digit, both exact."""

    value: Decimal
    step: Decimal

    def is_of(self, figure: int | Fraction) -> bool:
        """Say whether a figure is this value at its digits, rounded to the nearest or cut off.

        Publishers do both: 37,552,282,624 is said to be 37B, 671,026,404,352 to be 671B.
        """
        scaled = Fraction(figure) / Fraction(self.step)
        return Fraction(self.value) / Fraction(self.step) in (floor(scaled), floor(scaled + Fraction(1, 2)))


@dataclass(slots=True)
class Verdict:
    """A claim beside our figure.

    ``verdict``: holds, does not hold, not computed (a rumour about a model without architecture).
    ``expected`` says whether the spec knew: a known disagreement states its ``reason``.
    """

    figure: str
    at: int | None
    published: str
    computed: int | None
    verdict: str
    expected: bool
    reason: str | None
    source: str
    unverified: bool


def parse(text: str | int | float) -> Published:
    """Read ``671B``, ``8.03B``, ``70.3 kB`` or an exact integer.

    The last significant digit gives the precision. As scientists read them, zeros at the end of a
    whole number with a unit are not significant (``400B`` is 4 x 10^11), behind a point they are. A
    whole number without a unit is exact.

    Raises:
        UsageError: not a number.
    """
    match = _VALUE.fullmatch(str(text).strip())
    unit = match["unit"] if match else ""
    scale = _UNITS.get(unit)
    if match is not None and scale is None and unit.endswith("B"):  # bytes: 9.21 GB, 64 KiB
        scale = _UNITS.get(unit[:-1])
    if match is not None and unit.endswith("FLOP"):
        scale = _UNITS.get(unit[:-4])
    if match is None or scale is None:
        raise UsageError(f"the claim {quote(text)} is not a number", hint='write "671B", "8.03B" or all digits')
    digits = match["digits"].replace("_", "").replace(",", "")
    one = Decimal(scale) * 10 ** int(match["power"] or 0)
    before, point, behind = digits.partition(".")
    step = one.scaleb(-len(behind))
    if not point and (unit or match["power"]):
        step = one.scaleb(len(before) - len(before.rstrip("0") or before))
    return Published(Decimal(digits) * one, step)


def compute(figure: str, architecture: Architecture, at: int | str | None = None) -> int:
    """Return a figure by its dotted name; ``at`` is the context of those that depend on one.

    Raises:
        UsageError: no such figure, or one that needs ``at`` and has none.
    """
    group, _, name = figure.partition(".")
    if group == "params":
        return _param(name, architecture)
    if group in ("cache", "flops"):
        if at is None:
            raise UsageError(f"the figure {quote(figure)} needs a context", hint="at: 128Ki")
        return _at(group, name, architecture, tokens(at, "at"))
    raise _unknown(figure)


def _param(name: str, architecture: Architecture) -> int:
    from costmodel import figures

    found = figures.params(architecture)
    own = ("total", "active", "active_min", "active_max", "active_without_lookup")
    if name in own:
        return int(getattr(found, name))
    kind, _, rest = name.partition(".")
    table = {"components": found.components, "active_components": found.active_components}.get(kind, found.not_in_total)
    if kind in ("components", "active_components", "not_in_total") and rest in table:
        return table[rest]
    raise _unknown(f"params.{name}")


def _at(group: str, name: str, architecture: Architecture, context: int) -> int:
    from costmodel.report import points

    choices = Choices(contexts=(context,))
    if group == "cache":
        point: Any = points.cache_point(architecture, choices, context)
        allowed: tuple[str, ...] = ("values", "bytes", "state_bytes", "paged_bytes", "one_pool_bytes")
    else:
        point = points.points(architecture, choices)[1][0]
        allowed = ("prefill", "prefill_attention", "decode", "decode_attention")
    if name not in allowed:
        raise _unknown(f"{group}.{name}")
    return int(getattr(point, name))


def _unknown(figure: str) -> UsageError:
    return UsageError(
        f"there is no figure {quote(figure)}",
        hint="figures: params.total, params.active, params.active_without_lookup, cache.bytes, cache.values, ...",
    )


Compute = Callable[[str, "Architecture", "int | str | None"], int]


def check(claim: Claim, architecture: Entry, compute: Compute = compute) -> Verdict:
    """Return the verdict on one claim; ``compute`` returns a figure by name, model and context.

    Raises:
        UsageError: the claim cannot be read.
    """
    from costmodel.architecture import Architecture

    published = parse(claim.value)
    text = str(claim.value) if not isinstance(claim.value, int) else f"{claim.value:,}"
    at = tokens(claim.at, "at") if claim.at is not None else None
    ours, verdict, expected = None, "not computed", True
    if isinstance(architecture, Architecture):
        ours = compute(claim.figure, architecture, claim.at)
        holds = published.is_of(ours)
        verdict, expected = "holds" if holds else "does not hold", holds == claim.holds
    unverified = claim.unverified or architecture.confidence != "published"
    return Verdict(claim.figure, at, text, ours, verdict, expected, claim.reason, claim.source, unverified)


def check_all(architecture: Entry, compute: Compute = compute) -> list[Verdict]:
    """Return the verdicts on all claims of a spec, in its order."""
    return [check(claim, architecture, compute) for claim in architecture.claims]


def unexpected(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts that differ from what the spec says of its claims."""
    return [verdict for verdict in verdicts if not verdict.expected]
