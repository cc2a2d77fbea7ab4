"""From a page to text in the format asked for, and out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from costmodel import __version__
from costmodel.errors import UsageError, one_of, plain, quote
from costmodel.render.sink import FORMATS, View, print_page, view_of, write_file, write_text
from costmodel.render.text import Page, plain_text

if TYPE_CHECKING:
    from costmodel.render.grid import Grid

UNITS = ("si", "iec")


class Renderer(Protocol):
    """What a page can be written as. Modules of ``render`` and small adapters are renderers."""

    def page(self, view: View) -> Page:
        """Return the page for a terminal or a pipe."""

    def grids(self, view: View) -> list[Grid]:
        """Return its tables for Markdown, LaTeX and HTML."""

    def csv_grid(self, view: View) -> Grid:
        """Return its one table for CSV."""


@dataclass(slots=True, eq=False, repr=False)
class Output:
    """The choices of every command about its output."""

    format: str = "table"
    out: str | None = None
    quiet: bool = False
    verbose: int = 0
    units: str = "si"
    ascii: bool = False

    def check(self) -> None:
        """Raise UsageError for a format or unit that does not exist."""
        if self.format not in FORMATS:
            raise UsageError(f"--format is {one_of(FORMATS)}, not {quote(self.format)}")
        if self.units not in UNITS:
            raise UsageError(f"--units is {one_of(UNITS)}, not {quote(self.units)}")

    def view(self) -> View:
        """Return how the page is shown where it goes; a file is a pipe in UTF-8."""
        if self.out is not None:
            return View(None, self.ascii, False, False, self.quiet, self.verbose, self.units)
        return view_of(sys.stdout, ascii_only=self.ascii, quiet=self.quiet, verbose=self.verbose, units=self.units)


def json_text(answer: Any, *, ascii_only: bool = False) -> str:
    """Return the JSON of an answer: what identifies it first, exact integers, LF at the end.

    ``ascii_only`` writes other characters as escapes, where a question mark would replace them.
    """
    import json

    from costmodel.report.data import to_data

    data = _stripped(to_data(answer))
    head = {"schema": data.pop("schema"), "command": data.pop("command")}
    return json.dumps(head | data, indent=1, ensure_ascii=ascii_only, allow_nan=False) + "\n"


def _stripped(value: Any) -> Any:
    """Return data whose texts have no control or direction characters."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(key): _stripped(item) for key, item in value.items()}
    return [_stripped(item) for item in value] if isinstance(value, list) else value


def deliver(answer: Any, renderer: Renderer, output: Output) -> None:
    """Write an answer in the format asked for, to stdout or a file.

    Raises:
        UsageError: no such format or unit, or the file cannot be written.
    """
    output.check()
    view = output.view()
    if output.format == "table":
        page = renderer.page(view)
        if output.out is None:
            print_page(page, view)
        else:
            write_file(plain_text(page), output.out)
        return
    text = _text(answer, renderer, output.format, view)
    if output.out is None:
        write_text(text, sys.stdout)
    else:
        write_file(text, output.out)


def _text(answer: Any, renderer: Renderer, form: str, view: View) -> str:
    if form == "json":
        return json_text(answer, ascii_only=view.ascii)
    if form == "csv":
        from costmodel.render.grid import to_csv

        return to_csv(renderer.csv_grid(view))
    if form == "markdown" and hasattr(renderer, "markdown"):
        return str(renderer.markdown(view))
    from costmodel.render.grid import to_markdown, visible

    grids = [visible(grid) for grid in renderer.grids(view)]
    if form == "latex":
        from costmodel.render.latex import to_latex

        return to_latex(grids, __version__, quiet=view.quiet)
    if form == "html":
        from costmodel.render.html import to_html

        return to_html(grids, __version__, quiet=view.quiet)
    return to_markdown(grids, quiet=view.quiet)


class PageRenderer:
    """The renderer of an answer by a module of ``render`` with ``page`` and ``grid`` or ``grids``.

    The module is imported only when something of it is needed: JSON needs nothing.
    """

    def __init__(self, answer: Any, module: str) -> None:
        self.answer, self.name = answer, module

    @property
    def module(self) -> Any:
        """Return the module."""
        return import_module(f"costmodel.render.{self.name}")

    def page(self, view: View) -> Page:
        """Return the page for a terminal or a pipe."""
        return self.module.page(self.answer, view)  # type: ignore[no-any-return]

    def grids(self, view: View) -> list[Grid]:
        """Return the tables for Markdown, LaTeX and HTML."""
        own = getattr(self.module, "grids", None)
        return own(self.answer, view) if own else [self.module.grid(self.answer, view)]

    def csv_grid(self, view: View) -> Grid:
        """Return the table for CSV."""
        own = getattr(self.module, "csv_grid", None)
        return own(self.answer, view) if own else self.module.grid(self.answer, view)  # type: ignore[no-any-return]
