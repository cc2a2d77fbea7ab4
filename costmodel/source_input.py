"""What an encoder reads where it looks up no table: frames of sound or pixels, through convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Model, Natural
from costmodel.ops import Conv, Op
from costmodel.site import Site
from costmodel.sizes import Size, ceil_div, indicator, maximum
from costmodel.steps import STEPS
from costmodel.things import Weight

_PLANE = 2  # axes of a plane: time, and bands


class Convolution(Model):
    """One matrix over windows of ``kernel`` positions that stand ``stride`` apart.

    A list has one number for each axis (``[16, 16]``). ``padding`` keeps the length but for the
    stride, rounded up; without it windows lie within the input. ``depthwise``: every channel has a
    window of its own and sees no other. ``gated``: one half of ``out`` gates the other. ``norm``: one
    over the channels of the output, beside the activation; ``norm_bias``: whether a layer norm has one.
    """

    out: Count
    kernel: Count | list[Count] = 1
    stride: Count | list[Count] = 1
    bias: bool = True
    padding: bool = True
    depthwise: bool = False
    gated: bool = False
    activation: str | None = None
    norm: Literal["rms", "layer", "none"] | None = None
    norm_bias: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Convolution:
        kernel, stride = self.kernel, self.stride
        if isinstance(kernel, list) and not kernel:
            raise Impossible("kernel lists no axis", "kernel")
        if isinstance(stride, list) and (not isinstance(kernel, list) or len(stride) != len(kernel)):
            raise Impossible("kernel and stride have another number of axes", "stride", "one number for each axis")
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

    def along(self, axis: int) -> tuple[int, int]:
        """Return kernel and stride along one axis; a number stands for every axis."""
        kernel = self.kernel[axis] if isinstance(self.kernel, list) else self.kernel
        return kernel, self.stride[axis] if isinstance(self.stride, list) else self.stride

    def after(self, positions: Size, axis: int = 0) -> Size:
        """Return the positions along an axis that come of so many."""
        kernel, stride = self.along(axis)
        if self.padding:
            return ceil_div(positions, stride)
        return (maximum(positions, kernel) - kernel) // stride + indicator(positions >= kernel)

    def before(self, positions: Size, axes: int) -> Size:
        """Return the positions of the shortest input that gives so many, over ``axes`` that are counted together."""
        kernel, stride = (prod(self.along(axis)[i] for axis in range(axes)) for i in range(2))
        if self.padding or axes > 1:
            return stride * positions
        return stride * positions + (kernel - stride) * indicator(positions > 0)


class SourceInput(Model):
    """Convolutions before the first layer, in place of a table: over frames, samples or pixels.

    The input has ``channels`` values a position. The source is counted in tokens, which are the
    positions behind the last convolution; before it there are as many as give these: ``stride``
    times as many, without padding ``kernel - stride`` more. ``bands``: the input is a plane of so
    many bands beside time, as a spectrogram is, and kernels go over both (a number is a square, a
    list says time first); behind them the channels of all bands that are left stand side by side.
    ``linear``: a matrix behind the convolutions, with ``linear_bias`` or not. ``scalars``: learned
    numbers of a compression of the input. FLOPs: 2 x kernel x in x out a position of the output.
    Source: arXiv:2212.04356, section 2.2 (Whisper); transformers 5.23, speech_to_text, moonshine,
    pix2struct; ``bands``: qwen3_omni_moe, parakeet.
    """

    channels: Count = 1
    bands: Count | None = None
    convolutions: list[Convolution] = Field(default_factory=list, max_length=64)
    linear: Count | None = None
    linear_bias: bool = False
    scalars: Natural = 0

    @model_validator(mode="after")
    def _consistent(self) -> SourceInput:
        if not self.convolutions and not self.linear:
            raise Impossible("nothing is done with the input", "convolutions", "add convolutions or linear")
        if self.bands and not self.linear:
            message = "bands stand side by side behind the convolutions, and no matrix makes one width of them"
            raise Impossible(message, "bands", "add linear")
        if self.linear_bias and not self.linear:
            raise Impossible("linear_bias is a bias of linear, and there is none", "linear_bias", "add linear")
        axes, width = self.convolutions[0].axes if self.convolutions else 1, self.channels
        for index, one in enumerate(self.convolutions):
            place = f"convolutions[{index}]"
            if self.bands is None and one.axes != axes:
                raise Impossible(f"it goes over {one.axes} axes, and the first one over {axes}", f"{place}.kernel")
            if self.bands is not None and isinstance(one.kernel, list) and one.axes != _PLANE:
                raise Impossible(f"a plane has two axes, and the kernel {one.axes}", f"{place}.kernel")
            if self.bands is None and one.axes > 1 and not one.padding and one.kernel != one.stride:
                message = "over several axes the windows without padding depend on the shape"
                raise Impossible(message, f"{place}.padding")
            if one.depthwise and one.out != width:
                raise Impossible(f"out is {one.out}, and depthwise works on {width} channels", f"{place}.out")
            width = one.width
        if not self.planes[-1]:
            raise Impossible(f"of {self.bands} bands none is left", "bands")
        return self

    @property
    def axes(self) -> int:
        """Return the axes that positions are counted over together."""
        return self.convolutions[0].axes if self.convolutions and self.bands is None else 1

    @property
    def planes(self) -> list[int]:
        """Return the bands before every convolution and behind the last; 1 where there is no plane."""
        found = [self.bands or 1]
        for one in self.convolutions:
            found.append(int(one.after(found[-1], 1)) if self.bands else 1)
        return found

    @property
    def width(self) -> int:
        """Return the width that the layers get."""
        return self.linear or self._flat

    @property
    def _flat(self) -> int:
        """Return the values of a position behind the convolutions."""
        return (self.convolutions[-1].width if self.convolutions else self.channels) * self.planes[-1]

    def lengths(self, frames: Size) -> list[Size]:
        """Return the positions in time of the input and behind every convolution."""
        found = [frames]
        for one in self.convolutions:
            found.append(one.after(found[-1]))
        return found

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the convolutions; ``at`` has the tokens that come out of them."""
        lengths = [at.new]
        for one in reversed(self.convolutions):
            lengths.insert(0, one.before(lengths[0], self.axes))
        yield from self._lower(at, [at.batch * length for length in lengths])

    def lower_frames(self, at: Site, frames: Size, times: Size) -> Iterator[Op]:
        """Yield the convolutions over so many times so many frames."""
        yield from self._lower(at, [times * length for length in self.lengths(frames)])

    def _lower(self, at: Site, lengths: list[Size]) -> Iterator[Op]:
        planes, width = self.planes, self.channels
        if self.scalars:
            numbers = (at.weight("scalars", self.scalars),)
            yield at.vector("compression", width, STEPS["activation"], weights=numbers, tokens=lengths[0] * planes[0])
        for index, (one, length, plane) in enumerate(zip(self.convolutions, lengths[1:], planes[1:], strict=True), 1):
            rows, name = length * plane, f"convolution_{index}"
            window = prod(one.along(axis)[0] for axis in range(_PLANE if self.bands else one.axes))
            if one.depthwise:
                yield _depthwise(at, name, width, window, rows, bias=one.bias)
            else:
                yield at.project(name, d_in=window * width, tokens=rows, bias=one.bias, out=one.out)
            width = one.width
            if one.activation or one.gated:
                steps = (STEPS["activation"] if one.activation else 0) + (STEPS["gate"] if one.gated else 0)
                yield at.vector(f"{name}_activation", width, steps, inputs=2 if one.gated else 1, tokens=rows)
            if one.norm:
                yield at.norm(f"{name}_norm", width, kind=one.norm, bias=one.norm_bias, tokens=rows)
        if self.linear:
            yield at.project("linear", d_in=self._flat, tokens=lengths[-1], bias=self.linear_bias, linear=self.linear)


def _depthwise(at: Site, name: str, channels: int, window: int, rows: Size, *, bias: bool) -> Conv:
    """Return a window for each channel, over a whole input: nothing is kept of it."""
    weights: tuple[Weight, ...] = (at.weight("out", channels, window),)
    if bias:
        weights += (at.weight("out.bias", channels),)
    return Conv(
        path=f"{at.path}.{name}",
        component=at.component,
        runs=at.runs,
        tokens=rows,
        weights=weights,
        width=channels,
        d_conv=window,
        biased=bias,
    )
