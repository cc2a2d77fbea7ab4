"""RG-LRU: Griffin's gated linear recurrence, one value a channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from costmodel.block import Block, Count
from costmodel.blocks.parts.recurrence import conv, gated, scan
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class RgLru(Block):
    """A gated linear recurrence in ``n_heads`` of ``head_dim`` channels behind a short convolution.

    Kept per sequence and layer, whatever the context: ``n_heads * head_dim`` values in fp32, and
    ``d_conv`` columns of as many. Two gates, of the input and of the recurrence, have a matrix of
    ``head_dim`` squared in every head; they, the projections and the convolution have biases. The
    output is multiplied by an activated projection of the input. A token takes one product with
    the state: the input, scaled, is added. The state is the output, so nothing is read out.
    Executed FLOPs are the recurrence's: a kernel scans the channels.
    Source: arXiv:2402.19427, section 2.4; biases and blocks: transformers' recurrent_gemma.
    """

    component: ClassVar[str] = "mixer.rg_lru"
    role: ClassVar[str] = "attention"

    kind: Literal["rg_lru"]
    n_heads: Count
    head_dim: Count
    d_conv: Count

    def describe(self) -> str:
        """Return ``rg-lru``."""
        return "rg-lru"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, width = self.n_heads, self.head_dim
        inner = heads * width
        yield at.project("in", bias=True, split="out", units=heads, x=inner, y=inner)
        yield conv(at, "conv", inner, self.d_conv, bias=True, units=heads)
        yield at.project(
            "gates", d_in=width, groups=heads, bias=True, split="out", units=heads, input=width, recurrence=width
        )
        yield at.vector("input_gate", inner, STEPS["activation"] + STEPS["gate"], inputs=2)
        # Sigmoid, product with the channel's rate, exponential: the decay. What scales the input is the
        # root of one less its square.
        rate = at.weight("rate", inner, split="out", units=heads)
        yield at.vector("decay", inner, 6, weights=(rate,))
        yield scan(at, state=inner, products=1, width=inner, units=heads)
        yield gated(at, inner)
        yield at.project("out", d_in=inner, bias=True, split="in", units=heads, out=at.width)
