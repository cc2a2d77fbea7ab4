"""A stack of layers: which blocks stand where, and what they do there together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from costmodel.block import Block, Count, Impossible, Model, lower_block
from costmodel.feature import Feature
from costmodel.ops import Op
from costmodel.schedule import Entry, ScheduleError, expand
from costmodel.site import Site
from costmodel.sizes import Size
from costmodel.steps import STEPS
from costmodel.workload import Workload


class Norm(Model):
    """The norms of the layers.

    ``kind`` rms, layer (mean subtracted; ``bias`` unless told otherwise) or none (no weights).
    ``place``: ``pre`` one before each sublayer; ``post`` one after it, inside the residual;
    ``sandwich`` both; ``parallel`` one for all sublayers of a layer, which then work side by side
    (``separate``: one each); ``none`` none around sublayers. ``final``: one after the last layer.
    ``kinds``: tokens of so many kinds (text, sound, images) have norms of their own around sublayers.
    """

    kind: Literal["rms", "layer", "none"] = "rms"
    bias: bool = True
    place: Literal["pre", "post", "sandwich", "parallel", "none"] = "pre"
    separate: bool = False
    final: bool = True
    kinds: Count = 1


@dataclass(slots=True)
class Layout:
    """The blocks of every layer: ``layers[i]`` lists the sublayers of layer i."""

    layers: list[tuple[Entry, ...]]
    counts: dict[str, int] = field(init=False)  # block name -> places in the stack
    sublayers: int = field(init=False)
    normed: int = field(init=False)  # sublayers whose norm belongs to the layer
    normed_layers: int = field(init=False)
    added: int = field(init=False)  # further outputs added inside sublayers: a & b

    def index(self, blocks: Mapping[str, Block]) -> None:
        """Count the places of every block."""
        self.counts = {}
        self.sublayers = self.normed = self.normed_layers = self.added = 0
        for layer in self.layers:
            normed = 0
            for names in layer:
                for name in names:
                    self.counts[name] = self.counts.get(name, 0) + 1
                self.sublayers += bool(names)
                self.added += max(0, len(names) - 1)
                normed += any(not blocks[name].own_norms for name in names)
                normed += 2 * any(getattr(blocks[name], "separate_inputs", False) for name in names)
            self.normed += normed
            self.normed_layers += bool(normed)

    def groups(self) -> list[tuple[int, tuple[Entry, ...]]]:
        """Return (number of layers, sublayers) of every kind of layer, in order of appearance."""
        found: dict[tuple[Entry, ...], int] = {}
        for layer in self.layers:
            found[layer] = found.get(layer, 0) + 1
        return [(count, layer) for layer, count in found.items()]


def layout(
    schedules: list[tuple[str, str | list[str]]],
    n_layers: int,
    blocks: Mapping[str, Block],
    before: Iterable[str] = (),
) -> Layout:
    """Return the layout that (field, schedule) pairs give, one pair a sublayer.

    ``before`` are blocks of an earlier stack whose caches this one may read.

    Raises:
        ScheduleError: a schedule outside its grammar, of another length, naming no block, or with
            a block before the one whose cache it reads.
    """
    columns = []
    for name, schedule in schedules:
        column = expand(schedule, n_layers, name)
        unknown = next((b for entry in column for b in entry if b not in blocks), None)
        if unknown is not None:
            raise ScheduleError(
                f'{name} names "{unknown[:64]}", which is not among blocks', "blocks: " + ", ".join(blocks)
            )
        columns.append(column)
    found = Layout(list(zip(*columns, strict=True)))
    found.index(blocks)
    _check_order(found, [name for name, _ in schedules], blocks, set(before))
    return found


def _check_order(found: Layout, fields: list[str], blocks: Mapping[str, Block], seen: set[str]) -> None:
    """Raise ScheduleError where a block stands before the one whose cache it reads."""
    for layer in found.layers:
        for field_name, names in zip(fields, layer, strict=True):
            for name in names:
                source = next((source for source in blocks[name].reads() if source not in seen), None)
                if source is not None:
                    raise ScheduleError(
                        f'{field_name} has "{name}" where no "{source}", which it reads, stands before it',
                        f'put a layer with "{source}" first',
                    )
                seen.add(name)


class RelativeBias(NamedTuple):
    """A learned bias for each of ``buckets`` of distances and each head: ``tables`` of them in a stack."""

    buckets: int
    heads: int
    tables: int


def arrange(
    part: Any, n_layers: int, blocks: Mapping[str, Block], prefix: str = "", before: Iterable[str] = ()
) -> Layout:
    """Lay out what a part of a document says by ``layer``, or by ``mixer`` and ``ffn``.

    ``prefix`` leads from the document to the part; ``before`` names blocks that stand before it.

    Raises:
        Impossible: the field at fault, whose schedules are none, too many, or not of this length.
    """
    if part.layer is not None:
        if part.mixer is not None or part.ffn is not None:
            raise Impossible("layer replaces mixer and ffn", f"{prefix}layer", "leave mixer and ffn out", "AC131")
        schedules = [(f"layer[{i}]", schedule) for i, schedule in enumerate(part.layer)]
    else:
        schedules = [(n, getattr(part, n)) for n in ("mixer", "ffn") if getattr(part, n) is not None]
    if not schedules:
        message = "no schedule says which blocks the layers are"
        raise Impossible(message, f"{prefix}mixer", "add mixer and ffn", "AC131")
    try:
        return layout(schedules, n_layers, blocks, before)
    except ScheduleError as error:
        at_fault = next((n for n, _ in schedules if error.message.startswith(n)), schedules[0][0])
        raise Impossible(error.message, prefix + at_fault, error.hint, "AC130") from error


@dataclass(slots=True)
class Stack:
    """A stack of layers of one width. ``loops``: how often the whole stack runs over its weights."""

    path: str
    width: int
    layout: Layout
    blocks: Mapping[str, Block]
    norm: Norm
    loops: int = 1
    features: tuple[Feature, ...] = ()
    relative_bias: RelativeBias | None = None
    keeps: bool = True
    source_width: int = 0
    vocab_size: int = 0

    def site(self, load: Workload, new: Size, cached: Size, path: str, runs: int, component: str = "norms") -> Site:
        """Return the site of something that stands ``runs`` times in the stack."""
        return Site(
            load=load,
            path=path,
            component=component,
            width=self.width,
            runs=runs * self.loops,
            stored=runs,
            new=new,
            cached=cached,
            tokens=load.batch * new,
            source_width=self.source_width,
            keeps=self.keeps,
            blocks=self.blocks,
            vocab_size=self.vocab_size,
        )

    def lower(self, load: Workload, new: Size, cached: Size) -> Iterator[Op]:
        """Yield the operations of all layers, each block once with all its places."""
        for name, places in self.layout.counts.items():
            block = self.blocks[name]
            at = self.site(load, new, cached, f"{self.path}.{name}", places, block.component)
            at.role = block.role
            yield from lower_block(block, at)
            if block.extra_norm is not None:
                yield self._extra_norm(block, load, new, cached, f"{self.path}.{name}", places)
        yield from self._between(load, new, cached)
        n_layers = len(self.layout.layers)
        for feature in self.features:
            at = self.site(load, new, cached, f"{self.path}.{feature.path}", n_layers, feature.component)
            yield from feature.layer(at)
            at = self.site(load, new, cached, f"{self.path}.{feature.path}", self.layout.sublayers, feature.component)
            yield from feature.around(at)
            at = self.site(load, new, cached, f"{self.path}.{feature.path}", 1, feature.component)
            yield from feature.through(at, self.layout.layers)

    def _extra_norm(self, block: Block, load: Workload, new: Size, cached: Size, path: str, places: int) -> Op:
        """Return the norms that a block has beside those of its sublayers."""
        norms = 2 * places if block.extra_norm == "sandwich" else places
        at = self.site(load, new, cached, path, norms)
        if block.keep is not None:
            at = at.kept_share(block.keep)
        kind = "none" if block.extra_norm == "plain" else self.norm.kind
        return at.norm("extra_norm", kind=kind, bias=self.norm.bias)

    def _between(self, load: Workload, new: Size, cached: Size) -> Iterator[Op]:
        """Yield the norms of the layers, their residual adds, relative position biases."""
        counts = {
            "pre": self.layout.normed,
            "post": self.layout.normed,
            "sandwich": 2 * self.layout.normed,
            "none": 0,
            "parallel": self.layout.normed if self.norm.separate else self.layout.normed_layers,
        }
        if norms := counts[self.norm.place]:
            at = self.site(load, new, cached, self.path, norms)
            shape = (self.norm.kinds, self.width) if self.norm.kinds > 1 else None
            op = at.norm("norms", kind=self.norm.kind, bias=self.norm.bias, shape=shape)
            if shape:
                op.weights = tuple(replace(weight, chosen=1) for weight in op.weights)
            yield op
        adds = self.layout.sublayers + self.layout.added
        for feature in self.features:
            adds -= feature.starts(self.layout.layers)
        at = self.site(load, new, cached, self.path, adds)
        yield at.vector("residual", self.width, STEPS["add"], inputs=2)
        if self.relative_bias:
            buckets, heads, tables = self.relative_bias
            at = self.site(load, new, cached, self.path, tables, "mixer.relative_bias")
            table = at.weight("relative_bias", buckets, heads)
            keys = cached + new
            yield at.vector(
                "relative_bias", heads * keys, STEPS["add"], weights=(table,), runs=len(self.layout.layers) * self.loops
            )
