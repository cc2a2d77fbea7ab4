"""Transformer-XL's attention: scores by content and by distance, and hidden states as memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from costmodel.block import Block, Count, Impossible, Natural, require_known
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size, indicator, minimum
from costmodel.spans import causal_pairs
from costmodel.steps import STEPS
from costmodel.things import State


class XlAttention(Block):
    """Softmax attention whose scores add a query's product with the key and one with its distance.

    Every distance that occurs is a sine of d_model values, and ``r`` makes a key of it for every
    sequence of the batch; two learned vectors are added to queries, one before each product, and a
    third with ``segments`` vectors serves texts of several segments, which are not counted. Kept per
    token and layer: the d_model values of the layer's input, of the last ``memory`` tokens (default:
    all); keys and values are made of them again at every step. Without ``causal`` a token sees the
    memory and all tokens of its step. ``bias`` lists which of q, k, v and o have one.

    Counted are distances between pairs that exist; programs multiply queries by all of them and shift.
    ``spare_distance``: one distance more is made than any pair has, as XLNet does it.
    The second stream of XLNet, of tokens to be predicted, is not counted.
    Source: arXiv:1901.02860, section 3.3; arXiv:1906.08237; as transformers 5.23 runs it in xlnet, and
    in the encoder of parakeet with biases and without the spare distance.
    """

    component: ClassVar[str] = "mixer.xl_attention"
    role: ClassVar[str] = "attention"

    kind: Literal["xl_attention"]
    n_heads: Count
    head_dim: Count
    memory: Count | None = None
    segments: Natural = 0
    bias: list[str] = []
    spare_distance: bool = True
    causal: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> XlAttention:
        require_known(self.bias, ("q", "k", "v", "o"), "bias")
        if self.keep is not None:
            raise Impossible("memory is of all tokens, and keep lets only some in", "keep", "leave keep out")
        return self

    def details(self) -> str:
        """Return heads and memory: ``16 heads, head_dim 64, memory 512``."""
        memory = f", memory {self.memory}" if self.memory else ""
        return f"{self.n_heads} heads, head_dim {self.head_dim}{memory}"

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of one layer."""
        heads, width = self.n_heads, self.head_dim
        inner, read = heads * width, self._most(at.cached)
        keys = read + at.new
        yield at.project("q", bias=self.bias, split="out", units=heads, q=inner)
        made = at.project("kv", tokens=at.batch * keys, bias=self.bias, split="out", units=heads, k=inner, v=inner)
        made.states = (self._memory(at, read),)
        yield made
        distances = keys + (1 if self.causal else at.new) - (0 if self.spare_distance else indicator(at.new > 0))
        yield at.project("r", tokens=at.batch * distances, split="out", units=heads, r=inner)
        names = ("content_bias", "distance_bias")
        biases = tuple(at.weight(name, heads, width, split="out", units=heads) for name in names)
        yield at.vector("biases", inner, 2 * STEPS["add"], weights=biases)
        unused = (at.weight("segment_bias", heads, width), at.weight("segment", self.segments, heads, width))
        full = at.load.attention == "full" or not self.causal
        yield at.attend(
            "attend",
            at.new * keys if full else causal_pairs(at.new, read),
            keys,
            n_heads=heads,
            n_kv_heads=heads,
            qk_head_dim=2 * width,
            v_head_dim=width,
            weights=unused if self.segments else (),
            steps=STEPS["softmax"] + STEPS["add"],
        )
        yield at.project("o", d_in=inner, bias=self.bias, split="in", units=heads, o=at.width)

    def _most(self, tokens: Size) -> Size:
        return tokens if self.memory is None else minimum(tokens, self.memory)

    def _memory(self, at: Site, read: Size) -> State:
        kept, written = self._most(at.context), self._most(at.new)
        kind = "window" if self.memory else "full"
        return at.entries("memory", kept, at.width, read=read, written=written, most=kept, kind=kind)
