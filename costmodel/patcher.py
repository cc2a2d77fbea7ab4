"""A small language model on bytes beside the large one: where it cannot foretell the next byte, a patch begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import PrivateAttr, model_validator

from costmodel.block import Count, Impossible, Layers, Model, within
from costmodel.ops import Lookup, Op
from costmodel.projector import Schedule
from costmodel.stack import Layout, Norm, Stack, arrange
from costmodel.things import Weight
from costmodel.workload import Workload


class Patcher(Model):
    """A model that reads every byte of every step, with a table, layers, a norm and a head of its own.

    It keeps a cache of its own. It is trained by itself, before the model: FLOPs of training are of that.
    Source: arXiv:2412.09871, section 2.3; transformers 5.23, blt.
    """

    sense: ClassVar[str] = "bytes"

    d_model: Count
    vocab_size: Count
    n_layers: Layers
    blocks: dict[str, Any]  # instances of Block
    layer: list[Schedule] | None = None
    mixer: Schedule | None = None
    ffn: Schedule | None = None
    norm: Norm = Norm()

    _layout: Layout = PrivateAttr()

    @model_validator(mode="after")
    def _consistent(self) -> Patcher:
        for name, block in self.blocks.items():
            with within("blocks", name):
                block.check(self.blocks)
                if block.reads_source or block.reads_host:
                    raise Impossible(f'"{name}" reads what a patcher does not have', "kind")
        self._layout = arrange(self, self.n_layers, self.blocks)
        return self

    def check(self, d_model: int) -> None:
        """Do nothing: only where patches end goes from here to the model, whatever its width."""

    def lower(self, load: Workload, d_model: int) -> Iterator[Op]:
        """Yield the operations on all bytes of a step."""
        del d_model
        new, cached, path = load.new_tokens, load.cached_tokens, "patcher"
        stack = Stack(path, self.d_model, self._layout, self.blocks, self.norm, vocab_size=self.vocab_size)
        at = stack.site(load, new, cached, path, 1, path)
        rows = Weight("embedding", (self.vocab_size, self.d_model), role="embed", lookup=True)
        yield Lookup(
            path=f"{path}.embedding", component=path, runs=1, tokens=at.tokens, weights=(rows,), width=self.d_model
        )
        yield from stack.lower(load, new, cached)
        if self.norm.final:
            yield at.norm("final_norm", kind=self.norm.kind, bias=self.norm.bias)
        yield at.project("head", head=self.vocab_size, role="head")
