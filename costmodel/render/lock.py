"""What ``archcalc lock`` says of the file."""

from __future__ import annotations

import sys

from costmodel.errors import UsageError, count_of, quote
from costmodel.gate.lock import LockPage
from costmodel.render.output import json_text
from costmodel.render.sink import print_page, view_of, write_file, write_text
from costmodel.render.text import Page, clean, line


def deliver_lock(found: LockPage, form: str, *, check: bool, quiet: bool) -> None:
    """Write the lock file (not with ``check``) and say what is new in it.

    Raises:
        UsageError: there is no such format, or the file cannot be written.
    """
    if form not in ("table", "json"):
        raise UsageError(f"--format is table or json, not {quote(form)}")
    if not check and found.stale:
        write_file(found.text, found.path, f"--lock {found.path}")
    if form == "json":
        write_text(json_text(found), sys.stdout)
    else:
        view = view_of(sys.stdout, quiet=quiet)
        print_page(page(found, check=check), view)


def page(found: LockPage, *, check: bool) -> Page:
    """Return one line on the file, and one a spec that is new, changed or gone."""
    out: Page = []
    for sign, style, names in (
        ("+", "green", found.added),
        ("~", "yellow", found.changed),
        ("-", "red", found.removed),
    ):
        out += [line(f"  {sign} ", style).add(clean(name)) for name in names]
    what = f"{count_of(found.specs, 'spec')}, {count_of(found.figures, 'figure')}, formulas {found.formulas}"
    if not found.stale:
        return [line(f"{clean(found.file)} is up to date: {what}")]
    verb = f"{clean(found.file)} is stale" if check else f"wrote {clean(found.file)}"
    return [*out, line(f"{verb}: {what}")]
