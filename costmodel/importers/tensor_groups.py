"""Tensors of a file by what they belong to: the language model's layers, what stands outside them, the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from costmodel.importers.tensor_names import FURTHER_MODULES, further, is_buffer, tower, words
from costmodel.importers.wanted import Wanted

_TABLES = frozenset(("embed", "emb", "head"))  # words in the names of tables
_INDEX = re.compile(r"(?:^|\.)(\d+)(?=\.|$)")


class Tensor(NamedTuple):
    """A tensor of a file. ``values``: the values that it stands for, however they are packed."""

    name: str
    shape: tuple[int, ...]
    values: int


class Held(NamedTuple):
    """How many tensors hold how many values."""

    tensors: int
    values: int


def sum_of(tensors: Iterable[Tensor]) -> int:
    """Return the values of tensors."""
    return sum(tensor.values for tensor in tensors)


def held(tensors: Iterable[Tensor]) -> Held:
    """Return how many tensors these are, and their values."""
    values = [tensor.values for tensor in tensors]
    return Held(len(values), sum(values))


Layers: TypeAlias = dict[int, list[Tensor]]
Groups: TypeAlias = dict[str, list[Tensor]]  # by the beginning of their names


class Sorted:
    """The tensors of a file by what they belong to.

    ``layers`` has those of the decoder (``layers``) and of the ``encoder`` by layer, ``outside`` what
    else the language model has. ``towers`` stand beside it, if ``modules`` names any; ``further``
    predict further tokens. ``copies`` are tables that are written once more.
    """

    def __init__(self, tensors: Iterable[Tensor], spec: Wanted, modules: frozenset[str] | None) -> None:
        self.buffers: list[Tensor] = []
        self.copies: list[Tensor] = []
        self.towers: Groups = {}
        self.further: Groups = {}
        language: list[Tensor] = []
        for tensor in tensors:
            if is_buffer(tensor.name, tensor.shape, corrected=spec.buffers > 0):
                self.buffers.append(tensor)
            elif (prefix := further(tensor.name)) is not None:
                self.further.setdefault(prefix, []).append(tensor)
            elif modules is not None and (prefix := tower(tensor.name, modules)) is not None:
                self.towers.setdefault(prefix, []).append(tensor)
            else:
                language.append(tensor)
        self.layers, self.outside = _by_layer(language, spec)
        self._take_further(len(spec.layers["layers"]))
        self._take_copies(spec)

    @property
    def language(self) -> list[Tensor]:
        """The tensors of the language model."""
        inside = [t for layers in self.layers.values() for layer in layers.values() for t in layer]
        return self.outside + inside

    def _take_further(self, n_layers: int) -> None:
        """Take away layers behind the last one whose modules say that they predict further tokens."""
        main = self.layers["layers"]
        for index in [index for index in main if index >= n_layers]:
            if any(not FURTHER_MODULES.isdisjoint(t.name.split(".")) for t in main[index]):
                prefix = f"{main[index][0].name.partition(f'.{index}.')[0]}.{index}"
                self.further[prefix] = main.pop(index)

    def _take_copies(self, spec: Wanted) -> None:
        """Take away tables that stand outside the layers more often than the spec has them."""
        for size, once in spec.tables.items():
            same = [t for t in self.outside if t.values == size]
            self._copied(self.outside, sorted(same, key=lambda t: "embed" not in t.name)[once:])
        table = next((w.values for w in spec.outside if w.name == "embedding.embedding"), None)
        for group in self.further.values():  # which have the table and the head once more
            named = [t for t in group if not _TABLES.isdisjoint(words(t.name))]
            self._copied(group, [t for t in named if t.values == table])

    def _copied(self, place: list[Tensor], found: Sequence[Tensor]) -> None:
        for tensor in found:
            place.remove(tensor)
            self.copies.append(tensor)


def _by_layer(tensors: Sequence[Tensor], spec: Wanted) -> tuple[dict[str, Layers], list[Tensor]]:
    """Return the tensors of every stack by layer, and those outside."""
    stacks: dict[str, Layers] = {}
    outside: list[Tensor] = []
    for tensor in tensors:
        match = _INDEX.search(tensor.name)
        if match is None:
            outside.append(tensor)
        else:
            stacks.setdefault(tensor.name[: match.start()], {}).setdefault(int(match[1]), []).append(tensor)
    found: dict[str, Layers] = {}
    for name, wanted_layers in sorted(spec.layers.items()):  # the encoder first, by its name
        ours = {
            prefix: layers
            for prefix, layers in stacks.items()
            if name == "layers" or ("encoder" in words(prefix) and "decoder" not in words(prefix))
        }
        found[name] = _joined(stacks, ours, len(wanted_layers))
    for layers in stacks.values():
        outside += [tensor for layer in layers.values() for tensor in layer]
    return found, outside


def _joined(stacks: dict[str, Layers], ours: dict[str, Layers], n_layers: int) -> Layers:
    """Take the stack that has so many layers, in however many lists; else the largest one."""
    whole = [prefix for prefix, layers in ours.items() if layers.keys() == set(range(n_layers))]
    size = {prefix: sum(map(sum_of, layers.values())) for prefix, layers in ours.items()}
    largest = max(size, key=size.__getitem__, default=None)
    taken = whole if largest in whole or largest is None else [largest]
    found: Layers = {}
    for prefix in taken:
        for index, layer in stacks.pop(prefix).items():
            found.setdefault(index, []).extend(layer)
    return found
