"""Where a page goes: a terminal, a pipe or a file, and what can be shown there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from costmodel.errors import UsageError, quote
from costmodel.render.marks import Marks
from costmodel.render.text import Page, plain_text

FORMATS = ("table", "json", "markdown", "csv", "latex", "html")


@dataclass(slots=True, eq=False, repr=False)
class View:
    """How a page is shown. ``width`` None: no limit. ``tips``: a reader sits at a terminal."""

    width: int | None = 80
    ascii: bool = False
    tips: bool = False
    color: bool = False
    quiet: bool = False
    verbose: int = 0
    units: str = "si"

    @property
    def columns(self) -> int:
        """Return the columns to lay out for: 80 where nothing limits them."""
        return 80 if self.width is None else self.width

    @property
    def marks(self) -> Marks:
        """Return the characters of bars and strips."""
        return Marks(self.ascii, wide=self.columns >= 100)


def view_of(
    stream: TextIO, *, ascii_only: bool = False, quiet: bool = False, verbose: int = 0, units: str = "si"
) -> View:
    """Return how to show a page on a stream, as the environment asks.

    NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected; COLUMNS overrides
    the width of a terminal, and makes a pipe narrow but never wide.
    """
    terminal = stream.isatty()
    dumb = os.environ.get("TERM") in ("dumb", "unknown")
    if os.environ.get("NO_COLOR"):
        color = False
    elif _on("FORCE_COLOR") or _on("CLICOLOR_FORCE"):
        color = True
    else:
        color = terminal and not dumb and os.environ.get("CLICOLOR") != "0"
    width = _width(stream) if terminal else _asked_width()
    if not terminal and (width is None or width >= 60):
        width = None
    return View(width, ascii_only or not _unicode(stream), terminal and not quiet, color, quiet, verbose, units)


def _on(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


def _asked_width() -> int | None:
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isascii() and asked.isdigit() and 0 < int(asked[:6]) < 10_000 else None


def _width(stream: TextIO) -> int:
    asked = _asked_width()
    if asked is not None:
        return asked
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def _unicode(stream: TextIO) -> bool:
    """Say whether a stream takes UTF-8. Python reads the C locale as UTF-8; here it means ASCII."""
    encoding = (stream.encoding or "ascii").lower().replace("-", "").replace("_", "")
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    return encoding in ("utf8", "utf8sig") and locale not in ("C", "POSIX")


def print_page(page: Page, view: View, stream: TextIO | None = None) -> None:
    """Write a page: styled by rich where colours are asked for, else as plain text."""
    stream = sys.stdout if stream is None else stream
    if view.color:
        from costmodel.render.terminal import styled

        write_text(styled(page), stream)
    else:
        write_text(plain_text(page), stream)


def write_text(text: str, stream: TextIO) -> None:
    """Write text; what an encoding cannot show becomes a question mark."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def write_file(text: str, path: str, named: str | None = None) -> None:
    """Write a file whole or not at all: UTF-8, line breaks as they are. ``named``: what errors call it.

    Raises:
        UsageError: it cannot be written.
    """
    import tempfile

    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8", newline="\n")  # /dev/stdout, a named pipe
            return
        target = target.resolve()  # a link keeps pointing at what it points at
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=".archcalc-", delete=False) as file:
            name = Path(file.name)
        try:
            name.write_text(text, encoding="utf-8", newline="\n")
            name.chmod(mode)
            name.replace(target)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        if named is not None:
            raise UsageError(f"{quote(named)}: {reason}", hint="it is as it was") from None
        raise UsageError(f"--out {quote(path)}: {reason}", hint="nothing was written") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
