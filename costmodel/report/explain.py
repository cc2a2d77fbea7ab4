"""``archcalc explain``: a figure expanded into its formula and the terms that make it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

from costmodel import figures
from costmodel.formula import Pick, Rounded, Sum, evaluate, total
from costmodel.formula_text import number_text, text
from costmodel.report.choices import Asked, Choices
from costmodel.report.claims import Verdict, check
from costmodel.report.conventions import Conventions, conventions, not_counted
from costmodel.report.countings import Counting, countings
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.figure import figure_named, plain_value, step
from costmodel.report.formulas import formula_lines
from costmodel.report.pieces import Piece, pieces
from costmodel.report.places import Places
from costmodel.report.source import SourceRow, Wanted, architecture_of, check_components, source_of
from costmodel.report.terms import CACHE, FLOPS, REACH, Term, terms_of
from costmodel.report.words import Word, define
from costmodel.symbols import Named, TracedRecipe, trace, trace_workload
from costmodel.traced import Symbol
from costmodel.units import context_text

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.workload import Workload

_UNITS = {**dict.fromkeys(FLOPS, "FLOPs"), **dict.fromkeys(CACHE, "bytes"), "cache.values": "values", REACH: "tokens"}


@dataclass(slots=True)
class SymbolRow:
    """A symbol: its value, the field or quantity it stands for, and where that is written."""

    symbol: str
    value: Any
    meaning: str
    place: str
    tokens: bool = field(default=False, metadata=PRIVATE)


@dataclass(slots=True)
class TermRow:
    """A part of the figure at one place. ``numbers`` is ``formula`` with the numbers put in.

    ``split`` has the values of its parts where that says more than one long formula.
    """

    path: str
    formula: str
    numbers: str
    split: str | None
    value: int
    share: float | None


@dataclass(slots=True)
class Branch:
    """A min, max, floor or ceil, and what it is at the given numbers."""

    formula: str
    taken: str
    value: int


@dataclass(slots=True)
class Explained:
    """What ``archcalc explain ARCH FIGURE`` prints. ``value`` is None where there is no limit."""

    name: str
    title: str | None
    confidence: str
    figure: str
    at: dict[str, int | str]
    value: int | None
    unit: str
    formula: list[str]
    symbols: list[SymbolRow]
    terms: list[TermRow]
    branches: list[Branch]
    pieces: list[Piece]
    countings: list[Counting]
    claims: list[Verdict]
    definition: Word
    not_in_total: list[str]
    share_of_total: float | None = None
    source: SourceRow | None = None
    conventions: Conventions = field(default_factory=Conventions)
    choices: Choices = field(default_factory=Choices, metadata=PRIVATE)
    command: str = "explain"
    schema: str = SCHEMA


def explain(
    architecture: Wanted,
    figure: str,
    *,
    new: int | str | None = None,
    cached: int | str | None = None,
    source_new: int | str | None = None,
    **asked: Unpack[Asked],
) -> Explained:
    """Return a figure with its formula, symbols, terms and the other ways to count it.

    ``figure`` is one of ``terms.FIGURES``. Caches are at a ``context``; FLOPs at ``new`` tokens
    after ``cached`` ones, or at the decode step that ends at a ``context``.

    Raises:
        UnknownSpecError: there is no model of that name, or its architecture is not published.
        UsageError: no such figure, or a choice that cannot be.
        AssertionError: the formula does not give the figure, which is a bug of ours.
    """
    choices = Choices.of(**asked)
    found = architecture_of(architecture, choices.specs)
    choices.check(found)
    check_components(found, choices.include)
    figure = figure_named(figure)
    load, at = step(found, figure, choices, new, cached, source_new)
    traced = trace(found)
    symbols = traced.symbols
    traced_load = trace_workload(load, symbols, context=figure in CACHE)
    terms = terms_of(figure, traced, traced_load, TracedRecipe(choices.recipe, symbols), choices.include)
    value = plain_value(found, figure, load, choices)
    rows = _rows(terms, value)
    params = figures.params(found, choices.include)
    return Explained(
        name=found.name,
        title=found.title,
        confidence=found.confidence,
        figure=figure,
        at=at,
        value=value,
        unit=_UNITS.get(figure, "values"),
        formula=formula_lines(figure, terms, found),
        symbols=_symbols(terms, symbols, Places(architecture, found, choices.specs), at),
        terms=rows,
        branches=_branches(terms),
        pieces=_pieces(found, figure, terms, choices, load),
        countings=countings(found, figure, load, choices, pages=asked.get("page") is not None),
        claims=_claims(found, figure, load),
        definition=define(figure),
        not_in_total=list(params.not_in_total),
        share_of_total=params.active / params.total if figure == "params.active" else None,
        source=source_of(found),
        conventions=conventions(choices, without=not_counted(found, choices.include)),
        choices=choices,
    )


def _rows(terms: list[Term], value: int | None) -> list[TermRow]:
    """Return the terms as whole numbers that add up to the figure."""
    rows = [_row(term, value) for term in terms]
    if value is None:
        return []
    exact = sum(term.value for term in terms)
    rest = value - sum(row.value for row in rows)
    if rest:
        if all(isinstance(term.value, int) for term in terms) or abs(exact - value) >= 4:
            raise AssertionError(f"the terms sum to {exact}, the figure is {value}")  # a bug of ours
        # Expectations: each term was rounded down, the figure was rounded down once.
        share = rest / value if value else None
        rows.append(TermRow("rounding of the above", number_text(rest), number_text(rest), None, rest, share))
    return rows


def _row(term: Term, value: int | None) -> TermRow:
    formula, numbers, split = text(term.sum, numbers=False), text(term.sum, numbers=True), term.split()
    whole = term.value
    if not isinstance(whole, int):
        whole = whole.numerator // whole.denominator
        formula, numbers, split = f"floor({formula})", f"floor({numbers})", None
    return TermRow(term.path, formula, numbers, split, whole, whole / value if value else None)


def _symbols(
    terms: Iterable[Term], named: dict[str, Named], places: Places, at: dict[str, int | str]
) -> list[SymbolRow]:
    """Return the symbols that occur: sizes of the step first, then of the dtype, then of the spec."""
    used = {s.name for term in terms for s in term.sum.symbols() if not s.literal}
    rows = [named[name] for name in named if name in used]
    rows.sort(key=lambda row: (row.option is None, -row.symbol.rank if row.option else 0))
    return [
        SymbolRow(
            row.symbol.name,
            row.symbol.value,
            row.meaning,
            _option(row, at) if row.option else places.of(row.paths),
            row.symbol.tokens,
        )
        for row in rows
    ]


def _option(row: Named, at: dict[str, int | str]) -> str:
    option = row.option or ""
    if option.startswith("--dtype"):
        return option
    if "context" in at and option in ("--new", "--cached"):
        return f"--context {context_text(int(at['context']))}"
    return f"{option} {context_text(int(row.symbol.value))}"


def _branches(terms: Iterable[Term]) -> list[Branch]:
    found: dict[str, Branch] = {}
    for term in terms:
        for atom in term.sum.atoms():
            if isinstance(atom, (Pick, Rounded)):
                whole = Sum({frozenset({(atom, 1)}): 1})
                written, value = text(whole, numbers=False), int(evaluate(whole))
                taken = number_text(value, tokens=True)
                if isinstance(atom, Pick):
                    taken = text(atom.a if evaluate(atom.a) == value else atom.b, numbers=False)
                found.setdefault(written, Branch(written, taken, value))
    return list(found.values())


def _pieces(
    architecture: Architecture, figure: str, terms: list[Term], choices: Choices, load: Workload
) -> list[Piece]:
    """Return a cache as a function of the context; the source stays as long as it is."""
    whole = total(term.sum for term in terms)
    if figure not in CACHE or not any(isinstance(s, Symbol) and s.name == "C" for s in whole.symbols()):
        return []

    def value(context: int) -> int:
        at = replace(choices.decode(architecture, context), source_cached=load.source_cached)
        return plain_value(architecture, figure, at, choices) or 0

    return pieces((term.sum for term in terms), value)


def _claims(architecture: Architecture, figure: str, load: Workload) -> list[Verdict]:
    """Return what others published of this figure, or of it without lookup tables."""
    wanted = {figure, "params.active_without_lookup"} if figure == "params.active" else {figure}
    found = [check(claim, architecture) for claim in architecture.claims if claim.figure in wanted]
    return [verdict for verdict in found if verdict.at is None or verdict.at == load.context]
