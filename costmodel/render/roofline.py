"""The page of ``archcalc roofline``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel.amounts import count_text, fixed
from costmodel.plan import expert_counts
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Page, clean, fit, line, paragraph
from costmodel.render.times import (
    BOUND,
    beyond,
    percent_text,
    plan_options,
    plan_text,
    rate_text,
    step_text,
    time_text,
    time_unit,
)

if TYPE_CHECKING:
    from costmodel.report.roofline import GroupTime, OpTime, RooflinePage

_NAME = 20
_WHY = 3


def page(found: RooflinePage, view: View) -> Page:
    """Return the whole page."""
    assert found.load is not None
    assert found.setup is not None
    where = f"{found.plan.devices} x {found.hardware}" if found.plan.devices > 1 else found.hardware
    out = [line(found.name, "bold").add(f" on {where}   {step_text(found.load)}")]
    if found.confidence != "published":
        out[0].add(f", {found.confidence}", "yellow")
    words = plan_text(found.plan, found.local_batch, found.micro_batches, expert_counts(found.setup.architecture))
    out += paragraph(f"plan: {words}", view.columns)
    out += paragraph(_formats(found), view.columns)
    out += beyond(found.load.cached_tokens + found.load.new_tokens, found.setup, view)
    out += _memory(found, view)
    out += [line(), *_answer(found), line(), *_table(found, view)]
    if view.verbose:
        out += [line(), *_ops(found)]
    if not view.quiet:
        out += _why(found)
        out += _help(found)
        out += [line(), *_notes(found, view)]
        if view.tips:
            tip = f"archcalc serve {found.name} --hardware {found.hardware}{plan_options(found.plan)}"
            out.append(line("next: ", "dim").add(tip, "cyan"))
    return fit(out, view.width)


def _formats(found: RooflinePage) -> str:
    """Return number formats and executions that are not the usual ones."""
    parts = [found.dtype.replace("=", " ").replace(",", ", ")]
    parts += [f"{name} emulated" for name in found.emulated]
    multiplied = sorted({op.dtype for op in found.ops if op.group == "attention scores"})
    if multiplied:
        parts.append(f"attention math {' and '.join(multiplied)}")
    ways = found.conventions.mla.get("step")
    text = ", ".join(parts)
    if ways:
        text += f"; mla {ways}"
    if found.kernels == "naive":
        text += "; naive kernels: scores and every step on single values go through memory"
    return text


def _memory(found: RooflinePage, view: View) -> Page:
    """Return a warning where the step's weights and caches are more than a device holds."""
    held = found.memory
    if held.fits:
        return []
    weights, caches, most = (
        fixed(Fraction(n, 10**9), 1) for n in (held.weights_bytes, held.cache_bytes, held.capacity_bytes)
    )
    text = f"does not fit: weights {weights}, caches {caches} of {most} GB a device"
    return paragraph(text, view.columns, "yellow")


def _answer(found: RooflinePage) -> Page:
    """Return the time that answers, what it gives, and the other two with what binds."""
    time = found.time
    unit = "a token" if found.workload["new_tokens"] == 1 else "a step"
    rest = line(f"  serial {time_text(time.serial_s)}")
    if time.expected_s is None:
        first = line(f"  floor {time_text(time.floor_s)} {unit}", "bold")
        lacking = sorted({_WORDS.get(op.family, op.group) for op in found.ops if op.expected_s is None})
        known = any(op.expected_s is not None for op in found.ops)
        what = f"not measured: {', '.join(lacking)}" if known else "not measured on such a device"
        first.add(f"  {what}", "yellow")
    else:
        first = line(f"  expected {time_text(time.expected_s)} {unit}", "bold")
        first.add(f"  {rate_text(time.tokens_per_s_per_device)} tokens/s a device")
        rest.add(f"  floor {time_text(time.floor_s)}")
    return [first, rest.add("  bound by ").add(time.bound, BOUND[time.bound])]


