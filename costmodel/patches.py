"""Byte patching: a stack on bytes, a stack on patches of them, and layers on bytes that read the patches."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from costmodel.block import Count, Impossible, Layers, Model, require_multiple
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, ceil_div, indicator, maximum, minimum
from costmodel.stack import Layout, Stack, arrange
from costmodel.steps import STEPS
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

Schedule = str | list[str]
Sublayers = Annotated[list[Schedule], Field(max_length=64)]


class ByteEncoder(Model):
    """The layers on bytes before the patches. They have the width and the norms of the model."""

    n_layers: Layers
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None


class Pooling(Model):
    """How a patch is made of its bytes: its vectors, made from the maximum, attend to them once, without rotation."""

    n_heads: Count
    n_kv_heads: Count | None = None
    head_dim: Count

    @model_validator(mode="after")
    def _consistent(self) -> Pooling:
        if self.n_kv_heads is not None:
            require_multiple(self, "n_heads", "n_kv_heads")
        return self


class Patches(Model):
    """Patches of bytes: the tokens of the model are bytes, and most of its layers work on patches of them.

    ``encoder`` works on bytes. Of the maximum over the bytes of a patch a matrix makes ``vectors`` of
    d_model values, which attend to the bytes of their patch (``pooling``, with norms before its matrices);
    side by side, through a matrix where that is not ``d_model``, they are a token of the ``n_layers``
    layers of width ``d_model``. A matrix makes ``vectors`` of d_model values of the output again. The
    layers of the model itself, the decoder, go on with the encoder's bytes, and read these by
    cross-attention whose ``window`` is ``vectors``: every byte sees the last whole patch.

    The first patch is one byte, of which nothing stands before it, and every other one ``size``, which
    is a mean: where patches end, another model says by what it cannot foretell. A patch is worked on
    in the step in which its last byte comes, so that steps differ, and ``size`` of them are one turn.
    Kept beside the caches of the three stacks: keys, values and the maximum of a patch that is open.
    Source: arXiv:2412.09871, section 3; transformers 5.23, blt.
    """

    size: Count
    vectors: Count = 1
    encoder: ByteEncoder
    pooling: Pooling
    d_model: Count
    n_layers: Layers
    layer: Sublayers | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None

    def check(self, model: Architecture) -> None:
        """Raise Impossible where the stacks do not fit each other, or something else of the model."""
        beside = next((f for f in ("encoder", "d_source", "host", "mtp") if getattr(model, f) is not None), None)
        if beside:
            raise Impossible(f"what {beside} means beside patches of bytes is nowhere said", beside, "leave it out")
        readers = [model.blocks[name] for name in model.stack.layout.counts if model.blocks[name].reads_source]
        windows = [getattr(block, "window", None) for block in readers]
        if not windows or set(windows) != {self.vectors}:
            message = f"no block reads the patches by a window of their {self.vectors} vectors"
            raise Impossible(message, "patches.vectors", f"add a cross_attention block with window: {self.vectors}")
        for place, found in (("patches.", self._layout(model)), ("patches.encoder.", self._bytes(model))):
            if (wrong := next((name for name in found.counts if model.blocks[name].reads_source), None)) is not None:
                raise Impossible(f'"{wrong}" reads patches, so it cannot stand before them', place + "layer")
            if (wrong := next((name for name in found.counts if model.blocks[name].of_decoder()), None)) is not None:
                field = model.blocks[wrong].of_decoder()
                raise Impossible(f'"{wrong}" has {field}, as only layers that read the patches have', place + "layer")

    def _layout(self, model: Architecture) -> Layout:
        return arrange(self, self.n_layers, model.blocks, "patches.")

    def _bytes(self, model: Architecture) -> Layout:
        return arrange(self.encoder, self.encoder.n_layers, model.blocks, "patches.encoder.")

    def stacks(self, model: Architecture) -> tuple[Stack, Stack]:
        """Return the layers on bytes before the patches, and those on patches."""
        return (
            Stack("bytes", model.d_model, self._bytes(model), model.blocks, model.norm),
            Stack("patches", self.d_model, self._layout(model), model.blocks, model.norm),
        )

    def whole(self, n: Size) -> Size:
        """Return the whole patches of the first ``n`` bytes."""
        return ceil_div(n, self.size)

    def within(self, n: Size) -> Size:
        """Return the bytes of these."""
        return maximum(0, (self.whole(n) - 1) * self.size + 1)

    def lower(self, model: Architecture, load: Workload) -> Generator[Op, None, Workload]:
        """Yield the operations before the decoder; return the step with the vectors that it reads as a source."""
        new, cached = load.new_tokens, load.cached_tokens
        before = self.whole(cached)
        closed = self.whole(cached + new) - before
        below, stack = self.stacks(model)
        yield from below.lower(load, new, cached)
        yield from self._pool(below.site(load, new, cached, "patches.pooling", 1, "mixer.patches"), closed)
        patches = stack.site(load, closed, before, "patches", 1, "mixer.patches")
        wide = self.vectors * model.d_model
        if wide != self.d_model:
            yield patches.project("up", d_in=wide, up=self.d_model)
        some = indicator(closed > 0)  # without, nothing is done with what is kept either
        for op in stack.lower(load, closed, before):
            op.runs = op.runs * some
            yield op
        yield patches.project("down", down=wide)
        return replace(load, source_new=closed * self.vectors, source_cached=before * self.vectors)

    def _pool(self, at: Site, closed: Size) -> Iterator[Op]:
        """Yield how so many patches of a sequence are made of their bytes."""
        shape, width = self.pooling, at.width
        heads, k = shape.n_heads, shape.head_dim
        kv_heads = shape.n_kv_heads or heads
        held, left = at.context - self.within(at.context), at.cached - self.within(at.cached)
        written = minimum(held, at.new)
        highest = at.vector("maximum", width, STEPS["add"])
        one = {"read": minimum(left, 1), "written": minimum(written, 1), "most": 1}
        highest.states = (replace(at.entries("maximum", minimum(held, 1), width, kind="compressed", **one), fresh=0),)
        yield highest
        yield at.project("patch", tokens=at.batch * closed, patch=self.vectors * width)
        asking = replace(at, tokens=at.batch * closed * self.vectors)
        yield asking.norm("q_norm")
        yield asking.project("q", split="out", units=heads, q=heads * k)
        yield at.norm("k_norm")
        columns: dict[str, Size] = {"k": kv_heads * k, "v": kv_heads * k}
        made = at.project("kv", split="out", units=kv_heads, **columns)
        most = minimum(at.context, self.size)
        kept = at.entries("kv", held, 2 * kv_heads * k, read=0, written=written, most=most, kind="compressed")
        made.states = (replace(kept, fresh=0),)  # also in a step that closes no patch
        yield made
        keys = left + at.new
        seen = self.within(at.context) - self.within(at.cached)  # each by the vectors of its own patch
        pairs = closed * keys if at.load.attention == "full" else seen
        yield asking.attend(
            "attend",
            self.vectors * pairs,
            keys,
            n_heads=heads,
            n_kv_heads=kv_heads,
            qk_head_dim=k,
            v_head_dim=k,
            states=(replace(kept, read=left, fresh=at.new, written=0, stored=0),),
        )
        yield asking.project("o", d_in=heads * k, split="in", units=heads, o=width)
        yield asking.vector("residual", width, 2 * STEPS["add"], inputs=3)
