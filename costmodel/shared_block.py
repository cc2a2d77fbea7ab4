"""A shared block: few weight sets used in turn at many places of the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from costmodel.block import Block, Count, Impossible, lower_block
from costmodel.blocks.attention import Attention
from costmodel.blocks.ffn import FeedForward
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import minimum
from costmodel.steps import STEPS


class SharedBlock(Block):
    """The blocks of ``of`` one after another, each behind a norm, with no residual between them.

    There are ``copies`` weight sets (fewer where there are fewer places); each place works and
    caches for itself. ``concat_embedding``: the first block, an attention, reads the residual
    stream beside the embedding (2 x d_model). ``site_linear``: a d_model x d_model matrix at every
    place follows. ``norm: none``: the norms have no weights. ``adapter_rank``: every place has a
    low-rank adapter of its own on the inputs of the feed-forward (gate and up together) and, with
    ``attention_adapters``, on q, k and v each.
    Source: arXiv:2405.16712, figure 2 (Zamba); arXiv:2411.15242, figure 2 (Zamba2: adapters,
    two sets in turn); as transformers 5.23 runs them in zamba and zamba2; ``norm``: hrm_text.
    """

    component: ClassVar[str] = "mixer.shared"
    role: ClassVar[str] = "weights"
    section: ClassVar[str] = "shared"
    own_norms: ClassVar[bool] = True

    kind: Literal["shared"] = "shared"
    copies: Count = 1
    of: Annotated[list[str], Field(min_length=1)]
    norm: Literal["rms", "none"] = "rms"
    concat_embedding: bool = False
    site_linear: bool = False
    adapter_rank: Count | None = None
    attention_adapters: bool = False

    def check(self, blocks: Mapping[str, Block]) -> None:
        """Raise Impossible unless the inner blocks exist and suit what is asked of them."""
        for index, name in enumerate(self.of):
            inner = blocks.get(name)
            if inner is None or isinstance(inner, SharedBlock):
                known = ", ".join(n for n, b in blocks.items() if not isinstance(b, SharedBlock))
                raise Impossible(
                    f'a shared block names "{name}", which is not among blocks',
                    f"of[{index}]",
                    f"blocks: {known}",
                    "AC121",
                )
            if inner.extra_norm is not None:
                message = f'"{name}" has an extra_norm, and a shared block has one norm for each block of its own'
                raise Impossible(message, f"of[{index}]", f"leave extra_norm of {name} out")
            if inner.input_gate is not None:
                message = f'"{name}" has an input_gate, which is not known behind the norms of a shared block'
                raise Impossible(message, f"of[{index}]", f"leave input_gate of {name} out")
            if getattr(inner, "separate_inputs", False):
                message = f'"{name}" has separate_inputs, and a shared block has one norm for each block of its own'
                raise Impossible(message, f"of[{index}]", f"leave separate_inputs of {name} out")
            if inner.reads() or inner.reads_source:
                raise Impossible(f'"{name}" reads what another block keeps, so it cannot be shared', f"of[{index}]")
        if self.concat_embedding and getattr(blocks[self.of[0]], "indexer", None) is not None:
            message = f'concat_embedding widens the input of "{self.of[0]}", whose indexer reads the residual stream'
            raise Impossible(message, "concat_embedding", "leave one of them out")
        if self.concat_embedding and not isinstance(blocks[self.of[0]], Attention):
            raise Impossible(
                f'concat_embedding widens the input of the first block, and "{self.of[0]}" is no attention',
                "concat_embedding",
                "name the attention first, or leave concat_embedding out",
            )
        adapted = (FeedForward, Attention) if self.attention_adapters else (FeedForward,)
        if self.adapter_rank and not any(isinstance(blocks[name], adapted) for name in self.of):
            raise Impossible(
                "adapter_rank adapts a feed-forward block, and none is shared",
                "adapter_rank",
                "add attention_adapters: true, or leave adapter_rank out",
            )
        if self.attention_adapters and not self.adapter_rank:
            message = "attention_adapters need an adapter_rank"
            raise Impossible(message, "attention_adapters", "add adapter_rank")

    def describe(self) -> str:
        """Return the inner blocks and the number of weight sets."""
        return f"shared {'+'.join(self.of)}"

    def details(self) -> str:
        """Return the number of weight sets and what every place has of its own."""
        own = f", adapters of rank {self.adapter_rank} at each place" if self.adapter_rank else ""
        return f"{self.copies} {'set' if self.copies == 1 else 'sets'} of weights in turn{own}"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of all places; ``at.stored`` is how many there are."""
        copies = minimum(self.copies, at.stored)
        for index, name in enumerate(self.of):
            inner = at.blocks[name]
            site = at.sub(name, inner.component, inner.role)
            widened = self.concat_embedding and index == 0
            d_in = 2 * at.width if widened else at.width
            if widened and isinstance(inner, Attention):
                inner = self._widened(inner, d_in, index)
            yield replace(at, stored=copies, component="norms").norm(f"{name}_norm", d_in, kind=self.norm)
            yield from lower_block(inner, replace(site, stored=copies))
            yield from self._adapters(inner, site, d_in)
        if self.site_linear:
            yield at.project("site_linear", site_linear=at.width)

    def _widened(self, inner: Attention, d_in: int, index: int) -> Attention:
        """Return the attention with its wide input, which it need not state."""
        if inner.d_in not in (None, d_in):
            raise Impossible(
                f"concat_embedding gives an input of {d_in}, but d_in is {inner.d_in}",
                f"of[{index}]",
                f"d_in {d_in}, or leave it out",
            )
        return inner.model_copy(update={"d_in": d_in})

    def _adapters(self, inner: Block, at: Site, d_in: int) -> Iterator[Op]:
        """Yield what each place adds to the shared projections of one block."""
        if self.adapter_rank is None:
            return
        columns: dict[str, tuple[int, int]] = {}
        if isinstance(inner, FeedForward):
            columns = {"up": ((2 if inner.gated else 1) * inner.d_ff, inner.d_ff)}
        elif isinstance(inner, Attention) and self.attention_adapters:
            keys, values = inner.kv_heads * inner.head_dim, inner.kv_heads * inner.v_dim
            queries = inner.n_heads * inner.head_dim
            columns = {"q": (queries, inner.n_heads), "k": (keys, inner.kv_heads), "v": (values, inner.kv_heads)}
        for name, (d_out, units) in columns.items():
            adapter = at.sub(f"{name}_adapter")
            yield adapter.project("down", d_in=d_in, down=self.adapter_rank)
            yield adapter.project("up", d_in=self.adapter_rank, split="out", units=units, up=d_out)
            yield adapter.vector("add", d_out, STEPS["add"], inputs=2)
