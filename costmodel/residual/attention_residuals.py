"""Attention residuals: a sublayer reads a softmax over depth of what earlier blocks of layers gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

from costmodel.block import Count, Impossible, within
from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.residual.parts.depth import blend
from costmodel.site import Site
from costmodel.steps import STEPS
from costmodel.things import Weight

_BESIDE = ("output_conv", "layer_scale")  # features that work on what a sublayer gives, not on the stream


class _Place(NamedTuple):
    """Where a sum over depth is made: of so many sources, for so many inputs."""

    sources: int
    inputs: int


class AttentionResiduals(Feature):
    """Blocks of ``block_layers`` layers: their outputs are added up within a block, and kept apart between them.

    In place of the residual stream a sublayer reads, for every token, a weighted sum of the embedding,
    the sums of the blocks so far and that of its own block up to here. The weights are a softmax of
    scores between a learned query of d_model values, of the sublayer's own, and the normalised
    sources; ``norm`` says whether that norm has a weight, of its own too (``rms``) or none. A block
    of attention with ``separate_inputs`` has three queries: its queries, keys and values read three
    sums. After the last layer one more sum is made.

    The first sublayer has nothing to choose from but the embedding, so no sum is made for it;
    ``first`` says whether its query and norm exist all the same. FLOPs a token: 4 x d_model x sources
    for each sum, scores and weighted sum as in attention, among projections since no pair of tokens
    is in it. Between stages of a pipeline the embedding and one sum are counted, the least that passes.
    Source: arXiv:2603.15031; inkling2 of transformers 5.23 (Inkling2BlockAttentionResidual; ``norm:
    none``, without ``first``); with weights in norms and for the first: Kimi K3 as engines run it.
    """

    path: ClassVar[str] = "attention_residuals"
    component: ClassVar[str] = "residual.attention"
    n_streams: ClassVar[int] = 2

    block_layers: Count
    norm: Literal["rms", "none"] = "rms"
    first: bool = True

    def check(self, architecture: Any) -> None:
        """Raise Impossible where something else says too what the stream is."""
        others = [name for name in architecture.features if name not in (self.path, *_BESIDE)]
        if others:
            message = f"{others[0]} and attention_residuals both say what a layer reads"
            raise Impossible(message, others[0], "leave one of them out")
        if architecture.loops > 1:
            raise Impossible("attention_residuals counts layers, and loops run them again", "loops", "leave loops out")
        if architecture.mtp is not None:
            message = "what further predictions read of attention_residuals is nowhere published"
            raise Impossible(message, "mtp", "leave mtp out")
        if architecture.norm.place == "parallel":
            message = "sublayers side by side read one input, and attention_residuals gives each its own"
            raise Impossible(message, "norm.place", "place: pre")
        for name, block in architecture.blocks.items():
            if getattr(block, "separate_inputs", False) and architecture.norm.place != "pre":
                message = "separate_inputs each have a norm before them, and the stack's are elsewhere"
                with within(block.section, name):
                    raise Impossible(message, "separate_inputs", "norm: {place: pre}")

    def starts(self, layers: Sequence[Sequence[Sequence[str]]]) -> int:
        """Return how many sublayers begin a new sum, so that their output is added to nothing."""
        return sum(any(layer) for layer in layers[:: self.block_layers])

    def through(self, at: Site, layers: Sequence[Sequence[Sequence[str]]]) -> Iterator[Op]:
        """Yield the sums of all sublayers and the last one, by how many sources they have."""
        separate = frozenset(name for name, block in at.blocks.items() if getattr(block, "separate_inputs", False))
        groups = _groups(tuple(layers), self.block_layers, self.first, separate)
        for place, count in groups.items():
            here = replace(at, runs=count, stored=count)
            shape = (place.inputs, at.width) if place.inputs > 1 else (at.width,)
            weights: tuple[Weight, ...] = (here.weight("query", *shape),)
            if self.norm == "rms":
                weights += (here.weight("norm", at.width, role="norm"),)
            if place.sources == 1:
                yield here.vector("first", 0, 0, weights=weights)  # stored, and never used
                continue
            name = f"sum_of_{place.sources}" + (f"_for_{place.inputs}" if place.inputs > 1 else "")
            steps = STEPS["rms" if self.norm == "rms" else "rms_plain"]
            yield here.vector(f"{name}_norm", place.sources * at.width, steps, weights=weights[1:])
            yield blend(here, name, sources=place.sources, sums=place.inputs, weights=weights[:1])


@lru_cache(maxsize=64)
def _groups(
    layers: tuple[Sequence[Sequence[str]], ...], block_layers: int, first: bool, separate: frozenset[str]
) -> dict[_Place, int]:
    """Return how often every sum over depth is made; without the ``first`` sublayer's, if there is none."""
    places = _places(layers, block_layers, separate)
    if not first and any(any(layer) for layer in layers):
        next(places)
    found: dict[_Place, int] = {}
    for place in places:
        found[place] = found.get(place, 0) + 1
    return found


def _places(layers: Sequence[Sequence[Sequence[str]]], block_layers: int, separate: frozenset[str]) -> Iterator[_Place]:
    """Yield every place where a sum over depth is made, in order."""
    sources = 1
    for index, layer in enumerate(layers):
        present = [names for names in layer if names]
        for number, names in enumerate(present):
            yield _Place(sources, 1 if separate.isdisjoint(names) else 3)
            if number == 0 and index % block_layers == 0:
                sources += 1
    yield _Place(sources, 1)
