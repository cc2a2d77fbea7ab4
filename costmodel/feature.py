"""What a feature of the residual stream may add: once, in every layer, around every sublayer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

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
