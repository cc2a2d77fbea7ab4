"""Lightning attention: linear attention with a fixed decay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from costmodel.block import Block, Count
from costmodel.blocks.parts.recurrence import gated, scan, state_space_chunk
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS


class Lightning(Block):
    """Linear attention: a matrix of ``head_dim`` squared values a head instead of a cache.

    Kept per sequence and layer, whatever the context: ``n_heads * head_dim ** 2`` values, in fp32
    or, with ``state_dtype: model``, in the model's dtype. The output has a norm over all heads
    and a gate. ``chunk_size`` is the kernel's: it changes ``executed`` only.
    Source: arXiv:2501.08313, section 2.2; the chunk is the block_size of transformers' minimax.
    """

    component: ClassVar[str] = "mixer.lightning"
    role: ClassVar[str] = "attention"

    kind: Literal["lightning"]
    n_heads: Count
    head_dim: Count
    state_dtype: Literal["fp32", "model"] = "fp32"
    chunk_size: Count = 256

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, head, width = self.n_heads, self.head_dim, self.n_heads * self.head_dim
        yield at.project("qkv", split="out", units=heads, q=width, k=width, v=width)
        yield at.vector("activation", 3 * width, STEPS["activation"])
        yield scan(
            at,
            state=width * head,
            products=2,  # add key x value, read with the query
            width=width,
            units=heads,
            chunk_size=self.chunk_size,
            per_chunk=state_space_chunk(heads, heads, head, head, self.chunk_size),
            role="state" if self.state_dtype == "fp32" else "conv",
        )
        yield at.norm("norm", width)
        yield at.project("gate", split="out", units=heads, gate=width)
        yield gated(at, width)
        yield at.project("out", d_in=width, split="in", units=heads, out=at.width)
