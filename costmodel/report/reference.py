"""``archcalc reference``: the tables of the documentation, read from the code.

A text may hold code in backticks; columns of ``code`` are code as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from costmodel.errors import UsageError, did_you_mean, one_of, quote
from costmodel.report.data import PRIVATE, SCHEMA


@dataclass(slots=True)
class ReferenceColumn:
    """A column: ``key`` names it in the rows, ``head`` stands over it."""

    key: str
    head: str
    code: bool = False
    number: bool = False


@dataclass(slots=True)
class ReferencePart:
    """A table and what stands before it; ``rows`` have the keys of the columns."""

    rows: list[dict[str, Any]]
    title: str | None = None
    text: str | None = None
    heading: bool = field(default=False, metadata=PRIVATE)


@dataclass(slots=True)
class Reference:
    """What ``archcalc reference`` prints: a table, or one for each part."""

    name: str
    argument: str | None
    columns: list[ReferenceColumn]
    parts: list[ReferencePart]
    command: str = "reference"
    schema: str = SCHEMA


Rows = Iterator[tuple[Any, ...]]
_Column = ReferenceColumn


def reference(name: str, argument: str | None = None) -> Reference:
    """Return a table by its name, that of one thing for ``fields KIND`` and ``devices count|figures``.

    Raises:
        UsageError: there is no such table, or what it is of is missing, unknown or too much.
    """
    if name not in _TABLES:
        near = did_you_mean(name, _TABLES)
        hint = f"{f'{near} ' if near else ''}All: {', '.join(_TABLES)}"
        raise UsageError(f"there is no reference {quote(name)}", hint=hint)
    columns, rows, _ = _TABLES[name]
    names = choices(name)
    if names and argument is None:
        raise UsageError(f"reference {name} takes one of {one_of(names)}", hint=f"archcalc reference {name} {names[0]}")
    if argument is not None and argument not in names:
        if not names:
            raise UsageError(f"reference {name} takes nothing more, not {quote(argument)}", hint="take it out")
        near = did_you_mean(argument, names)
        raise UsageError(f"reference {name} has no {quote(argument)}", hint=near or f"it has {', '.join(names)}")
    if argument == "figures":
        columns = _FIGURES
    found = rows(argument) if names else rows()
    parts = found if isinstance(found, list) else [ReferencePart([_row(columns, row) for row in found])]
    return Reference(name, argument, list(columns), parts)


def choices(name: str | None = None) -> tuple[str, ...]:
    """Return the names of the tables, or what there is one of under a name: nothing where it is one table."""
    if name is None:
        return tuple(_TABLES)
    known = _TABLES[name][2] if name in _TABLES else None
    return known() if known else ()


def _row(columns: tuple[ReferenceColumn, ...], row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.key: cell for column, cell in zip(columns, row, strict=True)}


def _kinds() -> Rows:
    from costmodel.blocks import block_class, kinds

    return ((kind, first_line(block_class(kind))) for kind in kinds())


def _operations() -> Rows:
    from costmodel import ops

    kinds: tuple[Any, ...] = (ops.Project, ops.Experts, ops.Attend, ops.Scan, ops.Conv, ops.Lookup, ops.Vector)
    for cls in kinds:
        flops = first_line(cls.flops.fget)
        elementwise = first_line(cls.elementwise.fget)
        yield cls.__name__, first_line(cls), flops.removeprefix("Return "), elementwise.removeprefix("Return ")


def _codes() -> Rows:
    from costmodel.codes import CODES

    yield from CODES.items()


def _words() -> Rows:
    from costmodel.report.words import WORDS

    for word in WORDS.values():
        yield word.name, ". ".join(filter(None, (word.short, word.more)))


def _steps() -> Rows:
    from costmodel.steps import STEPS

    yield from STEPS.items()


def _dtypes() -> Rows:
    from costmodel.dtypes import FORMATS

    for one in FORMATS.values():
        yield one.name, one.bits, one.group or None, one.scale_bits or None


def _roles() -> Rows:
    from costmodel.dtypes import ROLES

    yield from ROLES.items()


def _devices(what: str) -> Rows:
    from costmodel.profiles import load_all_hardware

    profiles = list(load_all_hardware())
    if what == "figures":
        for profile in profiles:
            for name, figure in profile.quantities().items():
                source = profile.sources[figure.source].title if figure.source else ""
                yield profile.name, name, str(figure.value), figure.basis, source, figure.note or ""
        return
    counts: list[list[str]] = [[figure.basis for figure in profile.quantities().values()] for profile in profiles]
    for profile, found in zip(profiles, counts, strict=True):
        yield profile.name, profile.title, len(found), *(found.count(basis) for basis in _BASES)
    whole = [sum(found.count(basis) for found in counts) for basis in _BASES]
    yield "all", f"{len(profiles)} devices", sum(whole), *whole


def _timing() -> Rows:
    from costmodel.profiles import FAMILIES, Calibration

    for name in FAMILIES:
        fit = get_args(Calibration.model_fields[name].annotation)[1]
        yield name, " ".join((fit.__doc__ or "").split()).replace("``", "`")


def _rules() -> Rows:
    from importlib import import_module

    # By name: the room of the gate is built on this one.
    for rule in import_module("costmodel.gate.rules").RULES.values():
        yield rule.id, rule.severity, rule.title, rule.help


def _claims() -> Rows:
    from costmodel import catalog
    from costmodel.report.claims import check_all

    for spec in catalog.load_all():
        for found in check_all(spec):
            verdict = found.verdict + (f": {found.reason}" if found.reason else "")
            verdict += " (claim unverified)" if found.unverified else ""
            yield spec.name, found.figure, found.published, found.computed, verdict, found.source


def _fields(of: str) -> list[ReferencePart]:
    from costmodel.report.reference_fields import fields

    text, rows = fields(of)
    return [ReferencePart([_row(_FIELDS, row) for row in rows], text=text)]


def _field_owners() -> tuple[str, ...]:
    from costmodel.report.reference_fields import owners

    return tuple(owners())


def _keys() -> list[ReferencePart]:
    from costmodel.report.reference_keys import keys

    return [
        ReferencePart([_row(_KEYS, row) for row in rows], title, text, heading) for title, heading, text, rows in keys()
    ]


def first_line(thing: Any) -> str:
    """Return the first line of a docstring, its code in single backticks."""
    return str((thing.__doc__ or "").strip().splitlines()[0]).replace("``", "`")


_BASES = ("datasheet", "derived", "measured", "reported", "unverified")
_FIELDS = (_Column("field", "field", code=True), _Column("type", "type"), _Column("default", "default"))
_KEYS = (_Column("key", "key", code=True), _Column("type", "type", code=True))
_FIGURES = (
    _Column("device", "device", code=True), _Column("figure", "figure"), _Column("value", "value"),
    _Column("basis", "basis"), _Column("source", "source"), _Column("note", "note"),
)  # fmt: skip

# Name -> columns, rows, and the words that name one of several tables.
_TABLES: dict[str, tuple[tuple[ReferenceColumn, ...], Callable[..., Any], Callable[[], tuple[str, ...]] | None]] = {
    "kinds": ((_Column("kind", "kind", code=True), _Column("meaning", "what it is")), _kinds, None),
    "fields": (_FIELDS, _fields, _field_owners),
    "operations": (
        (
            _Column("operation", "operation", code=True), _Column("meaning", "what it is"), _Column("flops", "FLOPs"),
            _Column("elementwise", "elementwise"),
        ),
        _operations,
        None,
    ),
    "codes": ((_Column("code", "code", code=True), _Column("meaning", "what it means")), _codes, None),
    "words": ((_Column("word", "word"), _Column("meaning", "meaning")), _words, None),
    "steps": (
        (_Column("operation", "operation", code=True), _Column("steps", "steps per element", number=True)),
        _steps,
        None,
    ),
    "dtypes": (
        (
            _Column("format", "format", code=True), _Column("bits", "bits a value", number=True),
            _Column("group", "values that share a scale factor", number=True),
            _Column("scale_bits", "bits of the factor", number=True),
        ),
        _dtypes,
        None,
    ),
    "roles": ((_Column("role", "role", code=True), _Column("default", "default", code=True)), _roles, None),
    "keys": (_KEYS, _keys, None),
    "devices": (
        (
            _Column("device", "device", code=True), _Column("title", "title"),
            _Column("figures", "figures", number=True), *(_Column(basis, basis, number=True) for basis in _BASES),
        ),
        _devices,
        lambda: ("count", "figures"),
    ),
    "timing": (
        (_Column("family", "family", code=True), _Column("time", "expected time of one kernel, in microseconds")),
        _timing,
        None,
    ),
    "rules": (
        (
            _Column("rule", "rule", code=True), _Column("severity", "severity"), _Column("title", "title"),
            _Column("help", "what it means"),
        ),
        _rules,
        None,
    ),
    "claims": (
        (
            _Column("spec", "spec", code=True), _Column("figure", "figure"), _Column("published", "published"),
            _Column("computed", "computed", number=True), _Column("verdict", "verdict"), _Column("source", "source"),
        ),
        _claims,
        None,
    ),
}  # fmt: skip
