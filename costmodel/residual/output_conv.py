"""A short convolution of what every sublayer gives, before it is added to the stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from costmodel.block import Count
from costmodel.blocks.parts.recurrence import conv
from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class OutputConv(Feature):
    """A causal convolution of ``d_conv`` taps on each value that a sublayer gives; its result is added to them.

    Kept per sequence and sublayer: ``d_conv`` columns of d_model values, in fp32.
    Source: transformers' inkling (attn_sconv, mlp_sconv).
    """

    path: ClassVar[str] = "output_conv"
    component: ClassVar[str] = "residual.output_conv"

    d_conv: Count

    def reach(self) -> int:
        """Return the taps less the token itself."""
        return self.d_conv - 1

    def around(self, at: Site) -> Iterator[Op]:
        """Yield the convolution of every sublayer's output."""
        yield conv(at, "conv", at.width, self.d_conv, units=1, role="state")
        yield at.vector("add", at.width, STEPS["add"], inputs=2)
