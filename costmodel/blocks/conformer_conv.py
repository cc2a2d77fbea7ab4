"""The convolution module of the Conformer: a gated matrix, a window on every channel, a matrix back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, require_known
from costmodel.blocks.parts.recurrence import conv
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class ConformerConv(Block):
    """A matrix to twice ``d_inner``, one half of which gates the other; ``d_conv`` taps on each channel; a matrix back.

    Behind the window stand a norm and an activation. ``norm``: ``batch`` has a weight and a bias, and two
    buffers of what it saw in training, by which one product and one sum are left; ``rms`` and ``layer`` are
    over the channels. ``pointwise``: a matrix of ``d_inner`` behind the window (a separable convolution).
    ``gate_bias``: two further vectors, on each half before they meet. ``bias`` lists what has one: ``in``,
    ``conv``, ``pointwise``, ``out``. The taps look both ways and nothing is kept, as in an encoder;
    ``causal`` ones look back, and a decoder keeps their columns.
    Source: arXiv:2005.08100, section 2.2; transformers 5.23, parakeet, granite_speech, phi4_multimodal.
    """

    component: ClassVar[str] = "mixer.conformer_conv"
    role: ClassVar[str] = "attention"

    kind: Literal["conformer_conv"]
    d_conv: Count
    d_inner: Count | None = None
    norm: Literal["batch", "rms", "layer"] | None = "batch"
    pointwise: bool = False
    gate_bias: bool = False
    bias: list[str] = []
    causal: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> ConformerConv:
        require_known(self.bias, ("in", "conv", "pointwise", "out"), "bias")
        if "pointwise" in self.bias and not self.pointwise:
            raise Impossible('bias names "pointwise", and the block has no such matrix', "bias", "add pointwise: true")
        if self.keep is not None:
            raise Impossible("a window goes over all tokens, and keep lets only some in", "keep", "leave keep out")
        return self

    def reach(self) -> int:
        """Return the taps less the token itself."""
        return self.d_conv - 1

    def describe(self) -> str:
        """Return ``conv``."""
        return "conv"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        inner = self.d_inner or at.width
        yield at.project("in", bias="in" in self.bias, split="out", units=inner, value=inner, gate=inner)
        learned = (at.weight("gate_bias", 2, inner, split="none"),) if self.gate_bias else ()
        steps = STEPS["activation"] + STEPS["gate"] + 2 * STEPS["add"] * self.gate_bias
        yield at.vector("gated", inner, steps, inputs=2, weights=learned)
        window = conv(at, "conv", inner, self.d_conv, bias="conv" in self.bias, units=inner)
        if not self.causal:
            window.states = ()
        yield window
        if self.pointwise:
            biased = "pointwise" in self.bias
            yield at.project("pointwise", d_in=inner, bias=biased, split="out", units=inner, pointwise=inner)
        if self.norm == "batch":
            names = (("norm", "norm"), ("norm.bias", "norm"), ("norm.mean", "buffer"), ("norm.variance", "buffer"))
            weights = tuple(at.weight(name, inner, role=role) for name, role in names)
            yield at.vector("norm", inner, STEPS["gate"] + STEPS["add"], weights=weights)
        elif self.norm:
            yield at.norm("norm", inner, kind=self.norm)
        yield at.vector("activation", inner, STEPS["activation"])
        yield at.project("out", d_in=inner, bias="out" in self.bias, split="in", units=inner, out=at.width)
