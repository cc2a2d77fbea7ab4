"""The page of ``archcalc cache``."""

from __future__ import annotations

from costmodel.amounts import Unit, bytes_unit, context_text, fixed, percent
from costmodel.render.chart import Chart, Series
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, clean, fit, line, paragraph
from costmodel.report.cache import CachePage, curve

_SIZES = {"GB": 10**9, "MB": 10**6, "kB": 10**3, "TB": 10**12, "B": 1, "PB": 10**15}
_SIZES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}


def page(found: CachePage, view: View) -> Page:
    """Return the whole page."""
    unit = _unit(found, view)
    out = [_identity(found, unit), line(), *_table(found, unit, view)]
    if not view.quiet:
        if view.columns >= 80:
            out += [line(), *_chart(found, unit, view)]
        out += [line(), *_notes(found, view)]
        if view.tips:
            at = context_text(found.choices.contexts[min(2, len(found.choices.contexts) - 1)])
            out.append(line("next: ", "dim").add(f"archcalc explain {found.name} cache --context {at}", "cyan"))
    return fit(out, view.width)


def _unit(found: CachePage, view: View) -> Unit:
    """Return one unit for all figures of the page."""
    parts = [n * found.batch for group in found.groups for n in group.bytes]
    return bytes_unit([*parts, *(point.bytes * found.batch for point in found.cache)], view.units, 3)


def _identity(found: CachePage, unit: Unit) -> Line:
    many = "one sequence" if found.batch == 1 else f"{found.batch:,} sequences"
    out = line(found.name, "bold").add(f"  cache of {many}, {unit.name}, {_dtypes(found)}")
    return out.add(f", {found.confidence}" if found.confidence != "published" else "", "yellow")


def _dtypes(found: CachePage) -> str:
    formats = list(dict.fromkeys(name for group in found.groups for name in group.dtype.split(" and ")))
    if len(formats) != 1:
        return f"{found.conventions.dtype}" + (f" ({', '.join(formats)})" if formats else "")
    from costmodel.dtypes import FORMATS

    bits = FORMATS[formats[0]].bits
    size = "1 byte" if bits == 8 else f"{bits // 8} bytes" if bits % 8 == 0 else f"{bits} bits"
    return f"{found.conventions.dtype} ({size} a value)"


def _table(found: CachePage, unit: Unit, view: View) -> Page:
    batch = found.batch
    rows: list[tuple[str, list[str], str]] = []
    labels = [f"  {group.layers} {group.label}" for group in found.groups]
    wide = max((cells(text) for text in labels), default=0)
    for group, label in zip(found.groups, labels, strict=True):
        rows.append((f"{label.ljust(wide)}  {group.block}", [unit.of(n * batch) for n in group.bytes], ""))
    points = found.cache
    rows.append(("ideal", [unit.of(p.bytes * batch) for p in points], "bold"))
    rows.append((f"allocated, pages of {found.conventions.page}", [unit.of(p.paged_bytes * batch) for p in points], ""))
    rows.append(("allocated, one pool", [unit.of(p.one_pool_bytes * batch) for p in points], ""))
    if any(point.bytes != point.one_pool_bytes for point in points):
        rows.append(("ideal / every layer full", [percent(p.bytes, p.one_pool_bytes, 0) for p in points], ""))
    names = [context_text(point.context) for point in points]
    left = max([28, *(cells(label) for label, _, _ in rows)])
    width = max(10, *(cells(text) + 2 for _, texts, _ in rows for text in texts))
    if view.width is not None and left + width * len(names) > view.width:
        return _stacked(names, rows)
    out = [_row("context", names, left, width, "bold", "dim")]
    return out + [_row(label, texts, left, width, style, style) for label, texts, style in rows]


def _row(label: str, texts: list[str], left: int, width: int, label_style: str, style: str) -> Line:
    out = line(label, label_style)
    for index, text in enumerate(texts):
        out.right(text, left + width * (index + 1), style)
    return out


def _stacked(names: list[str], rows: list[tuple[str, list[str], str]]) -> Page:
    """Return contexts below each other, for narrow terminals."""
    out: Page = []
    edge = max(cells(label) for label, _, _ in rows) + max(cells(text) for _, texts, _ in rows for text in texts) + 2
    for index, name in enumerate(names):
        out += [line()] if out else []
        out.append(line("context", "bold").right(name, edge, "dim"))
        out += [line(label, style).right(texts[index], edge, style) for label, texts, style in rows]
    return out


