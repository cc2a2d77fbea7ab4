"""A file of claims: statements about architectures, each with checks, figures and the verdict that is expected.

The language is the one of budgets. A figure always names its spec: ``deepseek-v3:params.total@128Ki``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from costmodel.block import Model
from costmodel.errors import ArchcalcError, InvalidSpec, Problem, SpecError, UsageError, quote
from costmodel.gate import names
from costmodel.gate.expression import parse as parse_assertion
from costmodel.gate.expression import read as read_expression
from costmodel.gate.numbers import Amount, bound_of, change_of, read_number
from costmodel.gate.terms import Expression, Reference
from costmodel.gate.workloads import Load, load_of
from costmodel.loader import Document, Mark, locate, read_model
from costmodel.report.claims import Published
from costmodel.report.claims import parse as parse_published

Verdict = Literal["holds", "does not hold", "not decidable"]
Unit = Literal["count", "params", "bytes", "seconds", "FLOP", "x", "%"]
UNITS: tuple[Unit, ...] = ("count", "params", "bytes", "seconds", "FLOP", "x", "%")
MOST_TEMPLATES = 12  # figures in one sentence
_TEMPLATE = re.compile(r"\{(?P<value>[^{}|]+)(?:\|(?P<unit>[^{}|]+))?\}")
_BOUNDS: tuple[Literal["equals", "max", "min"], ...] = ("equals", "max", "min")

DataPath = tuple[str | int, ...]


class Check(Model):
    """A figure and what a statement says of it: ``equals`` (at its digits, or within ``tolerance``), ``max``, ``min``.

    ``figure`` may be an expression. ``at`` is the workload of a figure that names none.
    """

    figure: str
    equals: Amount | None = None
    max: Amount | None = None
    min: Amount | None = None
    tolerance: Amount | None = None
    at: int | str | None = None


class Shown(Model):
    """A figure that the page prints: an expression, what it is called, and its unit."""

    value: str
    name: str | None = None
    unit: Unit | None = None


class Statement(Model):
    """Something that is said about architectures, and what becomes of it.

    All ``checks`` true: it holds. Any false: it does not, and ``right`` says what is right instead.
    No checks: it is not decidable, for the ``reason``. ``verdict`` is what is expected. In
    ``right`` and ``reason``, ``{deepseek-v3:params.total}`` and ``{EXPRESSION | UNIT}`` become
    computed figures.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    number: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}[a-z]?$")] | int
    statement: str
    checks: list[str | Check] = []
    figures: list[str | Shown] = []
    verdict: Verdict
    right: str | None = None
    reason: str | None = None
    source: str | None = None
    unverified: bool = False


class ClaimFile(Model):
    """A file of claims about one subject."""

    version: Literal[1] = 1
    subject: str
    workloads: dict[str, Load] = {}
    claims: list[Statement]


@dataclass(slots=True)
class Proof:
    """One check, read: an assertion, or an expression and a bound of it."""

    text: str
    expression: Expression
    path: DataPath
    place: Mark
    kind: Literal["assert", "equals", "max", "min"] = "assert"
    bound: Fraction = Fraction(0)
    published: Published | None = None
    room: Fraction = Fraction(0)

    def holds(self, value: Fraction) -> bool:
        """Say whether a value of the expression is within the bound."""
        if self.published is not None:
            return self.published.is_of(value)
        if self.kind == "equals":
            return abs(value - self.bound) <= self.room
        return value <= self.bound if self.kind == "max" else value >= self.bound


@dataclass(slots=True)
class Term:
    """An expression to print: what it is called and its unit (None: that of the one figure it is)."""

    name: str
    expression: Expression
    unit: Unit | None
    path: DataPath


@dataclass(slots=True)
class Sentence:
    """A text whose terms are computed: texts and terms in turn."""

    parts: list[str | Term]


@dataclass(slots=True)
class Claim:
    """A statement, read."""

    said: Statement
    file: File
    place: Mark
    tests: list[Proof] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    right: Sentence | None = None
    reason: Sentence | None = None

    @property
    def number(self) -> str:
        """Return the number of the statement as text: ``12b``."""
        return str(self.said.number)

    @property
    def row(self) -> int:
        """Return its number without the letter of a part: 12."""
        return int("".join(filter(str.isdigit, self.number)))

    def references(self) -> Iterator[Reference]:
        """Yield every figure that the claim names."""
        said = [part for sentence in (self.right, self.reason) if sentence for part in sentence.parts]
        expressions = [proof.expression for proof in self.tests]
        expressions += [term.expression for term in (*self.terms, *said) if isinstance(term, Term)]
        for expression in expressions:
            yield from expression.references


@dataclass(slots=True)
class File:
    """A file of claims, read. ``name``: what selects it, the name of the file."""

    name: str
    subject: str
    document: Document
    workloads: dict[str, Load]
    claims: list[Claim] = field(default_factory=list)

    def located(self, path: DataPath, error: ArchcalcError) -> ArchcalcError:
        """Return an error with its place in the file; one that has a place keeps it."""
        if error.where is not None:
            return error
        return locate(InvalidSpec([_problem(path, error)]), self.document)


def read_claims(path: Path, knows: Callable[[str], object]) -> File:
    """Read a file of claims. ``knows`` raises UnknownSpecError for a spec that does not exist.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it says something impossible; the message has file, line and column.
    """
    said, document = read_model(path, ClaimFile, "a file of claims")
    file = File(path.stem, said.subject, document, dict(said.workloads))
    reader = _Reader(file, knows)
    file.claims = [reader.claim(index, one) for index, one in enumerate(said.claims)]
    if reader.problems:
        raise locate(InvalidSpec(reader.problems), document)
    return file