def _table(found: RooflinePage, view: View) -> Page:
    rows = found.groups
    known = found.time.expected_s is not None
    unit = time_unit([row.expected_s if known else row.serial_s for row in rows])
    what = "one micro-batch" if found.plan.pp > 1 else "one device"
    head = line(what if unit.name == "ms" else f"{what}, {unit.name}", "bold")
    for text, edge in (("TFLOP", 28), ("GB", 36), ("FLOP/B", 44), ("serial", 52), ("expected", 61), ("bound", 70)):
        head.right(text, edge, "dim")
    head.right("share", 76, "dim")
    out = [head]
    bar = 0 if view.columns < 80 else 8 if view.columns >= 100 else 4
    for row in rows:
        one = line(f"  {row.group}").right(_tera(row.flops), 28).right(_giga(row.bytes + row.wire_bytes), 36)
        one.right(_intensity(row), 44).right(unit.of(row.serial_s), 52)
        one.right(unit.of(row.expected_s) if row.expected_s is not None else "-", 61)
        one.right(row.bound, 70, BOUND[row.bound]).right(percent_text(row.share), 75).add(" ")
        out.append(one.add(view.marks.bar(round(row.share * 1000), 1000, bar), "cyan"))
    if known and found.time.overhead_s:
        share = found.time.overhead_s / (_rows(found, "expected") + found.time.hidden_s)
        one = line("  engine").right("-", 28).right("-", 36).right("-", 44).right("-", 52)
        out.append(one.right(unit.of(found.time.overhead_s), 61).right("-", 70).right(percent_text(share), 75))
    if known and found.time.hidden_s:
        out.append(line("  hidden by overlap").right(unit.of(-found.time.hidden_s), 61))
    total = line("  total", "bold").right(_tera(sum(row.flops for row in rows)), 28)
    total.right(_giga(sum(row.bytes + row.wire_bytes for row in rows)), 36).right(unit.of(_rows(found, "serial")), 52)
    out.append(total.right(unit.of(_rows(found, "expected")) if known else "-", 61))
    return out


def _rows(found: RooflinePage, which: str) -> float:
    if which == "serial":
        return sum(row.serial_s for row in found.groups)
    return sum(row.expected_s or 0.0 for row in found.groups) + found.time.overhead_s - found.time.hidden_s


def _tera(flops: int) -> str:
    return fixed(Fraction(flops, 10**12), 2)


def _giga(size: int) -> str:
    return fixed(Fraction(size, 10**9), 2)


def _intensity(row: GroupTime) -> str:
    return "-" if not row.intensity else fixed(Fraction(row.intensity), 0)


def _why(found: RooflinePage) -> Page:
    """Return a sentence for each of the longest groups."""
    out: Page = []
    for row in found.groups[:_WHY]:
        sentence = _reason(found, row)
        if sentence:
            out.append(line(f"  {row.group}: {sentence}"))
    return [line(), line("why", "bold"), *out] if out else []


def _reason(found: RooflinePage, row: GroupTime) -> str:
    ops = [op for op in found.ops if op.group == row.group]
    if row.bound == "network":
        wire, calls = row.serial_s, sum(op.runs for op in ops)
        if row.expected_s is None:
            return f"{_giga(row.wire_bytes)} GB on the wire in {count_text(calls)} calls"
        rest = row.expected_s - wire
        return f"the bytes take {time_text(wire)}, the start of {count_text(calls)} calls the other {time_text(rest)}"
    ridge = found.ridge.get(max(ops, key=lambda op: op.floor_s).dtype)
    if row.group == "experts":
        return _experts_reason(found, row)
    if ridge and row.intensity:
        dtype = max(ops, key=lambda op: op.floor_s).dtype
        side = "above" if row.intensity > ridge else "below"
        return f"{_intensity(row)} FLOP/B, {side} the ridge of {fixed(Fraction(ridge), 0)} ({dtype})"
    return ""


def _experts_reason(found: RooflinePage, row: GroupTime) -> str:
    """Say how many experts are read for how many tokens each."""
    assert found.step is not None
    works = [one.work for one in found.step.rows if one.work.group == "experts" and one.work.family == "moe"]
    sizes = getattr(works[0], "sizes", None) if works else None
    if not sizes:
        return ""
    touched, local = float(sizes["touched"]), int(sizes["local"])
    each = float(sizes["rows"]) / touched if touched else 0.0
    number = fixed(Fraction(each), 0 if each >= 10 else 1).removesuffix(".0")
    return (
        f"{fixed(Fraction(touched), 1)} of the {local} on a device are read for {number} tokens each "
        f"({_intensity(row)} FLOP/B)"
    )


def _help(found: RooflinePage) -> Page:
    """Return the changes that were evaluated and help most."""
    if not found.changes:
        return []
    unit = time_unit([change.time_s for change in found.changes], 1)
    word = "expected" if found.time.expected_s is not None else "serial"
    head = line("what would help", "bold").right(f"{word} {unit.name}", 49, "dim").right("tokens/s a device", 71, "dim")
    out = [line(), head]
    for change in found.changes:
        devices = f" ({change.devices} devices)" if change.devices != found.plan.devices else ""
        one = line(f"  {change.options}{devices}").right(unit.of(change.time_s), 49)
        one.right(rate_text(change.tokens_per_s_per_device), 62)
        out.append(one.add(f"  ({fixed(Fraction(change.gain), 1)}x)"))
    return out


_WORDS = {
    "gemm": "gemm", "moe": "moe", "attention_decode": "attention", "attention_prefill": "attention",
    "mla_absorbed": "mla", "mla_expanded": "mla", "all_reduce": "all-reduce", "nccl": "nccl", "moe_a2a": "all-to-all",
}  # fmt: skip


