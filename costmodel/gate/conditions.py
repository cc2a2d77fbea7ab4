"""``--fail-if``: a figure that grew or shrank too much, or is too large."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from costmodel.errors import UsageError, quote
from costmodel.gate import names
from costmodel.gate.findings import amount, change_text, signed
from costmodel.gate.numbers import change_of, dimension_of
from costmodel.gate.terms import COMPARE
from costmodel.gate.workloads import Load
from costmodel.report.choices import tokens
from costmodel.units import context_text

_CONDITION = re.compile(r"(?P<key>[^<>=\s]+) *(?P<sign><=|>=|<|>) *(?P<change>[+-]?)(?P<number>[0-9].*)")


_ENDLESS = 10**30  # a share of nothing


class Moved(Protocol):
    """A figure on both sides."""

    base: Fraction | None
    head: Fraction | None

    @property
    def key(self) -> str:
        """Return its name with its context."""


@dataclass(slots=True, frozen=True)
class Condition:
    """``params.total > +1%``: a sign in front of the number makes it a change, else it is of the head."""

    text: str
    key: str
    sign: str
    bound: Fraction
    kind: str  # share, amount or value

    @classmethod
    def read(cls, text: str) -> Condition:
        """Read a condition. Raises UsageError where it is none."""
        match = _CONDITION.fullmatch(text.strip()) if len(text) <= 200 else None
        hint = "--fail-if 'params.active > +1%'   or  'cache.bytes@128Ki > 10 GB'"
        if match is None:
            raise UsageError(f"--fail-if {quote(text)} is no condition", hint=hint)
        name, _, at = match["key"].partition("@")
        if at:
            at = context_text(tokens(at, "fail-if"))
        elif names.needs_load(name):
            raise UsageError(f"--fail-if {quote(text)}: {name} needs a context", hint=f"{name}@128Ki")
        names.check(name, Load(context=1) if at else None)
        bound, _ = change_of(match["number"], names.dimension(name))
        share = dimension_of(match["number"]) == "share"
        if share and not match["change"]:
            raise UsageError(f"--fail-if {quote(text)}: a share is of a change", hint="write +1%")
        kind = "share" if share else "amount" if match["change"] else "value"
        key = f"{name}@{at}" if at else name
        return cls(text, key, match["sign"], -bound if match["change"] == "-" else bound, kind)

    def is_of(self, figures: Sequence[Moved], values: Mapping[str, Fraction]) -> bool:
        """Say whether a spec has the figure, on either side."""
        return self.key in values or any(one.key == self.key for one in figures)

    def unknown(self) -> UsageError:
        """Return the error where no spec has the figure at this context."""
        return UsageError(f"--fail-if {quote(self.text)}: {self.key} is not compared", hint=_compared(self.key))

    def met(self, figures: Sequence[Moved], values: Mapping[str, Fraction]) -> str | None:
        """Return what is true of a spec, if the condition is; ``figures`` differ, ``values`` are the head's."""
        if not self.is_of(figures, values):
            return None
        name = self.key.partition("@")[0]
        found = next((one for one in figures if one.key == self.key), None)
        if self.kind == "value":
            value = values.get(self.key)
            if value is None:  # the head has no such figure
                return None
            shown = amount(name, value)
        else:
            base, head = (found.base or Fraction(0), found.head or Fraction(0)) if found else (Fraction(0), Fraction(0))
            value = head - base
            shown = signed(name, value)
            if self.kind == "share" and value:
                value = value / base if base else _ENDLESS * value
                shown = change_text(value) if base else f"{shown} from nothing"
            elif self.kind == "share":
                shown = change_text(value)
        return f"{self.key} {shown}, --fail-if {self.text}" if COMPARE[self.sign](value, self.bound) else None


def _compared(key: str) -> str:
    """Return what would compare a figure."""
    name, _, at = key.partition("@")
    if at and name.startswith(("cache.", "flops.prefill", "flops.decode")):
        return f"--context {at}, among others"
    return "compared are parameters, shape, growth, and at each --context cache, flops.prefill, flops.decode"
