"""The dense feed-forward network, gated or plain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, Natural
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, indicator
from costmodel.steps import STEPS
from costmodel.units import count_text


class FeedForward(Block):
    """Two matrices, or three where a gate multiplies the inner values.

    ``inner_norm``: a norm on the inner values before the last matrix (``true``: rms, BitNet; ``layer``
    with a bias, Magneto). ``activation`` changes no count. ``scalars`` are learned numbers of the
    activation itself (xIELU has 2). ``input_scale``: the input is scaled by 1 and what a network of
    that width makes, once a step, of one vector of d_model values that all tokens share: a delay,
    a time. ``output_scale``: one learned number times the output (transformers' inkling).
    Source: arXiv:1706.03762, section 3.3; arXiv:2002.05202 (gated); arXiv:2210.06423 (``layer``);
    ``input_scale``: transformers 5.23, voxtral_realtime.
    """

    component: ClassVar[str] = "ffn.dense"
    role: ClassVar[str] = "ffn"

    kind: Literal["ffn"]
    d_ff: Count
    gated: bool = True
    bias: bool | list[Literal["gate", "up", "down"]] = False
    inner_norm: bool | Literal["layer"] = False
    scalars: Natural = 0
    input_scale: Count | None = None
    output_scale: bool = False
    activation: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> FeedForward:
        if not self.gated and not isinstance(self.bias, bool) and "gate" in self.bias:
            raise Impossible('bias names "gate", and the block has no such projection', "bias")
        if self.input_scale and self.keep is not None:
            raise Impossible("input_scale is the same for all tokens, and some are kept", "input_scale")
        return self

    def reach(self) -> int:
        """Return 0: tokens do not see each other."""
        return 0

    def describe(self) -> str:
        """Return ``dense``."""
        return "dense"

    def details(self) -> str:
        """Return the inner width, and that there is no gate."""
        return f"d_ff {count_text(self.d_ff)}" + ("" if self.gated else ", no gate")

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        if self.input_scale:
            yield from _scaled_input(at.sub("input_scale"), self.input_scale)
        bias = self.bias if isinstance(self.bias, bool) else list[str](self.bias)
        norm = "rms" if self.inner_norm is True else self.inner_norm or None
        yield from gated_pair(at, self.d_ff, gated=self.gated, bias=bias, scalars=self.scalars, norm=norm)
        if self.output_scale:
            yield at.vector("output_scale", at.width, STEPS["gate"], weights=(at.weight("output_scale", 1),))


def _scaled_input(at: Site, rank: int) -> Iterator[Op]:
    """Yield a network on the vector of the step, whatever the tokens, and the product with every token's input."""
    once = indicator(at.tokens > 0)
    yield at.project("down", tokens=once, down=rank)
    yield at.vector("activation", rank, STEPS["activation"], tokens=once)
    yield at.project("up", tokens=once, d_in=rank, up=at.width)
    yield at.vector("one", at.width, STEPS["add"], tokens=once)
    yield at.vector("scaled", at.width, STEPS["gate"], inputs=2)


def gated_pair(
    at: Site,
    d_ff: int,
    *,
    gated: bool,
    bias: bool | list[str],
    d_model: int | None = None,
    scalars: int = 0,
    norm: str | None = None,
) -> Iterator[Op]:
    """Yield up (and gate), activation, down: the shape of every dense network here."""
    width = at.width if d_model is None else d_model
    columns: dict[str, Size] = {"gate": d_ff, "up": d_ff} if gated else {"up": d_ff}
    yield at.project("up", d_in=width, bias=bias, split="out", units=d_ff, **columns)
    steps = STEPS["activation"] + (STEPS["gate"] if gated else 0)
    learned = (at.weight("scalars", scalars),) if scalars else ()
    yield at.vector("activation", d_ff, steps, inputs=2 if gated else 1, weights=learned)
    if norm:
        yield at.norm("inner_norm", d_ff, kind=norm)
    yield at.project("down", d_in=d_ff, bias=bias, split="in", units=d_ff, down=width)
