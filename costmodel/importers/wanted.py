"""The weights that a spec has, by layer: what the tensors of a file are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from costmodel.architecture import Architecture
from costmodel.ops import Op
from costmodel.stack import Layout, Stack
from costmodel.workload import Workload


class Weight(NamedTuple):
    """One copy of a weight of the spec."""

    name: str
    shape: tuple[int, ...]
    values: int


@dataclass(frozen=True)
class Wanted:
    """What a spec has: the language model's ``total``, its layers, what stands outside them.

    ``buffers`` are values beside the total. ``layers`` maps ``layers`` and ``encoder`` to the weights
    of every layer. ``within``: values of a stack that stand in its first layer or outside its layers
    (relative positions). ``alone``: no two layers share weights, so that each can be compared.
    ``tables`` maps sizes of tables that may be written more than once to how many there are.
    """

    total: int
    buffers: int
    layers: dict[str, list[list[Weight]]]
    within: dict[str, int]
    outside: list[Weight]
    alone: bool
    components: dict[str, int]
    tables: dict[int, int]

    def without(self, weights: Sequence[Weight]) -> Wanted:
        """Return the same without some weights outside the layers."""
        outside = list((Counter(self.outside) - Counter(weights)).elements())
        return replace(self, total=self.total - sum(weight.values for weight in weights), outside=outside)


def wanted(architecture: Architecture) -> Wanted:
    """Return the weights of a spec by layer."""
    load = Workload()
    ops = architecture.lower(load)
    whole = _weights(ops)
    layers: dict[str, list[list[Weight]]] = {}
    within: dict[str, int] = {}
    alone = True
    outside = Counter(whole)
    for stack in (architecture.stack, architecture.encoder_stack):
        if stack is None:
            continue
        of_stack = _weights(stack.lower(load, 1, 0))
        outside -= Counter(of_stack)
        kinds = {layer: _weights(_alone(stack, layer).lower(load, 1, 0)) for _, layer in stack.layout.groups()}
        layers[stack.path] = [kinds[layer] for layer in stack.layout.layers]
        bias = stack.relative_bias
        within[stack.path] = bias.buckets * bias.heads * bias.tables if bias else 0
        sum_of_layers = sum(weight.values for layer in layers[stack.path] for weight in layer)
        alone &= sum_of_layers + within[stack.path] == sum(weight.values for weight in of_stack)
    components = {
        name: sum(weight.values for weight in _weights(architecture.lower_component(name, load)))
        for name in architecture.extra_components
    }
    return Wanted(
        sum(weight.values for weight in whole),
        sum(weight.total for op in ops for weight in op.weights if weight.role == "buffer"),
        layers,
        within,
        list(outside.elements()),
        alone,
        components,
        _tables(architecture, [*outside.elements()]),
    )


def _weights(ops: Iterable[Op]) -> list[Weight]:
    """Return the learned weights that operations store, each as often as it is there."""
    return [
        Weight(f"{op.path.partition('.')[2] or op.path}.{weight.name}", tuple(weight.shape), weight.values)
        for op in ops
        for weight in op.weights
        if weight.role != "buffer"
        for _ in range(weight.stored)
    ]


def _alone(stack: Stack, layer: tuple[tuple[str, ...], ...]) -> Stack:
    """Return a stack of one layer, without the tables that a stack has once."""
    layout = Layout([layer])
    layout.index(stack.blocks)
    return replace(stack, layout=layout, relative_bias=None)


def _tables(architecture: Architecture, whole: Sequence[Weight]) -> dict[int, int]:
    """Return the sizes of tables that several parts use, and how many of each there are.

    They are those of a tied head, of an encoder's input and of a host's; the embedding may have rows
    of its own beside those that it shares.
    """
    tied, width = architecture.tied, (architecture.embedding and architecture.embedding.width) or architecture.d_model
    shared = {"embedding.embedding"} if tied or architecture.encoder is not None else set()
    shared |= {"lm_head.head.bias"} if tied else set()
    shared |= {"lm_head.head"} if architecture.host is not None else set()
    sizes = {weight.values for weight in whole if weight.name in shared}
    found = {size: sum(weight.values == size for weight in whole) for size in sizes}
    if tied:
        found.setdefault(architecture.vocab_size * width, 1)
    return found
