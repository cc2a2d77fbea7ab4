"""Learned factors on the residual stream and on what a sublayer adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS
from costmodel.things import Weight


class ResidualScale(Feature):
    """A factor and, with ``bias``, a summand for every value of the stream and of a sublayer's output.

    They are applied before each addition to the stream; ``embedding``: also once to the embedding.
    ``output: false``: to the stream alone.
    Source: as transformers 5.23 runs them in zaya, and without ``output`` in doge.
    """

    path: ClassVar[str] = "residual_scale"
    component: ClassVar[str] = "residual.residual_scale"

    bias: bool = True
    embedding: bool = True
    output: bool = True

    def around(self, at: Site) -> Iterator[Op]:
        """Yield the scaling of both terms of every sublayer's sum."""
        yield from self._scaled(at, "stream")
        if self.output:
            yield from self._scaled(at, "output")

    def model(self, at: Site) -> Iterator[Op]:
        """Yield the scaling of the embedding."""
        if self.embedding:
            yield from self._scaled(at, "embedding")

    def _scaled(self, at: Site, name: str) -> Iterator[Op]:
        weights: tuple[Weight, ...] = (at.weight(name, at.width),)
        if self.bias:
            weights += (at.weight(f"{name}.bias", at.width),)
        steps = STEPS["gate"] + (STEPS["add"] if self.bias else 0)
        yield at.vector(name, at.width, steps, weights=weights)
