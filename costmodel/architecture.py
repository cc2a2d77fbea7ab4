"""The document: what a spec says, as data, and its lowering to operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from costmodel.block import Block, Count, Impossible, Layers, within
from costmodel.document import Embedding, Entry, Head, Host, Mtp, Schedule, Sublayers
from costmodel.ends import (
    check_codebooks,
    check_host,
    embed,
    embed_source,
    head_columns,
    head_rows,
    leave_source,
    narrowed,
    once,
    unembed,
)
from costmodel.ops import Op
from costmodel.stack import Layout, Norm, RelativeBias, Stack, arrange
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.encoder import Encoder


class Architecture(Entry):
    """A language model, ready to be lowered at a workload.

    ``d_source``: width of the tokens that cross-attention reads where another model is the encoder.
    """

    d_model: Count
    vocab_size: Count
    n_layers: Layers
    blocks: dict[str, Any]  # instances of Block, made by ``parse``
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm()
    tied: bool = False
    embedding: Embedding | None = None
    head: Head | None = None
    host: Host | None = None
    positions: Count | None = None
    relative_bias: Count | None = None
    relative_heads: Count | None = None
    relative_per_layer: bool = False
    loops: Annotated[int, Field(gt=0, le=10_000)] = 1
    encoder: Any = None  # an Encoder, made by ``parse`` as the next one is
    d_source: Count | None = None
    patches: Any = None  # of the class Patches
    mtp: Mtp | None = None
    features: dict[str, Any] = {}  # instances of Feature
    components: dict[str, Any] = {}  # instances of Tower

    _layout: Layout = PrivateAttr()
    _kept: dict[Any, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Architecture:
        for name, block in self.blocks.items():
            with within(block.section, name):
                block.check(self.blocks)
                self._check_span(block)
        for name, tower in self.components.items():
            with within("components", name):
                tower.check(self.d_model)
        self._layout = self._arrange(self, self.n_layers, "")
        if self.head and not self.head.table and (self.tied or self.mtp or self.host):
            field = "tied" if self.tied else "mtp" if self.mtp else "host"
            raise Impossible(f"{field} needs a head, and there is none", field, f"leave {field} out")
        if self.relative_bias and not self.relative_heads:
            raise Impossible("relative_bias needs relative_heads", "relative_bias", "add relative_heads")
        if self.relative_per_layer and not self.relative_bias:
            raise Impossible("relative_per_layer asks for tables, and there are none", "relative_per_layer")
        if self.embedding and self.embedding.rows and self.embedding.rows < self.vocab_size:
            raise Impossible(
                f"the embedding has {self.embedding.rows} rows for a vocabulary of {self.vocab_size}", "embedding.rows"
            )
        narrow = (self.embedding and self.embedding.width) or self.d_model
        if self.tied and self.head and self.head.width not in (None, narrow):
            raise Impossible(f"the head is {self.head.width} wide and its table {narrow}", "head.width", "tied: false")
        check_codebooks(self)
        for feature in self.features.values():
            feature.check(self)
        check_host(self)
        if self.encoder is not None:
            self.encoder.check(self)
        elif self.d_source is not None and not self.reads_source:
            raise Impossible("no block reads a source", "d_source", "add a cross_attention block to the layers")
        if self.patches is not None:
            self.patches.check(self)
        layouts = [self._layout]
        if self.mtp is not None:
            layouts.append(self._arrange(self.mtp, self.mtp.depth, "mtp."))
        for name in dict.fromkeys(name for found in layouts for name in found.counts):
            self._check_inputs(name, self.blocks[name])
        return self

    def _check_span(self, block: Block) -> None:
        """Raise Impossible where a window or chunk is wider than the longest context."""
        for field in ("window", "chunk"):
            span = getattr(block, field, None) or 0
            if isinstance(self.max_context, int) and span > self.max_context:
                message = f"{field} {span} is wider than max_context {self.max_context}"
                raise Impossible(message, field, "raise max_context, or leave it out")

    def _check_inputs(self, name: str, block: Block) -> None:
        """Raise Impossible where a block of the decoder needs another input than it gets."""
        with within(block.section, name):
            if getattr(block, "separate_inputs", False) and "attention_residuals" not in self.features:
                message = "separate_inputs are sums over depth, and there are none"
                raise Impossible(message, "separate_inputs", "add attention_residuals")
            if block.kind == "cross_attention" and getattr(block, "window", None) and self.patches is None:
                message = "cross-attention with a window reads patches of bytes, and there are none"
                raise Impossible(message, "window", "add patches, or leave window out")
        if block.reads_source and not self._source_width:
            message = "cross-attention reads an encoder, and there is none"
            raise Impossible(message, "blocks", "add encoder, or d_source where another model is the encoder")
        width = self.d_model if block.source_as_wide else getattr(block, "d_source", None)
        if width in (None, self._source_width):
            return
        with within(block.section, name):
            if block.source_as_wide:
                raise Impossible(f"the source is {self._source_width} wide, and the layers {width}", "")
            message = f"d_source is {width}, but the source is {self._source_width} wide"
            raise Impossible(message, "d_source", "leave d_source out")

    @property
    def _source_width(self) -> int:
        """Return the width of what cross-attention reads; 0 without an encoder."""
        if self.encoder is None:
            return self.d_model if self.patches else self.d_source or 0
        return self.d_model if self.encoder.project else self.encoder.d_model or self.d_model

    @property
    def reads_source(self) -> bool:
        """Say whether some layer reads the tokens of an encoder, here or elsewhere."""
        return self.patches is None and any(self.blocks[name].reads_source for name in self._layout.counts)

    @property
    def has_prefix(self) -> bool:
        """Say whether some block treats the first tokens of a sequence, such as a prompt, in its own way."""
        return any(getattr(block, "prefix", None) for block in self.blocks.values())

    @property
    def sort(self) -> str:
        """Return what it is: decoder, encoder, encoder-decoder, or decoder of a source that another model makes."""
        if self.encoder is not None:
            return "encoder-decoder"
        if self.reads_source:
            return "decoder of a source"
        mixers = [block for block in map(self.blocks.__getitem__, self._layout.counts) if block.reach() != 0]
        both_ways = mixers and not any(getattr(block, "causal", True) for block in mixers)
        return "encoder" if both_ways else "decoder"

    @property
    def kept(self) -> dict[Any, Any]:
        """Return a place for what follows from the spec alone, so that it is worked out once."""
        return self._kept

    def _arrange(self, part: Any, n_layers: int, prefix: str) -> Layout:
        """Lay out one stack. Raises Impossible with the field at fault."""
        # Layers that predict further tokens may read what the last ones of the stack keep.
        before = self._layout.counts if part is self.mtp else ()
        return arrange(part, n_layers, self.blocks, prefix, before)

    # Lowering

    @cached_property
    def stack(self) -> Stack:
        """Return the main stack: the decoder."""
        return Stack(
            "layers",
            self.d_model,
            self._layout,
            self.blocks,
            self.norm,
            self.loops,
            tuple(self.features.values()),
            self._relative(self.n_layers),
            source_width=self._source_width,
            vocab_size=self.vocab_size,
        )

    def _relative(self, n_layers: int, own: Encoder | None = None) -> RelativeBias | None:
        """Return the relative positions of a stack of so many layers."""
        of = own or self
        if of.relative_bias is None or of.relative_heads is None:
            return None
        return RelativeBias(of.relative_bias, of.relative_heads, n_layers if self.relative_per_layer else 1)

    @cached_property
    def encoder_stack(self) -> Stack | None:
        """Return the encoder's stack, if there is one."""
        if self.encoder is None:
            return None
        arranged = self._arrange(self.encoder, self.encoder.n_layers, "encoder.")
        norm = self.encoder.norm or self.norm
        return Stack(
            "encoder",
            self.encoder.d_model or self.d_model,
            arranged,
            self.blocks,
            norm,
            1,
            (),
            None
            if self.encoder.relative_bias == 0
            else self._relative(self.encoder.n_layers, self.encoder if self.encoder.relative_bias else None),
            keeps=False,
            vocab_size=self.vocab_size,
        )

    @property
    def stacks(self) -> list[Stack]:
        """Return all stacks in their order, the decoder last."""
        before = self.patches.stacks(self) if self.patches else (self.encoder_stack,)
        return [*filter(None, before), self.stack]

    @property
    def n_streams(self) -> int:
        """Return how many residual streams of ``d_model`` values a layer passes on."""
        return max((int(getattr(feature, "n_streams", 1)) for feature in self.features.values()), default=1)

    def lower(self, load: Workload) -> list[Op]:
        """Return the operations of one step of the language model."""
        return list(self._lower(load))

    def lower_component(self, name: str, load: Workload) -> list[Op]:
        """Return the operations of a part that is not in ``total``: ``mtp`` or a tower.

        Raises:
            KeyError: no such part.
        """
        if name == "mtp" and self.mtp is not None:
            return list(self._lower_mtp(self.mtp, load))
        return list(self.components[name].lower(load, self.d_model))

    @property
    def extra_components(self) -> list[str]:
        """Return the names of the parts that are not in ``total``."""
        return (["mtp"] if self.mtp else []) + list(self.components)

    def _lower(self, load: Workload) -> Iterator[Op]:
        new, cached = load.new_tokens, load.cached_tokens
        yield from embed(self, load)
        if self.encoder_stack is not None and self.encoder is not None:
            stack = self.encoder_stack
            yield from embed_source(self, stack, load)
            yield from stack.lower(load, load.source_new, 0)
            yield from leave_source(self, stack, load)
        if self.patches is not None:
            load = yield from self.patches.lower(self, load)
        for feature in self.features.values():
            yield from feature.model(once(self, load, feature.path, feature.component))
        yield from self.stack.lower(load, new, cached)
        if self.norm.final:
            at = once(self, load, "head", "norms")
            yield at.norm("final_norm", kind=self.norm.kind, bias=self.norm.bias)
        yield from unembed(self, load)

    def _lower_mtp(self, mtp: Mtp, load: Workload) -> Iterator[Op]:
        arranged = self._arrange(mtp, mtp.depth, "mtp.")
        features = tuple(self.features.values())
        stack = Stack(
            "mtp", self.d_model, arranged, self.blocks, self.norm, features=features, vocab_size=self.vocab_size
        )
        at = stack.site(load, load.new_tokens, load.cached_tokens, "mtp", mtp.depth, "mtp")
        shape, norm = (3, self.d_model), self.norm
        yield at.norm("norms", kind=norm.kind, bias=norm.bias, shape=shape, width=3 * self.d_model)
        yield at.project("project", d_in=2 * self.d_model, project=self.d_model)
        yield from stack.lower(load, load.new_tokens, load.cached_tokens)
        for feature in features:
            path = f"mtp.{feature.path}.further"
            yield from feature.further(stack.site(load, load.new_tokens, load.cached_tokens, path, mtp.depth, "mtp"))
        shared = replace(at, stored=0, tokens=head_rows(load))  # the model's own head
        width = yield from narrowed(self, shared.sub("head"))
        biased, columns = bool(self.head and self.head.bias), head_columns(self)
        yield shared.project("head", d_in=width, bias=biased, role="head", split="out", units=columns, head=columns)
