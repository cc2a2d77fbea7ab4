"""Mamba-2: a state space whose decay is one number a head, so that chunks are matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, require_multiple
from costmodel.blocks.parts.recurrence import conv, gated, scan, state_space_chunk
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class Mamba2(Block):
    """State space duality: ``n_heads`` of ``head_dim`` channels, each with ``d_state`` values.

    B and C are shared by the heads of each of ``n_groups``. Kept per sequence and layer, whatever
    the context: the state, ``n_heads * head_dim * d_state`` values in fp32, and ``d_conv`` columns
    of ``n_heads * head_dim + 2 * n_groups * d_state``. ``gated_norm``: a norm with a weight on the
    gated output. ``bias``: of the projections in and out (``in`` or ``out`` for one of them).
    ``chunk_size`` is the kernel's: it changes ``executed`` only (recurrence.state_space_chunk).
    Source: arXiv:2405.21060; 256 is the default of transformers' Mamba2Config.
    """

    component: ClassVar[str] = "mixer.mamba2"
    role: ClassVar[str] = "attention"

    kind: Literal["mamba2"]
    n_heads: Count
    head_dim: Count
    d_state: Count
    n_groups: Count = 1
    d_conv: Count
    gated_norm: bool = True
    bias: bool | Literal["in", "out"] = False
    conv_bias: bool = True
    chunk_size: Count = 256

    @model_validator(mode="after")
    def _consistent(self) -> Mamba2:
        require_multiple(self, "n_heads", "n_groups")
        return self

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, groups, state = self.n_heads, self.n_groups, self.d_state
        inner, shared = heads * self.head_dim, groups * state
        biased = self.bias in (True, "in")
        yield at.project("in", bias=biased, split="out", units=heads, z=inner, x=inner, dt=heads)
        yield at.project("bc", bias=biased, split="out", units=groups, beside=True, b=shared, c=shared)
        yield conv(at, "conv_x", inner, self.d_conv, bias=self.conv_bias, units=heads)
        yield conv(at, "conv_bc", 2 * shared, self.d_conv, bias=self.conv_bias, units=groups)
        yield at.vector("conv_activation", inner + 2 * shared, STEPS["activation"])
        # Bias and softplus of dt, A dt and its exponential in every head; dt x in every channel.
        yield at.vector("decay", heads, 4, weights=(at.weight("dt_bias", heads, split="out", units=heads),))
        yield at.vector("dt_x", inner, STEPS["gate"])
        yield scan(
            at,
            state=inner * state,
            products=2,
            width=inner,
            units=heads,
            weights=tuple(at.weight(name, heads, split="out", units=heads) for name in ("a_log", "d")),
            chunk_size=self.chunk_size,
            per_chunk=state_space_chunk(heads, groups, self.head_dim, state, self.chunk_size),
        )
        yield at.vector("skip", inner, STEPS["gate"] + STEPS["add"], inputs=2)  # + D x
        yield gated(at, inner)
        if self.gated_norm:
            yield at.norm("norm", inner)
        yield at.project("out", d_in=inner, bias=self.bias in (True, "out"), split="in", units=heads, out=at.width)
