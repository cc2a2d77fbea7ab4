"""The page of ``archcalc flops``."""

from __future__ import annotations

from fractions import Fraction

from costmodel.amounts import Unit, count_text, fixed, flops_unit, percent
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, clean, fit, line
from costmodel.report.flops import FlopsPage

_LABELS = {
    "projections": "projections",
    "attention": "scores, weighted sums",
    "ffn": "dense ffn",
    "experts": "routed experts",
    "head": "lm head",
    "recurrent": "scans, convolutions",
}
_EDGE, _BAR = 36, 13


def page(found: FlopsPage, view: View) -> Page:
    """Return the whole page."""
    work = found.flops
    tokens = _tokens(found)
    total = flops_unit([Fraction(work.forward, 10)])  # a headline keeps three digits
    each = flops_unit([Fraction(work.forward, 10 * tokens)])
    out = [line(found.name, "bold").add(f"  {phase(found)}")]
    if found.confidence != "published":
        out[0].add(f", {found.confidence}", "yellow")
    out.append(line())
    head = line("  ").add(f"{total.of(work.forward)} {total.name}", "bold").add(" forward     ")
    mean = " per token, mean" if tokens > 1 else " per token"
    out.append(head.add(f"{each.of(Fraction(work.forward, tokens))} {each.name}", "bold").add(mean))
    out += [line(), *_parts(found, view)]
    out += [line(), *_other(found)]
    if view.verbose and found.ops:
        out += [line(), *_ops(found)]
    if not view.quiet:
        out += [line(), *_notes(found)]
        if view.tips:
            out.append(line("next: ", "dim").add(f"archcalc explain {found.name} flops", "cyan"))
    return fit(out, view.width)


def _tokens(found: FlopsPage) -> int:
    return int(found.workload["batch"]) * int(found.workload["new_tokens"])


def phase(found: FlopsPage) -> str:
    """Return what the step is, with every choice."""
    sizes = found.workload
    new, cached, batch = (int(sizes[name]) for name in ("new_tokens", "cached_tokens", "batch"))
    tokens = "token" if new == 1 else "tokens"
    step = f"{count_text(new)} new {tokens} after {count_text(cached)} cached"
    if not cached:
        step = f"{count_text(new)} new {tokens}, nothing cached"
    many = "1 sequence" if batch == 1 else f"{count_text(batch)} sequences"
    parts = [step, many]
    if sizes["source_new"] or sizes["source_cached"]:
        encoded, kept = int(sizes["source_new"]), int(sizes["source_cached"])
        parts.append(f"source {count_text(encoded + kept)} ({count_text(encoded)} encoded now)")
    if "prefix" in sizes:
        parts.append(f"prefix {count_text(int(sizes['prefix']))}")
    if found.conventions.mla.get("step"):
        parts.append(f"mla {found.conventions.mla['step']}")
    parts.append(str(sizes["attention"]))
    if sizes["logits"] == "last":
        parts.append("head at the last position")
    parts += [f"{count_text(n)} {sense}" for sense in ("images", "clips") if (n := int(sizes[sense]))]
    if found.conventions.included:
        parts.append(f"with {', '.join(found.conventions.included)}")
    return ", ".join(parts)


def _parts(found: FlopsPage, view: View) -> Page:
    work = found.flops
    parts = [(name, n) for name, n in work.parts.items() if n]
    parts.sort(key=lambda item: -item[1])
    unit = flops_unit([n for _, n in parts])
    head = line("forward", "bold").right(unit.name, _EDGE, "dim").right("share", _EDGE + 8, "dim")
    out = [head]
    for name, n in parts:
        one = line(f"  {_LABELS[name]}").right(unit.of(n), _EDGE).right(percent(n, work.forward), _EDGE + 8).add(" ")
        out.append(one.add(view.marks.bar(n, work.forward, 2 * _BAR if view.columns >= 80 else 0), "cyan"))
    out.append(line("  ").add("forward", "bold").right(unit.of(work.forward), _EDGE, "bold"))
    return out


def _other(found: FlopsPage) -> Page:
    work = found.flops
    unit = flops_unit([work.executed, work.training, work.elementwise])
    out = [line("beside it", "bold").right(unit.name, _EDGE, "dim").right("x forward", _EDGE + 12, "dim")]
    for label, n in (("executed", work.executed), ("training", work.training), ("elementwise", work.elementwise)):
        out.append(_other_row(label, n, work.forward, unit))
    return out


def _other_row(label: str, n: int, forward: int, unit: Unit) -> Line:
    times = fixed(Fraction(n, forward), 3) if forward else "-"
    return line(f"  {label}").right(unit.of(n), _EDGE).right(times, _EDGE + 12)


def _ops(found: FlopsPage) -> Page:
    rows = found.ops or []
    width = max(len(row.path) for row in rows) + 2
    out = [line("operations", "bold").right("kind", width + 10, "dim").right("runs", width + 17, "dim")]
    out[0].right("forward", width + 40, "dim").right("elementwise", width + 63, "dim")
    for row in rows:
        one = line(f"  {row.path}").right(row.kind, width + 10).right(str(row.runs), width + 17)
        out.append(one.right(f"{row.flops:,}", width + 40).right(f"{row.elementwise:,}", width + 63))
    return out


def _notes(found: FlopsPage) -> Page:
    rest = Fraction(found.flops.forward - found.flops.attention, _tokens(found))
    out = ["FLOP: one multiply or one add. Norms, softmax, rotary, activations: elementwise."]
    if found.active_params and not (found.workload["images"] or found.workload["clips"]):  # work that is no token's
        share = fixed(rest / found.active_params, 2)
        out.append(f"Without scores and weighted sums: {share} FLOP a token and active parameter.")
    out.append("executed: with padding and chunks of scan kernels. training: with backward.")
    left_out = [name for name in found.conventions.not_counted if name != "buffers"]
    if left_out:
        out.append(f"Language model only: {', '.join(left_out)} not counted (--with NAME).")
    return [line(text, "dim") for text in out]


def grid(found: FlopsPage, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return figures and parts, one a line."""
    work = found.flops
    unit = flops_unit([work.forward])
    columns = [Column("model", "Model", number=False), Column("confidence", "Confidence", number=False)]
    columns += [Column("figure", "Figure", number=False), Column("flop", unit.name)]
    columns += [Column("share_of_forward", "Share of forward (%)")]
    figures = [(f"flops.parts.{name}", n) for name, n in work.parts.items()]
    names = ("forward", "executed", "attention", "training", "elementwise")
    figures = [(f"flops.{name}", getattr(work, name)) for name in names] + figures
    rows = [
        [
            Cell(found.name),
            Cell(found.confidence),
            Cell(name),
            Cell(n, unit.of(n)),
            Cell(Fraction(n, work.forward) if work.forward else None, _share(n, work.forward)),
        ]
        for name, n in figures
    ]
    about = "" if found.confidence == "published" else f" ({found.confidence})"
    notes = ["FLOP: one multiply or one add; totals of the step over the batch."]
    caption = f"{clean(found.title or found.name)}{about}: {phase(found)}."
    return Grid(columns, rows, caption, f"{found.name}-flops", notes)


def _share(n: int, whole: int) -> str:
    return fixed(Fraction(100 * n, whole), 1) if whole else "-"
