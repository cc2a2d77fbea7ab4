"""Work and memory of ``archcalc show`` by context, and its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from costmodel.amounts import bytes_unit, context_text, flops_unit, percent
from costmodel.render.sink import View
from costmodel.render.text import Page, line
from costmodel.report.show import Show

EDGE, STEP = 42, 11  # right edge of the first context column, and from one to the next
NARROW = 66  # columns below which contexts stand below each other


def costs(show: Show, view: View) -> Page:
    """Return work and memory at every context."""
    prefill = [Fraction(point.prefill, point.context) for point in show.flops]
    decode = [point.decode for point in show.flops]
    attention = [percent(point.decode_attention, point.decode, 0) for point in show.flops]
    unit = flops_unit([*prefill, *decode])
    table = _ContextTable([context_text(point.context) for point in show.flops], view)
    ways = show.conventions.mla.get("decode")
    source = show.model not in ("decoder", "encoder")
    out = table.head("per token")
    out += table.row("prefill, mean", unit.name, [unit.of(n) for n in prefill])
    out += table.row(f"decode, {ways}" if ways else "decode", unit.name, [unit.of(n) for n in decode])
    out += table.row("  of it attention", "", attention)
    out.append(line("per sequence", "bold").add(", source as long" if source and show.choices.source is None else ""))
    sizes = [point.bytes for point in show.cache]
    size = bytes_unit(sizes, view.units)
    out += table.row(f"cache, {show.conventions.dtype}", size.name, [size.of(n) for n in sizes])
    states = [point.state_bytes for point in show.cache]
    if any(states):
        own = bytes_unit(states, view.units)
        out += table.row("  of it states", own.name, [own.of(n) for n in states])
    return out


@dataclass(slots=True, eq=False, repr=False)
class _ContextTable:
    """Figures by context: side by side, or below each other where they do not fit."""

    contexts: list[str]
    view: View

    @property
    def narrow(self) -> bool:
        """Say whether contexts stand below each other."""
        needed = max(NARROW, EDGE + (len(self.contexts) - 1) * STEP)
        return self.view.width is not None and self.view.width < needed

    def head(self, words: str) -> Page:
        """Return the heading with the contexts."""
        if self.narrow:
            return [line(words, "bold")]
        out = line(f"{words} at a context of", "bold")
        for index, text in enumerate(self.contexts):
            out.right(text, EDGE + index * STEP - 1, "dim")
        return [out]

    def row(self, label: str, unit: str, texts: Sequence[str]) -> Page:
        """Return one figure at every context."""
        if self.narrow:
            out = [line(f"  {label}{', ' if unit else ''}{unit}")]
            wide = max(map(len, self.contexts))
            out += [line(f"    {c.rjust(wide)}").right(t, wide + 16) for c, t in zip(self.contexts, texts, strict=True)]
            return out
        one = line(f"  {label}").to(20 if len(label) < 18 else len(label) + 3).add(unit)
        for index, text in enumerate(texts):
            one.right(text, EDGE + index * STEP)
        return [one]


def weights(show: Show) -> Page:
    """Return every tensor, by the group of layers that has it."""
    out: Page = []
    rows = show.weights or []
    group = None
    width = max([20, *(len(f"{row.operation}.{row.name}") + 4 for row in rows)])
    out.append(line("weights", "bold").right("shape", width + 20, "dim").right("copies", width + 28, "dim"))
    out[0].right("values", width + 46, "dim")
    for row in rows:
        if row.group != group:
            out.append(line(f"  {row.group}"))
            group = row.group
        name = row.name if row.name == row.operation else f"{row.operation}.{row.name}"
        one = line(f"    {name}").right(" x ".join(map(str, row.shape)), width + 20)
        one.right(str(row.stored), width + 28).right(f"{row.values:,}", width + 46)
        out.append(one.add("  buffer" if row.role == "buffer" else "", "dim"))
    return out
