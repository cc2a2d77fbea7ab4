"""Kimi Delta Attention: a delta rule whose decay is one number for every channel of a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from costmodel.block import Block, Count
from costmodel.blocks.parts.recurrence import conv, delta_chunk, gated, scan, unit_norms
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class KimiDeltaAttention(Block):
    """A gated delta rule in ``n_heads`` of ``head_dim``, with a decay for every channel of a key.

    Kept per sequence and layer, whatever the context: the state, ``n_heads * head_dim ** 2``
    values in fp32, and ``d_conv`` columns of queries, keys and values, whose convolutions have no
    bias. Decay (``f``) and output gate (``g``) come through a bottleneck of ``head_dim``, or, with
    ``gates: full_rank``, each from one matrix; with ``full_rank_output`` only the output gate does.
    A token takes 3 products with the state.
    ``chunk_size`` is the kernel's: it changes ``executed`` only (recurrence.delta_chunk).
    Source: arXiv:2510.26692; full rank and the chunks of 64: transformers' bailing_hybrid;
    full rank of the output gate alone: Kimi K3 (arXiv:2607.24653).
    """

    component: ClassVar[str] = "mixer.kda"
    role: ClassVar[str] = "attention"

    kind: Literal["kda"]
    n_heads: Count
    head_dim: Count
    d_conv: Count
    gates: Literal["low_rank", "full_rank", "full_rank_output"] = "low_rank"
    chunk_size: Count = 64

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, width = self.n_heads, self.head_dim
        inner = heads * width
        yield at.project("qkv", split="out", units=heads, q=inner, k=inner, v=inner, beta=heads)
        for name in ("conv_q", "conv_k", "conv_v"):
            yield conv(at, name, inner, self.d_conv, units=heads)
        yield at.vector("conv_activation", 3 * inner, STEPS["activation"])
        yield from unit_norms(at, width, heads)
        if self.gates == "full_rank":
            yield at.project("gates", split="out", units=heads, f=inner, g=inner)
        elif self.gates == "full_rank_output":
            yield at.project("f_a", f_a=width)
            yield at.project("f_b", d_in=width, split="out", units=heads, f_b=inner)
            yield at.project("gate", split="out", units=heads, g=inner)
        else:
            yield at.project("gates_a", f_a=width, g_a=width)
            yield at.project("f_b", d_in=width, split="out", units=heads, f_b=inner)
            yield at.project("g_b", d_in=width, split="out", units=heads, g_b=inner)
        # Bias, softplus, product with A and exponential.
        weights = (
            at.weight("a_log", heads, split="out", units=heads),
            at.weight("dt_bias", inner, split="out", units=heads),
        )
        yield at.vector("decay", inner, 4, weights=weights)
        yield at.vector("beta", heads, STEPS["activation"])
        yield at.vector("correction", inner, 2, inputs=2)  # v less what was read, times beta
        yield scan(
            at,
            state=inner * width,
            products=3,
            width=inner,
            units=heads,
            chunk_size=self.chunk_size,
            per_chunk=delta_chunk(heads, width, width, self.chunk_size),
        )
        yield at.norm("norm", width, count=heads)
        yield gated(at, inner)
        yield at.project("out", d_in=inner, split="in", units=heads, out=at.width)
