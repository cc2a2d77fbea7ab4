"""Tables of a comparison as others print them: ``--style paper``, ``gallery`` and ``card``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from costmodel import FORMULAS, __version__
from costmodel.amounts import context_text
from costmodel.render import columns as by
from costmodel.render.columns import Picked
from costmodel.render.compare import beyond
from costmodel.render.described import attention, expert_width, layers
from costmodel.render.grid import Cell, Column, Grid, turned
from costmodel.render.sink import View
from costmodel.render.table import table
from costmodel.render.text import Page, cells, clean, fit, line, paragraph
from costmodel.report.compare import Compare, CompareRow

_PAPER = "total,active,share,layers,d_model,attention,heads,ffn_layers,experts,expert_width,cache,prefill"
_PRINT = "total,active,layers,attention,experts,cache,prefill"  # what a page in print has room for
_GALLERY = "total,active,share,layers,ffn_layers,d_model,heads,head_dim,attention,experts,vocab_size,max_context"
_GALLERY += ",kb_per_token,cache,prefill,source"
_CARD = "total,active,share,layers,ffn_layers,d_model,attention,heads,head_dim,experts,expert_width,vocab_size"
_CARD += ",max_context,kb_per_token,cache,prefill,decode,source"
_LABELS = {
    "total": "Total parameters",
    "active": "Active parameters",
    "active_without_lookup": "Active without lookup tables",
    "share": "Active share",
    "layers": "Layers",
    "d_model": "Model dimension",
    "vocab_size": "Vocabulary",
    "max_context": "Longest context",
    "attention": "Attention",
    "heads": "Heads / KV heads",
    "head_dim": "Head dimension",
    "experts": "Experts (chosen of routed + shared)",
    "expert_width": "Expert dimension",
    "ffn_layers": "FFN layers",
    "mixer": "Mixer",
    "ffn": "FFN",
    "title": "Title",
    "confidence": "Confidence",
    "name": "Name",
    "source": "Source",
}
_SHORT = {"experts": "Experts", "active_without_lookup": "Active, no lookup"}
_HEADS = {"total": "Total", "active": "Active", "share": "Active", "heads": "Heads / KV", "head_dim": "Head dim."}
_HEADS |= {"d_model": "Model dim.", "expert_width": "Expert dim.", "max_context": "Context"}


@dataclass(slots=True, frozen=True)
class Style:
    """How a comparison is printed: which style, in which format, with which figures and digits."""

    name: str
    form: str
    columns: str | None = None
    digits: int | None = None
    transpose: bool = False

    @property
    def brief(self) -> bool:
        """Say whether labels are the short ones: in print, and where they head columns."""
        return self.name != "card" and (self.form == "latex" or self.heads)

    @property
    def heads(self) -> bool:
        """Say whether figures head columns."""
        return (self.name == "gallery") != self.transpose


def picked(compare: Compare, style: Style) -> list[Picked]:
    """Return the figures of a style: those asked for, or its own that mean something here.

    Raises:
        UsageError: no such column.
    """
    if style.columns:
        return by.pick(style.columns)
    names = {"gallery": _GALLERY, "card": _CARD}.get(style.name) or (_PRINT if style.form == "latex" else _PAPER)
    moe = any(expert_width(row) for row in compare.rows)
    at = {"cache": compare.contexts[-1], "decode": compare.contexts[-1], "prefill": compare.contexts[0]}
    skip = [] if moe else ["experts", "expert_width"]
    skip += ["source"] if style.form == "latex" and style.name == "gallery" else []  # they close the table
    keep = [name for name in names.split(",") if name not in skip]
    return [Picked(name, at.get(name)) for name in keep]


def grids(compare: Compare, style: Style, view: View) -> list[Grid]:
    """Return the tables of a style: one, or of cards one a model."""
    wanted = picked(compare, style)
    if style.name == "card":
        return [_card(compare, row, wanted, style, view) for row in compare.rows]
    found = _by_model(compare, compare.rows, wanted, style, view)
    if not style.heads:
        found = turned(found)
        costs = [one.at is not None for one in wanted]
        first = costs.index(True) if True in costs else 0
        found.rules = [first] if first and all(costs[first:]) else []
    return [found]


def csv_grid(compare: Compare, style: Style, view: View) -> Grid:
    """Return the figures of a style as one row a model, exact."""
    return by.grid(compare, [Picked("title"), Picked("confidence"), *picked(compare, style)], view)


def page(compare: Compare, style: Style, view: View) -> Page:
    """Return a gallery or cards for a terminal; a gallery that is too wide becomes cards of its figures."""
    each, width = grids(compare, style, view), view.width
    if style.name == "gallery" and view.width is not None and _width(each[0]) > view.width:
        wanted, style = picked(compare, style), replace(style, name="card")
        each = [_card(compare, row, wanted, style, view) for row in compare.rows]
    if style.name == "card":
        view = replace(view, width=None)  # two columns are folded, not set one below the other
    out: Page = []
    for one in each:
        left = [index for index, column in enumerate(one.columns) if not column.number]
        out += [*([line()] if out else []), *table(*_shown(one), view, left=left)]
    if not view.quiet:
        marked = [(_first(one, key), text) for one in each for key, text in one.footnotes.items()]
        notes = dict.fromkeys(f"{head}: {text[0].lower()}{text[1:]}" for head, text in marked)
        out += [line(), *(part for text in notes for part in paragraph(text, min(80, width or 80), "dim"))]
    return fit(out, width)


def _first(grid: Grid, key: str) -> str:
    """Return what a footnote is about: the first column or row that has its mark."""
    heads = [(column.note, column.head) for column in grid.columns] + [(row[0].note, row[0].shown) for row in grid.rows]
    return next(head.partition(",")[0] for note, head in heads if note == key)


def _shown(grid: Grid) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the cells of a table."""
    return [column.shown for column in grid.columns], [[cell.shown for cell in row] for row in grid.rows]


