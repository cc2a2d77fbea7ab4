"""Attention over depth: sums of a token's own vectors, weighed by the scores of learned queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.steps import STEPS
from costmodel.things import Matmul, Weight


@dataclass(slots=True, kw_only=True)
class Blend(Op):
    """``sums`` weighted sums of a token's ``sources`` vectors of ``width``, each by a learned query."""

    family: ClassVar[str] = "projections"

    width: Size
    sources: Size
    sums: Size

    @property
    def flops(self) -> Size:
        """Return 4 x tokens x sums x sources x width: the scores, then the sum."""
        return 4 * self.runs * self.sums * self.sources * self.width * self.tokens

    @property
    def elementwise(self) -> Size:
        """Return the softmax steps of every score."""
        return STEPS["softmax"] * self.runs * self.sums * self.sources * self.tokens

    @property
    def takes(self) -> Size:
        """Return the sources."""
        return self.sources * self.width * self.tokens

    @property
    def gives(self) -> Size:
        """Return the sums."""
        return self.sums * self.width * self.tokens

    def matmuls(self) -> Iterator[Matmul]:
        """Yield both products of every token, whose operands are activations as attention's are."""
        yield Matmul(self.runs, self.tokens, self.sums, self.width, self.sources, "attention")
        yield Matmul(self.runs, self.tokens, self.sums, self.sources, self.width, "attention")


def blend(at: Site, name: str, *, sources: Size, sums: Size, weights: tuple[Weight, ...]) -> Blend:
    """Return so many sums of the site's width over so many sources."""
    return Blend(
        path=f"{at.path}.{name}",
        component=at.component,
        runs=at.runs,
        tokens=at.tokens,
        weights=weights,
        width=at.width,
        sources=sources,
        sums=sums,
    )
