"""A vision tower: image patches through a stack of its own, then a projector to the text width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Model
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, absent
from costmodel.steps import STEPS
from costmodel.tower_stack import Step, TowerStack, project
from costmodel.workload import Workload


class Deepstack(Model):
    """Further projectors beside the first: ``copies`` of one, each with weights of its own.

    Each reads the output of another layer of the tower; what it makes is added to the patches in one
    of the first layers of the language model.
    Source: arXiv:2406.04334; transformers 5.23, qwen3_vl.
    """

    copies: Count
    projector: list[Step] = Field(min_length=1)


class Tower(TowerStack):
    """Patches of ``images`` square images, a stack of width ``d_model``, and a projector.

    A patch of ``patch_size`` x ``patch_size`` x ``channels`` values, of ``frames`` pictures one after
    another, becomes one token (a convolution whose stride is its size); ``class_token`` adds one an
    image, dropped again before the projector. ``positions``: rows of a learned table. ``pre_norm``:
    a norm before the first layer; ``norm.final`` one after the last. Attention blocks usually say
    ``causal: false``; a ``chunk`` beside it is a square of patches that see each other. Every image
    is a sequence of its own and nothing is kept between steps.

    The projector gets the outputs of ``feature_layers`` layers side by side. ``separators`` stand
    among its patches, as after each row.

    ``Workload.images`` counts the images of the whole step, over its batch; a video has one for
    every ``frames`` pictures.
    Source: transformers 5.23, clip, siglip, pixtral (with mistral3's projector), llama4, qwen2_5_vl,
    qwen3_vl, internvl and glm4v.
    """

    axes: ClassVar[int] = 2
    sense: ClassVar[str] = "images"

    image_size: Count
    patch_size: Count
    frames: Count = 1
    channels: Count = 3
    patch_bias: bool = False
    class_token: bool = False
    feature_layers: Count = 1
    deepstack: Deepstack | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Tower:
        if not self.side:
            message = f"an image of {self.image_size} has no whole patch of {self.patch_size}"
            raise Impossible(message, "image_size")
        for field, steps, _ in self.projectors():
            side = self.side
            for index, step in enumerate(steps):
                if side % step.side:
                    raise Impossible(
                        f"{side} x {side} patches do not divide into squares of {step.side} x {step.side}",
                        f"{field}[{index}]",
                    )
                side //= step.side
            if side != self.side_out:
                raise Impossible(
                    f"the projector makes {self.side_out} x {self.side_out} tokens, and deepstack {side} x {side}",
                    f"{field}[{len(steps) - 1}]",
                )
        if self.deepstack and not self.projector:
            raise Impossible("deepstack stands beside a projector, and there is none", "deepstack", "add projector")
        return self

    def projectors(self) -> Iterator[tuple[str, list[Step], int]]:
        """Yield field, steps and width of the input of every projector."""
        yield "projector", self.projector, self.d_model * self.feature_layers
        if self.deepstack:
            yield "deepstack.projector", self.deepstack.projector, self.d_model

    @cached_property
    def side(self) -> int:
        """Return the whole patches along one side of an image."""
        return self.image_size // self.patch_size

    @cached_property
    def tokens(self) -> int:
        """Return the tokens of one image in the stack, the class token included."""
        return self.side * self.side + self.class_token

    @cached_property
    def side_out(self) -> int:
        """Return the tokens along one side of an image behind the projector."""
        side = self.side
        for step in self.projector:
            side //= step.side
        return side

    @cached_property
    def tokens_out(self) -> int:
        """Return the tokens of one image that the language model gets, without separators."""
        return self.side_out * self.side_out

    def lower(self, load: Workload, d_model: int) -> Iterator[Op]:
        """Yield the operations on all images of a step; ``d_model`` is the language model's."""
        self.check(d_model)
        # Without images there are weights and no work: one sequence of no tokens.
        no_images = absent(load.images)
        images: Size = 1 if no_images else load.images
        inner = replace(load, batch=images, images=0, clips=0, source_new=0, source_cached=0)
        new = 0 if no_images else self.tokens
        patches = 0 if no_images else self.side * self.side
        stack = self.stack("vision")
        at = stack.site(inner, new, 0, "vision", 1, "vision")
        yield from self._embed(at, images * patches)
        yield from self.layers(stack, at)
        out = replace(at, path="vision.projector", new=patches, tokens=images * patches)
        yield from project(out, self.projector, self.d_model * self.feature_layers, self.axes)
        if self.deepstack:
            n = self.deepstack.copies
            beside = replace(out, path="vision.deepstack", runs=n, stored=n)
            yield from project(beside, self.deepstack.projector, self.d_model, self.axes)
            tokens = images * (0 if no_images else self.tokens_out)
            yield beside.vector("add", d_model, STEPS["add"], inputs=2, tokens=tokens)
        yield from self.between(out, d_model)

    def _embed(self, at: Site, patches: Size) -> Iterator[Op]:
        """Yield patch embedding, class token, positions and the norm before the layers."""
        values = self.frames * self.channels * self.patch_size * self.patch_size
        yield at.project("patch", d_in=values, tokens=patches, bias=self.patch_bias, patch=self.d_model)
        if self.class_token:
            token = at.weight("class_token", self.d_model, role="embed")
            rows = at.batch if at.new else 0
            yield at.vector("class_token", self.d_model, 0, weights=(token,), tokens=rows)
        yield from self.begin(at)
