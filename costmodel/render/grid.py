"""A table as data, written as Markdown or CSV; ``latex`` and ``html`` write the others."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from costmodel.render import escape


@dataclass(slots=True)
class Column:
    """A column: ``key`` heads the CSV (with its unit), ``head`` a table for people.

    ``unit`` stands in brackets after the head; ``note`` is the key of a footnote.
    """

    key: str
    head: str
    number: bool = True
    unit: str = ""
    note: str = ""

    @property
    def shown(self) -> str:
        """Return the head for people, with its unit."""
        return f"{self.head} ({self.unit})" if self.unit else self.head


@dataclass(slots=True)
class Cell:
    """An exact value for CSV and its text for people (None: the value).

    ``unit`` and ``note`` are those of a cell that heads its row. ``aligned`` False: a number that
    stands among others of another kind, and not under their decimal point.
    """

    value: Any
    text: str | None = None
    unit: str = ""
    note: str = ""
    aligned: bool = True

    @property
    def shown(self) -> str:
        """Return the text for people, with its unit; ``-`` for nothing."""
        if self.text is not None:
            return f"{self.text} ({self.unit})" if self.unit else self.text
        return "-" if self.value is None else str(self.value)


@dataclass(slots=True)
class Grid:
    """Columns, rows of cells, and notes below.

    ``footnotes`` are notes by key, in order; ``closing`` says last what computed the table and from
    what. Before the rows in ``rules`` stands a line. ``bare``: Markdown leaves the caption out.
    """

    columns: list[Column]
    rows: list[list[Cell]]
    caption: str = ""
    label: str = "archcalc"
    notes: list[str] = field(default_factory=list)
    footnotes: dict[str, str] = field(default_factory=dict)
    closing: str = ""
    rules: list[int] = field(default_factory=list)
    bare: bool = False


def visible(grid: Grid) -> Grid:
    """Return a table for people: without columns that say nothing in any row, such as a unit that the value has."""
    keep = [i for i in range(len(grid.columns)) if not grid.rows or any(row[i].shown for row in grid.rows)]
    return replace(grid, columns=[grid.columns[i] for i in keep], rows=[[row[i] for i in keep] for row in grid.rows])


def turned(grid: Grid) -> Grid:
    """Return a table with its columns as rows. Numbers with a fraction stay under each other's points."""
    first, *others = grid.columns
    columns = [Column(first.key, "", number=False), *(Column(row[0].shown, row[0].shown) for row in grid.rows)]
    rows = []
    for index, column in enumerate(others, start=1):
        cells = [row[index] for row in grid.rows]
        aligned = any("." in cell.shown for cell in cells) and column.number
        head = Cell(column.key, column.head, column.unit, column.note)
        rows.append([head, *(replace(cell, aligned=aligned) for cell in cells)])
    return replace(grid, columns=columns, rows=rows)


def letters(grids: Iterable[Grid]) -> dict[str, str]:
    """Return a letter for each footnote of some tables, in the order of their first marks."""
    keys = list(dict.fromkeys(key for grid in grids for key in grid.footnotes))
    return {key: chr(ord("a") + index) for index, key in enumerate(keys)}


def to_markdown(grids: Iterable[Grid], *, quiet: bool = False) -> str:
    """Return tables in GitHub's Markdown; footnotes that tables share stand once, at the end."""
    each = list(grids)
    parts = [_markdown(grid, quiet=quiet) for grid in each]
    notes = {} if quiet else {key: text for grid in each for key, text in grid.footnotes.items()}
    if notes:
        parts.append("".join(f"[^{key}]: {escape.markdown_line(text)}\n" for key, text in notes.items()))
    closing = {} if quiet else {grid.closing: None for grid in each if grid.closing}
    parts += [f"<sub>{escape.markdown(text)}</sub>\n" for text in closing]
    return "\n".join(parts)


def _markdown(grid: Grid, *, quiet: bool) -> str:
    def cell(text: str, note: str) -> str:
        return escape.markdown(text) + (f"[^{note}]" if note and not quiet else "")

    rows = [[cell(column.shown, column.note) for column in grid.columns]]
    rows.append(["--:" if column.number else "---" for column in grid.columns])
    rows += [[cell(one.shown, one.note) for one in row] for row in grid.rows]
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    if grid.caption and not quiet and not grid.bare:
        text = f"{escape.markdown_line(grid.caption)}\n\n{text}"
    if grid.notes and not quiet:
        text += "\n" + "".join(f"{escape.markdown_line(note)}  \n" for note in grid.notes[:-1])
        text += f"{escape.markdown_line(grid.notes[-1])}\n"
    return text


def to_csv(grid: Grid) -> str:
    """Return one table as CSV: exact integers, units in the header, LF."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.key for column in grid.columns])
    writer.writerows([escape.csv(_exact(cell.value)) for cell in row] for row in grid.rows)
    return out.getvalue()


def _exact(value: Any) -> Any:
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value
