"""The page of ``archcalc kernel --from``, and its rows as CSV."""

from __future__ import annotations

from costmodel.errors import count_of, plain
from costmodel.render import escape
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.hardware_text import error_text
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.report.kernel_file import ADDED, FormatErrors, KernelFile

_HEADS = ("format", "rows", "judged", "median", "p90", "all", "floor", "below floor", "from")
_KEYS = ("judged_median_error", "judged_p90_error", "median_error", "floor_median_error")
_NOTE = (
    "median, p90: |expected / measured - 1| over judged rows, whose shapes models have; all: the median over every "
    "row; floor: that of max(FLOPs / peak, bytes / bandwidth) alone. Rows that coefficients were fitted to are among "
    "them. below floor: rows faster than the device's data allow. from: whose coefficients."
)


def csv_text(found: KernelFile) -> str:
    """Return the file's columns in order, then floor and expected time; rows as they were written.

    Times have nine digits; where nothing was measured the expected one is empty.
    """
    source = found.table
    if source is None:
        return ""
    header = ",".join([*map(_cell, source.header), *ADDED])
    lines = source.lines
    if lines is None or not _is_harmless(lines):
        columns = (source.columns[name] for name in source.header)
        lines = [",".join(map(_cell, row)) for row in zip(*columns, strict=True)]
    times = zip(lines, found.floor_us, found.expected_us, strict=True)
    rows = [f"{text},{low:.9g},{f'{time:.9g}' if time is not None else ''}" for text, low, time in times]
    return "\n".join([header, *rows, ""])


def _is_harmless(lines: list[str]) -> bool:
    """Say whether rows can be written as they are: no control characters, nothing that a spreadsheet calculates."""
    text = ",".join(lines)
    return text.isprintable() and not any(f",{c}" in text or text.startswith(c) for c in "=+-@")


def _cell(text: str) -> str:
    """Return a value as it was, unless a spreadsheet would calculate it; quoted where CSV needs it."""
    try:
        float(text)
    except ValueError:
        text = escape.csv(text)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else plain(text)


def page(found: KernelFile, view: View) -> Page:
    """Return errors by format, or without measurements how many rows have a time."""
    rows_of = f"  {count_of(found.rows, 'row')} of {_file(found)}"
    out = [line(f"{found.kernel} on {found.hardware}", "bold").add(rows_of), line()]
    if found.measured:
        rows = [_texts(one) for one in found.formats]
        out += table(_HEADS, rows, view, left=(0, len(_HEADS) - 1))
    else:
        rows = [[one.key, f"{one.rows:,}", f"{one.judged:,}", one.device or "not measured"] for one in found.formats]
        out += table(("format", "rows", "judged", "from"), rows, view, left=(0, 3))
    if not view.quiet:
        note = _NOTE if found.measured else "judged: rows whose shapes models have. from: whose coefficients."
        out += [line(), *paragraph(f"{note} --format csv prints every row's times.", view.columns, "dim")]
    return fit(out, view.width)


def _file(found: KernelFile) -> str:
    return clean(found.file).replace("\\", "/").rpartition("/")[2]


def _texts(one: FormatErrors) -> list[str]:
    errors = [error_text(getattr(one, name)) for name in _KEYS]
    below = "-" if one.below_floor is None else f"{one.below_floor:,}"
    return [one.key, f"{one.rows:,}", f"{one.judged:,}", *errors, below, one.device or "-"]


def grid(found: KernelFile, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return errors by format."""
    columns = [Column("format", "Format", number=False), Column("rows", "Rows"), Column("judged", "Judged")]
    columns += [Column(key, f"{head} (%)") for key, head in zip(_KEYS, ("Median", "p90", "All", "Floor"), strict=True)]
    columns += [Column("below_floor", "Below floor"), Column("device", "Coefficients of", number=False)]
    rows = []
    for one in found.formats:
        errors = [Cell(getattr(one, name), error_text(getattr(one, name)).rstrip("%")) for name in _KEYS]
        counts = [Cell(one.rows, f"{one.rows:,}"), Cell(one.judged, f"{one.judged:,}")]
        rows.append([Cell(one.key), *counts, *errors, Cell(one.below_floor), Cell(one.device)])
    caption = f"{found.kernel} on {found.hardware}, {count_of(found.rows, 'row')} of {_file(found)}."
    return Grid(columns, rows, caption, f"{found.hardware}-{found.kernel}", [_NOTE])
