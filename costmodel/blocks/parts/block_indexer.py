"""An indexer that picks blocks of keys: a small attention whose best score stands for a whole block."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.block import Count, Model
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, minimum
from costmodel.spans import Span, block_pairs
from costmodel.steps import STEPS
from costmodel.things import State


class BlockIndexer(Model):
    """Score every key in ``n_heads`` small heads and read the ``top_blocks`` best blocks of ``block`` keys.

    The best score of a block is the block's. The block of the token itself is always one of those
    that are read. Queries and keys have a norm. Kept per token: one key of ``head_dim``.
    Source: transformers' minimax_m3_vl (MiniMaxM3VLIndexer).
    """

    n_heads: Count
    head_dim: Count
    block: Count
    top_blocks: Count

    def lower(self, at: Site, rotated: Size) -> Iterator[Op]:
        """Yield the operations; ``rotated`` values of a head are, as far as it has them."""
        heads, width = self.n_heads, self.head_dim
        yield at.project("q", q=heads * width)
        yield at.project("k", beside=True, k=width)
        yield at.norm("q_norm", width, count=heads)
        yield at.norm("k_norm", width)
        if rotated:
            yield at.vector("rope", (heads + 1) * minimum(rotated, width), STEPS["rotary"])
        attention = at.load.attention
        yield at.attend(
            "score",
            at.pairs(lambda new, cached: Span().pairs(new, cached, attention)),
            at.context,
            n_heads=heads,
            n_kv_heads=1,
            qk_head_dim=width,
            v_head_dim=0,
            states=(at.cache("index", Span(), width, role="index", kind="index"),),
            steps=1,
            variant="block-index",
        )

    def selected(self, new: Size, cached: Size) -> Size:
        """Count the pairs of one head and sequence that are left after the choice, causally."""
        return block_pairs(new, cached, self.block, self.top_blocks)

    def limit(self, state: State, cached: Size) -> None:
        """Cut what a cache reads to what one query needs, since all queries may pick the same blocks."""
        own = cached - cached // self.block * self.block
        most = (self.top_blocks - 1) * self.block + own
        state.read = minimum(state.read, most)
        state.fresh = minimum(state.fresh, self.top_blocks * self.block - state.read)
