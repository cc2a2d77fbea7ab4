"""mLSTM: linear attention with exponential gates and a normaliser, the mixer of xLSTM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from costmodel.block import Block, Count
from costmodel.blocks.parts.recurrence import gated, scan, state_space_chunk
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class Mlstm(Block):
    """A matrix memory of ``qk_head_dim * v_head_dim`` values in each of ``n_heads``, and its normaliser.

    Kept per sequence and layer, whatever the context, in fp32: memory, normaliser and largest
    exponent, ``n_heads * (qk_head_dim * v_head_dim + qk_head_dim + 1)`` values. The normaliser is the
    memory of a further value that is always 1: both take 2 products a token. Input and forget
    gates, one number a head, have biases and are capped; the output has a layer norm by head,
    with a weight for every channel and no bias, and a gate by value.
    ``chunk_size`` is the kernel's: it changes ``executed`` only.
    Source: arXiv:2405.04517, section 2.3; arXiv:2503.13427; transformers' xlstm.
    """

    component: ClassVar[str] = "mixer.mlstm"
    role: ClassVar[str] = "attention"

    kind: Literal["mlstm"]
    n_heads: Count
    qk_head_dim: Count
    v_head_dim: Count
    chunk_size: Count = 64

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, k, v = self.n_heads, self.qk_head_dim, self.v_head_dim
        keys, values = heads * k, heads * v
        yield at.project("qkv", split="out", units=heads, q=keys, k=keys, v=values, gate=values)
        yield at.project("gates", bias=True, split="out", units=heads, beside=True, i=heads, f=heads)
        yield at.vector("softcap", 2 * heads, STEPS["softcap"])
        # A log sigmoid, its sum with the largest exponent, the larger of that and the input gate, and
        # twice a difference and its exponential. Queries by the root of their width, keys by their gate.
        yield at.vector("decay", heads, 7, inputs=2)
        yield at.vector("scaled", 2 * keys, STEPS["gate"])
        yield scan(
            at,
            state=heads * (k * v + k),
            products=2,  # add key x (value, 1), read with the query
            width=values,
            units=heads,
            chunk_size=self.chunk_size,
            per_chunk=state_space_chunk(heads, heads, v + 1, k, self.chunk_size),
            beside=heads,
        )
        # The larger of what was read of the normaliser, without its sign, and the exponential of the
        # largest exponent; values by it.
        yield at.vector("normaliser", heads, 3)
        yield at.vector("normalised", values, STEPS["gate"])
        yield at.norm("norm", v, count=heads, kind="layer", bias=False, shape=(values,))
        yield gated(at, values)
        yield at.project("out", d_in=values, split="in", units=heads, out=at.width)
