"""Layer scale: what every sublayer adds is multiplied by learned factors, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class LayerScale(Feature):
    """One learned factor for every value of d_model on the output of every sublayer.

    It has no fields: ``layer_scale: {}``.
    Source: arXiv:2103.17239, section 2.2; transformers 5.23, internvl (lambda_1 and lambda_2).
    """

    path: ClassVar[str] = "layer_scale"
    component: ClassVar[str] = "residual.scale"

    def around(self, at: Site) -> Iterator[Op]:
        """Yield what is done around every sublayer."""
        yield at.vector("scale", at.width, STEPS["gate"], weights=(at.weight("scale", at.width),))