def _width(grid: Grid) -> int:
    """Return the columns of a terminal that a table takes."""
    heads, rows = _shown(grid)
    return sum(max(map(cells, column)) + 2 for column in zip(heads, *rows, strict=True)) - 2


def _by_model(compare: Compare, rows: Sequence[CompareRow], wanted: Sequence[Picked], style: Style, view: View) -> Grid:
    """Return one row a model."""
    names = [Cell(row.name, _title(row)) for row in rows]
    columns, body = [Column("name", "", number=False)], [[name] for name in names]
    prefills = sum(one.name == "prefill" for one in wanted)
    work = [one.of(row, compare.contexts) for row in rows for one in wanted if one.kind == "flops"]
    for one in wanted:
        values = [one.of(row, compare.contexts) for row in rows]
        alike = work if one.kind == "flops" else values  # work has one unit, so that it can be compared
        unit, texts = by.texts_of(one, values, view, style.digits, alike)
        texts = _texts(one, texts, rows, style)
        head, unit = _label(compare, one, unit, style, alone=prefills < 2)
        columns.append(Column(by.csv_key(one), head, one.kind != "text", unit, _note_of(one)))
        for row, value, text in zip(body, values, texts, strict=True):
            row.append(Cell(value, text))
    columns[0].head = "" if style.name == "card" else "Model"
    found = Grid(columns, body, "Architectures compared.", "architectures", bare=True)
    found.footnotes = _notes(compare, wanted)
    found.closing = f"archcalc {__version__}, formulas {FORMULAS}; {_sources(compare, rows, style)}."
    return found


def _card(compare: Compare, row: CompareRow, wanted: Sequence[Picked], style: Style, view: View) -> Grid:
    """Return what a model is and costs, in two columns; each value has its own unit."""
    found = turned(_by_model(compare, [row], wanted, style, view))
    for name, value in found.rows:
        glued = "" if name.unit == "%" or name.value.endswith("_params") else " "
        if name.unit and value.text not in (None, "-"):
            value.text = f"{value.text}{glued}{name.unit}"
        name.unit = ""
    found.columns[1].number = False
    found.caption, found.label = f"{_title(row)}.", row.name
    return found


def _title(row: CompareRow) -> str:
    about = "" if row.confidence == "published" else f" ({row.confidence})"
    return clean(row.title or row.name) + about


