"""What towers have in common: a stack beside the language model, and a projector to its width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Layers, Model, Natural
from costmodel.ops import Lookup, Op
from costmodel.residual.layer_scale import LayerScale
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.stack import Norm, Stack, arrange
from costmodel.steps import STEPS
from costmodel.things import Weight

Schedule = str | list[str]


class Step(Model):
    """One step of a projector; exactly one of the first four.

    ``pool``: mean over squares of n x n patches, or over n positions of sound. ``merge``: as many side
    by side in one wider vector (patch merging, pixel shuffle). ``norm``: a norm. ``linear``: a matrix
    with so many output columns, with a ``bias`` or not; ``gated``: a second one like it, whose output
    multiplies that of the first. An ``activation`` may stand behind a matrix or a norm.
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
        """Return the tokens along an axis that become one."""
        return self.pool or self.merge or 1


class TowerStack(Model):
    """What a tower has: a stack of width ``d_model`` whose cache nobody keeps, and a projector.

    ``positions``: rows of a learned table. ``pre_norm``: a norm before the first layer; ``norm.final``
    one after the last. Attention blocks usually say ``causal: false``. ``separators``: learned vectors
    of the language model's width that stand among its tokens.
    """

    axes: ClassVar[int]  # along which its tokens lie side by side
    sense: ClassVar[str]  # the field of a workload that counts what it takes in

    d_model: Count
    n_layers: Layers
    blocks: dict[str, Any]  # instances of Block
    layer: list[Schedule] | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm(kind="layer")
    positions: Natural = 0
    pre_norm: bool = False
    layer_scale: LayerScale | None = None
    projector: list[Step] = Field(default_factory=list)
    separators: Natural = 0

    @model_validator(mode="after")
    def _blocks_fit(self) -> TowerStack:
        for name, block in self.blocks.items():
            try:
                block.check(self.blocks)
                if (field := block.of_decoder()) is not None:
                    raise Impossible(f"a tower has no {field}, as a decoder has", field, "leave it out")
            except Impossible as error:
                error.path = ("blocks", name, *error.path)
                raise
        arrange(self, self.n_layers, self.blocks)
        return self

    def projectors(self) -> Iterator[tuple[str, list[Step], int]]:
        """Yield field, steps and width of the input of every projector."""
        yield "projector", self.projector, self.d_model

    def check(self, d_model: int) -> None:
        """Raise Impossible unless the projectors end at the language model's width."""
        for field, steps, width in self.projectors():
            for step in steps:
                width = step.linear or width * (step.merge or 1) ** self.axes
            if steps and width != d_model:
                raise Impossible(
                    f"the projector ends at a width of {width}, but d_model is {d_model}",
                    f"{field}[{len(steps) - 1}]",
                    f"linear: {d_model}",
                )

    def stack(self, name: str) -> Stack:
        """Return the layers; ``name`` is the component, and where paths begin."""
        layout = arrange(self, self.n_layers, self.blocks)
        features = (self.layer_scale,) if self.layer_scale else ()
        return Stack(name, self.d_model, layout, self.blocks, self.norm, features=features, keeps=False)

    def begin(self, at: Site) -> Iterator[Op]:
        """Yield positions and the norm before the layers."""
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

    def layers(self, stack: Stack, at: Site) -> Iterator[Op]:
        """Yield the layers and the norm behind them."""
        yield from stack.lower(at.load, at.new, 0)
        if self.norm.final:
            yield at.norm("final_norm", kind=self.norm.kind, bias=self.norm.bias)

    def between(self, at: Site, d_model: int) -> Iterator[Op]:
        """Yield the vectors that stand among the tokens that the language model gets."""
        if self.separators:
            rows = at.weight("separators", self.separators, d_model, role="embed")
            yield at.vector("separators", d_model, 0, weights=(rows,), tokens=0)


def project(at: Site, steps: list[Step], width: int, axes: int) -> Iterator[Op]:
    """Yield the steps of a projector; ``at`` has the tokens that go into it, which lie along so many axes."""
    for index, step in enumerate(steps):
        name = str(index + 1)
        area = step.side**axes
        if area > 1:
            new = at.new // area
            at = replace(at, new=new, tokens=at.batch * new)
        if step.pool is not None:
            yield at.vector(f"{name}_pool", width, area, inputs=area)  # area - 1 sums, one division
        elif step.merge is not None:
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
