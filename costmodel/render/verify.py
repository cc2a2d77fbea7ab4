"""The pages of ``archcalc verify``."""

from __future__ import annotations

from costmodel.errors import count_of
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.report.verify import FigureRow, Verified, Verify


def page(found: Verify, view: View) -> Page:
    """Return one table of equalities a spec, then what they prove."""
    out: Page = []
    for spec in found.specs:
        out += [line()] if out else []
        out += _spec(spec, view)
    if not view.quiet:
        out += [line(), *_notes(found)]
    return fit(out, view.width)


def _spec(spec: Verified, view: View) -> Page:
    size = f"{count_of(spec.n_layers, 'layer')}, d_model {spec.d_model}, {count_of(spec.parameters, 'parameter')}"
    out: Page = [line(clean(spec.name), "bold").add(f"  scaled down to {size}"), line()]
    rows = [_equalities(name, rows) for name, rows in _by_figure(spec).items()]
    heads = ["figure", "compared", "largest, archcalc", "PyTorch"]
    out += table(heads, rows, view, left=[0])
    if view.verbose:
        out.append(line())
        every = [[row.figure, row.at, f"{row.archcalc:,}", f"{row.pytorch:,}"] for row in spec.figures]
        out += table(["figure", "at", "archcalc", "PyTorch"], every, view, left=[0, 1])
    out.append(line())
    if spec.full_size is not None and spec.full_size.note:
        out += paragraph(f"Not compared at full size: {clean(spec.full_size.note)}.", 80)
    if spec.differs is None:
        return [*out, line(f"{count_of(spec.equal, 'figure')} equal", "green")]
    row = spec.differs
    at = f" at {row.at}" if row.at else ""
    out.append(line(f"{row.figure}{at} differs: ", "red").add(_apart(row)))
    return [*out, *(line(f"  {clean(term)}") for term in row.terms)]


def _by_figure(spec: Verified) -> dict[str, list[FigureRow]]:
    found: dict[str, list[FigureRow]] = {}
    for row in spec.figures:
        found.setdefault(row.figure, []).append(row)
    return found


def _equalities(name: str, rows: list[FigureRow]) -> list[str]:
    """Return the row of one figure: how often it was compared, and the largest value, or the one that differs."""
    shown = next((row for row in rows if not row.equal), max(rows, key=lambda row: row.archcalc))
    return [name, str(len(rows)), f"{shown.archcalc:,}", f"{shown.pytorch:,}"]


def _apart(row: FigureRow) -> str:
    return f"archcalc {row.archcalc:,}, PyTorch {row.pytorch:,}, {row.archcalc - row.pytorch:+,}"


def _notes(found: Verify) -> Page:
    text = (
        "Each spec was made small with its mechanisms, options and kinds of layers; a PyTorch model was built from it, "
        "which shares no formula with archcalc, and run: prefill, chunked prefill, decode. Equal are integers."
    )
    out = paragraph(text, 80)
    if by := next((spec.full_size.by for spec in found.specs if spec.full_size and spec.full_size.model), None):
        out += paragraph(f"At full size parameters are those of the class of {clean(by)}, built without memory.", 80)
    if found.skipped:
        out += paragraph(f"Not published, so not verified: {', '.join(map(clean, found.skipped))}.", 80)
    return [*out, line(f"torch {clean(found.torch)}", "dim")]


def grids(found: Verify, view: View) -> list[Grid]:  # noqa: ARG001
    """Return one table a spec."""
    columns = [
        Column("figure", "figure", number=False),
        Column("compared", "compared"),
        Column("archcalc", "archcalc"),
        Column("pytorch", "PyTorch"),
    ]
    out = []
    for spec in found.specs:
        rows = [[Cell(text) for text in _equalities(name, rows)] for name, rows in _by_figure(spec).items()]
        state = "equal" if spec.differs is None else f"{spec.differs.figure} differs: {_apart(spec.differs)}"
        if spec.full_size is not None and spec.full_size.note:
            state += f"; not compared at full size: {spec.full_size.note}"
        out.append(Grid(columns, rows, caption=f"{spec.name}: {state}", label=f"verify-{spec.name}"))
    return out


def csv_grid(found: Verify, view: View) -> Grid:  # noqa: ARG001
    """Return every comparison."""
    columns = [Column(key, key, number=key in ("archcalc", "pytorch")) for key in
               ("name", "figure", "at", "archcalc", "pytorch", "equal")]  # fmt: skip
    rows = [
        [Cell(v) for v in (spec.name, row.figure, row.at, row.archcalc, row.pytorch, str(row.equal).lower())]
        for spec in found.specs
        for row in spec.figures
    ]
    return Grid(columns, rows)
