"""``--columns`` and ``--sort`` of a comparison: any figures, one row a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from costmodel.amounts import bytes_unit, context_text, fixed, flops_unit, params_text, params_unit
from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, clean, fit, line
from costmodel.report.choices import tokens
from costmodel.report.compare import Compare, CompareRow

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
    "mixer": ("text", lambda row: row.shape.mixer),
    "ffn": ("text", lambda row: row.shape.ffn),
    "title": ("text", lambda row: row.title),
    "confidence": ("text", lambda row: row.confidence),
    "name": ("text", lambda row: row.name),
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
    """Sort the rows: costs and names upwards, sizes downwards; ``reverse`` turns it round."""

    def key(row: CompareRow) -> tuple[bool, Any]:
        value = picked.of(row, compare.contexts)
        return value is None, "" if value is None else value

    down = picked.kind in _BIGGEST_FIRST
    compare.rows.sort(key=key, reverse=down != reverse)


def grid(compare: Compare, picked: Sequence[Picked], view: View) -> Grid:
    """Return the columns as a table."""
    columns = [Column("name", "Model", number=False)]
    body: list[list[Cell]] = [[Cell(row.name)] for row in compare.rows]
    for one in picked:
        values = [one.of(row, compare.contexts) for row in compare.rows]
        unit, texts = _texts(one, values, view)
        at = f" at {context_text(one.at)}" if one.at else ""
        suffix = {"bytes": "_bytes", "flops": "_flops", "params": "_params", "time": "_s"}.get(one.kind, "")
        columns.append(Column(f"{one.key}{suffix}", f"{one.name}{at}{unit}", number=one.kind != "text"))
        for cells_, value, text in zip(body, values, texts, strict=True):
            cells_.append(Cell(value, text))
    return Grid(columns, body, "Architectures compared.", "architectures")


def _texts(one: Picked, values: Sequence[Any], view: View) -> tuple[str, list[str]]:
    """Return the unit of a column and its texts."""
    known = [value for value in values if value is not None]
    if one.kind == "params":
        return "", ["-" if v is None else params_text(v, params_unit(v)) for v in values]
    if one.kind in ("bytes", "flops"):
        unit = bytes_unit(known, view.units) if one.kind == "bytes" else flops_unit(known)
        return f", {unit.name}", ["-" if v is None else unit.of(v) for v in values]
    if one.kind == "share":
        return ", %", [fixed(100 * v, 1) for v in values]
    if one.kind == "time":
        return ", ms", ["-" if v is None else fixed(Fraction(v) * 1000, 2) for v in values]
    if one.kind == "context":
        return "", ["-" if v is None else context_text(v) for v in values]
    return "", ["-" if v is None else clean(str(v)) for v in values]


def page(compare: Compare, picked: Sequence[Picked], view: View) -> Page:
    """Return the columns as a page."""
    from costmodel.render.compare import rumours

    table = grid(compare, picked, view)
    heads = ["", *(column.head for column in table.columns[1:])]
    texts = [[cell.shown for cell in row] for row in table.rows]
    widths = [max(map(cells, column)) for column in zip(heads, *texts, strict=True)]
    out = [_row(heads, widths, table, "dim"), *(_row(row, widths, table, "") for row in texts)]
    if not view.quiet:
        out += rumours(compare.rows)
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
