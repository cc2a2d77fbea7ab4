"""All that a comparison can be written as: pages, columns of choice, tables of papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.errors import UsageError, quote
from costmodel.render.sink import View
from costmodel.render.text import Page
from costmodel.report.choices import CONTEXTS
from costmodel.report.compare import Compare, compare

if TYPE_CHECKING:
    from costmodel.render.grid import Grid

STYLES = ("full", "paper")
_COLUMNS = "total,active,share,layers,mixer,ffn"


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
    """The renderer of a comparison."""

    answer: Compare
    style: str = "full"
    columns: str | None = None
    transpose: bool = False

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise UsageError(f"--style is full or paper, not {quote(self.style)}")

    def page(self, view: View) -> Page:
        """Return the page; a style of papers needs a format of theirs."""
        if self.style == "paper":
            raise UsageError("--style paper is for markdown and latex", hint="add --format markdown")
        if self.columns:
            from costmodel.render import columns as by

            return by.page(self.answer, by.pick(self.columns), view)
        from costmodel.render.compare import page

        return page(self.answer, view, transpose=self.transpose)

    def csv_grid(self, view: View) -> Grid:
        """Return one row a model: the columns asked for, or all figures at every context."""
        from costmodel.render import columns as by

        if self.columns:
            return by.grid(self.answer, by.pick(self.columns), view)
        names = ["title", "confidence", "total", "active", "active_without_lookup", "layers", "d_model", "vocab_size"]
        names += ["max_context", "mixer", "ffn"]
        costs = ["cache", "paged", "pool", "prefill", "decode"]
        costs += ["floor", "expected"] if self.answer.rows[0].time else []
        names += [f"{cost}@{context}" for cost in costs for context in self.answer.contexts]
        return by.grid(self.answer, by.pick(",".join(names)), view)

    def grids(self, view: View) -> list[Grid]:
        """Return sizes and shapes, and costs, as tables with one row a model."""
        from costmodel.render import columns as by
        from costmodel.render.compare import counted

        if self.columns:
            return [by.grid(self.answer, by.pick(self.columns), view)]
        sizes = by.grid(self.answer, by.pick(_COLUMNS), view)
        names = [f"{cost}@{context}" for cost in ("cache", "prefill", "decode") for context in self.answer.contexts]
        costs = by.grid(self.answer, by.pick(",".join(names)), view)
        costs.label, costs.caption = "costs", "Cache of one sequence, bytes; FLOPs per token."
        costs.notes = [f"Cache: {self.answer.conventions.dtype}, ideal. {counted(self.answer)}"]
        if self.answer.rows[0].time:
            timed = [f"{cost}@{context}" for cost in ("floor", "expected") for context in self.answer.contexts]
            times = by.grid(self.answer, by.pick(",".join(timed)), view)
            device, points = next(iter(self.answer.rows[0].time.items()))
            times.label, times.caption = "times", f"Decode on {points[0].devices} x {device}, ms a token."
            times.notes = [f"{row.name}: {row.time[device][0].plan}" for row in self.answer.rows if row.time]
            others = [times]
        else:
            others = []
        about = [f"{row.name}: {row.confidence}" for row in self.answer.rows if row.confidence != "published"]
        sizes.notes = ["Active: values one token passes through, embedding and head included.", *about]
        return [sizes, costs, *others]

    @property
    def markdown(self) -> Any:
        """Return the writer of the style's own Markdown, None where tables do."""
        return self._paper("markdown")

    @property
    def latex(self) -> Any:
        """Return the writer of the style's own LaTeX, None where tables do."""
        return self._paper("latex")

    def _paper(self, form: str) -> Any:
        if self.style != "paper":
            return None
        from costmodel.render import paper

        return lambda view: getattr(paper, form)(self.answer, view)
