"""Bars, ratio bars and strips, in Unicode or ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log2

STRIP = {"all": "█", "latent": "▄", "window": "▂", "state": "·", "nothing": " ", "dense": "░", "moe": "▓", "none": " "}
STRIP_ASCII = {
    "all": "#",
    "latent": "=",
    "window": "-",
    "state": "~",
    "nothing": ".",
    "dense": "d",
    "moe": "M",
    "none": ".",
}
STRIP_WIDTH = 64  # layers on a line
STRIP_MOST = 192  # layers that are drawn at all


@dataclass(slots=True, eq=False, repr=False)
class Marks:
    """The characters of a page. ``wide``: at 100 columns and more bars have twice the cells."""

    ascii: bool = False
    wide: bool = False

    @property
    def rule(self) -> str:
        """Return the middle of a ratio bar."""
        return ":" if self.ascii else "│"

    @property
    def half(self) -> int:
        """Return the cells on each side of a ratio bar."""
        return 12 if self.wide else 6

    @property
    def cell(self) -> str:
        """Return what a cell of a ratio bar stands for."""
        return "1.19x" if self.wide else "1.41x"

    def bar(self, part: int, whole: int, width: int) -> str:
        """Return a bar of a share; below half a half-cell there is none."""
        if not whole:
            return ""
        share = Fraction(part, whole) * width
        if self.ascii:
            full = int(share + Fraction(1, 2))
            return "=" * full if full else "-" if share >= Fraction(1, 4) else ""
        halves = int(2 * share + Fraction(1, 2))
        return "━" * (halves // 2) + "╸" * (halves % 2)

    def ratio_bar(self, last: int, first: int) -> tuple[str, str]:
        """Return the left and right side of a ratio on a log scale; empty where it is none."""
        if not last or not first:
            return " " * (self.half + 1), ""
        octaves = log2(last / first)
        return self._sides(octaves, round(2 * abs(octaves) * (4 if self.wide else 2)))

    def change_bar(self, last: Fraction, first: Fraction) -> tuple[str, str]:
        """Return the same where a cell is a change by 7%; what changed at all has half a cell."""
        octaves = log2(last / first)
        return self._sides(octaves, max(1, round(2 * abs(octaves) / log2(1.07))) if octaves else 0)

    def _sides(self, octaves: float, halves: int) -> tuple[str, str]:
        over = halves > 2 * self.half
        full, odd = divmod(min(halves, 2 * self.half), 2)
        whole, left_half, right_half = ("=", "-", "-") if self.ascii else ("━", "╺", "╸")
        if over:
            full, odd = self.half - 1, 0
        if octaves < 0:
            arrow = ("<" if self.ascii else "◂") if over else ""
            text = arrow + left_half * odd + whole * full
            return text.rjust(self.half + 1), ""
        arrow = (">" if self.ascii else "▸") if over else ""
        return " " * (self.half + 1), whole * full + right_half * odd + arrow

    def strip(self, words: Sequence[str]) -> str:
        """Return one character a layer."""
        table = STRIP_ASCII if self.ascii else STRIP
        return "".join(table[word] for word in words)
