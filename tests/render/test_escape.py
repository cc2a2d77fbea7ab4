"""Text for each sink."""

from __future__ import annotations

import csv as csv_module
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.render import escape
from costmodel.render.grid import Cell, Column, Grid, to_csv, to_markdown
from costmodel.render.latex import to_latex
from costmodel.render.text import clean


@given(st.text(max_size=80))
def test_clean_text_is_one_printable_line(text: str) -> None:
    assert clean(text).isprintable()


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("50% of $x_1^2$ & {#}", r"50\% of \$x\_1\textasciicircum{}2\$ \& \{\#\}"),
        (
            r"\write18{ls} ~ <a|b>",
            r"\textbackslash{}write18\{ls\} \textasciitilde{} \textless{}a\textbar{}b\textgreater{}",
        ),
        ("[x] * --- -", "{[}x] {*} -{}-{}- -"),  # neither an option of what stands before, nor dashes
        (
            "Gr\u00f6\u00dfe \u0142\u00ed \u6f22 \u2013 \u2026",
            r"Gr\"{o}\ss{}e \l{}\'{\i} {[}U+6F22] \textendash{} \dots{}",
        ),
    ],
)
def test_latex_by_hand(text: str, latex: str) -> None:
    assert escape.latex(text) == latex


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a_b _c_ ~1 ~~d~~", r"a_b \_c\_ \~1 \~\~d\~\~"),
        ("~1.8T", "~1.8T"),
        ("&lt; <b> | `x`", r"&amp;lt; &lt;b&gt; \| \`x\`"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("12 a", "12 a"),
        ("# a", r"\# a"),
    ],
)
def test_markdown_by_hand(text: str, markdown: str) -> None:
    assert escape.markdown_line(text) == markdown


@given(st.text(max_size=80))
def test_markdown_has_no_cell_border_or_html(text: str) -> None:
    found = escape.markdown(text)
    assert "<" not in found
    assert ">" not in found
    assert "|" not in found.replace("\\\\", "").replace("\\|", "")


@given(st.text(max_size=40))
def test_csv_comes_back_and_calculates_nothing(text: str) -> None:
    out = to_csv(Grid([Column("a", "A"), Column("b", "B")], [[Cell(text), Cell(10**30)]]))
    rows = list(csv_module.reader(io.StringIO(out)))
    assert rows[1][1] == str(10**30)
    assert rows[1][0].removeprefix("'") == clean(text).removeprefix("'")
    assert rows[1][0][:1] not in ("=", "+", "@")
    assert not rows[1][0].startswith("-") or rows[1][0].lstrip("-").replace(".", "", 1).isdigit()


@pytest.mark.parametrize("value", ["=1+1", "+1", "-cmd", "@x"])
def test_formulas_get_an_apostrophe(value: str) -> None:
    assert escape.csv(value) == f"'{value}"


def test_a_grid_in_latex_aligns_numbers() -> None:
    grid = Grid(
        [Column("m", "Model", number=False), Column("x", "X (%)")],
        [[Cell("a_b"), Cell(1, "1,026.41")], [Cell("c"), Cell(None)]],
        "Caption & more",
        "my_label",
        ["50% of it"],
    )
    text = to_latex([grid], "0.0")
    assert r"\begin{tabular}{l S[table-format=4.2]}" in text
    assert r"a\_b & 1026.41 \\" in text
    assert r"c & {-} \\" in text
    assert r"{Model} & {X (\%)} \\" in text
    assert r"\item 50\% of it" in text
    assert "tablenotes" not in to_latex([grid], "0.0", quiet=True)


def test_a_grid_in_markdown() -> None:
    grid = Grid([Column("m", "Model", number=False), Column("x", "X")], [[Cell("a|b"), Cell(5)]], "C", "l", ["n"])
    assert to_markdown([grid]) == "C\n\n| Model | X |\n| --- | --: |\n| a\\|b | 5 |\n\nn\n"
    assert to_markdown([grid], quiet=True) == "| Model | X |\n| --- | --: |\n| a\\|b | 5 |\n"
