"""Rows of cells under one head: aligned where they fit, a block a row where they do not."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, line, paragraph

Row = Sequence[str]


def table(
    heads: Row, rows: Sequence[Row], view: View, *, left: Sequence[int] = (0,), styles: Sequence[str] = (), gap: int = 2
) -> Page:
    """Return a table; columns in ``left`` hold words, the others numbers. ``styles``: one a row.

    A table wider than the terminal becomes one block a row: its first cell, then head and cell in turn.
    """
    widths = [max(cells(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    if view.width is not None and sum(widths) + gap * (len(widths) - 1) > view.width:
        return _blocks(heads, rows, view.width)
    out = [_row(heads, widths, left, gap, "dim")]
    for index, row in enumerate(rows):
        out.append(_row(row, widths, left, gap, styles[index] if styles else ""))
    return out


def _row(row: Row, widths: Sequence[int], left: Sequence[int], gap: int, style: str) -> Line:
    out, edge = Line(), 0
    for index, (text, width) in enumerate(zip(row, widths, strict=True)):
        start = edge + gap * bool(index)
        edge = start + width
        out.to(start if index in left else edge - cells(text)).add(text, style)
    return out


def _blocks(heads: Row, rows: Sequence[Row], width: int) -> Page:
    out: Page = []
    for row in rows:
        out.append(line(row[0], "bold"))
        pairs = [f"{head} {text}" for head, text in zip(heads[1:], row[1:], strict=True) if text not in ("", "-")]
        out += paragraph(", ".join(pairs), width, indent="  ")
    return out
