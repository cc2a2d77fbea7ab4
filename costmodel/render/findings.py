"""Writing a check in several formats at once."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from costmodel.errors import UsageError, one_of, quote
from costmodel.gate.check import Check
from costmodel.render import check as pages
from costmodel.render.annotations import WRITERS
from costmodel.render.output import json_text
from costmodel.render.sink import print_page, view_of, write_file, write_text


def deliver_check(
    found: Check,
    form: str,
    others: Sequence[str],
    read: Collection[Path],
    *,
    out: str | None = None,
    quiet: bool = False,
    verbose: int = 0,
    ascii_only: bool = False,
) -> None:
    """Write a check to stdout or ``out``, and to each ``FORMAT:FILE`` of ``others``; over no file that was ``read``.

    Raises:
        UsageError: there is no such format, or a file cannot be written; nothing is printed then.
    """
    each = [_split(other) for other in others]
    for name in (form, *(name for name, _ in each)):
        if name not in WRITERS:
            raise UsageError(f"--format is {one_of(WRITERS)}, not {quote(name)}")
    files = [(path, WRITERS[name](found), f"--output {name}:{path}") for name, path in each]
    if out is not None:
        files.append((out, WRITERS[form](found), f"--out {out}"))
    _check_targets([path for path, _, _ in files], read)
    for path, text, option in files:
        write_file(text, path, option)
    if out is not None:
        return
    if form in ("table", "text"):
        view = view_of(sys.stdout, ascii_only=ascii_only, quiet=quiet, verbose=verbose)
        print_page(pages.page(found, view), view)
    else:
        write_text(json_text(found, ascii_only=ascii_only) if form == "json" else WRITERS[form](found), sys.stdout)


def _check_targets(paths: Sequence[str], read: Collection[Path]) -> None:
    """Raise UsageError where a file cannot be written, was read or is named twice, before any is written."""
    for number, path in enumerate(paths):
        if Path(path).resolve() in read:
            raise UsageError(f"{quote(path)} is what is checked, and would be overwritten", hint="name another file")
        if Path(path).is_dir() or not Path(path).absolute().parent.is_dir():
            reason = "is a directory" if Path(path).is_dir() else "no such file or directory"
            raise UsageError(f"{quote(path)}: {reason}", hint="nothing was written")
        if Path(path).resolve() in [Path(other).resolve() for other in paths[:number]]:
            raise UsageError(f"two outputs go to {quote(path)}", hint="give each a file")


def _split(text: str) -> tuple[str, str]:
    name, colon, path = text.partition(":")
    if not colon or not path:
        raise UsageError(f"--output {quote(text)} is no FORMAT:FILE", hint="--output sarif:archcalc.sarif")
    return name, path