def _notes(found: RooflinePage, view: View) -> Page:
    text = "floor: no run is faster (dense peaks, link rate, routing uniform); serial: kernels one after another."
    if found.plan.skew is not None:
        text = f"floor: dense peaks, link rate; experts' popularity skewed, shape {found.plan.skew:g}."
    out = paragraph(text, view.columns, "dim")
    devices = sorted({op.coefficients.device for op in found.ops if op.coefficients})
    if not devices:
        said = f"expected: no kernels were measured on {found.hardware} or a device like it."
        return out + paragraph(said, view.columns, "dim")
    seen: dict[str, float] = {}
    for family, error in found.errors.items():
        seen.setdefault(_WORDS.get(family, family), error)
    text = f"expected: fitted to {' and '.join(devices)}"
    if seen:
        listed = ", ".join(f"{name} {percent_text(error)}" for name, error in seen.items())
        text += f", {'median error' if found.hardware in devices else 'so twice the error:'} {listed}"
    by_group = {op.group for op in found.ops if _borrowed(op)}
    borrowed = [row.group for row in found.groups if row.group in by_group and row.share >= 0.01]
    if borrowed:
        text += f"; as other formats or kinds, error unknown: {', '.join(borrowed)}"
    return out + paragraph(f"{text}.", view.columns, "dim")


def _borrowed(op: OpTime) -> bool:
    return op.coefficients is not None and op.coefficients.borrowed


def _ops(found: RooflinePage) -> Page:
    """Return every kernel."""
    width = max(len(op.path) for op in found.ops) + 2
    head = line("kernels", "bold")
    cells = [_op_cells(op) for op in found.ops]
    names = ("runs", "dtype", "TFLOP", "GB", "bound ms", "expected ms")
    columns = [(name, max(6, 1 + max(len(row[i]) for row in [list(names), *cells]))) for i, name in enumerate(names)]
    edge = width
    for name, size in columns:
        edge += size
        head.right(name, edge, "dim")
    out = [head]
    for op, texts in zip(found.ops, cells, strict=True):
        edge, one = width, line(f"  {op.path}")
        for text, (_, size) in zip(texts, columns, strict=True):
            edge += size
            one.right(text, edge)
        out.append(one)
    return out


def _op_cells(op: OpTime) -> list[str]:
    expected = "-" if op.expected_s is None else fixed(Fraction(op.expected_s) * 1000, 3)
    floor = fixed(Fraction(op.floor_s) * 1000, 3)
    moved = fixed(Fraction(op.bytes + op.wire_bytes, 10**9), 3)
    return [str(op.runs), op.dtype or "-", fixed(Fraction(op.flops, 10**12), 3), moved, floor, expected]


def grid(found: RooflinePage, view: View) -> Grid:
    """Return the groups, or every kernel with -v."""
    columns = [
        Column("kernel" if view.verbose else "group", "Kernels", number=False),
        Column("runs", "Runs"),
        Column("flop", "TFLOP"),
        Column("bytes", "GB"),
        Column("wire_bytes", "GB on the wire"),
        Column("serial_s", "Serial (ms)"),
        Column("expected_s", "Expected (ms)"),
        Column("bound", "Bound", number=False),
    ]
    rows = []
    for one in found.ops if view.verbose else found.groups:
        serial = one.floor_s if hasattr(one, "floor_s") else one.serial_s
        name = one.path if hasattr(one, "path") else one.group
        rows.append(
            [
                Cell(name),
                Cell(one.runs),
                Cell(one.flops, _tera(one.flops)),
                Cell(one.bytes, _giga(one.bytes)),
                Cell(one.wire_bytes, _giga(one.wire_bytes)),
                Cell(serial, fixed(Fraction(serial) * 1000, 3)),
                Cell(one.expected_s, "-" if one.expected_s is None else fixed(Fraction(one.expected_s) * 1000, 3)),
                Cell(one.bound),
            ]
        )
    if found.time.expected_s is not None and not view.verbose:
        rows += [_extra("engine", found.time.overhead_s)] if found.time.overhead_s else []
        rows += [_extra("hidden by overlap", -found.time.hidden_s)] if found.time.hidden_s else []
    assert found.load is not None
    where = f"{found.plan.devices} x {found.hardware}"
    caption = f"{clean(found.title or found.name)} on {where}: {step_text(found.load)}; {found.dtype}."
    time = found.time
    notes = [
        f"Floor {time_text(time.floor_s)}, serial {time_text(time.serial_s)}, expected {time_text(time.expected_s)}"
        f" ({found.plan.text}); one device, totals over runs.",
    ]
    return Grid(columns, rows, caption, f"{found.name}-roofline", notes)


def _extra(name: str, seconds: float) -> list[Cell]:
    """Return a row that has an expected time alone."""
    empty = [Cell(None, "") for _ in range(5)]
    return [Cell(name), *empty, Cell(seconds, fixed(Fraction(seconds) * 1000, 3)), Cell(None, "")]
