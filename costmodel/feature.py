"""What a feature of the residual stream may add: once, in every layer, around every sublayer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from costmodel.block import Model
from costmodel.ops import Op
from costmodel.site import Site


class Feature(Model):
    """A feature of the residual stream: one file with a few hooks.

    The site's ``width`` is the residual stream's, its ``runs`` how often the hook's place occurs.
    """

    path: ClassVar[str]
    component: ClassVar[str]

    def reach(self) -> int:
        """Return over how many tokens it moves information back around every sublayer."""
        return 0

    def check(self, architecture: Any) -> None:
        """Raise Impossible where it contradicts something else of the architecture."""

    def starts(self, layers: Sequence[Sequence[Sequence[str]]]) -> int:  # noqa: ARG002
        """Return how many sublayers add their output to nothing; ``layers``: the blocks of each sublayer of each."""
        return 0

    def through(self, at: Site, layers: Sequence[Sequence[Sequence[str]]]) -> Iterator[Op]:  # noqa: ARG002
        """Yield what depends on where in the stack a sublayer stands; the site is one of the whole stack."""
        yield from ()

    def model(self, at: Site) -> Iterator[Op]:  # noqa: ARG002
        """Yield what is done once: before the first layer or after the last."""
        yield from ()

    def layer(self, at: Site) -> Iterator[Op]:  # noqa: ARG002
        """Yield what every layer does."""
        yield from ()

    def around(self, at: Site) -> Iterator[Op]:  # noqa: ARG002
        """Yield what is done around every sublayer."""
        yield from ()

    def further(self, at: Site) -> Iterator[Op]:  # noqa: ARG002
        """Yield what each layer that predicts a further token has beside its own layer and sublayers."""
        yield from ()
