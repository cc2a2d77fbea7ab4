"""All that a comparison can be written as: pages, columns of choice, tables of papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.errors import UsageError, one_of, quote
from costmodel.render.sink import View
from costmodel.render.text import Page
from costmodel.report.choices import CONTEXTS
from costmodel.report.compare import Compare, compare

if TYPE_CHECKING:
    from costmodel.render.grid import Grid
    from costmodel.render.styles import Style

STYLES = ("full", "paper", "card", "gallery")
_COLUMNS = "total,active,share,layers,mixer,ffn"


def check_style(style: str, form: str, styles: Sequence[str] = STYLES) -> None:
    """Raise UsageError for a style that does not exist, or that a format cannot show."""
    if style not in styles:
        other = f"it compares models: archcalc compare gpt2 phi-4 --style {style}" if style in STYLES else None
        raise UsageError(f"--style is {one_of(styles)}, not {quote(style)}", hint=other)
    if style != "full" and form == "json":
        raise UsageError(f"--style {style} is a table, and json has every figure", hint="take --style out")
    if style == "card" and form == "csv":
        raise UsageError("--style card has one table a model, and csv is one table", hint="add --format markdown")
    if style == "paper" and form == "table":
        raise UsageError("--style paper is for markdown, latex, html and csv", hint="add --format markdown")


def digits_of(text: str | None) -> int | None:
    """Read ``--digits``. Raises UsageError unless it is a number from 1 to 15."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:3]) <= 15):
        raise UsageError(f"--digits is a number from 1 to 15, not {quote(text)}", hint="--digits 3")
    return int(text)


def ask(names: Sequence[str], choices: dict[str, Any], *, columns: str | None, sort: str | None) -> Compare:
    """Return the comparison with every context that columns and order need, in order.

    Raises:
        UsageError: no such column.
    """
    if columns is None and sort is None:
        return compare(*names, **choices)
    from costmodel.render import columns as by

    picked = by.pick(columns) if columns else []
    key = sort.removeprefix("-") if sort else ""
    order = by.pick(key, "sort") if key else []
    if len(order) > 1:
        raise UsageError(f"--sort takes one key, not {len(order)}", hint=f"--sort {key.partition(',')[0]}")
    if order and order[0].kind == "time" and len(choices["hardware"] or ()) != 1:
        raise UsageError("--sort has a time, and not one device is named", hint="--hardware h200-sxm")
    needed = by.contexts_of([*picked, *order])
    shown = needed if columns else [*(choices["context"] or CONTEXTS), *needed]
    if needed and (columns or not set(needed) <= set(CONTEXTS) or choices["context"]):
        choices = choices | {"context": shown}
    found = compare(*names, **choices)
    for one in order[:1]:
        by.sort(found, one, reverse=bool(sort and sort.startswith("-")))
        if len(found.rows) == 2 and found.rows[0].name != found.typed[0]:
            found = compare(*[row.architecture for row in found.rows if row.architecture], **choices)
    return found


