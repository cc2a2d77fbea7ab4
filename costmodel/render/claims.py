"""The page of ``archcalc claims``: statements with their verdicts and figures, then the claims of the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from costmodel.amounts import context_text
from costmodel.errors import count_of
from costmodel.gate.claims import CatalogClaim, ClaimRow, Claims
from costmodel.gate.findings import number
from costmodel.render import escape
from costmodel.render.grid import Cell, Column, Grid, to_markdown
from costmodel.render.output import PageRenderer
from costmodel.render.sink import View
from costmodel.render.text import Page, broken, cells, clean, fit, line

_STYLE = {"holds": "green", "does not hold": "red", "not decidable": "yellow", "not computed": "yellow"}
_EDGE = 80
_INDENT = 21  # number and verdict
_HEADS = ("spec", "figure", "published", "computed", "verdict")


class ClaimsRenderer(PageRenderer):
    """The renderer of claims: Markdown with a table a subject."""

    answer: Claims

    def __init__(self, answer: Claims) -> None:
        super().__init__(answer, "claims")

    def markdown(self, view: View) -> str:
        """Return a heading and a table a subject, and the counts."""
        return markdown(self.answer, view)


def page(found: Claims, view: View) -> Page:
    """Return every statement with its figures, the claims of the catalog as a table, and the counts."""
    edge = max(48, min(view.columns, _EDGE))
    out: Page = []
    for row in found.claims:
        out += [*_statement(row, edge, view), line()]
    if found.catalog:
        out += [*_catalog(found.catalog, view), line()]
    out += [line(text) for text in broken(summary(found), edge)]
    if not view.quiet and found.unexpected:
        out.append(line("exit 1: a verdict is not the one that the file expects", "dim"))
    return fit(out, view.width)


def summary(found: Claims) -> str:
    """Return ``46 statements: 25 hold, 16 do not hold, 5 are not decidable; 153 claims of 98 specs: ...``."""
    parts = []
    if found.claims:
        counts = [f"{found.holds} hold", f"{found.does_not_hold} do not hold", f"{found.not_decidable} not decidable"]
        parts.append(f"{count_of(len(found.claims), 'statement')}: {', '.join(counts)}")
    if found.catalog:
        verdicts = [row.verdict for row in found.catalog]
        counts = [f"{verdicts.count(name)} {name}" for name in dict.fromkeys(sorted(verdicts, reverse=True))]
        specs = count_of(len({row.spec for row in found.catalog}), "spec")
        parts.append(f"{count_of(len(found.catalog), 'claim')} of {specs}: {', '.join(counts)}")
    parts.append("all as expected" if not found.unexpected else f"{found.unexpected} not as expected")
    return "; ".join(parts)


def _statement(row: ClaimRow, edge: int, view: View) -> Page:
    first, *rest = broken(clean(row.statement), edge - _INDENT)
    head = line(f"{row.number:<5}", "bold").add(row.verdict, _STYLE[row.verdict])
    out = [head.to(_INDENT).add(first), *(line(" " * _INDENT + text) for text in rest)]
    if not row.as_expected:
        out.append(line(f"     not as expected: {row.expected} ({clean(row.place)})", "bold red"))
    if not row.as_expected or view.verbose:
        for check in row.checks:
            said = "true" if check.passed else "false"
            value = f" (left: {number(check.value)})" if check.value is not None else ""
            out += [line(" " * 5 + text, "dim") for text in broken(f"{said}: {clean(check.text)}{value}", edge - 5)]
    for figure in row.figures:
        out += _figure(clean(figure.name), clean(figure.text), edge)
    if view.quiet:
        return out
    for name, text in (("right: ", row.right), ("why: ", row.reason)):
        out += [line("     " + part) for part in broken(name + clean(text), edge - 5)] if text else []
    if row.source:
        mark = " (unverified)" if row.unverified else ""
        out += [line("     " + part, "dim") for part in broken(f"source: {clean(row.source)}{mark}", edge - 5)]
    return out


def _figure(name: str, text: str, edge: int) -> Page:
    *before, last = broken(name, edge - 9 - cells(text))
    return [*(line("     " + part) for part in before), line("     " + last).right(text, edge)]


def _catalog(rows: Iterable[CatalogClaim], view: View) -> Page:
    """Return one line a claim: spec, figure, what is published, what we compute, the verdict."""
    texts = [_texts(row) for row in rows]
    widths = [max(cells(text[i]) for text in (_HEADS, *texts)) for i in range(len(_HEADS))]
    wide = view.width is None or sum(widths) + 8 <= view.width
    out: Page = []
    for index, text in enumerate((_HEADS, *texts)):
        style = "" if index else "dim"
        one = line(text[0], style)
        if not wide:
            out.append(one)
            one = line("  ")
            at = 2
        else:
            at = widths[0] + 2
        one.to(at).add(text[1], style)
        edge = at + widths[1] + 2 + widths[2]
        one.right(text[2], edge, style).right(text[3], edge + 2 + widths[3], style)
        out.append(one.to(edge + widths[3] + 4).add(text[4], style or _STYLE[text[4]]))
    return out


def _texts(row: CatalogClaim) -> tuple[str, ...]:
    at = f"@{context_text(row.at)}" if row.at is not None else ""
    ours = "-" if row.computed is None else f"{row.computed:,}"
    return clean(row.spec), clean(row.figure) + at, clean(row.published), ours, row.verdict


def markdown(found: Claims, view: View) -> str:
    """Return a table a subject, what is right beside each verdict, and the counts."""
    parts = []
    for subject in dict.fromkeys(row.subject for row in found.claims):
        rows = [row for row in found.claims if row.subject == subject]
        parts.append(f"## {escape.markdown(subject)}\n\n" + to_markdown([_grid(rows)]))
    if found.catalog:
        parts.append("## Claims of the catalog\n\n" + to_markdown([_catalog_grid(found.catalog)]))
    if not view.quiet:
        parts.append(escape.markdown(summary(found)) + ".\n")
    return "\n".join(parts)


def _grid(rows: Iterable[ClaimRow]) -> Grid:
    heads = ("number", "statement", "verdict", "computed", "explanation", "source")
    shown = ("no.", "statement", "verdict", "computed now", "what is right, and why", "source")
    columns = [Column(key, head, number=False) for key, head in zip(heads, shown, strict=True)]
    table = []
    for row in rows:
        verdict = row.verdict if row.as_expected else f"{row.verdict} (expected: {row.expected})"
        figures = "; ".join(f"{one.name}: {one.text}" for one in row.figures)
        why = " ".join(filter(None, (row.right, row.reason)))
        source = f"{row.source or ''}{' (unverified)' if row.unverified else ''}".strip()
        table.append([Cell(text) for text in (row.number, row.statement, verdict, figures, why, source)])
    return Grid(columns, table)


def _catalog_grid(rows: Iterable[CatalogClaim]) -> Grid:
    columns = [Column(name, name, number=name in ("published", "computed")) for name in (*_HEADS, "source")]
    table = []
    for row in rows:
        *texts, verdict = _texts(row)
        source = f"{row.source}{' (unverified)' if row.unverified else ''}"
        table.append(
            [*(Cell(text) for text in texts), Cell(f"{verdict}{f': {row.reason}' if row.reason else ''}"), Cell(source)]
        )
    return Grid(columns, table)


def grids(found: Claims, view: View) -> list[Grid]:
    """Return the statements and the catalog as tables for LaTeX."""
    del view
    out = [_grid(found.claims)] if found.claims else []
    return [*out, _catalog_grid(found.catalog)] if found.catalog else out


def csv_grid(found: Claims, view: View) -> Grid:
    """Return one row a figure, exact; a statement without figures has one row, and so has a claim of the catalog."""
    del view
    columns = [Column(name, name) for name in ("id", "number", "verdict", "expected", "name", "value", "text")]
    rows: list[list[Cell]] = []
    for row in found.claims:
        head = [Cell(row.id), Cell(row.number), Cell(row.verdict), Cell(row.expected)]
        figures: list[tuple[str, Fraction | None, str]] = [(one.name, one.value, one.text) for one in row.figures]
        rows += [[*head, *map(Cell, figure)] for figure in figures or [("", None, "")]]
    for one in found.catalog:
        expected = one.verdict if one.as_expected else "otherwise"
        head = [Cell(one.spec), Cell(None), Cell(one.verdict), Cell(expected)]
        rows.append([*head, Cell(one.figure), Cell(one.computed), Cell(one.published)])
    return Grid(columns, rows)
