"""Writing a diff in the format asked for."""

from __future__ import annotations

import sys

from costmodel.errors import UsageError, one_of, quote
from costmodel.gate.diff import Diff
from costmodel.render.comment import markdown
from costmodel.render.diff import page
from costmodel.render.output import json_text
from costmodel.render.sink import View, print_page, view_of, write_file, write_text
from costmodel.render.text import plain_text

FORMATS = ("table", "text", "markdown", "json")


def deliver_diff(
    found: Diff, form: str, *, out: str | None = None, quiet: bool = False, verbose: int = 0, ascii_only: bool = False
) -> None:
    """Write a diff to stdout or a file.

    Raises:
        UsageError: there is no such format, or the file cannot be written.
    """
    if form not in FORMATS:
        raise UsageError(f"--format is {one_of(FORMATS)}, not {quote(form)}")
    if form in ("table", "text") and out is None:
        view = view_of(sys.stdout, ascii_only=ascii_only, quiet=quiet, verbose=verbose)
        print_page(page(found, view), view)
        return
    if form in ("table", "text"):
        text = plain_text(page(found, View(None, ascii_only, False, False, quiet, verbose)))
    else:
        text = markdown(found) if form == "markdown" else json_text(found, ascii_only=ascii_only)
    if out is None:
        write_text(text, sys.stdout)
    else:
        write_file(text, out)
