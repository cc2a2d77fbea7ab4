"""A CSV file as a table of a document: ``table FILE.csv`` in a fence."""

from __future__ import annotations

import re
from pathlib import Path

from costmodel import __version__
from costmodel.csv_columns import columns_of
from costmodel.render import escape
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.latex import to_latex

_NUMBER = re.compile(r"[-+~]?[0-9][0-9,.]*(?:e[-+]?[0-9]+)? ?(?:%|x)?|-?")


def csv_table(path: Path, name: str, markup: str) -> str:
    """Return the table of a CSV file whose first row heads its columns; code stands in backticks.

    Raises:
        UsageError: the file cannot be read, is no CSV, or a row is longer or shorter than the first.
    """
    heads, texts, _, _ = columns_of(path, name)
    rows = list(zip(*texts, strict=True))
    numbers = [all(_NUMBER.fullmatch(row[at]) for row in rows) for at in range(len(heads))]
    if markup == "latex":
        columns = [
            Column(escape.bare(head), escape.bare(head), number) for head, number in zip(heads, numbers, strict=True)
        ]
        cells = [[Cell(escape.bare(text)) for text in row] for row in rows]
        return to_latex([Grid(columns, cells, f"From {name}.", path.stem)], __version__)
    if markup == "rst":
        quoted = [",".join(f'"{escape.rst(cell)}"' for cell in row) for row in (heads, *rows)]
        return ".. csv-table::\n   :header-rows: 1\n\n" + "".join(f"   {text}\n" for text in quoted)
    marks = ["--:" if number else "---" for number in numbers]
    lines = [[escape.prose(" ".join(cell.split("\n"))) for cell in row] for row in (heads, *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (lines[0], marks, *lines[1:]))
