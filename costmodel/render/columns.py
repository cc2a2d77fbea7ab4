"""``--columns`` and ``--sort`` of a comparison: any figures, one row a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from costmodel.amounts import (
    Unit,
    bytes_unit,
    context_text,
    fixed,
    flops_unit,
    params_unit,
    shared_params_unit,
    significant,
)
from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.render import described
from costmodel.render.grid import Cell, Column, Grid, turned
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, clean, fit, line
from costmodel.report.choices import tokens
from costmodel.report.compare import Compare, CompareRow
from costmodel.report.source import source_of

_PLAIN: dict[str, tuple[str, Callable[[CompareRow], Any]]] = {
    "total": ("params", lambda row: row.params.total),
    "active": ("params", lambda row: row.params.active),
    "active_without_lookup": ("params", lambda row: row.params.active_without_lookup),
    "share": ("share", lambda row: Fraction(row.params.active, row.params.total)),
    "layers": ("count", lambda row: row.n_layers),
    "d_model": ("count", lambda row: row.d_model),
    "vocab_size": ("count", lambda row: row.vocab_size),
    "max_context": ("context", lambda row: row.max_context),
    "kb_per_token": ("bytes", lambda row: row.growth.bytes_per_token),
    "attention": ("text", described.attention),
    "heads": ("text", described.heads),
    "head_dim": ("text", described.head_dim),
    "experts": ("text", described.experts),
    "expert_width": ("text", lambda row: described.expert_width(row) or None),
    "ffn_layers": ("text", described.ffn_layers),
    "mixer": ("text", lambda row: row.shape.mixer),
    "ffn": ("text", lambda row: row.shape.ffn),
    "title": ("text", lambda row: row.title),
    "confidence": ("text", lambda row: row.confidence),
    "name": ("text", lambda row: row.name),
    "source": ("text", lambda row: _source(row)),
}
_AT: dict[str, tuple[str, Callable[[CompareRow, int], Any]]] = {
    "cache": ("bytes", lambda row, i: row.cache[i].bytes),
    "paged": ("bytes", lambda row, i: row.cache[i].paged_bytes),
    "pool": ("bytes", lambda row, i: row.cache[i].one_pool_bytes),
    "decode": ("flops", lambda row, i: row.flops[i].decode),
    "prefill": ("flops", lambda row, i: Fraction(row.flops[i].prefill, row.flops[i].context)),
    "floor": ("time", lambda row, i: _first_time(row, i, "floor_s")),
    "expected": ("time", lambda row, i: _first_time(row, i, "expected_s")),
}


def _source(row: CompareRow) -> str | None:
    """Return the title of what a model's numbers were read from."""
    source = source_of(row.architecture) if row.architecture else None
    return source.title if source else None


def _first_time(row: CompareRow, index: int, name: str) -> Any:
    """Return a time on the first device; None without --hardware."""
    points = next(iter((row.time or {}).values()), None)
    return getattr(points[index], name) if points else None


_BIGGEST_FIRST = ("params", "share", "count", "context")


@dataclass(slots=True, frozen=True)
class Picked:
    """A column: what it shows, and at which context."""

    name: str
    at: int | None = None

    @property
    def key(self) -> str:
        """Return the column as it was asked for, with its context in full."""
        return self.name if self.at is None else f"{self.name}@{self.at}"

    @property
    def kind(self) -> str:
        """Return what sort of figure it is."""
        return _PLAIN[self.name][0] if self.at is None else _AT[self.name][0]

    def of(self, row: CompareRow, contexts: Sequence[int]) -> Any:
        """Return the exact figure of a model."""
        if self.at is None:
            return _PLAIN[self.name][1](row)
        return _AT[self.name][1](row, contexts.index(self.at))


def pick(text: str, option: str = "columns") -> list[Picked]:
    """Read ``total,active,cache@128Ki``.

    Raises:
        UsageError: no such column, or a context where there is none.
    """
    found = []
    for part in text.split(","):
        name, at, context = part.strip().partition("@")
        name = name.lower()
        if (at and name in _AT) or (not at and name in _PLAIN):
            found.append(Picked(name, tokens(context, option) if at else None))
        elif name in _AT:
            raise UsageError(f"--{option}: {name} needs a context", hint=f"{name}@128Ki")
        elif name in _PLAIN:
            raise UsageError(f"--{option}: {name} has no context", hint=f"write {name}")
        else:
            known = [*_PLAIN, *(f"{key}@128Ki" for key in _AT)]
            near = did_you_mean(part.strip(), known)
            raise UsageError(
                f"--{option}: there is no column {quote(part.strip())}", hint=near or "columns: " + ", ".join(known)
            )
    return found


def contexts_of(picked: Sequence[Picked]) -> list[int]:
    """Return the contexts that columns need."""
    return list(dict.fromkeys(one.at for one in picked if one.at is not None))


