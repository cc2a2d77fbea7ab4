"""What towers have in common: a stack beside the language model, and a projector to its width."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator

from costmodel.block import Count, Impossible, Model, Natural, within
from costmodel.ops import Lookup, Op
from costmodel.projector import Grid, Schedule, Step, behind
from costmodel.residual.layer_scale import LayerScale
from costmodel.site import Site
from costmodel.stack import Layout, Norm, Stack, arrange
from costmodel.steps import STEPS
from costmodel.things import Weight


class TowerStack(Model):
    """What a tower has: a stack of width ``d_model`` whose cache nobody keeps, and a projector.

    ``n_layers: 0``: what stands before the layers goes straight to the projector. ``positions``: rows
    of a learned table, or of several that are added (one for rows and one for columns of patches).
    ``pre_norm``: a norm before the first layer; ``norm.final`` one after the last. Attention blocks
    usually say ``causal: false``. ``separators``: learned vectors of the language model's width that
    stand among its tokens.
    """

    sense: ClassVar[str]  # the field of a workload that counts what it takes in

    d_model: Count
    n_layers: Annotated[int, Field(ge=0, le=10_000)]
    blocks: dict[str, Any] = {}  # instances of Block
    layer: list[Schedule] | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm(kind="layer")
    positions: Natural | list[Count] = 0
    pre_norm: bool = False
    layer_scale: LayerScale | None = None
    projector: list[Step] = Field(default_factory=list)
    separators: Natural = 0

    _layout: Layout = PrivateAttr()

    @model_validator(mode="after")
    def _blocks_fit(self) -> TowerStack:
        for name, block in self.blocks.items():
            with within("blocks", name):
                block.check(self.blocks)
                if (field := block.of_decoder()) is not None:
                    raise Impossible(f"a tower has no {field}, as a decoder has", field, "leave it out")
        self._layout = arrange(self, self.n_layers, self.blocks) if self.n_layers else Layout([])
        self._layout.index(self.blocks)
        for name in self._layout.counts:
            if self.blocks[name].reads_source:
                raise Impossible(f'"{name}" reads other tokens, and a tower has none', "blocks", "give it queries")
        return self

    @property
    def grid(self) -> Grid:
        """Return what the projector gets."""
        raise NotImplementedError

    def projectors(self) -> Iterator[tuple[str, list[Step], Grid]]:
        """Yield field, steps and input of every projector."""
        yield "projector", self.projector, self.grid

    def check_steps(self) -> None:
        """Raise Impossible unless every step of the projectors can follow the one before it."""
        for field, steps, grid in self.projectors():
            for index, step in enumerate(steps):
                place = f"{field}[{index}]"
                if step.layers:
                    step.layers.check(self.blocks, grid.width, f"{place}.layers.")
                grid = step.after(grid, place)

    def check(self, d_model: int) -> None:
        """Raise Impossible unless the projectors end at the language model's width."""
        for field, steps, grid in self.projectors():
            width = behind(steps, grid).width
            if steps and width != d_model:
                raise Impossible(
                    f"the projector ends at a width of {width}, but d_model is {d_model}",
                    f"{field}[{len(steps) - 1}]",
                    f"linear: {d_model}",
                )

    @cached_property
    def out(self) -> Grid:
        """Return what the projector gives: of one image or clip, without separators."""
        return behind(self.projector, self.grid)

    @property
    def tokens_out(self) -> int:
        """Return the tokens of one image or clip that the language model gets, without separators."""
        return self.out.tokens

    @cached_property
    def tables(self) -> dict[str, int]:
        """Return the tables of positions by name: rows."""
        if isinstance(self.positions, list):
            return {f"positions_{index}": rows for index, rows in enumerate(self.positions, 1)}
        return {"positions": self.positions} if self.positions else {}

    def stack(self, name: str) -> Stack:
        """Return the layers; ``name`` is the component, and where paths begin."""
        features = (self.layer_scale,) if self.layer_scale else ()
        return Stack(name, self.d_model, self._layout, self.blocks, self.norm, features=features, keeps=False)

    def begin(self, at: Site) -> Iterator[Op]:
        """Yield positions and the norm before the layers."""
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
