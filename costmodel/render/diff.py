"""The pages of ``archcalc diff``: what changed first, then the figures, then the lines that did it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from costmodel.errors import count_of
from costmodel.gate.diff import CauseDiff, Diff, FigureDiff, SpecDiff
from costmodel.gate.findings import amount, change_text, plain_value, signed
from costmodel.render.scale import label_of, scale_of
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, clean, fit, line, paragraph

_STYLE = {"~": "yellow", "+": "green", "-": "red"}
_COLUMNS = 3  # figures whose causes a page shows
_WIDTH = 80
_ARROW = 24  # columns of a change that stands beside its field
RATE = ("flops.decode", "flops.prefill")


def page(found: Diff, view: View) -> Page:
    """Return every spec that differs, and what it comes to."""
    if not found.differs:
        return [line(f"{clean(found.base)} and {clean(found.head)}: no figure differs")]
    out: Page = []
    for spec in found.specs:
        if spec.status == "equal" and not spec.formulas:
            continue
        out += [*([line()] if out else []), *_spec(spec, found, view)]
    if len(found.specs) > 1:
        out += [line(), line(counts(found))]
    for text in found.failed:
        out.append(line("failed: ", "red").add(clean(text)))
    return fit(out, view.width)


def counts(found: Diff) -> str:
    """Return ``4 specs: 1 changed, 1 added, 2 equal``."""
    parts = [(found.changed, "changed"), (found.added, "added"), (found.removed, "removed"), (found.equal, "equal")]
    broken = sum(one.status == "unreadable" for one in found.specs)
    each = [f"{number:,} {word}" for number, word in (*parts, (broken, "unreadable")) if number]
    return f"{count_of(len(found.specs), 'spec')}: {', '.join(each)}"


def _spec(spec: SpecDiff, found: Diff, view: View) -> Page:
    if spec.status == "unreadable":
        head = line(clean(spec.key), "bold").add(f" {unreadable(spec, found)}", "red" if spec.broken else "yellow")
        return [head, *(line(f"  {row}") for row in (spec.problem or "").splitlines())]
    if spec.status in ("added", "removed"):
        head = line(clean(spec.key), "bold").add(f" {spec.status}", _STYLE["+" if spec.status == "added" else "-"])
        return [head.add(f"   {sizes(spec, found)}")]
    said = headline(spec, found) if spec.figures else ""
    out = [_head(spec, found).add(f"   {said}" if said else ""), *_formulas(spec)]
    if spec.status == "equal":
        return out
    rows = [one for key in found.main() if (one := spec.figure(key))]
    rows += [one for one in spec.figures if view.verbose and one not in rows]
    if not rows:
        rows = spec.figures[:8]
    out += [line(), *_table(rows, found, view)]
    left = len(spec.figures) - len(rows)
    if not view.quiet:
        more = f"{count_of(left, 'other figure')} {'differs' if left == 1 else 'differ'}, " if left > 0 else ""
        equal = f"{count_of(spec.equal, 'figure')} {'is' if spec.equal == 1 else 'are'} equal"
        out.append(line(f"  {more}{equal}", "dim"))
    return [*out, *_caused(spec, rows, view)]


def _head(spec: SpecDiff, found: Diff) -> Line:
    """Return what is compared: both names, or the file of a spec among others."""
    if len(found.specs) == 1:
        names = (spec.base, spec.head) if spec.base != spec.head else (found.base, found.head)
        if spec.base == spec.head and found.head != spec.key:  # one spec at two times
            return line(clean(spec.key), "bold").add(f" ({clean(found.base)} -> {clean(found.head)})", "dim")
        return line(clean(names[0] or ""), "bold").add(" -> ").add(clean(names[1] or ""), "bold")
    renamed = f" ({clean(spec.base or '')} -> {clean(spec.head or '')})" if spec.base != spec.head else ""
    return line(clean(spec.key), "bold").add(renamed)


def unreadable(spec: SpecDiff, found: Diff) -> str:
    """Return that a spec cannot be read, and on which side."""
    return f"cannot be read in {clean(found.head if spec.broken else found.base)}"


def sizes(spec: SpecDiff, found: Diff) -> str:
    """Return parameters and cache of a spec that stands alone."""
    keys = ["params.total", "params.active", found.main()[2]]
    values = spec.values or spec.was
    return ", ".join(f"{label_text(key)} {amount(key.partition('@')[0], values[key])}" for key in keys if key in values)


def headline(spec: SpecDiff, found: Diff) -> str:
    """Return the changes to know first: parameters and cache, else work, else how many figures differ."""
    total, active, cache, decode, prefill = found.main()
    size = spec.figure(active) or spec.figure(total)
    kept = spec.figure(cache)
    shown = [one for one in (size, kept) if one] or [one for one in (spec.figure(decode), spec.figure(prefill)) if one][
        :1
    ]
    parts = [
        f"{label_text(one.key)} {change_text(Fraction(one.delta) / one.base)}"
        for one in shown
        if one.delta and one.base
    ]
    if parts:
        return ", ".join(parts)
    if spec.figures:
        return f"{count_of(len(spec.figures), 'figure')} {'differs' if len(spec.figures) == 1 else 'differ'}"
    return "no figure differs" if not spec.formulas else "same spec, new formulas"


def label_text(key: str) -> str:
    """Return a figure in words: ``active``, ``cache at 128Ki``."""
    name, _, at = key.partition("@")
    words = {"params.total": "total", "params.active": "active", "cache.bytes": "cache"}
    word = words.get(name, name.removeprefix("flops."))
    return f"{word} at {at}" if at else word


def _formulas(spec: SpecDiff) -> Page:
    out: Page = []
    for one in spec.formulas:
        if one.base is not None and one.head is not None:
            out.append(line(f"  same spec, new formulas: {one.key} ", "yellow").add(change_of(one)))
    return out


def change_of(one: FigureDiff) -> str:
    """Return a change as a share, or in words."""
    if one.delta is None:
        return "new" if one.base is None else "gone"
    return change_text(one.delta / one.base) if one.base else signed(one.figure, one.delta)


def _table(rows: Sequence[FigureDiff], found: Diff, view: View) -> Page:
    texts = [_row(one, found) for one in rows]
    labels = max([len("params.total, B"), *(cells(label) for label, *_ in texts)]) + 2
    widths = [max([8 if i == 4 else 9, *(cells(text[i]) for text in texts)]) for i in range(1, 5)]
    edges = []
    edge = labels
    for width in widths:
        edge += width + 1
        edges.append(edge)
    marks = view.marks
    head = Line()
    for title, right in zip(("base", "head", "change"), edges, strict=False):
        head.right(title, right, "dim")
    head.right("less", edges[-1] + marks.half + 1, "dim").add(marks.rule, "dim").add("more", "dim")
    out = [head]
    for one, (label, *numbers) in zip(rows, texts, strict=True):
        row = line(f"  {label}")
        for text, right in zip(numbers, edges, strict=True):
            row.right(text, right)
        if one.base and one.head:
            left, bar = marks.change_bar(one.head, one.base)
            row.to(edges[-1]).add(left, "cyan").add(marks.rule, "cyan").add(bar, "cyan")
        out.append(row)
    return out


def _row(one: FigureDiff, found: Diff) -> tuple[str, str, str, str, str]:
    """Return label, both values and the change in the same unit, and the share."""
    scale = scale_of(one)
    share = change_text(one.delta / one.base) if one.delta is not None and one.base else ""
    moved = scale.signed(one.delta) if one.delta is not None else change_of(one)
    before, after = ("-" if value is None else scale.of(value) for value in (one.base, one.head))
    return label_of(one, scale, found), before, after, moved, share


def shown_columns(spec: SpecDiff, rows: Sequence[FigureDiff]) -> list[str]:
    """Return the figures whose causes a page shows: sizes, cache, work; those that no line moved are left out."""
    moved = [one.key for one in rows if any(cause.deltas.get(one.key) for cause in spec.causes)]
    if "params.active" in moved and "params.total" in moved:
        both = ("params.active", "params.total")
        same = all(cause.deltas[both[0]] == cause.deltas[both[1]] for cause in spec.causes)
        if same or len(moved) > _COLUMNS:
            moved.remove("params.total")
    return sorted(moved[:_COLUMNS], key=moved.index)


def _caused(spec: SpecDiff, rows: Sequence[FigureDiff], view: View) -> Page:
    if not spec.causes:
        return []
    keys = shown_columns(spec, rows)
    causes = [cause for cause in spec.causes if any(cause.deltas.values())]
    out = [line(), *_cause_table(spec, causes, keys)] if causes else []
    idle = [cause for cause in spec.causes if cause not in causes]
    if idle:
        paths = ", ".join(_path(cause) for cause in idle)
        out += [*([] if causes else [line()]), *paragraph(f"{paths}: no figure of these", 80, "dim", "  ")]
    if not view.quiet and len(causes) > 1:
        out += [
            line(),
            *paragraph("each cause after those above it in the file; they add up to the change.", 80, "dim"),
        ]
    return out


def _cause_table(spec: SpecDiff, causes: Sequence[CauseDiff], keys: list[str]) -> Page:
    """Return a line a cause, those that moved the first figure most first; columns that do not fit are left out."""
    files = {cause.file for cause in causes}
    file = causes[0].file if len(files) == 1 else spec.file
    lefts = [f"{'' if one.file == file else clean(one.file)}:{one.line} {_path(one)}" for one in causes]
    arrows = [_arrow(cause) for cause in causes]
    columns = {key: [effect(cause, key, spec) for cause in causes] for key in keys}
    heads = {key: label_text(key).partition(" at ")[0] for key in keys}
    widths = {key: max([9, len(heads[key]), *map(len, columns[key])]) + 2 for key in keys}
    middle = max(map(cells, lefts)) + 6

    def room(longest: int) -> int:
        """Return the columns of lines whose changes stand beside their fields where they are no longer."""
        beside = max((cells(arrow) for arrow in arrows if cells(arrow) <= longest), default=0)
        return middle + beside + sum(widths[key] for key in keys)

    longest = next((width for width in (_ARROW, 12) if room(width) <= _WIDTH), 0)  # others get a line of their own
    while len(keys) > 1 and room(longest) > _WIDTH:
        keys = keys[:-1]
    short = [arrow if cells(arrow) <= longest else "" for arrow in arrows]
    label = middle + max(map(cells, short))
    label = max(label, 44 - 12 * max(0, len(keys) - 2))
    head, edge = line("caused by", "bold"), label
    for key in keys:
        edge += widths[key]
        head.right(heads[key], edge, "dim")
    out = [head, line(f"  {clean(file)}")]
    for i in sorted(range(len(causes)), key=lambda i: -weight(causes[i], keys)):
        row = line("  ").add(causes[i].sign, _STYLE[causes[i].sign]).add(f" {lefts[i]}").to(middle).add(short[i])
        edge = label
        for key in keys:
            edge += widths[key]
            row.right(columns[key][i], edge)
        out += [row] if short[i] else [row, line(f"      {arrows[i]}", "dim")]
    return out


def weight(cause: CauseDiff, keys: Sequence[str]) -> Fraction:
    """Return how much a cause moved the first of some figures."""
    return abs(cause.deltas[keys[0]]) if keys else Fraction(0)


def by_share(spec: SpecDiff, keys: Sequence[str]) -> list[CauseDiff]:
    """Return the lines that changed, the largest of their changes of some figures first, as shares of the figure."""

    def share(cause: CauseDiff) -> Fraction:
        figures = [(cause.deltas.get(key), spec.figure(key)) for key in keys]
        return max((abs(delta / one.base) for delta, one in figures if delta and one and one.base), default=Fraction(0))

    return sorted(spec.causes, key=lambda cause: -share(cause))


def _path(cause: CauseDiff) -> str:
    more = f" and {len(cause.fields) - 1} more" if len(cause.fields) > 1 else ""
    return f"{clean(cause.path)}{more}"


def _arrow(cause: CauseDiff) -> str:
    before, after = (clean(plain_value(value)) for value in (cause.before, cause.after))
    return {"+": after, "-": f"{before} ->"}.get(cause.sign, f"{before} -> {after}")


def effect(cause: CauseDiff, key: str, spec: SpecDiff) -> str:
    """Return what a cause did to a figure, ``-`` for nothing."""
    delta, figure = cause.deltas.get(key), spec.figure(key)
    if not delta or figure is None:
        return "-"
    scale = scale_of(figure)
    if figure.figure in RATE:
        return scale.signed(delta)
    return f"{'-' if delta < 0 else '+'}{scale.with_unit(abs(delta))}"
