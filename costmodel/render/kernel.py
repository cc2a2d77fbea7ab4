"""The page of ``archcalc kernel`` for one shape."""

from __future__ import annotations

from fractions import Fraction

from costmodel.amounts import bytes_text, count_text, fixed, flops_unit, ratio
from costmodel.errors import plain
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.hardware_text import coefficients_text, error_text, unit_of
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, fit, line, paragraph
from costmodel.render.times import BOUND, percent_text, time_text
from costmodel.report.kernel import KernelPage

_LABEL = 14
_NOTHING = {"tp": 1, "ep": 1, "window": 0}  # sizes that say nothing


def page(found: KernelPage, view: View) -> Page:
    """Return the whole page."""
    out = [line(f"{found.kernel} on {found.hardware}", "bold")]
    shape = shape_text(found)
    if view.width is None or out[0].width + 2 + len(shape) <= view.width:
        out[0].add(f"  {shape}")
    else:
        out += paragraph(shape, view.width)
    out += [line(), _answer(found), line(), *_rows(found)]
    if not view.quiet:
        out += [line(), *_notes(found, view)]
        if view.tips:
            out.append(line("next: ", "dim").add(f"archcalc hardware show {found.hardware}", "cyan"))
    return fit(out, view.width)


def shape_text(found: KernelPage) -> str:
    """Return sizes and choices: ``m 128, n 8192, k 4096, fp8``."""
    sizes = [
        f"{name.replace('_', '-')} {count_text(value)}"
        for name, value in found.sizes.items()
        if value != _NOTHING.get(name)
    ]
    words = [word if name in ("dtype", "kind") else f"{name} {word}" for name, word in found.choices.items()]
    return ", ".join([*sizes, *words])


def _answer(found: KernelPage) -> Line:
    time = found.time
    out = line("  ")
    if time.expected_s is None:
        out.add(f"floor {time_text(time.floor_s)}", "bold").add("     expected not measured", "yellow")
    else:
        out.add(f"expected {time_text(time.expected_s)}", "bold").add(f"     floor {time_text(time.floor_s)}")
    return out.add("     ").add(time.bound, BOUND[time.bound])


def _rows(found: KernelPage) -> Page:
    time, network = found.time, found.time.bound == "network"
    bandwidth = f"{_bytes(found.bandwidth_bytes_per_s)}/s"
    rows: list[tuple[str, str]] = []
    if not network:
        rows.append(("FLOPs", _flops(found.flops)))
    rows.append(("bytes", _bytes(found.bytes) + (" sent by a device" if network else "")))
    if found.intensity is not None and found.ridge is not None and found.peak_flop_per_s is not None:
        peak = unit_of("FLOP/s", [Fraction(found.peak_flop_per_s)])
        rates = f"{peak.of(Fraction(found.peak_flop_per_s))} {peak.name} {found.multiplies} over {bandwidth}"
        rows += [("intensity", f"{_ratio_text(found.intensity)} FLOP/B")]
        rows += [("ridge", f"{_ratio_text(found.ridge)} FLOP/B: {rates}")]
        rows += [("compute", time_text(time.compute_s)), ("memory", time_text(time.memory_s))]
    else:
        rows.append(("network", f"{time_text(time.network_s)}: a link of {bandwidth}"))
    rows.append(("floor", f"{time_text(time.floor_s)}: {time.bound}"))
    if time.expected_s is not None:
        rows.append(("expected", f"{time_text(time.expected_s)}: {_achieved(found, time.expected_s)}"))
    return [line(f"  {label}").to(_LABEL).add(text) for label, text in rows]


def _achieved(found: KernelPage, seconds: float) -> str:
    """Return how far the expected time is from the floor, and what that is of the ceilings."""
    parts = [f"{ratio(Fraction(seconds), Fraction(found.time.floor_s))} the floor"]
    sides = (("peak", found.time.compute_s), ("bandwidth", found.time.memory_s), ("link", found.time.network_s))
    parts += [f"{percent_text(side / seconds)} of the {name}" for name, side in sides if side]
    return ", ".join(parts)


def _flops(value: int | float) -> str:
    unit = flops_unit([Fraction(value)], least="FLOP")
    return f"{unit.of(Fraction(value))} {unit.name}"


def _bytes(value: int | float) -> str:
    return bytes_text(Fraction(value))


def _ratio_text(value: float) -> str:
    return fixed(Fraction(value), 0 if value >= 100 else 1)


def _notes(found: KernelPage, view: View) -> Page:
    bytes_ = "bytes: what a device must send." if found.time.bound == "network" else "bytes: operands moved once."
    out = paragraph(f"floor: no run that reads its operands from memory is faster. {bytes_}", view.columns, "dim")
    one = found.coefficients
    if one is None:
        what = f"{found.key.rpartition(':')[2]} on {found.hardware} or a device like it"
        return out + paragraph(f"expected: nothing was measured for {what}.", view.columns, "dim")
    out += paragraph(f"expected: {found.formula}; {coefficients_text(one)}", view.columns, "dim")
    whose = f"of {one.device}, twice as wide here" if one.inherited else f"of {one.device}"
    if one.median_error is None:
        return out + paragraph(f"error: not known; coefficients {whose}.", view.columns, "dim")
    text = f"error: median {error_text(one.median_error)}, p90 {error_text(one.p90_error)}; coefficients {whose},"
    text += f" {one.family} {one.key}, {one.rows:,} rows."
    if not found.judged:
        text += f" This shape is not of those; over every shape {error_text(one.all_median_error)}."
    return out + paragraph(plain(text), view.columns, "dim")


def grid(found: KernelPage, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return the one kernel as one row: exact counts, seconds."""
    time, one = found.time, found.coefficients
    figures: list[tuple[str, str, int | float | None, str]] = [
        ("flops", "FLOPs", found.flops, _flops(found.flops)),
        ("bytes", "Bytes", found.bytes, _bytes(found.bytes)),
        ("intensity", "FLOP/B", found.intensity, "-" if found.intensity is None else _ratio_text(found.intensity)),
        ("ridge", "Ridge", found.ridge, "-" if found.ridge is None else _ratio_text(found.ridge)),
        ("floor_s", "Floor", time.floor_s, time_text(time.floor_s)),
        ("expected_s", "Expected", time.expected_s, time_text(time.expected_s)),
        ("median_error", "Error", one.median_error if one else None, error_text(one.median_error if one else None)),
    ]
    columns = [Column("kernel", "Kernel", number=False), Column("hardware", "Device", number=False)]
    columns += [Column(name, name.replace("_", "-")) for name in found.sizes]
    columns += [Column(name, name, number=False) for name in found.choices]
    columns += [Column(key, head) for key, head, _, _ in figures] + [Column("bound", "Bound", number=False)]
    row = [Cell(found.kernel), Cell(found.hardware)]
    row += [Cell(value, count_text(value)) for value in found.sizes.values()]
    row += [Cell(word) for word in found.choices.values()]
    row += [Cell(value, text) for _, _, value, text in figures] + [Cell(time.bound)]
    return Grid(columns, [row], f"{found.kernel} on {found.hardware}.", f"{found.hardware}-{found.kernel}", [])
