"""What an encoder reads where it looks up no table: frames of sound or pixels, through convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Model, Natural
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, indicator
from costmodel.steps import STEPS


class Convolution(Model):
    """One matrix over windows of ``kernel`` positions that stand ``stride`` apart.

    A list has one number for each axis (``[16, 16]``). ``padding`` keeps the length but for the
    stride; without it windows lie within the input. ``gated``: one half of ``out`` gates the other.
    ``norm``: one over the output, behind the activation.
    """

    out: Count
    kernel: Count | list[Count] = 1
    stride: Count | list[Count] = 1
    bias: bool = True
    padding: bool = True
    gated: bool = False
    activation: str | None = None
    norm: Literal["rms", "layer", "none"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Convolution:
        kernel, stride = self.kernel, self.stride
        if isinstance(kernel, list) and not kernel:
            raise Impossible("kernel lists no axis", "kernel")
        if isinstance(stride, list) and (not isinstance(kernel, list) or len(stride) != len(kernel)):
            raise Impossible("kernel and stride have another number of axes", "stride", "one number for each axis")
        if isinstance(kernel, list) and len(kernel) > 1 and not self.padding and kernel != stride:
            raise Impossible("over several axes the windows without padding depend on the shape", "padding")
        if self.gated and self.out % 2:
            raise Impossible(f"out {self.out} has no half that gates the other", "out")
        return self

    @property
    def width(self) -> int:
        """Return the values of a position behind it."""
        return self.out // 2 if self.gated else self.out

    @property
    def axes(self) -> int:
        """Return the axes that the kernel goes over."""
        return len(self.kernel) if isinstance(self.kernel, list) else 1

    @property
    def window(self) -> int:
        """Return the positions of one window."""
        return prod(self.kernel) if isinstance(self.kernel, list) else self.kernel

    @property
    def step(self) -> int:
        """Return the positions of the input for one of the output."""
        return prod(self.stride) if isinstance(self.stride, list) else prod([self.stride] * self.axes)

    def length(self, positions: Size) -> Size:
        """Return the positions of the shortest input that gives so many."""
        if self.padding or self.axes > 1:
            return self.step * positions
        return self.step * positions + (self.window - self.step) * indicator(positions > 0)


class SourceInput(Model):
    """Convolutions before the first layer, in place of a table: over frames, samples or pixels.

    The input has ``channels`` values a position. The source is counted in tokens, which are the
    positions behind the last convolution; before it there are as many as give these: ``stride``
    times as many, without padding ``kernel - stride`` more. ``scalars``: learned numbers of a
    compression of the input. FLOPs: 2 x kernel x in x out a position of the output.
    Source: arXiv:2212.04356, section 2.2 (Whisper); transformers 5.23, speech_to_text, moonshine, pix2struct.
    """

    channels: Count
    convolutions: list[Convolution] = Field(min_length=1, max_length=64)
    scalars: Natural = 0

    @property
    def width(self) -> int:
        """Return the width that the layers get."""
        return self.convolutions[-1].width

    @model_validator(mode="after")
    def _consistent(self) -> SourceInput:
        axes = [one.axes for one in self.convolutions]
        for index, found in enumerate(axes):
            if found != axes[0]:
                message = f"it goes over {found} axes, and the first one over {axes[0]}"
                raise Impossible(message, f"convolutions[{index}].kernel")
        return self

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the convolutions; ``at`` has the tokens that come out of them."""
        lengths = [at.new]
        for one in reversed(self.convolutions):
            lengths.insert(0, one.length(lengths[0]))
        if self.scalars:
            numbers = (at.weight("scalars", self.scalars),)
            steps = STEPS["activation"]
            yield at.vector("compression", self.channels, steps, weights=numbers, tokens=at.batch * lengths[0])
        width = self.channels
        for index, (one, length) in enumerate(zip(self.convolutions, lengths[1:], strict=True), 1):
            rows = at.batch * length
            name = f"convolution_{index}"
            yield at.project(name, d_in=one.window * width, tokens=rows, bias=one.bias, out=one.out)
            width = one.width
            if one.activation or one.gated:
                steps = (STEPS["activation"] if one.activation else 0) + (STEPS["gate"] if one.gated else 0)
                yield at.vector(f"{name}_activation", width, steps, inputs=2 if one.gated else 1, tokens=rows)
            if one.norm:
                yield at.norm(f"{name}_norm", width, kind=one.norm, tokens=rows)
