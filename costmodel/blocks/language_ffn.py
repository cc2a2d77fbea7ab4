"""A dense network behind which stands a small one for each language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible
from costmodel.blocks.ffn import gated_pair
from costmodel.ops import Op, Project
from costmodel.site import Site
from costmodel.steps import STEPS
from costmodel.units import count_text


class LanguageFeedForward(Block):
    """Two matrices with biases, and an adapter of the language of the text: down, an activation, up, added.

    There are ``languages`` adapters of ``adapter_width`` inner values, with biases, of which a text
    passes through one. The adapter reads the output of the network with its residual, behind a norm
    of its own (``own``), the norm of the sublayer once more (``shared``), or none.
    Source: arXiv:2205.06266, section 3 (X-MOD); transformers 5.23, xmod.
    """

    component: ClassVar[str] = "ffn.dense"
    role: ClassVar[str] = "ffn"

    kind: Literal["language_ffn"]
    d_ff: Count
    languages: Count
    adapter_width: Count
    adapter_norm: Literal["own", "shared"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> LanguageFeedForward:
        if self.keep is not None:
            raise Impossible("a whole text passes through its adapter, and keep lets some in", "keep", "leave it out")
        return self

    def reach(self) -> int:
        """Return 0: tokens do not see each other."""
        return 0

    def describe(self) -> str:
        """Return ``dense``."""
        return "dense"

    def details(self) -> str:
        """Return the inner widths and the languages."""
        return f"d_ff {count_text(self.d_ff)}, adapters {count_text(self.adapter_width)} of {self.languages} languages"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        yield from gated_pair(at, self.d_ff, gated=False, bias=True)
        yield at.vector("residual", at.width, STEPS["add"], inputs=2)
        if self.adapter_norm == "own":
            yield at.norm("adapter_norm", kind="layer")
        elif self.adapter_norm:
            yield at.vector("adapter_norm", at.width, STEPS["layer"])
        yield self._one_of(at.project("adapter_down", bias=True, down=self.adapter_width))
        yield at.vector("adapter_activation", self.adapter_width, STEPS["activation"])
        yield self._one_of(at.project("adapter_up", d_in=self.adapter_width, bias=True, up=at.width))

    def _one_of(self, op: Project) -> Project:
        """Return a projection whose weights are those of one language."""
        op.weights = tuple(replace(w, shape=(self.languages, *w.shape), chosen=1) for w in op.weights)
        return op
