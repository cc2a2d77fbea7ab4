"""The page of ``archcalc fit``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel.amounts import bytes_text, context_text, count_text, fixed
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, clean, fit, line, paragraph
from costmodel.render.times import GIGABYTE, beyond, gigabytes, plan_options

if TYPE_CHECKING:
    from costmodel.report.fit import FitPage
    from costmodel.report.fit_search import FitRow, Less


def page(found: FitPage, view: View) -> Page:
    """Return the whole page."""
    name, size = GIGABYTE[view.units]
    capacity = found.rows[0].capacity_bytes
    many = "one sequence" if found.batch == 1 else f"{count_text(found.batch)} sequences"
    out = [line(found.name, "bold").add(f" with {many} of {context_text(found.context)} tokens on {found.hardware}")]
    out[0].add(f" ({gigabytes(capacity, size, 0)} {name})")
    if found.confidence != "published":
        out[0].add(f", {found.confidence}", "yellow")
    out += beyond(found.context, found.setup, view)
    out += [line(), *_answer(found), line(), *_table(found, size)]
    first = found.rows[0]
    if first.devices and not view.quiet:
        out += [line(), *_arithmetic(found, name, size)]
    elif found.less is not None and not view.quiet:
        out += [line(), _fewer(found, found.less, name, size)]
    if not view.quiet:
        out += [line(), *_notes(found, view, name, size)]
        if view.tips and first.plan is not None and first.fits:
            tip = f"archcalc serve {found.name} --hardware {found.hardware}{plan_options(first.plan)}"
            tip += f" --dtype {first.dtype}" if first.dtype != "bf16" else ""
            out.append(line("next: ", "dim").add(tip, "cyan"))
    return fit(out, view.width)


def _answer(found: FitPage) -> Page:
    first = found.rows[0]
    if first.devices is None:
        return [line("  ").add("does not fit", "bold").add(f": {first.problem}")]
    devices = f"{first.devices} device{'' if first.devices == 1 else 's'}"
    if not first.fits:
        return [line("  ").add(f"does not fit on {devices}", "bold").add(f", {first.dtype}")]
    return [line("  ").add(f"fits on {devices}", "bold").add(f", {first.dtype}")]


def _table(found: FitPage, size: int) -> Page:
    width = max(8, *(len(row.dtype) + 1 for row in found.rows))
    head = line("dtype", "bold")
    plan_at = width + 10
    plans = max([11, *(len(row.plan.text) + 1 for row in found.rows if row.plan)])
    edges = {"devices": width + 8}
    edge = plan_at + plans
    for label, cells in (("weights", 8), ("cache", 7), ("active", 7), ("reserve", 8)):
        edge += cells
        edges[label] = edge
    head.right("devices", edges["devices"], "dim").to(plan_at).add("plan", "dim")
    for label in ("weights", "cache", "active", "reserve"):
        head.right(label, edges[label], "dim")
    head.add("  used", "dim").right("room", edge + 15, "dim")
    out, seen = [head], ""
    for row in found.rows:
        one = line(row.dtype if row.dtype != seen else "")
        seen = row.dtype
        if row.plan is None or row.used_bytes is None:
            out.append(one.right("-", edges["devices"]).to(plan_at).add(row.problem or "", "yellow"))
            continue
        one.right(str(row.devices), edges["devices"], "bold").to(plan_at).add(row.plan.text)
        values = (row.weights_bytes, row.cache_bytes, row.activation_bytes, row.reserve_bytes)
        for label, value in zip(("weights", "cache", "active", "reserve"), values, strict=True):
            one.right(gigabytes(value or 0, size), edges[label])
        share = fixed(Fraction(100 * row.used_bytes, row.capacity_bytes), 0)
        one.right(f"{share}%", edge + 6, "" if row.fits else "red")
        out.append(one.right(f"{count_text(row.sequences or 0)} seq", edge + 15))
    return out


def _arithmetic(found: FitPage, name: str, size: int) -> Page:
    first = found.rows[0]
    assert first.plan is not None
    devices = f"{first.devices} device{'' if first.devices == 1 else 's'}"
    edge = 66
    out = [line(f"arithmetic, {first.dtype} on {devices}", "bold").right(name, edge, "dim")]
    rows = [
        (f"weights     {bytes_text(found.weights_total_bytes)} in all; the fullest device", first.weights_bytes),
        (
            f"cache       {bytes_text(found.cache_total_bytes)} in all at {count_text(found.context)} tokens",
            first.cache_bytes,
        ),
        (f"activations largest kernel of {count_text(found.chunk)} new tokens, in and out", first.activation_bytes),
        ("reserve     declared: --overhead, what the engine takes", first.reserve_bytes),
    ]
    for text, value in rows:
        out.append(line(f"  {text}").right(gigabytes(value or 0, size), edge))
    out.append(line("  used", "bold").right(gigabytes(first.used_bytes or 0, size), edge, "bold"))
    if found.less is not None:
        out.append(_fewer(found, found.less, name, size))
    return out


def _fewer(found: FitPage, less: Less, name: str, size: int) -> Line:
    """Return the sum that shows why so many devices do not do: weights, cache, activations, reserve."""
    first = found.rows[0]
    each = less.weights_bytes, less.cache_bytes, less.activation_bytes, first.reserve_bytes
    terms = " + ".join(gigabytes(n, size) for n in each)
    over = less.used_bytes > first.capacity_bytes
    sign = f"> {gigabytes(first.capacity_bytes, size, 0)}" if over else ", but no plan divides so evenly"
    fewer = f"{less.devices} device{'' if less.devices == 1 else 's'}"
    return line(f"  {fewer}, split evenly: {terms} = {gigabytes(less.used_bytes, size)} {name} {sign}")


def _notes(found: FitPage, view: View, name: str, size: int) -> Page:
    text = f"plans tried: {found.tried}." if not (found.setup and found.setup.given) else "the plan that was asked for."
    first = found.rows[0]
    if first.longest_context:
        text += f" Longest context of one sequence on the first: {count_text(first.longest_context)} tokens."
    out = paragraph(text, view.columns, "dim")
    capacity = f"{count_text(found.rows[0].capacity_bytes)} bytes a device, as its profile says; {name} is {size:,}."
    return out + paragraph(capacity + " room: sequences of this context, all devices.", view.columns, "dim")


def grid(found: FitPage, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return the rows."""
    columns = [
        Column("dtype", "Format", number=False),
        Column("devices", "Devices"),
        Column("plan", "Plan", number=False),
        Column("weights_bytes", "Weights (GB)"),
        Column("cache_bytes", "Cache (GB)"),
        Column("activation_bytes", "Activations (GB)"),
        Column("reserve_bytes", "Reserve (GB)"),
        Column("used_bytes", "Used (GB)"),
        Column("capacity_bytes", "Capacity (GB)"),
        Column("sequences", "Sequences"),
        Column("longest_context", "Longest context"),
        Column("problem", "Problem", number=False),
    ]
    return Grid(columns, [_cells(row) for row in found.rows], _caption(found), f"{found.name}-fit", [_definition()])


def _cells(row: FitRow) -> list[Cell]:
    sizes = (
        row.weights_bytes, row.cache_bytes, row.activation_bytes, row.reserve_bytes, row.used_bytes, row.capacity_bytes,
    )  # fmt: skip
    return [
        Cell(row.dtype),
        Cell(row.devices),
        Cell(row.plan.text if row.plan else None),
        *(Cell(n, None if n is None else gigabytes(n, 10**9, 2)) for n in sizes),
        Cell(row.sequences),
        Cell(row.longest_context),
        Cell(row.problem or ""),
    ]


def _caption(found: FitPage) -> str:
    many = f"{count_text(found.batch)} x {context_text(found.context)} tokens"
    return f"{clean(found.title or found.name)} on {found.hardware}, {many}."


def _definition() -> str:
    return "Bytes of the fullest device; activations: operands of the largest kernel; reserve is declared."
