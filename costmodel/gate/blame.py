"""What a spec was, and which of its lines moved a figure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from costmodel import figures
from costmodel.errors import ArchcalcError, UsageError
from costmodel.gate import causes
from costmodel.gate.causes import ABSENT, Cause
from costmodel.gate.files import Subject, base_of
from costmodel.gate.findings import CauseRow, Finding, amount, excerpt_of, plain_value
from costmodel.gate.lock_file import NAME, Lock, Locked
from costmodel.gate.names import Figures
from costmodel.gate.workloads import Load
from costmodel.loader import Mark
from costmodel.report.flops import step_of
from costmodel.validation import parse

_LINES = 2  # source lines of an excerpt


@dataclass(slots=True)
class Origin:
    """What a spec is compared with: its fields, and what to call it. ``key`` tells it from others of its name."""

    data: Mapping[str, Any]
    name: str
    key: str


class Blame:
    """Compares a spec with what it was: in the lock file, in its base, or another spec.

    ``vs`` is ``baseline``, ``base`` or the name of a spec, as in a budget file.
    """

    def __init__(
        self, subject: Subject, lock: Lock | None, other: Callable[[str], Subject], folders: Sequence[Path] = ()
    ) -> None:
        self.subject, self.lock, self.other, self.folders = subject, lock, other, folders
        self._steps: dict[str, list[tuple[Cause | None, Figures]]] = {}

    @cached_property
    def locked(self) -> Locked:
        """What is locked of the spec. Raises UsageError (AC213) where nothing is."""
        if self.lock is None:
            raise UsageError("there is no lock file to compare with", "AC213", hint="archcalc lock writes one")
        found = self.lock.of(self.subject)
        if found is None:
            words = ["archcalc", "lock", self.subject.key]
            words += [] if self.lock.path == Path(NAME) else ["--lock", str(self.lock.path)]
            raise UsageError(f"{self.lock.path.name} has no such spec", "AC213", hint=f"{shlex.join(words)} adds it")
        return found

    @cached_property
    def base(self) -> Subject:
        """The spec that this one starts from. Raises UsageError where there is none."""
        found = base_of(self.subject, self.folders)
        if found is None:
            raise UsageError("the spec has no base to compare with", hint="vs: baseline, or the name of a spec")
        return found

    @cached_property
    def _baseline(self) -> Figures:
        return Figures(parse(dict(self.locked.spec) | {"name": self.locked.name}))  # type: ignore[arg-type]

    def figures(self, vs: str) -> tuple[Figures, str]:
        """Return the figures, by today's formulas, of what a spec is compared with, and what to call it."""
        if vs == "baseline":
            return self._baseline, "the lock"
        subject = self.base if vs == "base" else self.other(vs)
        return subject.figures, subject.name

    def origins(self, vs: str | None) -> Iterator[Origin]:
        """Yield what the spec was: what ``vs`` names, else the lock file's where it differs, then its base."""
        if vs not in (None, "baseline", "base"):
            other = self.other(str(vs))
            yield Origin(other.document.data, other.name, other.key)
        locked = self.lock.of(self.subject) if self.lock else None
        if vs in (None, "baseline") and locked is not None:
            yield Origin(locked.spec, "the lock", "")
        if vs in (None, "base") and self.subject.document.bases:
            yield Origin(self.base.document.data, self.base.name, self.base.key)

    def moving(self, name: str, load: Load | None, *, up: bool | None, vs: str | None = None) -> Moved:
        """Return the lines that moved a figure up (or down, or either way: None), those that moved it most first.

        The first origin from which some line moved it is the one that is told.
        """
        for origin in self.origins(vs):
            try:
                found = self._causes(origin, name, load)
            except ArchcalcError:  # it was no spec of today's language: then nothing is known
                continue
            moving = [one for one in found if one.deltas[0] and (up is None or (one.deltas[0] > 0) == up)]
            if moving:
                moving.sort(key=lambda one: -abs(one.deltas[0]))
                return Moved(self, name, load, origin.name, moving)
        return Moved(self, name, load, "", [])

    def _causes(self, origin: Origin, name: str, load: Load | None) -> list[Cause]:
        """Return what each change did to a figure; the changes are applied once for all figures."""
        if origin.key not in self._steps:
            self._steps[origin.key] = list(causes.steps(origin.data, self.subject, causes.figures_of))
        try:
            return causes.moved([(cause, [figures(name, load)]) for cause, figures in self._steps[origin.key]])
        except ArchcalcError:  # a step has no such figure: its change counts with a later one
            return causes.causes(origin.data, self.subject, [(name, load)])

    def place(self) -> Mark:
        """Return the line that names the spec."""
        return self.subject.mark(("name",))