class _Reader:
    """Turns statements into expressions and collects what is wrong with them."""

    def __init__(self, file: File, knows: Callable[[str], object]) -> None:
        self.file, self.knows = file, knows
        self.problems: list[Problem] = []

    def claim(self, index: int, said: Statement) -> Claim:
        """Return a statement with its checks and figures."""
        path = ("claims", index)
        found = Claim(said, self.file, self._mark((*path, "id")))
        for number, check in enumerate(said.checks):
            found.tests += self._tests(check, (*path, "checks", number))
        for number, shown in enumerate(said.figures):
            found.terms += self._term(shown, (*path, "figures", number))
        found.right = self._sentence(said.right, (*path, "right"))
        found.reason = self._sentence(said.reason, (*path, "reason"))
        if not said.checks and said.reason is None:
            self._wrong(path, "a statement without checks says why it cannot be decided", "add checks or reason")
        if said.verdict == "does not hold" and said.right is None:
            self._wrong(path, "a statement that does not hold says what is right instead", "add right")
        return found

    def _wrong(self, path: DataPath, message: str, hint: str) -> None:
        self.problems.append(Problem(path, message, "AC101", hint))

    def _mark(self, path: DataPath) -> Mark:
        while (mark := self.file.document.mark(path)) is None:
            path = path[:-1]
        return mark

    def _tests(self, check: str | Check, path: DataPath) -> Iterator[Proof]:
        try:
            if isinstance(check, str):
                yield Proof(check, self._known(parse_assertion(check)), path, self._mark(path))
            else:
                yield from self._bounds(check, path)
        except ArchcalcError as error:
            self._problem(path if isinstance(check, str) else (*path, "figure"), error)

    def _bounds(self, check: Check, path: DataPath) -> Iterator[Proof]:
        given = [kind for kind in _BOUNDS if getattr(check, kind) is not None]
        if check.at is not None and read_expression(check.figure).root.reference is None:
            raise UsageError("at is of one figure alone", "AC224", hint="in an expression: cache.bytes@128Ki")
        text = f"{check.figure}@{check.at}" if check.at is not None else check.figure
        expression = self._known(read_expression(text))
        if expression.root.is_truth:
            raise UsageError(f"{quote(text)} is true or false, not a figure", "AC221")
        if not given:
            raise UsageError(f"{quote(text)} has no bound", "AC101", hint="equals, max or min")
        own = expression.root.reference
        for kind in given:
            value = getattr(check, kind)
            said = f"{text} {'within ' + str(check.tolerance) + ' of ' if check.tolerance else ''}{kind} {value}"
            test = Proof(said, expression, (*path, kind), self._mark((*path, kind)), kind)
            if kind == "equals" and check.tolerance is None:
                test.published = parse_published(value)
            else:
                test.bound = bound_of(value, names.dimension(own.name)) if own else read_number(str(value))
            if kind == "equals" and check.tolerance is not None:
                room, relative = change_of(check.tolerance, names.dimension(own.name) if own else "count")
                test.room = room * abs(test.bound) if relative else room
            yield test

    def _term(self, shown: str | Shown, path: DataPath) -> Iterator[Term]:
        said = Shown(value=shown) if isinstance(shown, str) else shown
        place = path if isinstance(shown, str) else (*path, "value")
        try:
            expression = self._known(read_expression(said.value))
            if expression.root.is_truth:
                raise UsageError(f"{quote(said.value)} is true or false, not a figure", "AC221")
            yield Term(said.name or said.value, expression, said.unit, place)
        except ArchcalcError as error:
            self._problem(place, error)

    def _sentence(self, text: str | None, path: DataPath) -> Sentence | None:
        if text is None:
            return None
        parts: list[str | Term] = []
        at = 0
        for match in _TEMPLATE.finditer(text):
            value, unit = match["value"].strip(), (match["unit"] or "").strip() or None
            if unit is not None and unit not in UNITS:
                self._problem(path, UsageError(f"there is no unit {quote(unit)}", "AC221", hint=", ".join(UNITS)))
                continue
            shown = Shown.model_validate({"value": value, "unit": unit})
            parts += [text[at : match.start()], *self._term(shown, (*path, "value"))]
            at = match.end()
        parts.append(text[at:])
        if sum(isinstance(part, Term) for part in parts) > MOST_TEMPLATES:
            self._problem(path, UsageError(f"a sentence has at most {MOST_TEMPLATES} figures", "AC107"))
        return Sentence(parts)

    def _known(self, expression: Expression) -> Expression:
        """Return an expression whose figures and specs exist. Raises UsageError or UnknownSpecError."""
        for reference in expression.references:
            if reference.spec is None:
                raise UsageError(
                    f"{quote(reference.text)} names no spec", "AC223", hint=f"as in deepseek-v3:{reference.text}"
                )
            names.check(reference.name, None if reference.at is None else load_of(reference.at, self.file.workloads))
            self.knows(reference.spec)
        return expression

    def _problem(self, path: DataPath, error: ArchcalcError) -> None:
        self.problems.append(_problem(path, error))


def _problem(path: DataPath, error: ArchcalcError) -> Problem:
    """Return an error as a problem of the file; a spec that does not exist has no code of its own."""
    return Problem(path, error.message, error.code or "AC223", error.hint)


__all__ = ["Claim", "File", "Proof", "Sentence", "SpecError", "Term", "Unit", "Verdict", "read_claims"]
