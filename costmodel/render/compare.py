"""The pages of ``archcalc compare``: models as columns, as rows, or one below the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from costmodel.amounts import Unit, bytes_unit, context_text, fixed, flops_unit, params_unit, ratio
from costmodel.render.components import compared, order
from costmodel.render.described import expert_width
from costmodel.render.in_short import sentences
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, clean, fit, line, paragraph
from costmodel.report.compare import Compare, CompareRow

LABEL = 20  # columns of the labels, more where one is longer
_RATIO = 8  # columns of the ratio
_NAMED = 4  # models that a note names


def page(compare: Compare, view: View, *, transpose: bool = False) -> Page:
    """Return the page that fits: two or three models are columns, more are rows."""
    if view.columns < 60:
        from costmodel.render import compare_rows

        # The lines of a block take 47 columns; from 44 on they are left whole.
        return fit(compare_rows.narrow(compare, view), 47 if 44 <= view.columns < 47 else view.columns)
    table = _Table(compare, view)
    as_columns = len(compare.rows) <= 3 and table.width <= max(view.columns, 80)
    if as_columns == transpose:
        from costmodel.render import compare_rows

        return compare_rows.page(compare, view)
    return fit(table.page(), view.width)


@dataclass(slots=True, eq=False, repr=False)
class Row:
    """A row: a text for each model (or lines of it), the numbers it stands for, and whether less is marked."""

    label: str
    texts: list[list[str]]
    numbers: list[int] = field(default_factory=list)
    marked: bool = False

    @property
    def lowest(self) -> int | None:
        """Return the model with the lowest cost, if it is one alone."""
        least = min(self.numbers, default=0)
        return self.numbers.index(least) if self.marked and self.numbers.count(least) == 1 else None


@dataclass(slots=True, eq=False, repr=False)
class Section:
    """Rows under a bold heading."""

    title: str
    rows: list[Row]
    what: str = ""  # of a row that is said in a sentence: what, at a context
    unit: str = ""


class _Table:
    """Models as columns."""

    def __init__(self, compare: Compare, view: View) -> None:
        self.compare, self.view = compare, view
        self.rows = compare.rows
        self.same: list[str] = []
        self.sections = [section for section in sections(compare, view) if section.rows]
        self._fold_equal()
        labels = [cells(row.label) + 4 for section in self.sections for row in section.rows]
        # A heading may run into the column of the first model, which its own rows leave free.
        self.label = max([LABEL, *labels])
        self.edges = []
        edge = self.label
        for index, model in enumerate(self.rows):
            texts = [text for s in self.sections for row in s.rows for text in row.texts[index]]
            edge += max(map(cells, [model.name, *texts])) + 2
            self.edges.append(edge)
        self.bars = len(self.rows) == 2

    def _fold_equal(self) -> None:
        """Take the rows that are equal in all models out; they are said in one line."""
        for section in self.sections:
            if section.title != "shape" and not all(row.numbers for row in section.rows):
                continue
            for row in list(section.rows):
                first = row.numbers[:1] or row.texts[0]
                if all((row.numbers[i : i + 1] or text) == first for i, text in enumerate(row.texts)):
                    section.rows.remove(row)
                    at = f"{section.what} at " if section.what else ""
                    self.same.append(f"{at}{row.label} {', '.join(row.texts[0])}{section.unit}")

    @property
    def width(self) -> int:
        """Return the columns of the table without bars."""
        return self.edges[-1] + _RATIO

    def page(self) -> Page:
        """Return the page."""
        out = [self._head()]
        for section in self.sections:
            if section.rows:
                out.append(line(section.title, "bold"))
                for row in section.rows:
                    out += self._row(row)
        if self.same:
            out += paragraph(f"same in all: {', '.join(self.same)}", 80, "dim")
        if not self.view.quiet:
            said = sentences(self.compare)
            if said:
                out += [line(), line("in short", "bold"), *(part for s in said for part in paragraph(s, 80, "", "  "))]
            out += [line(), *self._notes()]
        return out

    def _head(self) -> Line:
        out = Line()
        for model, edge in zip(self.rows, self.edges, strict=True):
            out.right(model.name, edge, "bold")
        out.right("ratio", self.edges[-1] + _RATIO, "dim")
        if self.bars:
            marks = self.view.marks
            out.right("less", self.edges[-1] + _RATIO + marks.half + 1, "dim").add(marks.rule, "dim").add("more", "dim")
        return out

    def _row(self, row: Row) -> Page:
        out = []
        best = row.lowest
        for depth in range(max(map(len, row.texts))):
            one = line(f"  {row.label}" if not depth else "")
            for index, (texts, edge) in enumerate(zip(row.texts, self.edges, strict=True)):
                text = texts[depth] if depth < len(texts) else ""
                if text:
                    one.right(text, edge, "bold" if index == best else "")
                    one.add("*" if index == best else "", "bold")
            out.append(one)
        if row.numbers:
            first, last = row.numbers[0], row.numbers[-1]
            out[0].right(ratio(last, first), self.edges[-1] + _RATIO)
            if self.bars:
                left, right = self.view.marks.ratio_bar(last, first)
                out[0].to(self.edges[-1] + _RATIO).add(left, "cyan").add(self.view.marks.rule, "cyan").add(
                    right, "cyan"
                )
        return out

    def _notes(self) -> Page:
        first, last = self.rows[0].name, self.rows[-1].name
        bar = f"; a bar of one cell is {self.view.marks.cell}" if self.bars else ""
        star = "* less. " if any(row.lowest is not None for s in self.sections for row in s.rows) else ""
        out = paragraph(f"{star}ratio: {last} / {first}{bar}.", 80, "dim")
        out += paragraph(counted(self.compare), 80, "dim")
        if self.rows[0].time:
            text = "floor: no run is faster. Plans: the faster of tensor parallel and attention data-parallel."
            out += paragraph(text, 80, "dim")
        out += [*arithmetic(self.compare, self.compare.contexts), *rumours(self.rows)]
        if self.view.tips:
            context = context_text(self.compare.contexts[-1])
            name = clean(self.compare.typed[-1]) if self.compare.typed else last
            out.append(line("next: ", "dim").add(f"archcalc explain {name} cache --context {context}", "cyan"))
        return out


def counted(compare: Compare) -> str:
    """Return what was not counted and what a FLOP is."""
    left_out = [name for name in compare.conventions.not_counted if name != "buffers"]
    only = f"Language model only: {', '.join(left_out)} not counted. " if left_out else ""
    with_ = f"With {', '.join(compare.conventions.included)}. " if compare.conventions.included else ""
    last = ", head at the last position" if compare.conventions.logits == "last" else ""
    return f"{with_}{only}FLOP: one multiply or add, {compare.conventions.attention}{last}."


def rumours(rows: Sequence[CompareRow]) -> Page:
    """Return which models are not published figures."""
    out: Page = []
    for word in ("rumour", "unverified"):
        names = [row.name for row in rows if row.confidence == word]
        if names:
            out += [line(f"{word}: ", "yellow").add(", ".join(names))]
    return out


def beyond(
    compare: Compare, contexts: Sequence[int | None], named: Callable[[CompareRow], str] = lambda row: row.name
) -> str:
    """Return which models are asked about more than their longest context, with it; empty for none."""
    longest = max((context for context in contexts if context), default=0)
    known = [(row, row.max_context) for row in compare.rows if isinstance(row.max_context, int)]
    found = [f"{named(row)} ({context_text(most)})" for row, most in known if longest > most]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def arithmetic(compare: Compare, contexts: Sequence[int | None]) -> Page:
    """Return that figures of some models are beyond their longest context."""
    names = beyond(compare, contexts)
    text = f"longest context of {names}: figures beyond it are arithmetic."
    return paragraph(text, 80, "yellow") if names else []


def sections(compare: Compare, view: View) -> list[Section]:
    """Return every row of the comparison."""
    unit = _params_unit(compare).name
    found = [Section(f"parameters, {unit}", _parameters(compare), unit=unit), Section("shape", _shape(compare))]
    found += _costs(compare, view)
    return found + times(compare, view)


def times(compare: Compare, view: View) -> list[Section]:
    """Return decode times, a section a device."""
    found = []
    names = compare.rows[0].time or {}
    for name in names:
        each = [row.time[name] for row in compare.rows if row.time]
        ends = range(len(compare.contexts)) if compare.choices.given else sorted({0, len(compare.contexts) - 1})
        rows = [
            _time_row(f"floor at {context_text(compare.contexts[i])}", [one[i].floor_s for one in each]) for i in ends
        ]
        for i in ends:
            expected = [one[i].expected_s for one in each]
            known = [value for value in expected if value is not None]
            if len(known) == len(expected):
                rows.append(_time_row(f"expected at {context_text(compare.contexts[i])}", known))
        for i in ends:
            binds = [[one[i].binds] for one in each]
            rows.append(Row(f"binds at {context_text(compare.contexts[i])}", binds))
        weights = [one[-1].weights_bytes for one in each]
        unit = bytes_unit(weights, view.units)
        rows.append(Row(f"weights, {unit.name} a device", [[unit.of(n)] for n in weights], weights, True))
        rows.append(Row("plan", [[one[-1].plan] for one in each]))
        if not all(point.fits for one in each for point in one):
            words = ["yes", "no"]
            rows.append(Row("fits", [[words[not all(point.fits for point in one)]] for one in each]))
        point = each[0][0]
        many = "1 sequence" if point.batch == 1 else f"{point.batch:,} sequences"
        where = f"{point.devices} x {name}" if point.devices > 1 else name
        found.append(Section(f"time on {where}, {many}, {compare.choices.recipe.text}, ms a token", rows))
    return found


def _time_row(label: str, seconds: Sequence[float]) -> Row:
    """Return times in ms; their ratios are of nanoseconds."""
    texts = [[fixed(Fraction(value) * 1000, 2)] for value in seconds]
    return Row(label, texts, [round(value * 1e9) for value in seconds], True)


def _params_unit(compare: Compare) -> Unit:
    return params_unit(max(row.params.total for row in compare.rows))


def _parameters(compare: Compare) -> list[Row]:
    unit = _params_unit(compare)

    def texts(numbers: Sequence[int]) -> list[list[str]]:
        return [[unit.of(n).replace(",", "") if n else "-"] for n in numbers]

    total = [row.params.total for row in compare.rows]
    active = [row.params.active for row in compare.rows]
    out = [Row("total", texts(total), total), Row("active", texts(active), active)]
    parts = [compared(row.params.components) for row in compare.rows]
    for label in order(label for part in parts for label in part):
        numbers = [part.get(label, 0) for part in parts]
        if any(numbers):
            out.append(Row(label, texts(numbers), numbers))
    return out


def _shape(compare: Compare) -> list[Row]:
    def row(label: str, text: Callable[[CompareRow], str | list[str]]) -> Row:
        found = [text(model) for model in compare.rows]
        return Row(label, [[value] if isinstance(value, str) else value or ["none"] for value in found])

    out = [
        row("layers", lambda m: f"{m.encoder_layers} + {m.n_layers}" if m.encoder_layers else str(m.n_layers)),
        row("d_model", lambda m: str(m.d_model)),
        row("mixer", lambda m: m.shape.mixers),
        row("ffn", lambda m: m.shape.ffns),
    ]
    if any(expert_width(model) for model in compare.rows):
        out.append(row("expert width", lambda m: expert_width(m) or "-"))
    if any(model.max_context for model in compare.rows):
        out.append(row("longest context", lambda m: context_text(m.max_context) if m.max_context else "not published"))
    return out


def _costs(compare: Compare, view: View) -> list[Section]:
    contexts = compare.contexts
    # Of the default contexts, work is shown at the first and last: the page stays on a screen.
    ends: Sequence[int] = range(len(contexts)) if compare.choices.given else sorted({0, len(contexts) - 1})
    sizes = [[row.cache[i].bytes for row in compare.rows] for i in range(len(contexts))]
    size = bytes_unit((n for row in sizes for n in row), view.units)
    caches = [Row(context_text(contexts[i]), [[size.of(n)] for n in row], row, True) for i, row in enumerate(sizes)]
    decode = [[row.flops[i].decode for row in compare.rows] for i in ends]
    prefill = [[row.flops[i].prefill for row in compare.rows] for i in ends]
    means = [[Fraction(n, contexts[i]) for n in row] for i, row in zip(ends, prefill, strict=True)]
    work = flops_unit([*(n for row in decode for n in row), *(n for row in means for n in row)])
    names = [context_text(contexts[i]) for i in ends]
    decodes = [Row(c, [[work.of(n)] for n in row], row, True) for c, row in zip(names, decode, strict=True)]
    prefills = [
        Row(c, [[work.of(n)] for n in mean], row, True) for c, mean, row in zip(names, means, prefill, strict=True)
    ]
    return [
        Section(f"cache of one sequence, {compare.conventions.dtype}, {size.name}", caches, "cache", f" {size.name}"),
        Section(f"decode, {work.name} per token", decodes, "decode", f" {work.name}"),
        Section(f"prefill, {work.name} per token, mean", prefills, "prefill", f" {work.name}"),
    ]
