"""One figure by archcalc and by the reference model, and the words for the step it belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from costmodel import figures
from costmodel.sizes import Size
from costmodel.verify.terms import Terms
from costmodel.workload import Workload


@dataclass(frozen=True)
class Equality:
    """One figure, both ways. ``terms`` are those that differ, where the figure or its parts do."""

    figure: str
    at: str
    archcalc: int
    reference: int
    terms: Terms = ()

    @property
    def equal(self) -> bool:
        """Say whether both are the same integer, made of the same terms."""
        return self.archcalc == self.reference and not self.terms

    def __str__(self) -> str:
        at = f" {self.at}" if self.at else ""
        difference = self.archcalc - self.reference
        said = f"{self.figure}{at}: archcalc {self.archcalc}, reference {self.reference}, difference {difference}"
        return "\n".join([said, *(f"  {term}" for term in self.terms)])


def integer(size: Size) -> int:
    """Return a figure as the whole number that it is."""
    whole: int = figures.whole(size)
    return whole


def as_rounded(ours: int, exact: Fraction, theirs: int | Fraction) -> int:
    """Return what ``ours`` would be of ``theirs``: itself only where both are the same before they are rounded.

    Expected parameters are shares; ours are ``exact`` before each tensor's is rounded down.
    """
    apart = theirs - exact
    return ours + (math.floor(apart) or bool(apart))


def said(load: Workload) -> str:
    """Return a step in words: ``batch 2, 8 new after 4, absorbed``."""
    source = (
        f", source {load.source_new} new after {load.source_cached}" if load.source_new or load.source_cached else ""
    )
    source += f", prefix {load.prefix}" if load.prefix else ""
    last = ", last logits" if load.logits == "last" else ""
    return f"batch {load.batch}, {load.new_tokens} new after {load.cached_tokens}{source}, {load.mla}{last}"
