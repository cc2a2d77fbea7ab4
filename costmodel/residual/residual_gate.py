"""Gated residuals: how much of the stream stays and how much of a sublayer comes in, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class ResidualGate(Feature):
    """One learned gate for every value of d_model around every sublayer.

    The gate scales what a sublayer adds, and what follows from it scales the stream: two products a
    value and the residual add. The two scales are the same for all tokens and not counted. It has
    no fields: ``residual_gate: {}``.
    Source: transformers 5.23, muse_spark (MuseSparkResidualGate).
    """

    path: ClassVar[str] = "residual_gate"
    component: ClassVar[str] = "residual.gate"

    def around(self, at: Site) -> Iterator[Op]:
        """Yield what is done around every sublayer."""
        yield at.vector("scale", at.width, 2 * STEPS["gate"], inputs=2, weights=(at.weight("gate", at.width),))
