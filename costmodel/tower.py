"""A vision tower: image patches through a stack of its own, then a projector to the text width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from costmodel.block import Count, Impossible, Model, Natural
from costmodel.ops import Lookup, Op
from costmodel.projector import Deepstack, Grid, Schedule, Step, project
from costmodel.residual.layer_scale import LayerScale
from costmodel.site import Site
from costmodel.sizes import Size, absent
from costmodel.stack import Layout, Norm, Stack, arrange
from costmodel.steps import STEPS
from costmodel.things import Weight
from costmodel.workload import Workload


class Tower(Model):
    """Patches of ``images`` square images, a stack of width ``d_model``, and a projector.

    A patch of ``patch_size`` x ``patch_size`` x ``channels`` values, of ``frames`` pictures one after
    another, becomes one token (a convolution whose stride is its size, behind an ``input_norm`` or
    not); ``n_layers: 0``: and goes straight to the projector. ``class_token`` adds one token an
    image, dropped again before the projector unless it is ``kept``. ``positions``: rows of a learned
    table, or of several that are added (one for rows and one for columns of patches). ``pre_norm``: a
    norm before the first layer; ``norm.final`` one after the last. Attention blocks usually say
    ``causal: false``; a ``chunk`` beside it is a square of patches that see each other. Every image
    is a sequence of its own and nothing is kept between steps.

    The projector gets the outputs of ``feature_layers`` layers side by side. ``separators``: learned
    vectors of the language model's width that stand among its patches, as after each row.

    ``Workload.images`` counts the images of the whole step, over its batch; a video has one for
    every ``frames`` pictures.
    Source: transformers 5.23, clip, siglip, pixtral (with mistral3's projector), llama4, qwen2_5_vl,
    qwen3_vl, internvl and glm4v.
    """

    image_size: Count
    patch_size: Count
    frames: Count = 1
    channels: Count = 3
    d_model: Count
    n_layers: Annotated[int, Field(ge=0, le=10_000)]
    blocks: dict[str, Any] = {}  # instances of Block
    layer: list[Schedule] | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm(kind="layer")
    input_norm: Literal["rms", "layer", "none"] | None = None
    patch_bias: bool = False
    class_token: bool | Literal["kept"] = False
    positions: Natural | list[Count] = 0
    pre_norm: bool = False
    layer_scale: LayerScale | None = None
    feature_layers: Count = 1
    projector: list[Step] = Field(default_factory=list)
    deepstack: Deepstack | None = None
    separators: Natural = 0

    _layout: Layout = PrivateAttr()

    @model_validator(mode="after")
    def _consistent(self) -> Tower:
        for name, block in self.blocks.items():
            try:
                block.check(self.blocks)
                if (field := block.of_decoder()) is not None:
                    raise Impossible(f"a tower has no {field}, as a decoder has", field, "leave it out")
            except Impossible as error:
                error.path = ("blocks", name, *error.path)
                raise
        self._layout = arrange(self, self.n_layers, self.blocks) if self.n_layers else Layout([])
        self._layout.index(self.blocks)
        if not self.side:
            message = f"an image of {self.image_size} has no whole patch of {self.patch_size}"
            raise Impossible(message, "image_size")
        for name in self._layout.counts:
            if self.blocks[name].reads_source:
                raise Impossible(f'"{name}" reads other tokens, and a tower has none', "blocks", "give it queries")
        self._check_projectors()
        if self.deepstack and not self.projector:
            raise Impossible("deepstack stands beside a projector, and there is none", "deepstack", "add projector")
        return self

    def _check_projectors(self) -> None:
        """Raise Impossible unless every step can follow the one before it."""
        for field, steps, grid in self._projectors():
            for index, step in enumerate(steps):
                place = f"{field}[{index}]"
                if step.layers and self.deepstack and field.startswith("deepstack"):
                    raise Impossible("layers stand in the projector itself", place)
                if step.layers:
                    step.layers.check(self.blocks, grid.width, f"{place}.layers.")
                grid = step.after(grid, place)
            if grid.tokens != self.tokens_out:
                side, out = grid.side, self._out.side
                raise Impossible(
                    f"the projector makes {out} x {out} tokens, and deepstack {side} x {side}",
                    f"{field}[{len(steps) - 1}]",
                )

    def _projectors(self) -> Iterator[tuple[str, list[Step], Grid]]:
        """Yield field, steps and input of every projector."""
        kept = self.class_token == "kept"
        grid = Grid(self.d_model, self.side * self.side + kept, None if kept else self.side)
        yield "projector", self.projector, grid._replace(width=self.d_model * self.feature_layers)
        if self.deepstack:
            yield "deepstack.projector", self.deepstack.projector, grid

    def check(self, d_model: int) -> None:
        """Raise Impossible unless the projectors end at the language model's width."""
        for field, steps, grid in self._projectors():
            width = _behind(steps, grid).width
            if steps and width != d_model:
                raise Impossible(
                    f"the projector ends at a width of {width}, but d_model is {d_model}",
                    f"{field}[{len(steps) - 1}]",
                    f"linear: {d_model}",
                )

    @cached_property
    def side(self) -> int:
        """Return the whole patches along one side of an image."""
        return self.image_size // self.patch_size

    @cached_property
    def tokens(self) -> int:
        """Return the tokens of one image in the stack, the class token included."""
        return self.side * self.side + bool(self.class_token)

    @cached_property
    def tables(self) -> dict[str, int]:
        """Return the tables of positions by name: rows."""
        if isinstance(self.positions, list):
            return {f"positions_{index}": rows for index, rows in enumerate(self.positions, 1)}
        return {"positions": self.positions} if self.positions else {}

    @cached_property
    def _out(self) -> Grid:
        _, steps, grid = next(self._projectors())
        return _behind(steps, grid)

    @property
    def tokens_out(self) -> int:
        """Return the tokens of one image that the language model gets, without separators."""
        return self._out.tokens

    def lower(self, load: Workload, d_model: int) -> Iterator[Op]:
        """Yield the operations on all images of a step; ``d_model`` is the language model's."""
        self.check(d_model)
        # Without images there are weights and no work: one sequence of no tokens.
        no_images = absent(load.images)
        images: Size = 1 if no_images else load.images
        inner = replace(load, batch=images, images=0, source_new=0, source_cached=0)
        new = 0 if no_images else self.tokens
        patches = images * (0 if no_images else self.side * self.side)
        features = (self.layer_scale,) if self.layer_scale else ()
        stack = Stack("vision", self.d_model, self._layout, self.blocks, self.norm, features=features, keeps=False)
        at = stack.site(inner, new, 0, "vision", 1, "vision")
        yield from self._embed(at, patches)
        yield from stack.lower(inner, new, 0)
        if self.norm.final:
            yield at.norm("final_norm", kind=self.norm.kind, bias=self.norm.bias)
        (_, steps, grid), *others = self._projectors()
        out = replace(at, path="vision.projector", tokens=images * (0 if no_images else grid.tokens))
        yield from project(out, steps, grid, self.blocks)
        if self.deepstack:
            n = self.deepstack.copies
            beside = replace(out, path="vision.deepstack", runs=n, stored=n)
            yield from project(beside, *others[0][1:], self.blocks)
            tokens = images * (0 if no_images else self.tokens_out)
            yield beside.vector("add", d_model, STEPS["add"], inputs=2, tokens=tokens)
        if self.separators:
            rows = out.weight("separators", self.separators, d_model, role="embed")
            yield out.vector("separators", d_model, 0, weights=(rows,), tokens=0)

    def _embed(self, at: Site, patches: Size) -> Iterator[Op]:
        """Yield patch embedding, class token, positions and the norm before the layers."""
        values = self.frames * self.channels * self.patch_size * self.patch_size
        if self.input_norm:
            yield at.norm("input_norm", values, kind=self.input_norm, tokens=patches)
        yield at.project("patch", d_in=values, tokens=patches, bias=self.patch_bias, patch=self.d_model)
        if self.class_token:
            token = at.weight("class_token", self.d_model, role="embed")
            rows = at.batch if at.new else 0
            yield at.vector("class_token", self.d_model, 0, weights=(token,), tokens=rows)
        for name, rows in self.tables.items():
            yield Lookup(
                path=f"{at.path}.{name}",
                component=at.component,
                runs=1,
                tokens=at.tokens,
                weights=(Weight(name, (rows, self.d_model), role="embed", lookup=True),),
                width=self.d_model,
            )
            yield at.vector(f"{name}_add", self.d_model, STEPS["add"], inputs=2)
        if self.pre_norm:
            yield at.norm("pre_norm", kind=self.norm.kind, bias=self.norm.bias)


def _behind(steps: list[Step], grid: Grid) -> Grid:
    """Return what steps make of a grid."""
    for step in steps:
        grid = step.after(grid)
    return grid
