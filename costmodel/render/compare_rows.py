"""A comparison with models as rows, or one block a model on a narrow terminal."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from costmodel.amounts import (
    bytes_unit,
    context_text,
    fixed,
    flops_unit,
    params_text,
    params_unit,
    percent,
)
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, fit, line, paragraph
from costmodel.report.compare import Compare, CompareRow
from costmodel.report.points import CachePoint, FlopsPoint


def page(compare: Compare, view: View) -> Page:
    """Return tables with one row a model, by subject."""
    out = [*_size_and_shape(compare, view), line(), *_costs(compare, view), *_times(compare)]
    if not view.quiet:
        out += [line(), *_notes(compare)]
        if view.tips:
            last = context_text(compare.contexts[-1])
            tips = [f"--sort cache@{last}", "--columns total,active,cache@1Mi", "--transpose"]
            out.append(line("next: ", "dim").add("   ".join(tips), "cyan"))
    return fit(out, view.width)


def _name_width(compare: Compare) -> int:
    return max([16, *(len(row.name) for row in compare.rows)])


def _size_and_shape(compare: Compare, view: View) -> Page:
    rows = compare.rows
    total = [_count(row, row.params.total) for row in rows]
    active = [_count(row, row.params.active) for row in rows]
    share = [percent(row.params.active, row.params.total) for row in rows]
    layers = [f"{row.encoder_layers}+{row.n_layers}" if row.encoder_layers else str(row.n_layers) for row in rows]
    mixer = [row.shape.mixer for row in rows]
    ffn = [row.shape.ffn.replace("moe ", "") for row in rows]
    edges = []
    edge = _name_width(compare)
    for head, texts, gap in (("total", total, 2), ("active", active, 2), ("share", share, 1), ("layers", layers, 1)):
        edge += max(map(cells, [head, *texts])) + gap
        edges.append(edge)
    at_mixer = edge + 2
    at_ffn = at_mixer + max(map(cells, ["mixer", *mixer])) + 1
    split = view.width is not None and at_ffn + max(map(cells, ffn)) > view.width
    head_line = line("size and shape", "bold")
    for title, right in zip(("total", "active", "share", "layers"), edges, strict=True):
        head_line.right(title, right, "dim")
    if not split:
        head_line.to(at_mixer).add("mixer", "dim").to(at_ffn).add("ffn", "dim")
    out = [head_line]
    for index, row in enumerate(rows):
        model = line(row.name)
        for texts, right in zip((total, active, share, layers), edges, strict=True):
            model.right(texts[index], right)
        if not split:
            model.to(at_mixer).add(mixer[index]).to(at_ffn).add(ffn[index])
        out.append(model)
    return [*out, *_shapes(compare, mixer, ffn)] if split else out


def _shapes(compare: Compare, mixer: Sequence[str], ffn: Sequence[str]) -> Page:
    """Return mixers and networks in a table of their own, where they do not fit beside the sizes."""
    left = _name_width(compare) + 2
    at_ffn = left + max(map(cells, ["mixer", *mixer])) + 2
    out = [line(), Line().to(left).add("mixer", "dim").to(at_ffn).add("ffn", "dim")]
    for row, one, other in zip(compare.rows, mixer, ffn, strict=True):
        out.append(line(row.name).to(left).add(one).to(at_ffn).add(other))
    return out


def _count(row: CompareRow, values: int) -> str:
    """Return a number of parameters in the unit of its row; a rumour has a tilde."""
    return ("~" if row.confidence == "rumour" else "") + params_text(values, params_unit(row.params.total))


def _costs(compare: Compare, view: View) -> Page:
    rows, contexts = compare.rows, compare.contexts
    size = bytes_unit((point.bytes for row in rows for point in row.cache), view.units)
    work = flops_unit(point.decode for row in rows for point in row.flops)
    caches = [[row.cache[i].bytes for row in rows] for i in range(len(contexts))]
    decodes = [[row.flops[i].decode for row in rows] for i in range(len(contexts))]
    groups = [
        (f"cache of one sequence, {size.name}", caches, [[size.of(n) for n in column] for column in caches]),
        (f"decode, {work.name} per token", decodes, [[work.of(n) for n in column] for column in decodes]),
    ]
    left = _name_width(compare)
    needed = left + sum(_group_width(texts) for _, _, texts in groups) + 1
    if view.width is not None and needed > view.width:
        return [*_group_table(compare, groups[:1]), line(), *_group_table(compare, groups[1:])]
    return _group_table(compare, groups)


def _times(compare: Compare) -> Page:
    """Return decode times, a table a device: the floor, and what is expected where that is known of all."""
    out: Page = []
    for name, first in (compare.rows[0].time or {}).items():
        each = [row.time[name] for row in compare.rows if row.time]
        where = f"{first[0].devices} x {name}" if first[0].devices > 1 else name
        for label, field in (("floor", "floor_s"), ("expected", "expected_s")):
            columns = [[getattr(one[i], field) for one in each] for i in range(len(compare.contexts))]
            if any(seconds is None for column in columns for seconds in column):
                continue
            whole = [[round(1e9 * seconds) for seconds in column] for column in columns]
            texts = [[fixed(Fraction(seconds) * 1000, 2) for seconds in column] for column in columns]
            out += [line(), *_group_table(compare, [(f"{label} on {where}, ms a token", whole, texts)])]
        over = [row.name for row, its in zip(compare.rows, each, strict=True) if not all(one.fits for one in its)]
        if over:
            out += [line(f"does not fit at every context: {', '.join(over)}", "yellow")]
    return out


_Group = tuple[str, list[list[int]], list[list[str]]]


def _group_width(texts: list[list[str]]) -> int:
    return sum(_column_width(column) for column in texts)


def _column_width(texts: Sequence[str]) -> int:
    """Return the columns of numbers, a star and the gap before them."""
    return max(10, max(map(cells, texts)) + 3)


def _group_table(compare: Compare, groups: Sequence[_Group]) -> Page:
    title, head = Line(), Line()
    body = [line(row.name) for row in compare.rows]
    edge = _name_width(compare)
    for number, (name, numbers, texts) in enumerate(groups):
        edge += 1 if number else 0
        end = edge + _group_width(texts)
        title.right(name, max(end, title.width + cells(name) + 2), "bold")
        for index, context in enumerate(compare.contexts):
            edge += _column_width(texts[index])
            head.right(context_text(context), edge, "dim")
            least = min(numbers[index])
            alone = numbers[index].count(least) == 1
            for one, value, text in zip(body, numbers[index], texts[index], strict=True):
                best = alone and value == least
                one.right(text, edge - 1, "bold" if best else "").add("*" if best else "", "bold")
    return [title, head, *body]


def _notes(compare: Compare) -> Page:
    from costmodel.render.compare import arithmetic, rumours

    said = compare.conventions
    way = said.mla.get("decode", "")
    mla = f"mla {way}, " if way else ""
    left_out = [name for name in said.not_counted if name != "buffers"]
    experts = next((row.shape.ffn for row in compare.rows if "+" in row.shape.ffn.rpartition(" ")[2]), "")
    key = _expert_note(experts.rpartition(" ")[2]) if experts else ""
    none = f" No {', no '.join(left_out)}." if left_out else ""
    head = " Head at the last position." if said.logits == "last" else ""
    text = (
        f"* lowest. cache: {said.dtype}, ideal. decode: {mla}{said.attention}. "
        f"FLOP: one multiply or add.{key}{none}{head}"
    )
    return [*paragraph(text, 80, "dim"), *arithmetic(compare, compare.contexts), *rumours(compare.rows)]


def _expert_note(text: str) -> str:
    chosen, _, rest = text.partition("/")
    experts, _, shared = rest.partition("+")
    return f" {text}: {chosen} of {experts} experts, {shared} shared."


def narrow(compare: Compare, view: View) -> Page:
    """Return one block a model, for fewer than 60 columns."""
    size = bytes_unit((point.bytes for row in compare.rows for point in row.cache), view.units)
    width = max(7, *(len(_count(row, row.params.total)) for row in compare.rows))
    shown = [0, -1] if len(compare.contexts) > 1 else [0]
    out: Page = []
    for row in compare.rows:
        if out:
            out.append(line())
        out.append(line(row.name, "bold").add(f", {row.confidence}" if row.confidence != "published" else "", "yellow"))
        one = line("  total, active").right(_count(row, row.params.total), 20 + width)
        out.append(one.right(_count(row, row.params.active), 30 + width))
        out.append(line("  mixer").to(18).add(", ".join(row.shape.mixers)))
        out.append(line("  ffn").to(18).add(", ".join(row.shape.ffns) or "none"))
        one = line(f"  cache, {size.name}")
        for index in shown:
            point = row.cache[index]
            text = f"{size.of(point.bytes)} at {context_text(point.context)}"
            one.right(text, _narrow_edge(row.cache, index))
        out.append(one)
    return out


def _narrow_edge(points: Sequence[CachePoint | FlopsPoint], index: int) -> int:
    """Return where a cache and its context end: the first after 24, the last 14 later."""
    own = len(f" at {context_text(points[index].context)}")
    return 24 + own if index == 0 else 24 + len(f" at {context_text(points[0].context)}") + 7 + own
