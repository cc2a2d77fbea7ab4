"""The page of ``archcalc list``."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import zip_longest

from costmodel.amounts import fixed, params_text, params_unit
from costmodel.errors import count_of
from costmodel.render.grid import Cell, Column, Grid
from costmodel.render.show_notes import rough
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, cells, clean, fit, line, paragraph
from costmodel.report.listing import Listing, ListRow

_EXPERTS = re.compile(r"moe [0-9+/]+")
_HEADS = ["name", "total", "active", "kB/token", "mixer", "ffn"]
_LEAST = (18, 8, 7, 8, 17, 12)  # columns that each takes at least


def page(found: Listing, view: View) -> Page:
    """Return the whole page: what is published, then what is not."""
    rows = sorted(found.rows, key=lambda row: row.total is None)
    texts = [_texts(row) for row in rows]
    out = _narrow(rows, texts) if view.columns < 60 else _table(rows, texts, view)
    if not view.quiet:
        out += [line(), *_notes(found)] if rows else _none(found)
        if view.tips:
            out.append(line("next: ", "dim").add("archcalc show NAME", "cyan"))
    return fit(out, view.width)


def _table(rows: list[ListRow], texts: list[list[str]], view: View) -> Page:
    """Return one row a model; what does not fit goes on below, within its column."""
    if not rows:
        return []
    widths = [max([least, *(cells(text[i]) for text in texts)]) for i, least in enumerate(_LEAST)]
    gap = 2
    if view.width is not None and sum(widths) + 5 * gap > view.width:
        widths[4:] = _LEAST[4:]
        gap = 2 if sum(widths) + 5 * gap <= view.width else 1
        widths[4] = max(12, view.width - sum(widths[:4]) - widths[5] - 5 * gap)
    out = _row(_HEADS, widths, gap, "dim", "dim")
    for row, text in zip(rows, texts, strict=True):
        out += _row(text, widths, gap, "", "yellow" if row.confidence != "published" else "")
    return out


def _texts(row: ListRow) -> list[str]:
    if row.total is None or row.active is None:
        said = [rough(row.claimed[key]) if key in row.claimed else "-" for key in ("params.total",)]
        return [row.name, *said, "-", "-", "not published", row.confidence]
    unit = params_unit(row.total)
    about = "~" if row.confidence == "rumour" else ""
    experts = _EXPERTS.search(row.ffn or "")
    ffn = experts[0] if experts else row.ffn or "-"
    if row.confidence != "published":
        ffn = f"{ffn} {row.confidence}"
    per_token = fixed(Fraction(row.cache_bytes_per_token or 0) / 1000, 1) if row.cache_bytes_per_token else "0"
    total, active = params_text(row.total, unit), params_text(row.active, unit)
    return [row.name, about + total, about + active, per_token, row.mixer or "-", "-" if ffn == "none" else ffn]


def _row(texts: list[str], widths: list[int], gap: int, style: str, last: str) -> Page:
    out = line(texts[0], style)
    edge = widths[0]
    for text, width in zip(texts[1:4], widths[1:4], strict=True):
        edge += width + gap
        out.right(text, edge, style)
    left, right = edge + gap, edge + 2 * gap + widths[4]
    mixer = [one.text for one in paragraph(texts[4], widths[4])] or [""]
    ffn = [one.text for one in paragraph(texts[5], widths[5])] or [""]
    page: Page = []
    for one, other in zip_longest(mixer, ffn, fillvalue=""):
        page.append((Line() if page else out).to(left).add(one, style).to(right).add(other, last))
    return page


def _narrow(rows: list[ListRow], texts: list[list[str]]) -> Page:
    out: Page = []
    for row, text in zip(rows, texts, strict=True):
        out.append(line(text[0], "bold"))
        out.append(line(f"  {text[1]} total, {text[2]} active, {text[3]} kB/token"))
        out.append(line(f"  {text[4]}, {text[5]}", "yellow" if row.confidence != "published" else ""))
    return out


def _notes(found: Listing) -> Page:
    proposals = f", {count_of(found.proposals, 'proposal')}" if found.proposals else ""
    text = f"{count_of(found.architectures, 'architecture')}{proposals}. kB/token: what one more token adds to the "
    text += "cache in bf16, beyond every window."
    text += "" if found.filter else " Filter: archcalc list gemma"
    return paragraph(text, 80, "dim")


def _none(found: Listing) -> Page:
    return [line(f'no name, title or alias contains "{clean(found.filter or "")[:64]}"', "dim")]


def grid(found: Listing, view: View) -> Grid:  # noqa: ARG001  (every page has the same call)
    """Return one row a model."""
    columns = [Column("name", "Name", number=False), Column("title", "Title", number=False)]
    columns += [Column("confidence", "Confidence", number=False), Column("total_params", "Total")]
    columns += [Column("active_params", "Active"), Column("cache_bytes_per_token", "kB/token")]
    columns += [Column("mixer", "Mixer", number=False), Column("ffn", "FFN", number=False)]
    columns += [Column("claimed_total", "Said", number=False)]
    rows = []
    for row in found.rows:
        text = _texts(row)
        said = rough(row.claimed["params.total"]) if "params.total" in row.claimed else None
        rows.append(
            [
                Cell(row.name),
                Cell(row.title),
                Cell("proposal" if row.proposal and row.confidence == "published" else row.confidence),
                Cell(row.total, text[1] if row.total else "-"),
                Cell(row.active, text[2]),
                Cell(row.cache_bytes_per_token, text[3]),
                Cell(row.mixer, text[4]),
                Cell(row.ffn, text[5]),
                Cell(said),
            ]
        )
    notes = ["kB/token: what one more token adds to the cache in bf16, beyond every window."]
    return Grid(columns, rows, "Architectures of the catalog.", "catalog", notes)
