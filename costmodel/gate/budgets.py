"""Reading a budget file: every mistake has its line and a way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from costmodel import catalog, nodes
from costmodel.errors import (
    ArchcalcError,
    InvalidSpec,
    Problem,
    UnknownSpecError,
    UsageError,
    did_you_mean,
    one_of,
    quote,
)
from costmodel.gate import findings, names
from costmodel.gate.budget_file import Assertion, Budget, File, Fits, Limit
from costmodel.gate.expression import parse as parse_expression
from costmodel.gate.expression import read as read_expression
from costmodel.gate.files import shown
from costmodel.gate.limits import BOUNDS, ORIGINS, Budgets, Group, Kind, Rule
from costmodel.gate.numbers import Amount, bound_of, change_of, has_unit
from costmodel.gate.patterns import checked
from costmodel.gate.rules import RULES
from costmodel.gate.terms import Reference
from costmodel.gate.workloads import Load, load_of
from costmodel.loader import Document, Mark, locate, read_model
from costmodel.problems import from_pydantic
from costmodel.report.choices import tokens
from costmodel.report.claims import parse as parse_published

_FEWEST = 1000  # parameters that a limit may mean


def read_budgets(path: Path, folders: Sequence[Path] = ()) -> Budgets:
    """Read a budget file; ``folders`` are where specs that it names are looked for, too.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it says something impossible, or names a spec or a device that there is not; the
            message has file, line and column.
    """
    file, document = read_model(path, File, "a budget file")
    reader = _Reader(file, document, partial(named, budgets=path, folders=folders))
    for place in _nulls((), document.root):
        hint = "give it one, or leave it out"
        reader.problems.append(Problem(place, f"{place[-1]} has no value", "AC103", hint))
    for name, load in file.workloads.items():
        reader.check_workload(name, load)
    groups = [reader.group(index, budget) for index, budget in enumerate(file.budgets)]
    for rule in file.severity:
        if rule not in RULES:
            reader.problems.append(Problem(("severity", rule), f"there is no rule {quote(rule)}", "AC102", on_key=True))
    if reader.problems:
        raise locate(InvalidSpec(reader.problems), document)
    return Budgets(path, _starts(path), groups, dict(file.workloads), dict(file.severity))


def named(name: str, budgets: Path, folders: Sequence[Path] = ()) -> Path:
    """Return the file of a spec that a budget names: beside the budget file, in folders asked for, in the catalog.

    Raises:
        UnknownSpecError: there is none of just that name.
    """
    if not name.endswith((".yaml", ".yml")):
        try:
            return catalog.find_base(name, budgets, folders)
        except UnknownSpecError as error:
            raise UnknownSpecError(f"no spec {quote(name)} in the catalog or here", "AC001", hint=error.hint) from None
    path = budgets.parent / name
    if not path.is_file():
        raise UnknownSpecError(f"there is no file {quote(shown(str(path)))}", "AC001")
    return path


def _nulls(path: tuple[str | int, ...], node: nodes.Node) -> Iterator[tuple[str | int, ...]]:
    """Yield what has no value: elsewhere that is the default, of a limit it would be none at all."""
    if isinstance(node, nodes.Mapping):
        for name, (_, child) in node.entries.items():
            yield from [(*path, name)] if nodes.is_null(child) else _nulls((*path, name), child)
    elif isinstance(node, nodes.Sequence):
        for index, child in enumerate(node.items):
            yield from _nulls((*path, index), child)


def _starts(path: Path) -> list[Path]:
    """Return the folder of a budget file and the top of the repository that it lies in, if any."""
    folder = path.resolve().parent
    top = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    return [path.parent, top] if top is not None and top != folder else [path.parent]


def _check_parameters(value: Amount, rule: Rule) -> None:
    """Raise UsageError for a limit of a few parameters: its unit, or the %, was forgotten."""
    if 0 < rule.bound < _FEWEST and not has_unit(value):
        share = rule.kind in ("max_increase", "max_decrease")
        text = findings.number(rule.bound)
        raise UsageError(f"a limit of {text} parameters lacks its unit", hint=f"{text}%" if share else f"{text}B")


class _Reader:
    """Turns the rules of a file into checks and collects what is wrong with them."""

    def __init__(self, file: File, document: Document, named: Callable[[str], Path]) -> None:
        self.file, self.document, self.named = file, document, named
        self.problems: list[Problem] = []

    def group(self, index: int, budget: Budget) -> Group:
        """Return the checks of one budget."""
        path = ("budgets", index)
        patterns = []
        for pattern in [budget.match] if isinstance(budget.match, str) else budget.match:
            try:
                patterns.append(checked(pattern))
            except UsageError as error:
                self._problem((*path, "match"), error)
        if not budget.match:
            self.problems.append(Problem((*path, "match"), "the budget matches nothing", "AC101", 'match: "*"'))
        rules: list[Rule] = []
        for key, value in budget.rules.items():
            each = value if isinstance(value, list) else [value]
            if not each:
                self.problems.append(Problem((*path, "rules", key), f"{key} has no limit", "AC101", "{max: 40B}"))
            for number, one in enumerate(each):
                place = (*path, "rules", key, number) if isinstance(value, list) else (*path, "rules", key)
                rules += self._rules(key, one, place)
        for number, one in enumerate(budget.assertions):
            rules += self._assertion(one, (*path, "assert", number))
        if not budget.rules and not budget.assertions:
            self.problems.append(Problem(path, "the budget has no rules", "AC101", "add rules or assert"))
        return Group(patterns, rules, self._mark((*path, "match")) or self._mark(path))

    def check_workload(self, name: str, load: Load) -> None:
        """Note where a workload is called like a context, or names a device that there is not."""
        with suppress(ArchcalcError):
            tokens(name, "at")
            message = f"{quote(name)} is a context, not a name"
            self.problems.append(Problem(("workloads", name), message, "AC106", "name it otherwise", on_key=True))
        self.check_hardware(load, ("workloads", name))

    def check_hardware(self, load: Load, path: tuple[str | int, ...]) -> None:
        """Note where a workload names a device that there is not."""
        if load.machines is None:
            return
        from costmodel.profiles import load_hardware

        try:
            load_hardware(load.machines[1])
        except ArchcalcError as error:
            self.problems.append(Problem((*path, "hardware"), error.message, error.code or "AC001", error.hint))

    def _check_spec(self, name: str | None, path: tuple[str | int, ...]) -> None:
        """Note where a spec is named that there is not."""
        if name is None:
            return
        try:
            self.named(name)
        except ArchcalcError as error:
            near = did_you_mean(name, ORIGINS) if path[-1] == "vs" else None
            self.problems.append(Problem(path, error.message, error.code or "AC001", near or error.hint))

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
        if limit.at is not None and reference.at is not None:
            raise UsageError(f"{key} names a workload, and so does at", "AC120", hint="keep one of them")
        for field_, kinds in (("tolerance", ("equals",)), ("vs", ("max_increase", "max_decrease"))):
            if field_ in limit.model_fields_set and not any(getattr(limit, kind) is not None for kind in kinds):
                message = f"{field_} is of {one_of(kinds)}, and there is none"
                self.problems.append(Problem((*path, field_), message, "AC120", "leave it out", on_key=True))
        if limit.vs not in ORIGINS:
            self._check_spec(limit.vs, (*path, "vs"))
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
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        rule = Rule(kind, text, limit.severity, mark, reference=reference, vs=limit.vs, why=limit.why)
        try:
            dimension = names.dimension(reference.name)
            if kind == "equals" and limit.tolerance is None:
                bound_of(value, dimension, exact=True)
                if dimension == "seconds" or "%" in str(value):
                    raise UsageError(
                        f"{reference.name} is no whole number, so it equals nothing exactly", hint="tolerance: 1%"
                    )
                rule.published = parse_published(value)
            elif kind in ("max_increase", "max_decrease"):
                rule.bound, rule.relative = change_of(value, dimension)
            else:
                rule.bound = bound_of(value, dimension)
            if reference.name.startswith("params.") and kind != "equals":
                _check_parameters(value, rule)
            if kind == "equals" and limit.tolerance is not None:
                rule.tolerance, rule.relative = change_of(limit.tolerance, dimension)
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
        self.check_hardware(load, path)
        text = f"{load.hardware}"
        return [
            Rule("fits", text, fits.severity, self._mark(path), load=load, at=str(fits.at or load.text), why=fits.why)
        ]

    def _assertion(self, one: str | Assertion, path: tuple[str | int, ...]) -> list[Rule]:
        found = Assertion(expr=one) if isinstance(one, str) else one
        try:
            expression = parse_expression(found.expr.strip())
            expression.check_units(names.dimension)
            for reference in expression.references:
                self._check_spec(reference.spec, path)
                names.check(
                    reference.name, None if reference.at is None else load_of(reference.at, self.file.workloads)
                )
        except ArchcalcError as error:
            self._problem(path, error)
            return []
        mark = self._mark(path)
        return [Rule("assert", expression.text, found.severity, mark, expression=expression, why=found.why)]
