"""What a check finds, and how its numbers are said."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from costmodel.amounts import bytes_text, fixed, params_text, params_unit
from costmodel.errors import Excerpt, count_of
from costmodel.gate import names
from costmodel.gate.files import Subject
from costmodel.loader import Mark
from costmodel.report.data import PRIVATE
from costmodel.units import count_text


@dataclass(slots=True)
class CauseRow:
    """A line of the spec and what it does to the figure. ``before`` and ``after`` are None where absent."""

    path: str
    line: int
    before: Any
    after: Any
    delta: Fraction


@dataclass(slots=True)
class Finding:
    """Something that a rule found.

    ``column`` counts from 1 and ``end_column`` is behind the last character. ``change`` is
    value / limit - 1. ``waived`` is the reason of the waiver that covers it. ``fingerprint`` says
    whether two runs found the same: it holds the file, the rule, the figure, its workload and its
    limit, but no line and no value.
    """

    rule: str
    severity: str
    title: str
    message: str
    file: str
    line: int
    column: int
    end_column: int
    spec: str
    figure: str | None = None
    at: str | None = None
    value: Fraction | None = None
    limit: Fraction | None = None
    change: float | None = None
    budget: str | None = None
    causes: list[CauseRow] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    fingerprint: str = ""
    waived: str | None = None
    hint: str = field(default="", metadata=PRIVATE)
    check: str = field(default="", metadata=PRIVATE)  # the rule of a budget: ``AC201 cache.bytes@long``
    excerpts: list[Excerpt] = field(default_factory=list, metadata=PRIVATE)

    @property
    def place(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def lines(self) -> list[str]:
        """Return the message and what explains it."""
        return [self.message, *self.details]

    def fingerprinted(self, what: str = "") -> Finding:
        """Return the finding with its fingerprint; ``what`` tells it from others of its rule in its file."""
        text = "\0".join((self.file, self.rule, what or self.figure or "", self.at or ""))
        self.fingerprint = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()  # names of files are bytes
        return self


def found_at(subject: Subject, mark: Mark, rule: str, severity: str, title: str, message: str) -> Finding:
    """Return a finding at a place of a spec, with its source line."""
    excerpt = excerpt_of(subject.document.root.source.lines, mark) if mark.file == subject.document.where else None
    return Finding(
        rule=rule,
        severity=severity,
        title=title,
        message=message,
        file=subject.shown(mark.file),
        line=mark.line,
        column=mark.column,
        end_column=mark.end,
        spec=subject.key,
        excerpts=[excerpt] if excerpt else [],
    )


def excerpt_of(lines: list[str], mark: Mark) -> Excerpt | None:
    """Return the source line of a mark, for its caret; None where there is nothing to show."""
    text = lines[mark.line - 1] if mark.line <= len(lines) else ""
    return Excerpt(mark.line, text, mark.column - 1, max(1, mark.end - mark.column)) if text.strip() else None


def amount(name: str, value: Fraction, beside: Fraction | None = None) -> str:
    """Return a figure as its page prints it: ``39.14B``, ``11.26 GB``, ``23.31 ms``, ``61``.

    Parameters take the unit of a larger figure ``beside`` them.
    """
    dimension = names.dimension(name)
    if name == "fit.devices":
        return count_of(int(value), "device")
    if dimension == "bytes":
        return bytes_text(value)
    if dimension == "seconds":
        return _seconds(value)
    if dimension == "FLOP":
        return bytes_text(value).replace("B", "FLOP") if abs(value) >= 1000 else f"{number(value)} FLOP"
    if value.denominator == 1 and name.startswith(("params.", "cache.values")) and abs(value) >= 10**6:
        return params_text(int(value), params_unit(abs(int(beside or value))))
    return number(value)


def _seconds(value: Fraction) -> str:
    if value >= 1:
        return f"{fixed(value, 2)} s"
    return f"{fixed(value * 1000, 2)} ms" if value >= Fraction(1, 10_000) else f"{fixed(value * 10**6, 1)} us"


def number(value: Fraction) -> str:
    """Return a number without a unit: whole, or with four digits that say something."""
    if value.denominator == 1:
        return count_text(int(value))
    digits = 2
    while digits < 8 and abs(value) * 10**digits < 1000:
        digits += 1
    text = fixed(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(name: str, value: Fraction) -> str:
    """Return a change of a figure with its sign."""
    return f"{'-' if value < 0 else '+'}{amount(name, abs(value))}"


def change_text(share: Fraction, digits: int = 1) -> str:
    """Return a relative change: ``+3.0%``; one that rounds to nothing says so."""
    text = fixed(abs(share) * 100, digits)
    if not text.strip("0.") and share:
        return f"{'-' if share < 0 else '+'}<0.{'0' * (digits - 1)}1%"
    return f"{'-' if share < 0 else '+'}{text}%"


def plain_value(value: Any) -> str:
    """Return a field's value in a few characters."""
    if isinstance(value, str):
        return value if len(value) <= 40 else f"{value[:37]}..."
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {plain_value(item)}" for key, item in list(value.items())[:3])
        return "{" + inner + (", ...}" if len(value) > 3 else "}")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "true" if value is True else "false" if value is False else str(value)