def sort(compare: Compare, picked: Picked, *, reverse: bool) -> None:
    """Sort the rows: costs and names upwards, sizes downwards, or the ``reverse``; what is missing comes last."""

    def key(row: CompareRow) -> Any:
        value = picked.of(row, compare.contexts)
        if isinstance(value, str):  # the numbers in it as numbers: 64, 128, 192 (v 128)
            return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", value)]
        return value

    def is_missing(row: CompareRow) -> bool:
        return picked.of(row, compare.contexts) in (None, "-")

    known = [row for row in compare.rows if not is_missing(row)]
    known.sort(key=key, reverse=(picked.kind in _BIGGEST_FIRST) != reverse)
    compare.rows[:] = [*known, *filter(is_missing, compare.rows)]


def grid(compare: Compare, picked: Sequence[Picked], view: View, digits: int | None = None) -> Grid:
    """Return the columns as a table; ``digits``: significant ones of every number that has a fraction."""
    columns = [Column("name", "Model", number=False)]
    body: list[list[Cell]] = [[Cell(row.name)] for row in compare.rows]
    for one in picked:
        values = [one.of(row, compare.contexts) for row in compare.rows]
        unit, texts = texts_of(one, values, view, digits)
        if one.kind == "params":  # each in its own unit, which touches it
            units = [params_unit(v or 0) for v in values]
            texts = ["-" if v is None else _joined(u, v, digits) for u, v in zip(units, values, strict=True)]
            unit = ""
        at = f" at {context_text(one.at)}" if one.at else ""
        name = "cache per token" if one.name == "kb_per_token" else one.name
        head = f"{name}{at}{', ' if unit else ''}{unit}"
        columns.append(Column(csv_key(one), head, number=one.kind != "text"))
        for cells_, value, text in zip(body, values, texts, strict=True):
            cells_.append(Cell(value, text))
    return Grid(columns, body, "Architectures compared.", "architectures")


def csv_key(one: Picked) -> str:
    """Return the head of a column in CSV, with its unit."""
    if one.name == "kb_per_token":
        return "cache_per_token_bytes"
    suffix = {"bytes": "_bytes", "flops": "_flops", "params": "_params", "time": "_s"}.get(one.kind, "")
    return f"{one.key}{suffix}"


def _joined(unit: Unit, value: int, digits: int | None) -> str:
    return unit.of(value, digits).replace(",", "") + (unit.name if value else "")


def unit_of(one: Picked, values: Sequence[Any], view: View) -> Unit | None:
    """Return the one unit of a column of quantities; None of counts, shares, times and words."""
    known = [value for value in values if value]
    if one.kind == "params":
        return shared_params_unit(known)
    if one.kind == "bytes":
        return bytes_unit(known, view.units, 1 if one.name == "kb_per_token" else 2)
    return flops_unit(known) if one.kind == "flops" else None


def texts_of(
    one: Picked, values: Sequence[Any], view: View, digits: int | None = None, alike: Sequence[Any] | None = None
) -> tuple[str, list[str]]:
    """Return the unit of a column, which suits all of ``alike`` (None: its values), and its texts."""
    unit = unit_of(one, values if alike is None else alike, view)
    if unit is not None:
        return unit.name, ["-" if v is None else unit.of(v, digits) for v in values]
    if one.kind == "share":
        return "%", [_number(100 * v, 1, digits) for v in values]
    if one.kind == "time":
        return "ms", ["-" if v is None else _number(Fraction(v) * 1000, 2, digits) for v in values]
    if one.kind == "context":
        return "", ["-" if v is None else context_text(v) for v in values]
    return "", ["-" if v is None else clean(str(v)) for v in values]


def _number(value: Fraction, behind: int, digits: int | None) -> str:
    return fixed(value, behind) if digits is None else significant(value, digits)


def page(
    compare: Compare, picked: Sequence[Picked], view: View, digits: int | None = None, *, transpose: bool = False
) -> Page:
    """Return the columns as a page."""
    from costmodel.render.compare import arithmetic, rumours

    table = grid(compare, picked, view, digits)
    if transpose:
        table = turned(table)
    heads = ["", *(column.head for column in table.columns[1:])]
    texts = [[cell.shown for cell in row] for row in table.rows]
    widths = [max(map(cells, column)) for column in zip(heads, *texts, strict=True)]
    out = [_row(heads, widths, table, "dim"), *(_row(row, widths, table, "") for row in texts)]
    if not view.quiet:
        out += [*arithmetic(compare, [one.at for one in picked]), *rumours(compare.rows)]
    return fit(out, view.width)


def _row(texts: Sequence[str], widths: Sequence[int], table: Grid, style: str) -> Line:
    out = line(texts[0], style)
    edge = widths[0]
    for text, width, column in zip(texts[1:], widths[1:], table.columns[1:], strict=True):
        if column.number:
            out.right(text, edge + 2 + width, style)
        else:
            out.to(edge + 2).add(text, style)
        edge += 2 + width
    return out
