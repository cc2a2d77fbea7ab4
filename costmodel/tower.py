"""A vision tower: image patches through a stack of its own, then a projector to the text width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Count, Impossible
from costmodel.ops import Op
from costmodel.projector import Deepstack, Grid, Step, project
from costmodel.site import Site
from costmodel.sizes import Size, absent
from costmodel.steps import STEPS
from costmodel.tower_stack import TowerStack
from costmodel.workload import Workload


class Tower(TowerStack):
    """Patches of ``images`` square images, a stack of width ``d_model``, and a projector.

    A patch of ``patch_size`` x ``patch_size`` x ``channels`` values, of ``frames`` pictures one after
    another, becomes one token (a convolution whose stride is its size, behind an ``input_norm`` or
    not). ``class_token`` adds one token an image, dropped again before the projector unless it is
    ``kept``. A ``chunk`` of attention that is not causal is a square of patches that see each other.
    Every image is a sequence of its own and nothing is kept between steps.

    The projector gets the outputs of ``feature_layers`` layers side by side. ``separators`` stand
    among its patches, as after each row.

    ``Workload.images`` counts the images of the whole step, over its batch; a video has one for
    every ``frames`` pictures.
    Source: transformers 5.23, clip, siglip, pixtral (with mistral3's projector), llama4, qwen2_5_vl,
    qwen3_vl, internvl and glm4v.
    """

    sense: ClassVar[str] = "images"

    image_size: Count
    patch_size: Count
    frames: Count = 1
    channels: Count = 3
    input_norm: Literal["rms", "layer", "none"] | None = None
    patch_bias: bool = False
    class_token: bool | Literal["kept"] = False
    feature_layers: Count = 1
    deepstack: Deepstack | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Tower:
        if not self.side:
            message = f"an image of {self.image_size} has no whole patch of {self.patch_size}"
            raise Impossible(message, "image_size")
        self.check_steps()
        if self.deepstack:
            self._check_deepstack(self.deepstack.projector)
        return self

    def _check_deepstack(self, steps: list[Step]) -> None:
        """Raise Impossible unless its tokens can be added to those of the projector."""
        if not self.projector:
            raise Impossible("deepstack stands beside a projector, and there is none", "deepstack", "add projector")
        for index, step in enumerate(steps):
            if step.layers:
                raise Impossible("layers stand in the projector itself", f"deepstack.projector[{index}]")
        *_, (field, _, grid) = self.projectors()
        for step in steps:
            grid = step.after(grid)
        if grid.tokens != self.tokens_out:
            side, out = grid.side, self.out.side
            raise Impossible(
                f"the projector makes {out} x {out} tokens, and deepstack {side} x {side}",
                f"{field}[{len(steps) - 1}]",
            )

    @property
    def grid(self) -> Grid:
        """Return what the projector gets: patches in a square, or with the class token in none."""
        kept = self.class_token == "kept"
        width = self.d_model * self.feature_layers
        return Grid(width, self.side * self.side + kept, None if kept else self.side)

    def projectors(self) -> Iterator[tuple[str, list[Step], Grid]]:
        """Yield field, steps and input of every projector."""
        yield "projector", self.projector, self.grid
        if self.deepstack:
            yield "deepstack.projector", self.deepstack.projector, self.grid._replace(width=self.d_model)

    @cached_property
    def side(self) -> int:
        """Return the whole patches along one side of an image."""
        return self.image_size // self.patch_size

    @cached_property
    def tokens(self) -> int:
        """Return the tokens of one image in the stack, the class token included."""
        return self.side * self.side + bool(self.class_token)

    def lower(self, load: Workload, d_model: int) -> Iterator[Op]:
        """Yield the operations on all images of a step; ``d_model`` is the language model's."""
        self.check(d_model)
        # Without images there are weights and no work: one sequence of no tokens.
        no_images = absent(load.images)
        images: Size = 1 if no_images else load.images
        inner = replace(load, batch=images, images=0, clips=0, source_new=0, source_cached=0)
        new = 0 if no_images else self.tokens
        stack = self.stack("vision")
        at = stack.site(inner, new, 0, "vision", 1, "vision")
        yield from self._embed(at, images * (0 if no_images else self.side * self.side))
        yield from self.layers(stack, at)
        out = replace(at, path="vision.projector")
        yield from project(out, self.projector, self.grid, self.blocks)
        if self.deepstack:
            n, grid = self.deepstack.copies, self.grid._replace(width=self.d_model)
            beside = replace(out, path="vision.deepstack", runs=n, stored=n)
            yield from project(beside, self.deepstack.projector, grid, self.blocks)
            tokens = images * (0 if no_images else self.tokens_out)
            yield beside.vector("add", d_model, STEPS["add"], inputs=2, tokens=tokens)
        yield from self.between(out, d_model)

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
        yield from self.begin(at)