def _texts(one: Picked, texts: list[str], rows: Sequence[CompareRow], style: Style) -> list[str]:
    """Return the texts of a figure as papers have them."""
    if one.name == "layers":
        return [layers(row) for row in rows]
    if one.name == "attention":
        return [attention(row, short=style.name == "paper" and style.form == "latex") for row in rows]
    if one.name == "vocab_size":
        return [f"{row.vocab_size:,}" if row.vocab_size >= 10_000 else str(row.vocab_size) for row in rows]
    rumour = [row.confidence == "rumour" and one.kind == "params" for row in rows]
    if one.kind in ("params", "bytes", "flops"):
        texts = [text.replace(",", "") for text in texts]
    return [f"~{text}" if about else text for text, about in zip(texts, rumour, strict=True)]


def _label(compare: Compare, one: Picked, unit: str, style: Style, *, alone: bool) -> tuple[str, str]:
    """Return what a figure is called, and its unit."""
    at = context_text(one.at) if one.at else ""
    dtype = "" if style.form == "latex" else f", {compare.conventions.dtype}"
    if one.name in _LABELS:
        short = _HEADS.get(one.name) if style.heads else None
        return short or (_SHORT.get(one.name) if style.brief else None) or _LABELS[one.name], unit
    if one.name == "kb_per_token":
        return f"Cache per token{dtype}", unit
    if one.kind == "bytes":
        word = {"cache": "Cache", "paged": "Cache in pages", "pool": "Cache in one pool"}[one.name]
        return f"{word} at {at} tokens{dtype}", unit
    if one.kind == "time":
        return f"{'Floor' if one.name == 'floor' else 'Expected'} of a decode step at {at}", unit
    if style.brief:
        word, where = ("Decode", f" at {at}") if one.name == "decode" else ("Forward", "" if alone else f", {at}")
        return f"{word} {unit} per token{where}", ""
    words = f"FLOPs per token, decode at {at}" if one.name == "decode" else f"Forward FLOPs per token, {at} prefill"
    return words, unit if style.name == "card" else unit.removesuffix("FLOP")


def _note_of(one: Picked) -> str:
    """Return the key of a figure's footnote."""
    keys = {"active": "a", "kb_per_token": "k", "cache": "c", "prefill": "f", "decode": "d", "paged": "p", "pool": "o"}
    return keys.get(one.name, "t" if one.kind == "time" else "")


def _notes(compare: Compare, wanted: Sequence[Picked]) -> dict[str, str]:
    """Return the definitions by key, in the order of their figures."""
    said = compare.conventions
    left_out = [{"mtp": "MTP"}.get(name, name) for name in said.not_counted if name != "buffers"]
    only = f"; language model only, no {', no '.join(left_out)}" if left_out else ""
    with_ = f"; with {', '.join(said.included)}" if said.included else ""
    head = "head at every position" if said.logits == "all" else "head at the last position"
    flop = f"one multiply or one add; {said.attention} pairs"
    prompts = [context_text(one.at) for one in wanted if one.name == "prefill" and one.at]
    way = said.mla.get("decode", "")
    mla = f"latent attention {way}; " if way else ""
    texts = {
        "a": f"Values one token passes through, embedding and head included{with_}{only}.",
        "k": f"What one more token adds, {said.dtype}, beyond every window.",
        "c": f"One sequence, {said.dtype}, ideal: what must be kept.",
        "p": f"One sequence, {said.dtype}, in whole pages of {said.page} tokens.",
        "o": f"One sequence, {said.dtype}, every token kept in every layer.",
        "f": f"Prefill of {' or '.join(prompts)} tokens, mean over the prompt; {flop}; {head}.",
        "d": f"One new token, the cache read: {mla}{flop}.",
        "t": "Of the device and batch asked for, ms; no run is faster than the floor.",
    }
    order = dict.fromkeys(_note_of(one) for one in wanted)
    notes = {key: texts[key] for key in order if key}
    for key in notes:
        if names := beyond(compare, [one.at for one in wanted if _note_of(one) == key], _title):
            notes[key] += f" Beyond the longest context of {names}."
    return notes


def _sources(compare: Compare, rows: Sequence[CompareRow], style: Style) -> str:
    names = [row.name for row in rows]
    titles = [source.title for source in compare.sources if source.name in names]
    if len(titles) == len(rows) > 1 and style.name == "paper" and all("config.json" in title for title in titles):
        return "sources: published config.json of each model"
    if not titles:
        return "no sources"
    return f"source{'s' if len(titles) > 1 else ''}: {'; '.join(clean(title) for title in titles)}"
