"""Any text in any place of a table leaves the structure of every format as it is."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_checks import html_tables, latex_tables, markdown_tables

from costmodel.render.grid import Cell, Column, Grid, to_csv, to_markdown, turned
from costmodel.render.html import to_html
from costmodel.render.latex import to_latex
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import clean, plain_text
from costmodel.render.typeset import LINE, columns_of, layout, parts_of, width_of

# Markup of all sinks at once, and everything else.
_MARKUP = "\\{}$&#%_^~<>|[]()*`\"'-+=@!:/. \t\nab1\u202e\x1b\u00e9\u6f22"
TEXT = st.text(st.sampled_from(_MARKUP) | st.characters(), max_size=40)


def grid(text: str, *, footnote: bool = True) -> Grid:
    columns = [Column("name", "Model", number=False), Column("x", text or "x", unit="GB", note="c" if footnote else "")]
    rows = [[Cell(text, clean(text)), Cell(70272, "70.27")], [Cell("b", "b"), Cell(1, "1")], [Cell("c"), Cell(None)]]
    notes = {"c": text or "note"} if footnote else {}
    return Grid(columns, rows, text, text, [text], notes, text)


@given(TEXT)
def test_latex(text: str) -> None:
    # Each of the two tables has a head and three rows, turned round one row; what is too wide is cut.
    assert len(latex_tables(to_latex([grid(text), grid(text)], "0.1.0"))) in (8, 12, 16)
    assert len(latex_tables(to_latex([turned(grid(text))], "0.1.0"))) in (2, 4, 6)


@given(TEXT)
def test_html(text: str) -> None:
    rows = html_tables(to_html([grid(text)], "0.1.0"))
    assert rows[1] == [clean(text), "70.27"]
    assert len(rows) == 4
    assert len(html_tables(to_html([turned(grid(text))], "0.1.0", quiet=True))) == 2


@given(TEXT)
def test_markdown(text: str) -> None:
    rows = markdown_tables(to_markdown([grid(text, footnote=False)]))
    assert rows[1] == [clean(text), "70.27"]
    assert len(rows) == 4


@given(TEXT)
def test_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(grid(text)))))
    assert [len(row) for row in rows] == [2] * 4
    assert rows[1][1] == "70272"
    assert rows[1][0].removeprefix("'") == clean(text).removeprefix("'")
    assert not re.match(r"[=+@]|-(?![0-9.])", rows[1][0])


@given(TEXT, st.integers(20, 120))
def test_terminal(text: str, width: int) -> None:
    page = plain_text(table(["Model", "x"], [[clean(text) or "-", "1"], ["b", "2"]], View(width=width)))
    assert page.replace("\n", "").isprintable()
    assert page.count("b") >= 1


def test_a_wide_table_is_cut_into_those_that_fit_a_line() -> None:
    names = [f"Figure of number {index}" for index in range(20)]
    columns = [Column("m", "Model", number=False), *(Column(name, name, note="n") for name in names)]
    rows = [[Cell("a model"), *(Cell(index, f"{index}.25") for index in range(20))]]
    parts = parts_of(Grid(columns, rows, "Wide.", "wide", ["Said once."], {"n": "Said of each."}))
    assert len(parts) > 1
    assert all(layout(columns_of(part)).fits for part in parts)
    assert [column.head for part in parts for column in part.columns[1:]] == names
    assert [part.caption for part in parts] == ["Wide.", *["Wide, continued."] * (len(parts) - 1)]
    assert [part.notes for part in parts] == [*[[]] * (len(parts) - 1), ["Said once."]]


def test_a_long_table_runs_over_pages() -> None:
    columns = [Column("m", "Model", number=False), Column("x", "X", note="n")]
    text = to_latex([Grid(columns, [[Cell("a"), Cell(1)]] * 60, "Long.", footnotes={"n": "A note."})], "0.1.0")
    assert "\\begin{longtable}" in text
    assert "\\textsuperscript{a} A note." in text
    assert text.startswith("% archcalc 0.1.0; needs booktabs, siunitx, longtable\n")


@pytest.mark.parametrize(("text", "points"), [("DeepSeek-V3", 58.6), ("8 of 256 + 1", 54.5), ("0123456789", 50.0)])
def test_widths_are_those_of_the_font(text: str, points: float) -> None:
    assert abs(width_of(text) - points) < 1.5
    assert width_of(text) < LINE
