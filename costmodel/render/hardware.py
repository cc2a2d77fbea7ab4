"""The pages of ``archcalc hardware``."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from costmodel.amounts import fixed, ratio
from costmodel.errors import count_of
from costmodel.render import hardware_show
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.hardware_text import amount_text, calibrated_text, unit_of
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.report.device import HardwareRow
from costmodel.report.hardware import HardwareComparison, HardwareList, HardwarePage

Answer = HardwareList | HardwarePage | HardwareComparison
_HEADS = ["name", "GB", "TB/s", "bf16", "fp8", "fp4", "link", "W", "unver.", "calibrated"]
_NOTE = (
    "bf16, fp8, fp4: dense TFLOP/s. link: GB/s of one device in one direction. unver.: figures that no source "
    "confirms, of all in the profile. like X: times use coefficients measured on X."
)


def page(found: Answer, view: View) -> Page:
    """Return the page of whichever action it was."""
    if isinstance(found, HardwarePage):
        return hardware_show.page(found, view)
    return _list(found, view) if isinstance(found, HardwareList) else _compare(found, view)


def grids(found: Answer, view: View) -> list[Grid]:
    """Return the tables for Markdown and LaTeX."""
    if isinstance(found, HardwarePage):
        return hardware_show.grids(found)
    return [csv_grid(found, view)]


def csv_grid(found: Answer, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return the one table for CSV."""
    if isinstance(found, HardwarePage):
        return hardware_show.grids(found)[0]
    return _list_grid(found) if isinstance(found, HardwareList) else _compare_grid(found)


def _list(found: HardwareList, view: View) -> Page:
    rows = [_texts(row) for row in found.rows]
    heads, left = list(_HEADS), [0, len(_HEADS) - 1]
    if view.width is None or view.width >= 140:
        heads.append("title")
        left.append(len(_HEADS))
        rows = [[*texts, clean(row.title)] for texts, row in zip(rows, found.rows, strict=True)]
    out = table(heads, rows, view, left=left, gap=1) if rows else []
    if not view.quiet:
        said = f"{count_of(len(rows), 'device')}. {_NOTE}" if rows else _nothing(found.filter)
        out += ([line()] if rows else []) + paragraph(said, view.columns, "dim")
        if view.tips:
            out.append(line("next: ", "dim").add("archcalc hardware show NAME", "cyan"))
    return fit(out, view.width)


def _nothing(wanted: str | None) -> str:
    return f'no name, title, alias or vendor contains "{clean(wanted or "")[:64]}"'


def _texts(row: HardwareRow) -> list[str]:
    peaks = [_scaled(value, 10**12) for value in (row.bf16_flop_per_s, row.fp8_flop_per_s, row.fp4_flop_per_s)]
    unverified = f"{row.unverified}/{row.figures}" if row.unverified else "0"
    return [
        row.name,
        _scaled(row.memory_bytes, 10**9),
        fixed(row.bandwidth_bytes_per_s / 10**12, 2),
        *peaks,
        _scaled(row.link_bytes_per_s, 10**9),
        _scaled(row.power_w, 1),
        unverified,
        calibrated_text(row),
    ]


def _scaled(value: Fraction | None, size: int) -> str:
    """Return a rate: whole numbers from 100, one digit below, ``-`` for none."""
    return "-" if value is None else fixed(value / size, 0 if value >= 100 * size else 1)


def _list_grid(found: HardwareList) -> Grid:
    peaks = ("bf16_flop_per_s", "fp8_flop_per_s", "fp4_flop_per_s")
    keys = ("memory_bytes", "bandwidth_bytes_per_s", *peaks, "link_bytes_per_s", "power_w")
    shown = ("Memory (GB)", "TB/s", "bf16", "fp8", "fp4", "Link (GB/s)", "Power (W)")
    columns = [Column("name", "Name", number=False), Column("title", "Title", number=False)]
    columns += [Column(key, head) for key, head in zip(keys, shown, strict=True)]
    columns += [Column("figures", "Figures"), Column("unverified", "Unverified")]
    columns += [Column("calibrated", "Calibrated", number=False)]
    rows = []
    for row in found.rows:
        values = [getattr(row, key) for key in keys]
        numbers = [Cell(value, text) for value, text in zip(values, _texts(row)[1:8], strict=True)]
        counts = [Cell(row.figures), Cell(row.unverified), Cell(calibrated_text(row))]
        rows.append([Cell(row.name), Cell(row.title), *numbers, *counts])
    return Grid(columns, rows, "Accelerators.", "hardware", [_NOTE])


def _compare(found: HardwareComparison, view: View) -> Page:
    devices = [device.name for device in found.devices]
    rows, several = [], len(devices)
    for one in found.figures:
        unit = unit_of(one.unit, one.values)
        label = f"{one.name}, {unit.name}" if unit.name else one.name
        marks = ["~" if basis == "unverified" else "" for basis in one.basis]
        texts = [
            mark + amount_text(value, one.unit, unit) if value is not None else "-"
            for mark, value in zip(marks, one.values, strict=True)
        ]
        rows.append([label, *texts, _ratio(one.values)])
    rows.append(["calibrated", *(calibrated_text(device) for device in found.devices), ""])
    out = [line(" and ".join(devices) if several == 2 else ", ".join(devices), "bold"), line()]
    out += table(["figure", *devices, "ratio"], rows, view)
    if not view.quiet:
        note = "ratio: last / first. ~: no source confirms it. Peaks are dense; links of one device in one direction."
        out += [line(), *paragraph(note, view.columns, "dim")]
        if view.tips:
            out.append(line("next: ", "dim").add(f"archcalc hardware show {devices[-1]}", "cyan"))
    return fit(out, view.width)


def _ratio(values: Iterable[Fraction | None]) -> str:
    first, *_, last = values
    return ratio(last, first) if first and last else "-"


def _compare_grid(found: HardwareComparison) -> Grid:
    columns = [Column("figure", "Figure", number=False), Column("unit", "Unit", number=False)]
    columns += [Column(device.name, device.name) for device in found.devices]
    columns.append(Column("ratio", "Ratio"))
    rows = []
    for one in found.figures:
        unit = unit_of(one.unit, one.values)
        values = [Cell(value, amount_text(value, one.unit, unit) if value is not None else "-") for value in one.values]
        rows.append([Cell(one.name), Cell(one.unit, unit.name), *values, Cell(one.ratio, _ratio(one.values))])
    return Grid(columns, rows, "Devices side by side; ratio is last / first.", "hardware-compare", [])
