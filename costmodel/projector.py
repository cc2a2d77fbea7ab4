"""The projector of a tower: steps from its patches to the width of the language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Layers, Model
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, absent
from costmodel.stack import Norm, Stack, arrange
from costmodel.steps import STEPS

Schedule = str | list[str]


class Grid(NamedTuple):
    """What a step gets or gives: the width of a token, the tokens of an image or a clip, and how these stand.

    They stand ``side`` beside each other along each of so many ``axes``: those of a clip along one.
    Without a ``side`` they have no neighbours.
    """

    width: int
    tokens: int
    side: int | None
    axes: int = 2

    def squares(self, side: int, field: str) -> Grid:
        """Return the grid of ``side`` x ``side`` tokens, or ``side`` along one axis, each of them one token now."""
        if self.side is None:
            raise Impossible("queries, or patches with a class token, stand in no square and have no neighbours", field)
        if self.axes == 1:
            return self._replace(tokens=self.side // side, side=self.side // side)
        if self.side % side:
            raise Impossible(
                f"{self.side} x {self.side} patches do not divide into squares of {side} x {side}",
                field,
            )
        return self._replace(tokens=self.tokens // (side * side), side=self.side // side)


class InnerStack(Model):
    """Layers within a projector, of the ``blocks`` of its tower.

    They work on what stands there; with ``queries``, on so many learned vectors of ``d_model`` values
    (the width of what stands there unless told otherwise), which read it by cross-attention and take
    its place: a resampler, a Q-Former. ``pre_norm``: a norm before the first layer.
    Source: arXiv:2301.12597, section 3.1 (Q-Former); arXiv:2204.14198, section 2.1 (perceiver resampler).
    """

    n_layers: Layers
    queries: Count | None = None
    d_model: Count | None = None
    layer: list[Schedule] | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm(kind="layer")
    pre_norm: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> InnerStack:
        if self.d_model and not self.queries:
            raise Impossible("d_model is the width of queries, and there are none", "d_model", "add queries")
        return self

    def check(self, blocks: Mapping[str, Any], given: int, prefix: str) -> None:
        """Raise Impossible unless the schedules name ``blocks`` that suit patches of the width ``given``.

        Queries need some that read the patches, and without queries there are none to read.
        """
        found = arrange(self, self.n_layers, blocks, prefix)
        reader = next((name for name in found.counts if blocks[name].reads_source), None)
        if self.queries and reader is None:
            raise Impossible("no block reads the patches", prefix + "queries", "add a cross_attention block")
        wrong = next((name for name in found.counts if blocks[name].source_as_wide), None)
        if wrong is not None and self.d_model not in (None, given):
            message = f'"{wrong}" reads patches as wide as itself, and they are {given} wide'
            raise Impossible(message, prefix + "d_model", "leave d_model out")
        if reader is not None and not self.queries:
            raise Impossible(f'"{reader}" reads other tokens than these, and there are none', prefix + "layer")

    def after(self, grid: Grid) -> Grid:
        """Return what the layers leave."""
        return Grid(self.d_model or grid.width, self.queries, None) if self.queries else grid

    def lower(self, at: Site, grid: Grid, blocks: Mapping[str, Any]) -> Iterator[Op]:
        """Yield the operations on ``at.batch`` images."""
        none = absent(at.new)
        new = 0 if none else self.queries or grid.tokens
        load = replace(at.load, source_new=0 if none or not self.queries else grid.tokens)
        width, layout = self.after(grid).width, arrange(self, self.n_layers, blocks)
        source = grid.width if self.queries else 0
        stack = Stack(at.path, width, layout, blocks, self.norm, keeps=False, source_width=source)
        inner = replace(at, width=width, tokens=at.batch * new)
        if self.queries:
            table = inner.weight("queries", self.queries, width, role="embed")
            yield inner.vector("queries", width, 0, weights=(table,))
        if self.pre_norm:
            yield inner.norm("pre_norm", kind=self.norm.kind, bias=self.norm.bias)
        yield from stack.lower(load, new, 0)
        if self.norm.final:
            yield inner.norm("final_norm", kind=self.norm.kind, bias=self.norm.bias)


class Step(Model):
    """One step of a projector; exactly one of the first seven.

    ``pool``: mean over squares of n x n patches, or over n positions of sound. ``merge``: as many side
    by side in one wider vector (patch merging, pixel shuffle). ``norm``: a norm. ``linear``: a matrix with so many
    output columns, with a ``bias`` or not; ``gated``: a second one like it, whose output multiplies
    that of the first. An ``activation`` may stand behind a matrix or a norm. ``kernel`` makes the
    matrix a convolution over squares of so many patches a side, around every one, or around every
    ``stride``-th. ``layers``: a stack, on the patches or on queries that read them. ``separators``:
    so many learned vectors among the patches; as tokens they are not counted. ``repeat``: each patch
    so many times in one wider vector, as a picture stands for the frames of a video.
    """

    pool: Count | None = None
    merge: Count | None = None
    norm: Literal["rms", "layer", "none"] | None = None
    linear: Count | None = None
    layers: InnerStack | None = None
    separators: Count | None = None
    repeat: Count | None = None
    bias: bool = False
    gated: bool = False
    kernel: Count = 1
    stride: Count = 1
    activation: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        kinds = ("pool", "merge", "norm", "linear", "layers", "separators", "repeat")
        given = [n for n in kinds if getattr(self, n) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "nothing"
            raise Impossible(
                f"a step is one of {', '.join(kinds[:-1])} and {kinds[-1]}, and this one has {said}",
                given[1] if given else "",
                "write one step for each",
            )
        for field, least in (("bias", False), ("gated", False), ("kernel", 1), ("stride", 1)):
            if self.linear is None and getattr(self, field) != least:
                raise Impossible(f"{field} stands beside linear, not {given[0]}", field)
        if self.activation and self.linear is None and self.norm is None:
            raise Impossible(f"activation stands beside linear or norm, not {given[0]}", "activation")
        if self.kernel % 2 == 0:
            raise Impossible(f"a kernel of {self.kernel} has no middle", "kernel", "merge, and a matrix behind it")
        if self.stride > self.kernel:
            raise Impossible(f"a stride of {self.stride} leaves patches out of a kernel of {self.kernel}", "stride")
        return self

    def after(self, grid: Grid, field: str = "") -> Grid:
        """Return what the step makes of a grid. Raises Impossible, at ``field``, where it cannot."""
        if self.pool or self.merge:
            found = grid.squares(self.pool or self.merge or 1, field)
            return found._replace(width=grid.width * (self.merge or 1) ** grid.axes)
        if self.layers:
            return self.layers.after(grid)
        if self.linear and self.kernel > 1:
            side = -(-(grid.squares(1, field).side or 0) // self.stride)
            return grid._replace(width=self.linear, tokens=side**grid.axes, side=side)
        return grid._replace(width=self.linear or grid.width * (self.repeat or 1))


class Deepstack(Model):
    """Further projectors beside the first: ``copies`` of one, each with weights of its own.

    Each reads the output of another layer of the tower; what it makes is added to the patches in one
    of the first layers of the language model.
    Source: arXiv:2406.04334; transformers 5.23, qwen3_vl.
    """

    copies: Count
    projector: list[Step] = Field(min_length=1)


def behind(steps: list[Step], grid: Grid) -> Grid:
    """Return what steps make of a grid."""
    for step in steps:
        grid = step.after(grid)
    return grid


def project(at: Site, steps: list[Step], grid: Grid, blocks: Mapping[str, Any]) -> Iterator[Op]:
    """Yield the steps of a projector on what ``grid`` says of every sequence of ``at``."""
    for index, step in enumerate(steps):
        name, out = str(index + 1), step.after(grid)
        at = replace(at, tokens=0 if absent(at.new) else at.batch * out.tokens)
        if step.pool is not None:
            area = step.pool**grid.axes
            yield at.vector(f"{name}_pool", grid.width, area, inputs=area)  # area - 1 sums, one division
        elif step.norm is not None:
            yield at.norm(f"{name}_norm", grid.width, kind=step.norm)
        elif step.linear is not None:
            columns: dict[str, Size] = {"linear": step.linear} | ({"gate": step.linear} if step.gated else {})
            yield at.project(f"{name}_linear", d_in=step.kernel**grid.axes * grid.width, bias=step.bias, **columns)
        elif step.layers is not None:
            yield from step.layers.lower(at.sub(f"{name}_layers"), grid, blocks)
        elif step.separators is not None:
            rows = at.weight(f"{name}_separators", step.separators, grid.width, role="embed")
            yield at.vector(f"{name}_separators", grid.width, 0, weights=(rows,), tokens=0)
        grid = out
        work = STEPS["activation"] * bool(step.activation) + STEPS["gate"] * step.gated
        if work:
            yield at.vector(f"{name}_activation", grid.width, work, inputs=1 + step.gated)
