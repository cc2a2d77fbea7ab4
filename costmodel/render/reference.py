"""The tables of ``archcalc reference``."""

from __future__ import annotations

from typing import Any

from costmodel.errors import count_of
from costmodel.render import escape
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.output import PageRenderer
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, broken, cells, line, paragraph
from costmodel.report.reference import Reference, ReferenceColumn, ReferencePart

_WIDTH = 80
_ROOM = 30  # columns that the last one needs where its texts are broken


class ReferenceRenderer(PageRenderer):
    """The renderer of a reference: its Markdown keeps code in backticks, as docs/ wants it."""

    answer: Reference

    def __init__(self, answer: Reference) -> None:
        super().__init__(answer, "reference")

    def markdown(self, _view: View) -> str:
        """Return each part as Markdown: heading or name, text, table."""
        return "\n".join(_markdown(self.answer, part) for part in self.answer.parts)


def page(found: Reference, view: View) -> Page:
    """Return every part: title, text, table."""
    out: Page = []
    for part in found.parts:
        out += [line()] if out else []
        if part.title:
            out.append(line(part.title, "bold"))
        if part.text and not view.quiet:
            width = min(view.columns, _WIDTH)
            out += [one for row in escape.bare(part.text).split("\n\n") for one in (*paragraph(row, width), line())]
        out += _table(found, part, view)
    if not view.quiet:
        out += [line(), line(count_of(sum(len(part.rows) for part in found.parts), "row"), "dim")]
    return out


def _table(found: Reference, part: ReferencePart, view: View) -> Page:
    """Return a table; where it is too wide its widest texts are broken, or each row becomes a block."""
    heads = [column.head for column in found.columns]
    rows = [[escape.bare(_shown(row[column.key])) for column in found.columns] for row in part.rows]
    left = [at for at, column in enumerate(found.columns) if not column.number]
    widths = [max(cells(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    widest = max(left, key=lambda at: widths[at])
    limit = min(view.columns, _WIDTH)
    room = limit - (sum(widths) - widths[widest] + 2 * (len(widths) - 1))
    if widths[widest] > room and room < _ROOM:
        return [one for row in rows for one in _block(heads, row, limit)]
    if widths[widest] > room:
        rows = [one for row in rows for one in _broken(row, widest, room)]
    return table(heads, rows, view, left=left)


def _block(heads: list[str], row: list[str], limit: int) -> Page:
    """Return a row as its first cell and a paragraph for each other that is not empty."""
    out: Page = [line(row[0], "bold")]
    for head, text in zip(heads[1:], row[1:], strict=True):
        if text:
            first, *more = broken(f"{head}: {text}", limit - 4)
            out += [line(f"  {first}"), *(line(f"    {one}") for one in more)]
    return out


def _broken(row: list[str], at: int, room: int) -> list[list[str]]:
    """Return a row as one line for each line of its broken text."""
    first, *more = broken(row[at], room)
    empty = [""] * len(row)
    return [[*row[:at], first, *row[at + 1 :]], *([*empty[:at], text, *empty[at + 1 :]] for text in more)]


def grids(found: Reference, _view: View) -> list[Grid]:
    """Return a table for each part."""
    columns = [Column(column.key, column.head, column.number) for column in found.columns]
    return [
        Grid(
            columns,
            [_cells(found, row) for row in part.rows],
            escape.bare((part.title or part.text or "").partition("\n")[0]),
            found.name,
        )
        for part in found.parts
    ]


def csv_grid(found: Reference, _view: View) -> Grid:
    """Return all parts as one table; a first column names the part where there are several."""
    columns = [Column(column.key, column.head, column.number) for column in found.columns]
    if len(found.parts) == 1:
        return Grid(columns, [_cells(found, row) for row in found.parts[0].rows])
    rows = [[Cell(part.title), *_cells(found, row)] for part in found.parts for row in part.rows]
    return Grid([Column("part", "part", number=False), *columns], rows)


def _cells(found: Reference, row: dict[str, Any]) -> list[Cell]:
    values = [row[column.key] for column in found.columns]
    return [Cell(escape.bare(value)) if isinstance(value, str) else Cell(value, _shown(value)) for value in values]


def _markdown(found: Reference, part: ReferencePart) -> str:
    text = escape.prose(part.text or "")
    if part.title:
        text = (
            f"## {escape.markdown(part.title)}\n\n{text}"
            if part.heading
            else f"**{escape.markdown(part.title)}** {text}"
        )
    rows = [[column.head for column in found.columns], ["--:" if one.number else "---" for one in found.columns]]
    rows += [[_cell(row[column.key], column) for column in found.columns] for row in part.rows]
    return (f"{text.strip()}\n\n" if text else "") + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(value: Any, column: ReferenceColumn) -> str:
    text = _shown(value)
    return escape.prose(f"`{text}`" if column.code and text != "-" else text)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
