"""The page of ``archcalc hardware show``: figures with their sources, then what was measured."""

from __future__ import annotations

from fractions import Fraction

from costmodel.amounts import bytes_text, fixed
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.hardware_text import coefficients_text, error_text, unit_of
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.report.device import CalibrationRow, FigureRow
from costmodel.report.hardware import HardwarePage


def page(found: HardwarePage, view: View) -> Page:
    """Return the whole page."""
    out = [line(found.name, "bold").add(f"  {clean(found.title)}, {clean(found.vendor)}, {found.generation}")]
    out += [line(), line("  ").add(_answer(found), "bold"), line()]
    out += _figures(found, view)
    out += [line(), *_calibration(found, view)]
    if not view.quiet:
        out += [line(), *_sources(found, view)]
        if found.note:
            out += [line(), *paragraph(f"note: {clean(found.note)}", view.columns, "dim")]
        if view.tips:
            out.append(line("next: ", "dim").add(f"archcalc kernel gemm -H {found.name} {_SHAPE}", "cyan"))
    return fit(out, view.width)


_SHAPE = "--m 4096 --n 4096 --k 4096"


def _answer(found: HardwarePage) -> str:
    row = found.row
    if row is None:
        return found.name
    parts = [f"{_whole_gb(row.memory_bytes)} at {bytes_text(row.bandwidth_bytes_per_s)}/s"]
    peaks = {one.name.rpartition(".")[2]: one for one in found.figures if one.name.startswith("dense_peak.")}
    name = "bf16" if "bf16" in peaks else next(iter(peaks))
    peak = peaks[name]
    unit = unit_of(peak.unit, [peak.amount])
    parts.append(
        f"{unit.of(peak.amount)} {unit.name} {name} (ridge {fixed(peak.amount / row.bandwidth_bytes_per_s, 0)} FLOP/B)"
    )
    if row.power_w:
        parts.append(f"{fixed(row.power_w, 0)} W")
    return "     ".join(parts)


def _whole_gb(value: Fraction) -> str:
    return f"{fixed(value / 10**9, 0 if value % 10**9 == 0 else 1)} GB"


def _figures(found: HardwarePage, view: View) -> Page:
    """Return a line a figure, and below it which source says so and how."""
    rows = [(f"  {one.name}", clean(one.value), one.basis) for one in found.figures]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    out = [line("figures", "bold").right("value", sum(widths) + 2, "dim").add("  basis", "dim")]
    for one, row in zip(found.figures, rows, strict=True):
        style = "yellow" if one.basis == "unverified" else ""
        out.append(line(row[0]).right(row[1], sum(widths) + 2).add(f"  {row[2]}", style))
        about = _about(one)
        if about and not view.quiet:
            out += paragraph(about, view.columns, "dim", indent="    ")
    for fabric in found.fabrics:
        adds = ", its switches add" if fabric.reduces else ""
        out += paragraph(f"{fabric.place}: {clean(fabric.name)}{adds}", view.columns, indent="  ")
    return out


def _about(one: FigureRow) -> str:
    return "; ".join(clean(text) for text in (one.source_title, one.note) if text)


def _calibration(found: HardwarePage, view: View) -> Page:
    if not found.calibrations:
        return paragraph("calibration: none; archcalc calibrate makes one from measured kernels", view.columns, "bold")
    out = [line("calibration", "bold")]
    heads = ["  family", "format", "from", "rows", "median", "p90"]
    rows = []
    for one in found.calibrations:
        errors = [error_text(one.median_error), error_text(one.p90_error)]
        rows.append([f"  {one.family}", one.key, one.device, f"{one.rows:,}" if one.rows else "-", *errors])
    styles = ["yellow" if one.inherited else "" for one in found.calibrations]
    listed = table(heads, rows, view, left=(0, 1, 2), styles=styles)
    if view.verbose and len(listed) == len(rows) + 1:
        with_values = listed[:1]
        for one, row in zip(found.calibrations, listed[1:], strict=True):
            with_values += [row, *paragraph(coefficients_text(one), view.columns, "dim", indent="    ")]
        listed = with_values
    out += listed
    if found.overhead:
        whose = "" if found.overhead_from == found.name else f", from {found.overhead_from}"
        each = f"{found.overhead['step_us']:g} us a step and {found.overhead['layer_us']:g} us a layer"
        out.append(line(f"  an engine adds {each}{whose}"))
    if found.calibration_note:
        out += paragraph(clean(found.calibration_note), view.columns, indent="  ")
    if not view.quiet:
        out += [line(), *paragraph(_errors_note(found.calibrations), view.columns, "dim")]
    return out


def _errors_note(rows: list[CalibrationRow]) -> str:
    text = "median, p90: |expected / measured - 1| on shapes that models have and that were not fitted to"
    wider = "; twice as wide where the coefficients are another device's" if any(row.inherited for row in rows) else ""
    return f"{text}{wider}. -v prints the coefficients."


def _sources(found: HardwarePage, view: View) -> Page:
    if not found.sources:
        return []
    out = [line("sources", "bold")]
    for one in found.sources:
        read = f"read {one.read}" if one.read else None
        text = ", ".join(clean(part) for part in (one.title, one.locator, read, one.note) if part)
        out += paragraph(f"{clean(one.name)}: {text}", view.columns, "dim", indent="  ")
        if one.url and view.verbose:
            out.append(line(f"    {clean(one.url)}", "dim"))
    return out


def grids(found: HardwarePage) -> list[Grid]:
    """Return figures, and the calibration."""
    columns = [Column("device", "Device", number=False), Column("figure", "Figure", number=False)]
    columns += [Column("amount", "Value", number=False), Column("unit", "Unit", number=False)]
    columns += [Column("basis", "Basis", number=False), Column("source", "Source", number=False)]
    columns.append(Column("note", "Note", number=False))
    rows = []
    for one in found.figures:
        texts = [Cell(one.unit, ""), Cell(one.basis), Cell(one.source_title), Cell(one.note)]
        rows.append([Cell(found.name), Cell(one.name), Cell(one.amount, one.value), *texts])
    out = [Grid(columns, rows, f"{clean(found.title)}: figures and where they were read.", found.name)]
    if found.calibrations:
        heads = ("Device", "Family", "Format", "Measured on")
        columns = [Column(head.lower().replace(" ", "_"), head, number=False) for head in heads]
        columns += [Column("rows", "Rows"), Column("median_error", "Median (%)"), Column("p90_error", "p90 (%)")]
        out.append(Grid(columns, [_calibration_cells(found.name, one) for one in found.calibrations], _CAPTION))
        out[-1].label = f"{found.name}-calibration"
        out[-1].notes = [_errors_note(found.calibrations).rpartition(" -v")[0]]
    return out


_CAPTION = "Calibration: coefficients and their errors."


def _calibration_cells(name: str, one: CalibrationRow) -> list[Cell]:
    errors = [Cell(error, error_text(error).rstrip("%")) for error in (one.median_error, one.p90_error)]
    words = [Cell(text) for text in (name, one.family, one.key, one.device)]
    return [*words, Cell(one.rows, f"{one.rows:,}"), *errors]
