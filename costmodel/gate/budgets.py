"""A budget file: which specs, which limits, at which workloads; every value keeps its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from costmodel.errors import (
    ArchcalcError,
    FieldError,
    InvalidSpec,
    Problem,
    SpecError,
    UsageError,
    quote,
)
from costmodel.gate import names
from costmodel.gate.budget_file import Amount, Assertion, Budget, File, Fits, Limit
from costmodel.gate.expression import parse as parse_expression
from costmodel.gate.expression import read as read_expression
from costmodel.gate.numbers import dimension_of, read_number
from costmodel.gate.rules import RULES
from costmodel.gate.terms import Expression, Reference
from costmodel.gate.workloads import Load, Severity, load_of
from costmodel.loader import Document, Mark, locate, read_model
from costmodel.problems import from_pydantic
from costmodel.report.claims import Published
from costmodel.report.claims import parse as parse_published

Kind = Literal["max", "min", "equals", "max_increase", "max_decrease", "fits", "assert"]
BOUNDS: tuple[Kind, ...] = ("max", "min", "equals", "max_increase", "max_decrease")
_IDS: Mapping[Kind, str] = {
    "max": "AC201",
    "min": "AC202",
    "equals": "AC203",
    "max_increase": "AC204",
    "max_decrease": "AC204",
    "fits": "AC205",
    "assert": "AC206",
}


@dataclass(slots=True)
class Rule:
    """One thing to check of every spec that its budget matches.

    ``bound`` is the limit, ``text`` as it was written. ``load`` is the workload of the figure and
    ``at`` what it was called.
    """

    kind: Kind
    text: str
    severity: Severity
    mark: Mark
    reference: Reference | None = None
    load: Load | None = None
    at: str | None = None
    bound: Fraction = Fraction(0)
    published: Published | None = None
    tolerance: Fraction | None = None
    relative: bool = True
    vs: str = "baseline"
    expression: Expression | None = None
    why: str | None = None

    @property
    def id(self) -> str:
        """Return the id of what it finds."""
        return _IDS[self.kind]

    @property
    def place(self) -> str:
        """Return ``archcalc.budgets.yaml:5``."""
        return f"{self.mark.file}:{self.mark.line}"


@dataclass(slots=True)
class Group:
    """The rules of one budget and the specs that they are for."""

    patterns: list[str]
    rules: list[Rule]
    mark: Mark

    def matches(self, path: str, name: str) -> bool:
        """Say whether a spec is meant: by its path beside the budget file, or by name."""
        return any(_glob(p).fullmatch(path) or ("/" not in p and _matches_name(p, path, name)) for p in self.patterns)


@dataclass(slots=True)
class Budgets:
    """A budget file, read. ``folder``: where its patterns start."""

    folder: Path
    groups: list[Group]
    workloads: dict[str, Load] = field(default_factory=dict)
    severity: dict[str, str] = field(default_factory=dict)


def _matches_name(pattern: str, path: str, name: str) -> bool:
    glob = _glob(pattern)
    return bool(glob.fullmatch(name) or glob.fullmatch(path.rpartition("/")[2]))


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Return a glob as a regular expression: ``**/`` any folders, ``*`` and ``?`` within one name."""
    text, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            text, at = text + "(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            text, at = text + ".*", at + 2
        elif pattern[at] in "*?":
            text, at = text + ("[^/]*" if pattern[at] == "*" else "[^/]"), at + 1
        else:
            text, at = text + re.escape(pattern[at]), at + 1
    return re.compile(text)


def read_budgets(path: Path) -> Budgets:
    """Read a budget file.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it says something impossible; the message has file, line and column.
    """
    file, document = read_model(path, File, "a budget file")
    reader = _Reader(file, document)
    groups = [reader.group(index, budget) for index, budget in enumerate(file.budgets)]
    for rule in file.severity:
        if rule not in RULES:
            reader.problems.append(Problem(("severity", rule), f"there is no rule {quote(rule)}", "AC102", on_key=True))
    if reader.problems:
        raise locate(InvalidSpec(reader.problems), document)
    return Budgets(path.parent, groups, dict(file.workloads), dict(file.severity))


