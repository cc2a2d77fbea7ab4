"""The pages of ``archcalc calibrate``, and the profile that it writes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from costmodel.errors import count_of
from costmodel.render.calibration import to_yaml
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.hardware_text import error_text, unit_of
from costmodel.render.profile import profile_yaml
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.report.calibrate import CalibrationPage, FittedRow
from costmodel.report.local import KEY_NOTE, MEMORY_MB, LocalPage

Answer = CalibrationPage | LocalPage
_HEADS = ("fitted", "rows", "train", "p90", "held out", "p90", "floor", "below")
_KEYS = ("train_median_error", "train_p90_error", "median_error", "p90_error", "floor_median_error")
_NOTE = (
    "train, held out: median and 90th percentile of |expected / measured - 1| over judged rows, whose shapes models "
    "have, on the half of the shapes that was fitted to and on the other one; floor: the median of "
    "max(FLOPs / peak, bytes / bandwidth) alone, on the other one. below: rows faster than the floor."
)


def yaml_text(found: Answer) -> str:
    """Return the profile with its new coefficients, as a file that --hardware takes."""
    profile = found.profile
    if profile is None:
        return ""
    if isinstance(found, LocalPage):
        head = ["Written by archcalc calibrate --local, which replaces it."]
        return profile_yaml(profile, to_yaml(found.fitted, source="local", note=KEY_NOTE), head)
    own = profile.calibration
    head = ["Written by archcalc calibrate --from."]
    return profile_yaml(profile, to_yaml(found.fitted, source=own.source, like=own.like), head)


def page(found: Answer, view: View) -> Page:
    """Return the page of whichever it was."""
    return _local(found, view) if isinstance(found, LocalPage) else _fitted(found, view)


def _fitted(found: CalibrationPage, view: View) -> Page:
    files = count_of(len(found.files), "file")
    out = [line(found.hardware, "bold").add(f"  {count_of(len(found.rows), 'format')} fitted to {files}"), line()]
    out += table(_HEADS, [_texts(row) for row in found.rows], view)
    if not view.quiet:
        out += [line(), *paragraph(f"{_NOTE} {_WRITES}", view.columns, "dim")]
    return fit(out, view.width)


_WRITES = "--out FILE writes the profile, which --hardware FILE takes."


def _texts(row: FittedRow) -> list[str]:
    errors = [error_text(getattr(row, name)) for name in _KEYS]
    return [f"{row.family} {row.key}", f"{row.rows:,}", *errors, f"{row.below_floor:,}"]


def _local(found: LocalPage, view: View) -> Page:
    measured = found.measured
    out = [line(found.name, "bold").add(f"  one core of {clean(measured.cpu)}; {clean(measured.threads)}"), line()]
    rows = [[f"  {name}", text, unit] for name, _, text, _, unit in _measured(found)]
    out += table(("measured", "best", ""), rows, view, left=(0, 2))
    if not view.quiet:
        text = (
            f"From the least CPU time of many runs. The profile's bandwidth is the best of all copies, so "
            f"that no run beats the floor; memory beyond the caches ({MEMORY_MB} MB) gives "
            f"{found.coefficients['memory']:.0%} of it. {_WRITES}"
        )
        out += [line(), *paragraph(text, view.columns, "dim")]
    return fit(out, view.width)


def _measured(found: LocalPage) -> Iterator[tuple[str, float, str, str, str]]:
    """Yield what was measured: its name, the number with its text, the unit with the text's."""
    products, copies = found.measured.flop_per_s, found.measured.bytes_per_s
    rates = [(f"product of {n} x {n}, fp32", "FLOP/s", products, value) for n, value in products.items()]
    rates += [(f"copy of {mb} MB", "B/s", copies, value) for mb, value in copies.items()]
    for name, unit, column, value in rates:
        shown = unit_of(unit, [Fraction(one) for one in column.values()])
        yield name, value, shown.of(Fraction(value)), unit, shown.name
    yield "call of a product", found.measured.call_s, f"{found.measured.call_s * 1e6:.2f}", "s", "us"


def grid(found: Answer, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return one row a format, or one a figure of this machine."""
    if isinstance(found, LocalPage):
        return _local_grid(found)
    columns = [Column("family", "Family", number=False), Column("format", "Format", number=False)]
    columns += [Column("rows", "Rows"), Column("judged", "Judged")]
    heads = ("Train", "Train p90", "Held out", "Held out p90", "Floor")
    columns += [Column(key, f"{head} (%)") for key, head in zip(_KEYS, heads, strict=True)]
    columns.append(Column("below_floor", "Below floor"))
    rows = []
    for row in found.rows:
        errors = [Cell(getattr(row, name), error_text(getattr(row, name)).rstrip("%")) for name in _KEYS]
        counts = [Cell(row.rows, f"{row.rows:,}"), Cell(row.judged, f"{row.judged:,}")]
        rows.append([Cell(row.family), Cell(row.key), *counts, *errors, Cell(row.below_floor)])
    return Grid(columns, rows, f"Coefficients of {found.hardware}.", f"{found.hardware}-calibrated", [_NOTE])


def _local_grid(found: LocalPage) -> Grid:
    columns = [Column("figure", "Figure", number=False), Column("value", "Value"), Column("unit", "Unit", number=False)]
    rows = [[Cell(name), Cell(value, text), Cell(unit, shown)] for name, value, text, unit, shown in _measured(found)]
    return Grid(columns, rows, f"One core of {clean(found.measured.cpu)}.", found.name, [])