@dataclass(slots=True)
class Moved:
    """What moved a figure: the lines, or where nothing is known, the block that gives most of it."""

    blame: Blame
    name: str
    load: Load | None
    origin: str
    causes: list[Cause]

    @property
    def mark(self) -> Mark:
        """Return the line to point at."""
        return self.causes[0].mark if self.causes else self._driver()[0]

    def _driver(self) -> tuple[Mark, str]:
        subject = self.blame.subject
        field = tuple(self.name.split(".")) if self.name.startswith("blocks.") else (self.name,)
        stated = subject.document.mark(field)  # a figure that is a field of the spec
        if stated is not None and stated.file == subject.document.where:
            return stated, ""
        parts = _parts(subject, self.name, self.load)
        if not parts:
            return self.blame.place(), ""
        path = max(parts, key=lambda one: parts[one])
        whole = sum(parts.values(), Fraction(0))
        text = f"largest part: {path}, {amount(self.name, parts[path])} of {amount(self.name, whole)}"
        block = next((one for one in subject.architecture.blocks if f".{one}." in f".{path}."), None)
        if block is None:
            return self.blame.place(), text
        return subject.mark((subject.architecture.blocks[block].section, block), on_key=True), text

    def explain(self, finding: Finding, limit: Fraction | None) -> None:
        """Add to a finding what moved its figure, and the largest number that would keep it within ``limit``."""
        if not self.causes:
            text = self._driver()[1]
            finding.details += [text] if text else []
            return
        first, *rest = self.causes
        change = first.first
        finding.hint = "is new" if change.before is ABSENT else f"was {plain_value(change.before)} in {self.origin}"
        if first.source.file != first.mark.file:  # the caret stands at ``base``
            place = f"{self.blame.subject.shown(first.source.file)}:{first.source.line}"
            finding.hint = f"{first.path} {finding.hint} ({place})"
        finding.causes = [_row(one) for one in self.causes]
        if rest:
            beside = finding.value
            others = [f"line {one.mark.line} {_adds(self.name, one, beside)}" for one in rest[:3]]
            finding.details.append(f"this line {_adds(self.name, first, beside)}, {', '.join(others)}")
        elif limit is not None:
            largest = causes.largest_within(self.blame.subject, first, self.name, self.load, limit)
            if largest is not None:
                finding.details.append(f"largest {change.path[-1]} within the limit: {largest}")
        finding.excerpts = self._excerpts() or finding.excerpts

    def _excerpts(self) -> list[Any]:
        """Return two source lines where two lines moved the figure and the marked one is the lower."""
        lines = self.blame.subject.document.root.source.lines
        marks = sorted({one.mark.line: one.mark for one in self.causes}.values())
        if len(marks) != _LINES or marks[-1] != self.mark:
            return []
        return [excerpt for excerpt in (excerpt_of(lines, mark) for mark in marks) if excerpt]


def _adds(name: str, cause: Cause, beside: Fraction | None) -> str:
    delta = cause.deltas[0]
    return f"{'adds' if delta > 0 else 'takes'} {amount(name, abs(delta), beside)}"


def _row(cause: Cause) -> CauseRow:
    change = cause.first
    before, after = (None if v is ABSENT else v for v in (change.before, change.after))
    return CauseRow(cause.path, cause.mark.line, before, after, cause.deltas[0])


def _parts(subject: Subject, name: str, load: Load | None) -> dict[str, Fraction]:
    """Return what blocks give of a figure, by path; empty where it is no sum of theirs at hand."""
    model = subject.architecture
    group, _, rest = name.partition(".")
    if load is not None and load.include:
        return {}
    if group == "params" and rest in ("total", "active"):
        return {path: Fraction(getattr(part, rest)) for path, part in figures.params(model).groups.items()}
    if load is None or load.step is None or name not in ("cache.bytes", "flops.forward"):
        return {}
    choices = load.choices
    found: dict[str, Fraction] = {}
    if group == "cache":
        for row in figures.cache(model.lower(choices.decode(model, choices.contexts[0])), choices.recipe).rows:
            found[row.path] = found.get(row.path, Fraction(0)) + row.bytes
        return found
    for op in model.lower(step_of(model, choices, *load.step, None)):
        path = ".".join(op.path.split(".")[:2])
        found[path] = found.get(path, Fraction(0)) + Fraction(op.flops)
    return found
