"""A vision tower: image patches through a stack of its own, then a projector to the text width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Layers, Model, Natural
from costmodel.ops import Lookup, Op
from costmodel.residual.layer_scale import LayerScale
from costmodel.site import Site
from costmodel.sizes import Size, absent
from costmodel.stack import Norm, Stack, arrange
from costmodel.steps import STEPS
from costmodel.things import Weight
from costmodel.workload import Workload

Schedule = str | list[str]


class Step(Model):
    """One step of a projector; exactly one of the first four.

    ``pool``: mean over squares of n x n patches. ``merge``: n x n patches side by side in one
    wider vector (patch merging, pixel shuffle). ``norm``: a norm. ``linear``: a matrix with so many
    output columns, with a ``bias`` or not; ``gated``: a second one like it, whose output multiplies
    that of the first. An ``activation`` may stand behind a matrix or a norm.
    """

    pool: Count | None = None
    merge: Count | None = None
    norm: Literal["rms", "layer", "none"] | None = None
    linear: Count | None = None
    bias: bool = False
    gated: bool = False
    activation: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        given = [n for n in ("pool", "merge", "norm", "linear") if getattr(self, n) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "nothing"
            raise Impossible(
                f"a step is one of pool, merge, norm and linear, and this one has {said}",
                given[1] if given else "",
                "write one step for each",
            )
        for field in ("bias", "gated"):
            if self.linear is None and getattr(self, field):
                raise Impossible(f"{field} stands beside linear, not {given[0]}", field)
        if self.activation and self.linear is None and self.norm is None:
            raise Impossible(f"activation stands beside linear or norm, not {given[0]}", "activation")
        return self

    @property
    def side(self) -> int:
        """Return the side of the square of patches that become one."""
        return self.pool or self.merge or 1


class Deepstack(Model):
    """Further projectors beside the first: ``copies`` of one, each with weights of its own.

    Each reads the output of another layer of the tower; what it makes is added to the patches in one
    of the first layers of the language model.
    Source: arXiv:2406.04334; transformers 5.23, qwen3_vl.
    """

    copies: Count
    projector: list[Step] = Field(min_length=1)


class Tower(Model):
    """Patches of ``images`` square images, a stack of width ``d_model``, and a projector.

    A patch of ``patch_size`` x ``patch_size`` x ``channels`` values, of ``frames`` pictures one after
    another, becomes one token (a convolution whose stride is its size); ``class_token`` adds one an
    image, dropped again before the projector. ``positions``: rows of a learned table. ``pre_norm``:
    a norm before the first layer; ``norm.final`` one after the last. Attention blocks usually say
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
    n_layers: Layers
    blocks: dict[str, Any]  # instances of Block
    layer: list[Schedule] | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm(kind="layer")
    patch_bias: bool = False
    class_token: bool = False
    positions: Natural = 0
    pre_norm: bool = False
    layer_scale: LayerScale | None = None
    feature_layers: Count = 1
    projector: list[Step] = Field(default_factory=list)
    deepstack: Deepstack | None = None
    separators: Natural = 0

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
        arrange(self, self.n_layers, self.blocks)
        if not self.side:
            message = f"an image of {self.image_size} has no whole patch of {self.patch_size}"
            raise Impossible(message, "image_size")
        for field, steps, _ in self._projectors():
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

    def _projectors(self) -> Iterator[tuple[str, list[Step], int]]:
        """Yield field, steps and width of the input of every projector."""
        yield "projector", self.projector, self.d_model * self.feature_layers
        if self.deepstack:
            yield "deepstack.projector", self.deepstack.projector, self.d_model

    def check(self, d_model: int) -> None:
        """Raise Impossible unless the projectors end at the language model's width."""
        for field, steps, width in self._projectors():
            for step in steps:
                width = step.linear or width * (step.merge or 1) ** 2
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
        inner = replace(load, batch=images, images=0, source_new=0, source_cached=0)
        new = 0 if no_images else self.tokens
        patches = images * (0 if no_images else self.side * self.side)
        layout = arrange(self, self.n_layers, self.blocks)
        features = (self.layer_scale,) if self.layer_scale else ()
        stack = Stack("vision", self.d_model, layout, self.blocks, self.norm, features=features, keeps=False)
        at = stack.site(inner, new, 0, "vision", 1, "vision")
        yield from self._embed(at, patches)
        yield from stack.lower(inner, new, 0)
        if self.norm.final:
            yield at.norm("final_norm", kind=self.norm.kind, bias=self.norm.bias)
        out = replace(at, path="vision.projector", tokens=patches)
        yield from _project(out, self.projector, self.d_model * self.feature_layers)
        if self.deepstack:
            n = self.deepstack.copies
            beside = replace(out, path="vision.deepstack", runs=n, stored=n)
            yield from _project(beside, self.deepstack.projector, self.d_model)
            tokens = images * (0 if no_images else self.tokens_out)
            yield beside.vector("add", d_model, STEPS["add"], inputs=2, tokens=tokens)
        if self.separators:
            rows = out.weight("separators", self.separators, d_model, role="embed")
            yield out.vector("separators", d_model, 0, weights=(rows,), tokens=0)

    def _embed(self, at: Site, patches: Size) -> Iterator[Op]:
        """Yield patch embedding, class token, positions and the norm before the layers."""
        values = self.frames * self.channels * self.patch_size * self.patch_size
        yield at.project("patch", d_in=values, tokens=patches, bias=self.patch_bias, patch=self.d_model)
        if self.class_token:
            token = at.weight("class_token", self.d_model, role="embed")
            rows = at.batch if at.new else 0
            yield at.vector("class_token", self.d_model, 0, weights=(token,), tokens=rows)
        if self.positions:
            table = Weight("positions", (self.positions, self.d_model), role="embed", lookup=True)
            yield Lookup(
                path=f"{at.path}.positions",
                component=at.component,
                runs=1,
                tokens=at.tokens,
                weights=(table,),
                width=self.d_model,
            )
            yield at.vector("positions_add", self.d_model, STEPS["add"], inputs=2)
        if self.pre_norm:
            yield at.norm("pre_norm", kind=self.norm.kind, bias=self.norm.bias)


def _project(at: Site, steps: list[Step], width: int) -> Iterator[Op]:
    """Yield the steps of a projector; ``at`` has the patches without the class token."""
    for index, step in enumerate(steps):
        name = str(index + 1)
        area = step.side * step.side
        if step.pool is not None:
            at = replace(at, tokens=at.tokens // area)
            yield at.vector(f"{name}_pool", width, area, inputs=area)  # area - 1 sums, one division
        elif step.merge is not None:
            at = replace(at, tokens=at.tokens // area)
            width *= area
        elif step.norm is not None:
            yield at.norm(f"{name}_norm", width, kind=step.norm)
        elif step.linear is not None:
            columns: dict[str, Size] = {"linear": step.linear} | ({"gate": step.linear} if step.gated else {})
            yield at.project(f"{name}_linear", d_in=width, bias=step.bias, **columns)
            width = step.linear
        work = STEPS["activation"] * bool(step.activation) + STEPS["gate"] * step.gated
        if work:
            yield at.vector(f"{name}_activation", width, work, inputs=1 + step.gated)