def _chart(found: CachePage, unit: Unit, view: View) -> Page:
    most = max([*(point.context for point in found.cache), 8 * 1024])
    first = min(1024, *(point.context for point in found.cache)) if len(found.cache) > 1 else 1024
    asked = dict.fromkeys([first, 4096, 32768, 131072, 2**20, most])
    marks = sorted(n for n in asked if first <= n <= most)
    extra = min(view.columns, 120) - 80 if view.columns >= 100 else 0
    chart = Chart(first, most, 52 + extra, marks, (unit.name, _SIZES[unit.name]), view.ascii)
    drawn = curve(found, chart.contexts())
    batch = found.batch
    series = [Series(found.name, [n * batch for n in drawn.ideal], "cyan")]
    if drawn.one_pool != drawn.ideal:
        series.insert(0, Series("every layer full", [n * batch for n in drawn.one_pool], "yellow", dotted=True))
    if any(drawn.limited) and drawn.limited != drawn.ideal:
        kinds = {group.kind for group in found.groups if group.kind in ("window", "chunk")}
        word = "window" if kinds == {"window"} else "chunk" if kinds == {"chunk"} else "limited layer"
        label = f"its {drawn.limited_layers} {word}s"
        series.append(Series(label, [n * batch for n in drawn.limited], "magenta"))
    return chart.draw(series) if any(drawn.ideal) else []


def _notes(found: CachePage, view: View) -> Page:
    growth = found.growth
    slope = f"{fixed(growth.bytes_per_token, 0)} B"
    text = "ideal: what must be kept"
    if growth.beyond and growth.first_bytes != growth.bytes_per_token:
        text += f"; below {growth.beyond:,} tokens {growth.first_bytes:,} B a token, above {slope}."
    else:
        text += f"; {slope} a token{' of each sequence' if found.batch > 1 else ''}."
    if growth.state_bytes:
        text += f" States: {growth.state_bytes:,} B at any length."
    out = paragraph(text, 80, "dim")
    page = found.conventions.page
    text = f"pages: --page {page}, every sequence in whole ones."
    if found.window_pages and found.architecture is not None:
        name, pages = max(found.window_pages.items(), key=lambda item: item[1])
        span = found.architecture.blocks[name].span
        text = f"pages: --page {page}, a {'chunk' if span.chunk else 'window'} of {span.limit:,} spans up to {pages} "
        text += "of them. one pool: an engine that keeps every token in every layer."
    out += paragraph(text, 80, "dim")
    if view.verbose and found.source:
        out += paragraph(f"source: {clean(found.source.title)}", 80, "dim")
    return out


def grid(found: CachePage, view: View) -> Grid:
    """Return one row a context, as a table for other formats."""
    unit = _unit(found, view)
    batch = found.batch
    about = "" if found.confidence == "published" else f" ({found.confidence})"
    columns = [Column("model", "Model", number=False), Column("confidence", "Confidence", number=False)]
    columns += [Column("context", "Context"), Column("batch", "Sequences"), Column("dtype", "Dtype", number=False)]
    columns += [Column("values", "Values of one"), Column("bytes", f"Ideal ({unit.name})")]
    columns += [Column("state_bytes", f"States ({unit.name})")]
    columns += [Column("paged_bytes", f"Pages of {found.conventions.page} ({unit.name})")]
    columns += [Column("one_pool_bytes", f"One pool ({unit.name})")]
    rows = [
        [
            Cell(found.name),
            Cell(found.confidence),
            Cell(point.context, context_text(point.context)),
            Cell(batch),
            Cell(point.dtype),
            Cell(point.values, f"{point.values:,}"),
            *(
                Cell(value * batch, unit.of(value * batch))
                for value in (point.bytes, point.state_bytes, point.paged_bytes, point.one_pool_bytes)
            ),
        ]
        for point in found.cache
    ]
    caption = f"{clean(found.title or found.name)}{about}: cache."
    notes = ["Ideal: what must be kept. One pool: an engine that keeps every token in every layer."]
    return Grid(columns, rows, caption, f"{found.name}-cache", notes)
