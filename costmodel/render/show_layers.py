"""The layers of ``archcalc show``: formula, strip, blocks."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.render.marks import STRIP_MOST, STRIP_WIDTH
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, broken, line
from costmodel.report.shape import BlockRow, LayerGroup, StackRow
from costmodel.report.show import Show


def layers(show: Show, view: View) -> Page:
    """Return every stack: its formula, the strip of its layers, its blocks."""
    shape = show.shape
    assert shape is not None
    out: Page = []
    for stack in shape.stacks:
        head = stack.name
        blocks = sorted((row for row in shape.blocks if row.stack == stack.name), key=lambda row: row.role == "ffn")
        first, *rest = _joined(_formula(stack, blocks), min(80, view.columns) - len(head) - 2)
        out.append(line(head, "bold").add(f"  {first}"))
        out += [line(" " * (len(head) + 2) + more) for more in rest]
        out += _strips(stack, view)
        out += _legend(stack, blocks, view)
    return out


def _formula(stack: StackRow, blocks: Sequence[BlockRow]) -> list[str]:
    labels = {row.name: _label(row) for row in blocks}
    parts = [f"{group.layers} x {_bracket(group, labels)}" for group in stack.groups]
    if len(parts) > 6:  # many kinds of layers: each sublayer for itself says more
        counts = [f"{row.places} {labels[row.name]}" for row in blocks]
        parts = [f"{stack.n_layers} layers of {len(parts)} kinds: {counts[0]}", *counts[1:]]
    if stack.schedule:
        parts[-1] += f": {stack.schedule}, cut"
    return parts


def _joined(parts: Sequence[str], width: int) -> list[str]:
    """Join parts by commas into lines; none is broken."""
    out = [""]
    for index, part in enumerate(parts):
        text = part + ("," if index < len(parts) - 1 else "")
        if out[-1] and len(out[-1]) + 1 + len(text) > width:
            out.append(text)
        else:
            out[-1] += f" {text}" if out[-1] else text
    return out


def _bracket(group: LayerGroup, labels: dict[str, str]) -> str:
    inner = " | ".join(" & ".join(labels[name] for name in entry) for entry in group.sublayers)
    return f"[{inner}]"


def _label(row: BlockRow) -> str:
    """Return a block's name, experts with their numbers: ``moe 8/256+1``."""
    return f"{row.name} {row.label.removeprefix('moe ')}" if row.kind == "moe" else row.name


def _strips(stack: StackRow, view: View) -> Page:
    if stack.n_layers > STRIP_MOST:
        return []
    width = min(STRIP_WIDTH, max(8, view.columns - 2))
    return [
        line("  ").add(view.marks.strip(words[start : start + width]), "cyan")
        for start in range(0, stack.n_layers, width)
        for words in stack.strips.values()
    ]


def _legend(stack: StackRow, blocks: Sequence[BlockRow], view: View) -> Page:
    drawn = stack.strips if stack.n_layers <= STRIP_MOST else {}
    width = max([11, *(len(row.name) + (2 if row.role in drawn else 4) + 2 for row in blocks)])
    out: Page = []
    for row in blocks:
        one = Line().add("  ")
        if row.role in drawn:
            word = row.keeps if row.role == "mixer" else "moe" if row.label.startswith("moe") else "dense"
            one.add(view.marks.strip([word]), "cyan").add(f" {row.name}")
        else:
            every = all(any(row.name in entry for entry in group.sublayers) for group in stack.groups)
            one.add(f"all {row.name}" if every else f"{row.places} {row.name}")
        first, *rest = broken(row.details, max(20, min(80, view.columns) - width - 2))
        out.append(one.to(width + 2).add(first))
        out += [Line().to(width + 2).add(more) for more in rest]
    return out
