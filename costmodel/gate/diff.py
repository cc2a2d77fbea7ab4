"""``archcalc diff``: which figures of which specs differ, and which lines made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from costmodel.architecture import Architecture
from costmodel.errors import ArchcalcError, UsageError, dotted
from costmodel.gate import causes, names
from costmodel.gate.conditions import Condition
from costmodel.gate.files import Subject
from costmodel.gate.findings import plain_value
from costmodel.gate.lock_file import Lock, Locked, moved
from costmodel.gate.names import Figures
from costmodel.gate.pairs import fields_of, pairs
from costmodel.gate.sides import Entry, between, two
from costmodel.gate.workloads import Load
from costmodel.report.choices import CONTEXTS, Choices
from costmodel.report.conventions import Conventions, conventions
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.units import context_text
from costmodel.validation import parse

_GROUPS = ("params", names.PARTS, "", "growth")
_FIRST = ("cache.bytes", "flops.decode", "flops.prefill")


@dataclass(slots=True)
class FigureDiff:
    """A figure that differs; ``base`` or ``head`` is None where one spec has no such figure."""

    figure: str
    at: str | None
    base: Fraction | None
    head: Fraction | None
    delta: Fraction | None
    change: float | None

    @property
    def key(self) -> str:
        """Return ``cache.bytes@128Ki``."""
        return f"{self.figure}@{self.at}" if self.at else self.figure


@dataclass(slots=True)
class CauseDiff:
    """Fields that were changed together, and what they alone do: they add up to each figure's change.

    ``sign``: ``~`` changed, ``+`` new, ``-`` gone. ``file`` and ``line`` are where the second spec has it
    from: its own file, or that of its base.
    """

    sign: str
    path: str
    before: Any
    after: Any
    file: str
    line: int
    deltas: dict[str, Fraction]
    fields: list[str]


@dataclass(slots=True)
class SpecDiff:
    """One spec on both sides.

    ``status``: changed, equal, added, removed or unreadable (then ``problem`` says why). ``equal``
    counts the figures that are the same. ``formulas``: figures of a lock file that today's
    formulas give otherwise for the spec as it was.
    """

    key: str
    base: str | None
    head: str | None
    status: str
    figures: list[FigureDiff] = field(default_factory=list)
    equal: int = 0
    causes: list[CauseDiff] = field(default_factory=list)
    formulas: list[FigureDiff] = field(default_factory=list)
    problem: str | None = None
    values: dict[str, Fraction] = field(default_factory=dict, metadata=PRIVATE)  # of the head
    was: dict[str, Fraction] = field(default_factory=dict, metadata=PRIVATE)
    broken: bool = field(default=False, metadata=PRIVATE)  # the head cannot be read
    file: str = field(default="", metadata=PRIVATE)  # of the head, as causes name it

    def figure(self, key: str) -> FigureDiff | None:
        """Return a figure that differs."""
        return next((one for one in self.figures if one.key == key), None)


@dataclass(slots=True)
class Diff:
    """What ``archcalc diff`` prints. ``failed``: the conditions of ``fail_if`` that are true, by spec.

    ``unknown``: those that nobody can tell, since the base of the spec cannot be read.
    """

    base: str
    head: str
    specs: list[SpecDiff]
    changed: int
    added: int
    removed: int
    equal: int
    contexts: list[int]
    failed: list[str]
    unknown: list[str]
    conventions: Conventions = field(default_factory=Conventions)
    topic: str = field(default="", metadata=PRIVATE)
    command: str = "diff"
    schema: str = SCHEMA

    @property
    def broken(self) -> list[str]:
        """Return the specs of the head that cannot be read."""
        return [one.key for one in self.specs if one.broken]

    @property
    def differs(self) -> bool:
        """Say whether anything does."""
        return any(one.status != "equal" or one.formulas for one in self.specs)

    def main(self) -> list[str]:
        """Return the figures that a page shows first."""
        first, last = context_text(self.contexts[0]), context_text(self.contexts[-1])
        return [
            "params.total", "params.active", f"cache.bytes@{last}", f"flops.decode@{last}", f"flops.prefill@{first}",
        ]  # fmt: skip


def diff(
    base: str,
    head: str | None = None,
    *,
    paths: Sequence[str] | None = None,
    context: Sequence[int | str] | None = None,
    dtype: str = "bf16",
    fail_if: Sequence[str] = (),
    specs: Sequence[str | Path] = (),
) -> Diff:
    """Return how the figures of two specs, folders, lock files or revisions differ, and why.

    ``base`` and ``head`` are files, folders, names of the catalog, a lock file (``base``), or
    ``REV:PATH``. With ``paths``, ``base`` is a revision, ``A...B`` or ``A..B``, and the paths are
    compared between them; without ``B`` (and ``head``) with the working tree.

    Raises:
        UnknownSpecError: there is no such file, folder or name.
        SpecError: a spec says something impossible, and nothing else is compared.
        UsageError: there is nothing to compare, or a revision or condition cannot be read.
    """
    from costmodel.catalog import asked_folders, folders_of_environment

    choices = Choices.of(context=context or CONTEXTS, dtype=dtype)
    conditions = [Condition.read(text) for text in fail_if]
    folders = (*asked_folders(specs), *folders_of_environment())  # each as it was in its revision
    with ExitStack() as stack:
        if paths is not None or head is None:
            old, new, topic = between(base, head, paths, folders, stack)
        else:
            old, new = two(base, head, folders, stack)
            topic = head
        found = [_pair(key, one, other, choices, old.lock) for key, one, other in pairs(old, new)]
    if not found:
        raise UsageError("there is no spec to compare", hint="name specs, folders that hold some, or a revision")
    if old.single and old.error is not None:
        raise old.error
    if old.single and new.single and found[0].problem:  # nothing was compared: raise why
        for entry in (*old.specs.values(), *new.specs.values()):
            _figures(entry, choices)
    counts = {status: sum(one.status == status for one in found) for status in ("changed", "added", "removed", "equal")}
    known = [one for one in found if one.values]
    for condition in conditions:
        if known and not any(condition.is_of(one.figures, one.values) for one in known):
            raise condition.unknown()
    failed = [
        f"{one.key}: {text}"
        for one in known  # that the head has
        for condition in conditions
        if (text := condition.met(one.figures, one.values))
    ]
    unknown = [
        f"{one.key}: --fail-if {condition.text}"
        for one in known
        if one.problem  # of its base
        for condition in conditions
        if condition.kind != "value"
    ]
    return Diff(
        base=old.label,
        head=new.label,
        specs=found,
        contexts=list(choices.contexts),
        failed=failed,
        unknown=unknown,
        conventions=conventions(choices),
        topic=topic,
        changed=counts["changed"],
        added=counts["added"],
        removed=counts["removed"],
        equal=counts["equal"],
    )


def _pair(key: str, old: Entry | None, new: Entry | None, choices: Choices, lock: Lock | None) -> SpecDiff:
    """Compare one spec."""
    names = [None if one is None or isinstance(one, ArchcalcError) else one.name for one in (old, new)]
    found = SpecDiff(key, names[0], names[1], "equal")
    try:
        found.broken = True
        after = _figures(new, choices)
        found.values, found.broken = dict(after), False
        before = _figures(old, choices)
        found.was = dict(before)
    except ArchcalcError as error:
        found.status, found.problem = "unreadable", str(error)
        return found
    if isinstance(old, Locked) and lock is not None:
        found.formulas = [_difference(name, was, now) for name, (was, now) in moved(old, lock).items()]
    if old is None or new is None:
        found.status = "added" if old is None else "removed"
        return found
    names_ = dict.fromkeys([*after, *before])
    different = [name for name in names_ if before.get(name) != after.get(name)]
    found.equal = len(names_) - len(different)
    found.figures = [_difference(name, before.get(name), after.get(name)) for name in different]
    found.status = "changed" if different else "equal"
    if different and isinstance(new, Subject):
        found.file, found.causes = new.key, _causes(old, new, found, choices)
    return found


def _difference(key: str, before: Fraction | None, after: Fraction | None) -> FigureDiff:
    name, _, at = key.partition("@")
    delta = None if before is None or after is None else after - before
    return FigureDiff(
        name, at or None, before, after, delta, float(delta / before) if delta is not None and before else None
    )


def _figures(entry: Entry | None, choices: Choices) -> Mapping[str, Fraction]:
    """Return every figure of a spec: parameters, shape, growth, and those of contexts at each.

    Raises:
        ArchcalcError: it cannot be read.
    """
    if entry is None:
        return {}
    if isinstance(entry, ArchcalcError):
        raise entry
    if isinstance(entry, Subject):
        figures = entry.figures
    else:
        model = parse(dict(entry.spec) | {"name": entry.name})
        if not isinstance(model, Architecture):
            return {}
        figures = Figures(model)
    found: dict[str, Fraction] = {}
    for group in _GROUPS:
        named = figures.every(group, None).items()  # groups are called after blocks, components are not
        found |= {name: Fraction(value) for name, value in named if not name.startswith("params.groups.")}
    for context in choices.contexts:
        load, at = _load(context, choices), context_text(context)
        for name, value in figures.at_context(load).items():
            found[f"{name}@{at}"] = Fraction(value)
    return found


def _load(context: int, choices: Choices) -> Load:
    return Load(context=context, dtype=choices.recipe.text)


def _causes(old: Entry, head: Subject, found: SpecDiff, choices: Choices) -> list[CauseDiff]:
    """Return the lines that changed, with what each did to the figures that a page shows first."""
    same_base = isinstance(old, Subject) and old.document.bases[:1] == head.document.bases[:1]
    contexts = [context_text(n) for n in choices.contexts]
    keys = [
        "params.total",
        "params.active",
        *(f"{name}@{at}" for name in ("cache.bytes", "flops.decode", "flops.prefill") for at in contexts),
    ]
    keys = [key for key in keys if found.figure(key)]
    loads = dict(zip(contexts, choices.contexts, strict=True))
    wanted = [(name, _load(loads[at], choices) if at else None) for name, _, at in (key.partition("@") for key in keys)]
    rows = []
    for one in causes.causes(fields_of(old), head, wanted, same_base=same_base):
        change = one.first
        values = (None if value is causes.ABSENT else value for value in (change.before, change.after))
        was, now = (plain_value(value) if isinstance(value, (dict, list)) else value for value in values)
        deltas = dict(zip(keys, one.deltas, strict=True))
        fields = [dotted(change.path) for change in one.changes]
        rows.append(
            CauseDiff(change.sign, one.path, was, now, head.shown(one.source.file), one.source.line, deltas, fields)
        )
    return rows