@dataclass(slots=True, eq=False, repr=False)
class Comparison:
    """The renderer of a comparison, in one style and format."""

    answer: Compare
    style: str = "full"
    columns: str | None = None
    transpose: bool = False
    digits: int | None = None
    form: str = "table"

    def __post_init__(self) -> None:
        check_style(self.style, self.form)
        if self.style == "card" and self.transpose:
            raise UsageError(
                "--style card has one table a model, so nothing to transpose", hint="--style gallery --transpose"
            )
        if self.transpose and self.form in ("csv", "json"):
            raise UsageError(f"{self.form} has one row a model in any case", hint="take --transpose out")
        self._check_times()
        if self.digits is not None and self.style == "full" and not self.columns:
            raise UsageError("--digits needs --columns or a style of tables", hint="add --columns total,cache@128Ki")
        if self.digits is not None and self.form in ("json", "csv"):
            raise UsageError(f"--digits rounds, and {self.form} is exact", hint="take --digits out")

    def _check_times(self) -> None:
        """Raise UsageError where times are shown that nobody asked a device for, or the reverse."""
        from costmodel.render import columns as by

        timed = bool(self.answer.rows[0].time)
        shown = any(one.kind == "time" for one in by.pick(self.columns)) if self.columns else self.style == "full"
        if self.columns and shown and not timed:
            raise UsageError("--columns has a time, and no device is named", hint="add --hardware h200-sxm")
        if shown and (self.columns or self.form not in ("table", "json")) and len(self.answer.rows[0].time or {}) > 1:
            raise UsageError("a table has times on one --hardware", hint="name one of them; the page has all")
        if timed and not shown and self.form != "json":
            what = "--columns has none" if self.columns else f"--style {self.style} shows none"
            raise UsageError(f"times on --hardware: {what}", hint="--columns total,active,expected@128Ki")

    @property
    def _style(self) -> Style:
        from costmodel.render.styles import Style

        return Style(self.style, self.form, self.columns, self.digits, self.transpose)

    def page(self, view: View) -> Page:
        """Return the page for a terminal or a pipe."""
        if self.style != "full":
            from costmodel.render import styles

            return styles.page(self.answer, self._style, view)
        if self.columns:
            from costmodel.render import columns as by

            return by.page(self.answer, by.pick(self.columns), view, self.digits, transpose=self.transpose)
        from costmodel.render.compare import page

        return page(self.answer, view, transpose=self.transpose)

    def csv_grid(self, view: View) -> Grid:
        """Return one row a model: the columns asked for, or all figures at every context."""
        from costmodel.render import columns as by

        if self.columns:
            return by.grid(self.answer, by.pick(self.columns), view)
        if self.style != "full":
            from costmodel.render import styles

            return styles.csv_grid(self.answer, self._style, view)
        names = ["title", "confidence", "total", "active", "active_without_lookup", "layers", "d_model", "vocab_size"]
        names += ["max_context", "mixer", "ffn"]
        costs = ["cache", "paged", "pool", "prefill", "decode"]
        costs += ["floor", "expected"] if self.answer.rows[0].time else []
        names += [f"{cost}@{context}" for cost in costs for context in self.answer.contexts]
        return by.grid(self.answer, by.pick(",".join(names)), view)

    def grids(self, view: View) -> list[Grid]:
        """Return the tables of a style; of the full one sizes and shapes, and costs, with one row a model."""
        if self.style != "full":
            from costmodel.render import styles

            return styles.grids(self.answer, self._style, view)
        from costmodel.render.grid import turned

        return [turned(one) for one in self._full(view)] if self.transpose else self._full(view)

    def _full(self, view: View) -> list[Grid]:
        from costmodel.render import columns as by
        from costmodel.render.compare import counted

        about = [f"{row.name}: {row.confidence}" for row in self.answer.rows if row.confidence != "published"]
        if self.columns:
            wanted = by.pick(self.columns)
            table = by.grid(self.answer, wanted, view, self.digits)
            table.notes = [*self._beyond([one.at for one in wanted]), *about]
            return [table]
        sizes = by.grid(self.answer, by.pick(_COLUMNS), view)
        names = [f"{cost}@{context}" for cost in ("cache", "prefill", "decode") for context in self.answer.contexts]
        costs = by.grid(self.answer, by.pick(",".join(names)), view)
        costs.label, costs.caption = "costs", "Cache of one sequence; FLOPs per token."
        costs.notes = [f"Cache: {self.answer.conventions.dtype}, ideal. {counted(self.answer)}"]
        costs.notes += self._beyond(self.answer.contexts)
        if self.answer.rows[0].time:
            timed = [f"{cost}@{context}" for cost in ("floor", "expected") for context in self.answer.contexts]
            times = by.grid(self.answer, by.pick(",".join(timed)), view)
            device, points = next(iter(self.answer.rows[0].time.items()))
            times.label, times.caption = "times", f"Decode on {points[0].devices} x {device}, ms a token."
            times.notes = [f"{row.name}: {row.time[device][0].plan}" for row in self.answer.rows if row.time]
            others = [times]
        else:
            others = []
        sizes.notes = ["Active: values one token passes through, embedding and head included.", *about]
        return [sizes, costs, *others]

    def _beyond(self, contexts: Sequence[int | None]) -> list[str]:
        """Return the note on figures beyond the longest context of a model, if there are some."""
        from costmodel.render.compare import beyond

        names = beyond(self.answer, contexts)
        return [f"Beyond the longest context of {names} figures are arithmetic."] if names else []
