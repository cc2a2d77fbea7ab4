"""The page of ``archcalc docs``."""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.documents.docs import Docs, StaleTable
from costmodel.errors import count_of, plain
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, line, paragraph

_WIDTH = 80
_SHOWN = 40  # lines of a difference; the JSON has all
_EDITED = (
    "edited by hand: the text no longer matches its digest. Hand edits are lost on the next run; change the command "
    "in the fence instead."
)
_STYLES = {"-": "red", "+": "green"}


def page(found: Docs, view: View) -> Page:
    """Return what is stale and how it differs, what was written, and how many tables there are."""
    out: Page = []
    if found.checked:
        for one in found.stale:
            out += _stale(one, quiet=view.quiet)
    out += [line(f"wrote {plain(name)}") for name in found.written]
    out.append(line(_summary(found)))
    if found.checked and found.stale and view.tips:
        names = " ".join(dict.fromkeys(one.file for one in found.stale))
        out.append(line("next: ", "dim").add(f"archcalc docs {names}", "cyan").add(" (rewrites it)"))
    return out


def patch_text(rows: Iterable[str], *, terminal: bool) -> str:
    """Return the lines of a patch, to the byte; a terminal gets no control characters."""
    return "".join(f"{plain(row) if terminal else row}\n" for row in rows)


def _stale(one: StaleTable, *, quiet: bool) -> Page:
    out = [line(f"{plain(one.file)}:{one.line}: ").add("error", "red").add(" AC301 table is stale")]
    if quiet:
        return out
    out.append(line(f"  archcalc:begin {plain(one.command)}", "dim"))
    out += [_changed(row) for row in one.diff[:_SHOWN]]
    if len(one.diff) > _SHOWN:
        out.append(line(f"    and {count_of(len(one.diff) - _SHOWN, 'more line')}", "dim"))
    if one.reason == "edited":
        out += paragraph(_EDITED, _WIDTH, indent="  ")
    elif one.reason == "new":
        lost = " The text that stands there is lost on the next run." if one.loses else ""
        out += paragraph(f"new: it has no digest, so it was never written.{lost}", _WIDTH, indent="  ")
    else:
        out.append(line("  not edited: the command prints this now."))
    return [*out, line()]


def _changed(row: str) -> Line:
    if row == "...":
        return line("    ...", "dim")
    return line(f"  {row[:1]} {plain(row[1:])}", _STYLES.get(row[:1], ""))


def _summary(found: Docs) -> str:
    stale = len(found.stale)
    text = f"{count_of(found.files, 'file')}, {count_of(found.tables, 'table')}: {found.tables - stale:,} up to date"
    if stale:
        text += f", {stale:,} {'stale' if found.checked else 'written'}"
    return text
