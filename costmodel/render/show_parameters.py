"""The parameters of ``archcalc show``, with bars."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.amounts import Unit, count_text, params_text, params_unit, percent
from costmodel.render.components import ComponentRow, rows_of
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, line, paragraph
from costmodel.report.show import Show

BAR = 13  # cells of a bar of 100 %; twice as many where it stands alone
NARROW = 66  # columns below which a share is dropped


def parameters(show: Show, view: View) -> Page:
    """Return the parameters twice: where they live, and where a token goes."""
    params = show.params
    assert params is not None
    unit = params_unit(params.total)
    rows = rows_of(params.components, params.active_components, tied=bool(show.tied))
    whole = ComponentRow("total", params.total, params.active)
    width = max(6, *(len(params_text(row.total, unit)) for row in [*rows, whole]))
    label = max([18, *(len(row.label) + 2 for row in rows)]) + 2
    table = _ParameterTable(whole, unit, label, label + width, view)
    out = [table.head(), *(table.row(row) for row in rows), table.sum()]
    if text := _not_in_total(show, unit):
        out += paragraph(f"not in total: {text}", min(80, view.columns), "dim", "  ")
    return out


@dataclass(slots=True, eq=False, repr=False)
class _ParameterTable:
    """Where the columns of the parameters stand: ``edge`` is the right end of the totals."""

    whole: ComponentRow
    unit: Unit
    label: int
    edge: int
    view: View

    @property
    def both(self) -> bool:
        """Say whether active parameters differ from all."""
        return self.whole.active != self.whole.total

    @property
    def bar(self) -> int:
        """Return the cells of a bar; below 80 columns there is none, from 100 on they grow."""
        columns = self.view.columns
        if columns < 80:  # figures stay, pictures go
            return 0
        grown = (min(columns, 120) - 80) // 2 if columns >= 100 else 0
        return (BAR + grown) * (1 if self.both else 2)

    @property
    def active_edge(self) -> int:
        """Return the right end of the active parameters."""
        return self.edge + (17 + self.bar if self.bar else 17)

    def head(self) -> Line:
        """Return the names of the columns."""
        out = line("parameters", "bold").to(self.label).add("total  share", "dim")
        if not self.both:
            return out
        return out.to(self.active_edge - 8).add("active" if self.view.columns < NARROW else "active  share", "dim")

    def row(self, row: ComponentRow) -> Line:
        """Return one component."""
        out = line(f"  {row.label}").right(params_text(row.total, self.unit), self.edge)
        out.right(percent(row.total, self.whole.total), self.edge + 7).add(" ")
        out.add(self.view.marks.bar(row.total, self.whole.total, self.bar), "cyan")
        if self.both:
            out.right(params_text(row.active, self.unit) if row.active else "0", self.active_edge)
            if self.view.columns >= NARROW:
                out.right(percent(row.active, self.whole.active), self.active_edge + 7).add(" ")
            out.add(self.view.marks.bar(row.active, self.whole.active, self.bar), "cyan")
        return out

    def sum(self) -> Line:
        """Return the total."""
        out = line("  ").add("total", "bold").right(params_text(self.whole.total, self.unit), self.edge, "bold")
        return out.right(params_text(self.whole.active, self.unit), self.active_edge, "bold") if self.both else out


def _not_in_total(show: Show, unit: Unit) -> str:
    assert show.params is not None
    parts = []
    for name, values in show.params.not_in_total.items():
        if name != "buffers":
            own = unit if unit.of(values) not in ("0.00", "0.01") else params_unit(values)
            parts.append(f"{name} {params_text(values, own)} (--with {name})")
    if buffers := show.params.not_in_total.get("buffers"):
        parts.append(f"router bias buffers {count_text(buffers)}")
    return ", ".join(parts)
