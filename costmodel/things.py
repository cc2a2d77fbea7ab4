"""Things: weights and states, which exist apart from the work that uses them, and matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import NamedTuple

from costmodel.sizes import Size


@dataclass(slots=True)
class Weight:
    """A stored tensor. ``stored`` is 0 where another operation stores it (a tied head).

    ``shape`` is (..., d_out, d_in); a leading axis stacks matrices: experts, groups. ``chosen`` is
    how many of a stack one token uses (a fraction where it is an expectation), None for all.
    ``split`` names the axis that parallelism may cut and ``units`` the whole pieces along it.
    ``lookup`` marks a table that is only looked up. ``role`` picks the dtype; a ``buffer`` is no
    parameter. ``keep`` is the share of tokens that use it at all (Mixture of Depths).
    """

    name: str
    shape: tuple[Size, ...]
    stored: Size = 1
    role: str = "weights"
    chosen: Size | Fraction | None = None
    split: str = "none"
    units: Size = 1
    lookup: bool = False
    trained: bool = True
    keep: Fraction | None = None
    chosen_range: tuple[Size, Size] | None = None  # fewest and most of a stack, where tokens differ

    @property
    def values(self) -> Size:
        """Return the values of one copy."""
        return prod(self.shape)

    @property
    def total(self) -> Size:
        """Return the values stored, all copies."""
        return self.stored * prod(self.shape)

    @property
    def active(self) -> Size:
        """Return the values one token passes through, in expectation, rounded down."""
        values = self.stored * prod(self.shape)
        if self.chosen is not None:
            values = values * self.chosen // self.shape[0]
        if self.keep is not None:
            values = values * self.keep.numerator // self.keep.denominator
        return values

    @property
    def expected(self) -> Fraction:
        """Return the values one token passes through, in expectation, as they are: what ``active`` rounds down."""
        share = Fraction(self.chosen, self.shape[0]) if self.chosen is not None else Fraction(1)
        return Fraction(self.total) * share * (self.keep or 1)

    @property
    def active_range(self) -> tuple[Size, Size]:
        """Return the fewest and the most values a token can pass through."""
        fewest, most = self.chosen_range or (self.chosen, self.chosen)
        values = self.stored * prod(self.shape)
        least = 0 if self.keep is not None else values if fewest is None else values * fewest // self.shape[0]
        return least, values if most is None else values * most // self.shape[0]


@dataclass(slots=True)
class State:
    """What one sequence keeps in one layer: entries of ``width`` values; ``stored`` layers have one.

    In entries: ``kept`` after the step, ``read`` of what earlier steps left, ``written`` in this
    step, ``fresh`` of this step's own that its queries read, ``paged`` and ``pooled`` as engines
    allocate it. ``role`` picks the dtype.
    """

    name: str
    kind: str
    kept: Size
    read: Size
    written: Size
    paged: Size
    pooled: Size
    stored: Size
    role: str = "kv"
    units: Size = 1
    width: Size = 1
    fresh: Size = 0


class Matmul(NamedTuple):
    """``times`` times ``batch`` products of (m, k) by (k, n); ``role`` picks the dtype."""

    times: Size
    batch: Size
    m: Size
    k: Size
    n: Size
    role: str