class _Reader:
    """Turns the rules of a file into checks and collects what is wrong with them."""

    def __init__(self, file: File, document: Document) -> None:
        self.file, self.document = file, document
        self.problems: list[Problem] = []

    def group(self, index: int, budget: Budget) -> Group:
        """Return the checks of one budget."""
        path = ("budgets", index)
        patterns = [budget.match] if isinstance(budget.match, str) else list(budget.match)
        rules: list[Rule] = []
        for key, value in budget.rules.items():
            each = value if isinstance(value, list) else [value]
            for number, one in enumerate(each):
                place = (*path, "rules", key, number) if isinstance(value, list) else (*path, "rules", key)
                rules += self._rules(key, one, place)
        for number, one in enumerate(budget.assertions):
            rules += self._assertion(one, (*path, "assert", number))
        if not budget.rules and not budget.assertions:
            self.problems.append(Problem(path, "the budget has no rules", "AC101", "add rules or assert"))
        return Group(patterns, rules, self._mark((*path, "match")) or self._mark(path))

    def _mark(self, path: tuple[str | int, ...]) -> Mark:
        while (mark := self.document.mark(path)) is None:
            path = path[:-1]
        return mark

    def _model(self, cls: type[Any], value: object, path: tuple[str | int, ...]) -> Any:
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            found = from_pydantic(error, path, data=value, allowed=cls)
            for problem in found:
                problem.message = problem.message.removeprefix("the value: ")
            self.problems += found
            return None

    def _problem(self, path: tuple[str | int, ...], error: ArchcalcError, *, on_key: bool = False) -> None:
        self.problems.append(Problem(path, error.message, error.code or "AC106", error.hint, on_key))

    def _rules(self, key: str, value: object, path: tuple[str | int, ...]) -> Iterable[Rule]:
        if key == "fits":
            fits: Fits | None = self._model(Fits, value, path)
            return self._fits(fits, path) if fits else []
        limit: Limit | None = self._model(Limit, value, path)
        if limit is None:
            return []
        try:
            return self._limits(key, limit, path)
        except ArchcalcError as error:
            self._problem(path, error, on_key=True)
            return []

    def _limits(self, key: str, limit: Limit, path: tuple[str | int, ...]) -> list[Rule]:
        root = read_expression(key if key.replace(".", "").replace("_", "").isalnum() else f'"{key}"').root
        reference = root.reference
        if reference is None or reference.spec is not None:
            raise UsageError(f"there is no figure {quote(key)}", "AC223", hint=names.hint(key))
        at = limit.at if limit.at is not None else reference.at
        try:
            load = None if at is None else load_of(at, self.file.workloads)
        except UsageError as error:
            self._problem((*path, "at") if limit.at is not None else path, error, on_key=limit.at is None)
            return []
        names.check(reference.name, load)
        rules = [
            self._limit(kind, getattr(limit, kind), limit, reference, (*path, kind))
            for kind in BOUNDS
            if getattr(limit, kind) is not None
        ]
        if not rules:
            raise UsageError(f"{key} has no limit", "AC101", hint="max, min, equals, max_increase or max_decrease")
        for rule in rules:
            rule.load, rule.at = load, None if at is None else str(at)
        return rules

    def _limit(
        self, kind: Kind, value: Amount, limit: Limit, reference: Reference, path: tuple[str | int, ...]
    ) -> Rule:
        mark = self._mark(path)
        rule = Rule(kind, str(value), limit.severity, mark, reference=reference, vs=limit.vs, why=limit.why)
        try:
            if kind == "equals" and limit.tolerance is None:
                rule.published = parse_published(value)
            elif kind in ("max_increase", "max_decrease"):
                rule.bound, rule.relative = change_of(value)
            else:
                rule.bound = bound_of(value, names.dimension(reference.name))
            if kind == "equals" and limit.tolerance is not None:
                rule.tolerance, rule.relative = change_of(limit.tolerance)
        except ArchcalcError as error:
            self._problem(path, error)
        return rule

    def _fits(self, fits: Fits, path: tuple[str | int, ...]) -> list[Rule]:
        try:
            start = load_of(fits.at, self.file.workloads) if fits.at is not None else None
        except ArchcalcError as error:
            self._problem((*path, "at"), error)
            return []
        own = fits.model_dump(exclude={"at", "severity", "why"}, exclude_unset=True, by_alias=True)
        merged = (start.model_dump(exclude_unset=True, by_alias=True) if start else {}) | own
        load: Load | None = self._model(Load, merged, path)
        if load is None:
            return []
        if load.machines is None or load.step is None:
            missing = "hardware" if load.machines is None else "context"
            example = "8x h200-sxm" if load.machines is None else "128Ki"
            self.problems.append(Problem(path, f"fits has no {missing}", "AC101", f"{missing}: {example}", True))
            return []
        text = f"{load.hardware}"
        return [
            Rule("fits", text, fits.severity, self._mark(path), load=load, at=str(fits.at or load.text), why=fits.why)
        ]

    def _assertion(self, one: str | Assertion, path: tuple[str | int, ...]) -> list[Rule]:
        found = Assertion(expr=one) if isinstance(one, str) else one
        try:
            expression = parse_expression(found.expr)
            for reference in expression.references:
                names.check(
                    reference.name, None if reference.at is None else load_of(reference.at, self.file.workloads)
                )
        except ArchcalcError as error:
            self._problem(path, error)
            return []
        mark = self._mark(path)
        return [Rule("assert", found.expr, found.severity, mark, expression=expression, why=found.why)]


def bound_of(value: Amount, dimension: str) -> Fraction:
    """Read a limit of a figure. Raises FieldError where its unit measures something else."""
    if not isinstance(value, str):
        return Fraction(str(value))
    own = dimension_of(value)
    if own not in ("count", dimension) or (own == "count" and dimension == "bytes" and value.strip().endswith("B")):
        unit = {"bytes": "10 GB", "seconds": "50 ms", "FLOP": "90 GFLOP"}.get(dimension, "40B")
        raise FieldError(f"{quote(value)} is no limit of a figure in {dimension}", "AC106", hint=f'as in "{unit}"')
    return read_number(value)


def change_of(value: Amount) -> tuple[Fraction, bool]:
    """Read a change: a share with ``%`` (True), or an amount (False)."""
    if isinstance(value, str):
        return read_number(value), dimension_of(value) == "share"
    return Fraction(str(value)), False


__all__ = ["Budgets", "Group", "Rule", "SpecError", "read_budgets"]
