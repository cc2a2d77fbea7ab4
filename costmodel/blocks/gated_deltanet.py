"""Gated DeltaNet: linear attention that overwrites what a key stood for, with a decay a head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, require_multiple
from costmodel.blocks.parts.recurrence import conv, delta_chunk, gated, scan, unit_norms
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class GatedDeltaNet(Block):
    """A gated delta rule in ``n_v_heads``, whose queries and keys come in ``n_k_heads``.

    Kept per sequence and layer, whatever the context: the state, ``n_v_heads * k_head_dim *
    v_head_dim`` values in fp32, and ``d_conv`` columns of queries, keys and values. Convolutions
    have no bias. The output has a norm with one weight of ``v_head_dim`` and a gate by value.
    A token reads the state with its key, writes the correction, reads with its query: 3 products.
    ``chunk_size`` is the kernel's: it changes ``executed`` only (recurrence.delta_chunk).
    Source: arXiv:2412.06464; 64 is the default of transformers' torch_chunk_gated_delta_rule.
    """

    component: ClassVar[str] = "mixer.gated_deltanet"
    role: ClassVar[str] = "attention"

    kind: Literal["gated_deltanet"]
    n_k_heads: Count
    k_head_dim: Count
    n_v_heads: Count
    v_head_dim: Count
    d_conv: Count
    chunk_size: Count = 64

    @model_validator(mode="after")
    def _consistent(self) -> GatedDeltaNet:
        require_multiple(self, "n_v_heads", "n_k_heads")
        return self

    def describe(self) -> str:
        """Return ``deltanet``."""
        return "deltanet"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        k_heads, v_heads, k, v = self.n_k_heads, self.n_v_heads, self.k_head_dim, self.v_head_dim
        keys, values = k_heads * k, v_heads * v
        yield at.project("qk", split="out", units=k_heads, q=keys, k=keys)
        yield at.project(
            "v", split="out", units=v_heads, beside=True, v=values, gate=values, beta=v_heads, decay=v_heads
        )
        yield conv(at, "conv_qk", 2 * keys, self.d_conv, units=k_heads)
        yield conv(at, "conv_v", values, self.d_conv, units=v_heads)
        yield at.vector("conv_activation", 2 * keys + values, STEPS["activation"])
        yield from unit_norms(at, k, k_heads)
        # Bias, softplus, product with A and exponential of the decay; sigmoid of beta.
        weights = tuple(at.weight(name, v_heads, split="out", units=v_heads) for name in ("a_log", "dt_bias"))
        yield at.vector("decay", v_heads, 5, inputs=2, weights=weights)
        yield at.vector("correction", values, 2, inputs=2)  # v less what was read, times beta
        yield scan(
            at,
            state=v_heads * k * v,
            products=3,
            width=values,
            units=v_heads,
            chunk_size=self.chunk_size,
            per_chunk=delta_chunk(v_heads, k, v, self.chunk_size),
        )
        yield at.norm("norm", v, count=v_heads)
        yield gated(at, values)
        yield at.project("out", d_in=values, split="in", units=v_heads, out=at.width)
