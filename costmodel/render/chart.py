"""Curves on a log-log chart, in braille or ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2, log10

from costmodel.amounts import context_text
from costmodel.render.text import Line, Page, line

_LEFT = 11  # columns left of the area
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # braille, rows by columns


@dataclass(slots=True)
class Series:
    """A curve: a value for every dot of the chart, its name, style and whether it is dotted."""

    name: str
    values: Sequence[int]
    style: str
    dotted: bool = False


@dataclass(slots=True)
class Chart:
    """A chart of ``columns`` cells, two dots each; x runs from ``first`` to ``last`` in equal factors."""

    first: int
    last: int
    columns: int
    marks: Sequence[int]  # contexts named on the axis
    unit: tuple[str, int]  # of the axis: ("GB", 10^9)
    ascii: bool = False

    def contexts(self) -> list[int]:
        """Return the context of every dot."""
        dots = 2 * self.columns
        span = log2(self.last / self.first)
        return [round(self.first * 2 ** (span * i / (dots - 1))) for i in range(dots)]

    def draw(self, series: Sequence[Series]) -> Page:
        """Return the chart: two rows a decade, each curve named where it ends."""
        positive = [value for one in series for value in one.values if value]
        low, high = floor(log10(min(positive))), ceil(log10(max(positive)))
        high = max(high, low + 1)
        rows = 2 * (high - low) + 1
        cells, styles = self._plot(series, high, rows)
        names = {}
        for one in series:
            row = min(rows - 1, max(0, floor(2 * (high - log10(one.values[-1])))))
            while row in names:
                row += 1
            names[row] = one
        out = []
        for row in range(max([rows, *(number + 1 for number in names)])):
            label = self._label(high - row // 2) if row % 2 == 0 and row < rows else ""
            current = line(label.rjust(_LEFT - 2), "dim").add(" ").add("|" if self.ascii else "│", "dim")
            for column in range(self.columns):
                bits = cells[row][column] if row < rows else 0
                text = " " if not bits else "*" if self.ascii else chr(0x2800 + bits)
                current.add(text, styles[row][column] if bits else "")
            if row in names:
                current.add(" ").add(names[row].name, names[row].style)
            out.append(current)
        corner, dash = ("+", "-") if self.ascii else ("└", "─")
        out.append(line(" " * (_LEFT - 1) + corner + dash * self.columns, "dim"))
        return [*out, self._axis()]

    def _plot(self, series: Sequence[Series], high: int, rows: int) -> tuple[list[list[int]], list[list[str]]]:
        """Return the dots of every cell and the style of the curve drawn last in it."""
        cells = [[0] * self.columns for _ in range(rows)]
        styles = [[""] * self.columns for _ in range(rows)]
        for one in series:
            for dot, value in enumerate(one.values):
                column, side = divmod(dot, 2)
                if not value or (one.dotted and column % 2):
                    continue
                # A label stands in the middle of its row, a quarter of a decade below the row's top.
                depth_below_top = 2 * (high + 0.25 - log10(value)) / rows
                height = min(4 * rows - 1, max(0, floor(depth_below_top * (4 * rows - 1))))
                row, depth = divmod(height, 4)
                cells[row][column] |= _DOTS[depth][side]
                styles[row][column] = one.style
        return cells, styles

    def _label(self, decade: int) -> str:
        """Return a power of ten in the unit of the page, thousands in the next."""
        name, size = self.unit
        power = decade - round(log10(size))
        if power >= 3:
            larger = {"B": "kB", "kB": "MB", "MB": "GB", "GB": "TB", "TB": "PB"}.get(name)
            return f"{10 ** (power - 3)} {larger}" if larger else f"{10**power:,} {name}"
        return f"{10**power} {name}" if power >= 0 else f".{'0' * (-power - 1)}1 {name}"

    def _axis(self) -> Line:
        out = Line()
        span = log2(self.last / self.first)
        for mark in self.marks:
            text = context_text(mark)
            column = _LEFT + floor((self.columns - 1) * log2(mark / self.first) / span)
            if column >= out.width + (1 if out.parts else 0):
                out.to(column).add(text, "dim")
        return out.add(" tokens", "dim")
