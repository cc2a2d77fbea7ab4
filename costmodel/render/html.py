"""Tables as fragments of HTML: no script, no style; exact numbers in ``data-value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from costmodel.render import escape
from costmodel.render.grid import Cell, Column, Grid, letters


def to_html(grids: Sequence[Grid], version: str, *, quiet: bool = False) -> str:
    """Return tables with their notes; footnotes that tables share stand once, at the end."""
    marks = {} if quiet else letters(grids)
    texts = {key: text for grid in grids for key, text in grid.footnotes.items()}
    out = [f"<!-- archcalc {version} -->\n", *(_table(grid, marks, quiet=quiet) for grid in grids)]
    if not quiet:
        out += [_note(f"<sup>{mark}</sup> {escape.html(texts[key])}") for key, mark in marks.items()]
        out += [_note(escape.html(text)) for text in {grid.closing: None for grid in grids if grid.closing}]
    return "".join(out)


def _table(grid: Grid, marks: Mapping[str, str], *, quiet: bool) -> str:
    caption = f"<caption>{escape.html(grid.caption)}</caption>\n" if grid.caption else ""
    heads = "".join(_head(column, marks) for column in grid.columns)
    edges = sorted({0, *grid.rules, len(grid.rows)})
    bodies = "".join(_body(grid, grid.rows[start:end], marks) for start, end in pairwise(edges))
    notes = "" if quiet else "".join(_note(escape.html(note)) for note in grid.notes)
    return f'<table class="archcalc">\n{caption}<thead>\n<tr>{heads}</tr>\n</thead>\n{bodies}</table>\n{notes}'


def _note(text: str) -> str:
    return f'<p class="archcalc-note">{text}</p>\n'


def _head(column: Column, marks: Mapping[str, str]) -> str:
    if not column.head:
        return "<td></td>"
    side = ' class="number"' if column.number else ""
    return f'<th scope="col"{side}>{_text(column.shown, column.note, marks)}</th>'


def _body(grid: Grid, rows: Sequence[Sequence[Cell]], marks: Mapping[str, str]) -> str:
    lines = []
    for row in rows:
        cells = [_cell(cell, column, marks) for cell, column in zip(row, grid.columns, strict=True)]
        if not grid.columns[0].number:
            cells[0] = f'<th scope="row">{_text(row[0].shown, row[0].note, marks)}</th>'
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    return f"<tbody>\n{''.join(lines)}</tbody>\n"


def _cell(cell: Cell, column: Column, marks: Mapping[str, str]) -> str:
    exact = _exact(cell.value)
    value = f' data-value="{exact}"' if exact else ""
    side = ' class="number"' if column.number and (exact or cell.value is None) else ""
    return f"<td{side}{value}>{_text(cell.shown, cell.note, marks)}</td>"


def _text(text: str, note: str, marks: Mapping[str, str]) -> str:
    mark = marks.get(note)
    return escape.html(text) + (f"<sup>{mark}</sup>" if mark else "")


def _exact(value: Any) -> str:
    """Return the number of a cell, exact where it is whole; empty for text and for nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Fraction)):
        return ""
    whole = isinstance(value, Fraction) and value.denominator == 1
    return str(int(value)) if whole or isinstance(value, int) else repr(float(value))
