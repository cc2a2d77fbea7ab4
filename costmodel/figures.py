"""Parameters, FLOPs and caches: sums over operations, each written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from costmodel.architecture import Architecture
from costmodel.dtypes import BF16, Format, Recipe
from costmodel.ops import Op
from costmodel.sizes import Size, absent, combine, total
from costmodel.things import State, Weight
from costmodel.workload import Workload

# The parts that forward FLOPs are split into. Every operation belongs to one.
PARTS = ("projections", "attention", "ffn", "experts", "head", "recurrent")
_ERROR = 2.0**-48  # of a sum of products of floats, relative


class Part(NamedTuple):
    """Parameters of one part of a model."""

    total: int
    active: int


@dataclass(slots=True)
class Params:
    """Learnable values, as docs/conventions.md defines them.

    ``components`` and ``active_components`` split ``total`` and ``active`` by what the values are
    for, ``groups`` by where they stand (path -> (total, active)). ``not_in_total`` has the parts
    that are counted only when asked for, and buffers.
    """

    total: int = 0
    active: int = 0
    active_min: int = 0
    active_max: int = 0
    active_without_lookup: int = 0
    components: dict[str, int] = field(default_factory=dict)
    active_components: dict[str, int] = field(default_factory=dict)
    groups: dict[str, Part] = field(default_factory=dict)
    not_in_total: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Flops:
    """FLOPs of one step over the batch; ``parts`` split ``forward``."""

    forward: Size
    executed: Size
    attention: Size
    elementwise: Size
    training: Size
    parts: dict[str, Size]
    latent: tuple[str, ...]  # how latent attention was executed


@dataclass(slots=True)
class CacheRow:
    """One state of one block, in all the ``layers`` that have it; bytes are of one sequence."""

    path: str
    state: State
    form: Format

    @property
    def name(self) -> str:
        """Return what is kept: kv, latent, conv."""
        return self.state.name

    @property
    def kind(self) -> str:
        """Return how it grows: full, window, chunk, latent, index, compressed, recurrent, conv, cross."""
        return self.state.kind

    @property
    def layers(self) -> Size:
        """Return how many layers keep one."""
        return self.state.stored

    @property
    def dtype(self) -> str:
        """Return the format of its values."""
        return self.form.name

    @property
    def values(self) -> Size:
        """Return the values kept."""
        return self.state.stored * self.state.width * self.state.kept

    @property
    def bytes(self) -> Size:
        """Return what must be kept."""
        return combine([self.term(self.state.kept)])

    @property
    def paged_bytes(self) -> Size:
        """Return what is allocated in whole pages."""
        return combine([self.term(self.state.paged)])

    @property
    def one_pool_bytes(self) -> Size:
        """Return what is allocated where every layer keeps every token."""
        return combine([self.term(self.state.pooled)])

    def term(self, entries: Size) -> tuple[Size, Size]:
        """Return the bytes of so many entries as a product, so that sums can share arrays."""
        state = self.state
        if self.form.whole_bytes:
            return state.stored * state.width * (self.form.bits // 8), entries
        return state.stored, self.form.bytes(state.width * entries)


@dataclass(slots=True)
class Cache:
    """What one sequence keeps after a step, ideal and as engines allocate it."""

    values: Size
    bytes: Size
    state_bytes: Size
    paged_bytes: Size
    one_pool_bytes: Size
    rows: list[CacheRow]


def weights(ops: Iterable[Op]) -> list[tuple[Op, Weight]]:
    """Return every tensor with the operation that uses it."""
    return [(op, weight) for op in ops for weight in op.weights]


def params(architecture: Architecture, include: Sequence[str] = ()) -> Params:
    """Count the parameters; ``include`` adds components (mtp, vision) to the total.

    They do not depend on the workload, so they are counted once a spec.
    """
    wanted = tuple(sorted(include))
    if wanted not in architecture.kept:
        architecture.kept[wanted] = _params(architecture, wanted)
    found: Params = architecture.kept[wanted]
    return found


def _params(architecture: Architecture, include: Sequence[str]) -> Params:
    load = Workload()
    ops = architecture.lower(load)
    extra = {name: architecture.lower_component(name, load) for name in architecture.extra_components}
    for name in include:
        for op in extra.pop(name):
            op.component = name
            ops.append(op)
    found = _sum_params(ops)
    for name, its in extra.items():
        found.not_in_total[name] = sum(w.total for _, w in weights(its) if w.role != "buffer")
    return found


def _sum_params(ops: Iterable[Op]) -> Params:
    found = Params()
    buffers = lookups = below = above = 0
    groups: dict[str, list[int]] = {}
    for op in ops:
        for weight in op.weights:
            if not weight.stored:
                continue
            values = weight.total
            if weight.role == "buffer":
                buffers += values
                continue
            active = weight.active
            found.total += values
            found.active += active
            if weight.chosen_range is not None or weight.keep is not None:
                fewest, most = weight.active_range
                below += active - fewest
                above += most - active
            if weight.lookup:
                lookups += active
            name = op.component
            found.components[name] = found.components.get(name, 0) + values
            found.active_components[name] = found.active_components.get(name, 0) + active
            group = op.path.split(".", 2)
            place = ".".join(group[:2]) if len(group) > 2 else op.path
            sums = groups.setdefault(place, [0, 0])
            sums[0] += values
            sums[1] += active
    found.groups = {place: Part(*sums) for place, sums in groups.items()}
    found.active_without_lookup = found.active - lookups
    found.active_min, found.active_max = found.active - below, found.active + above
    if buffers:
        found.not_in_total["buffers"] = buffers
    return found


def expected_active(ops: Iterable[Op]) -> tuple[Fraction, Fraction]:
    """Return the active parameters, and those without lookups, before the share of any tensor is rounded down."""
    kept = [weight for _, weight in weights(ops) if weight.stored and weight.role != "buffer"]
    active = sum((weight.expected for weight in kept), Fraction())
    return active, active - sum((weight.expected for weight in kept if weight.lookup), Fraction())


def part(op: Op) -> str:
    """Return the part of the forward pass that an operation belongs to."""
    if op.component == "lm_head":
        return "head"
    if op.component in ("ffn.dense", "moe.shared"):
        return "ffn"
    return op.family


def flops(ops: Iterable[Op]) -> Flops:
    """Sum the FLOPs of a step."""
    terms: dict[str, list[Any]] = {name: [] for name in PARTS}
    padding: list[Any] = []
    elementwise: list[Any] = []
    frozen: list[Any] = []
    variants: dict[str, None] = {}
    for op in ops:
        elementwise.append(op.elementwise)
        if op.family == "vector":
            continue
        useful = op.flops
        terms[part(op)].append(useful)
        padding.append(op.padding)
        if op.family == "attention" and op.variant in ("absorbed", "expanded"):  # type: ignore[attr-defined]
            variants[op.variant] = None  # type: ignore[attr-defined]
        if op.weights and not op.weights[0].trained:
            frozen.append(useful)
    parts = {name: whole(total(values)) for name, values in terms.items()}  # each rounds down: they add up
    forward = total(parts.values())
    extra = whole(total(padding))
    return Flops(
        forward,
        forward + extra if not absent(extra) else forward,
        parts["attention"],
        whole(total(elementwise)),
        3 * forward - whole(total(frozen)) if frozen else 3 * forward,
        parts,
        tuple(variants),
    )


def whole(size: Any) -> Any:
    """Round an expectation down: a fraction, and the floats of sweeps; ints pass."""
    if isinstance(size, Fraction):
        return size.numerator // size.denominator
    if isinstance(size, float):  # beside arrays, a size that is the same at every point
        return float(_whole_floats(size))
    return _whole_floats(size) if hasattr(size, "dtype") and size.dtype.kind == "f" else size


def _whole_floats(size: Any) -> Any:
    """Round down, except where a float is below a whole number by its own error only."""
    import numpy as np

    nearest = np.rint(size)
    return np.where(np.abs(size - nearest) <= size * _ERROR, nearest, np.floor(size))


def cache(ops: Iterable[Op], recipe: Recipe = BF16) -> Cache:
    """Sum what one sequence keeps after the step that ``ops`` are."""
    rows = [
        CacheRow(op.path.rpartition(".")[0], state, recipe.format(state.role))
        for op in ops
        for state in op.states
        if not absent(state.stored)
    ]
    return Cache(
        combine((row.state.stored * row.state.width, row.state.kept) for row in rows),
        combine(row.term(row.state.kept) for row in rows),
        combine(row.term(row.state.kept) for row in rows if row.state.kind in ("recurrent", "conv")),
        combine(row.term(row.state.paged) for row in rows),
        combine(row.term(row.state.pooled) for row in rows),
        rows,
    )


def reach(architecture: Architecture) -> int | None:
    """Return the receptive field: how many tokens back the last layer can depend on, itself included.

    Each window of W moves information over W - 1 tokens, so a stack of them reaches the sum and 1.
    None where some layer sees everything.
    """
    if any(architecture.blocks[name].reach() is None for name in architecture.stack.layout.counts):
        return None
    blocks = (places * (architecture.blocks[name].reach() or 0) for name, places in farthest(architecture).items())
    return 1 + sum(blocks) + sum(features_reach(architecture).values())


def features_reach(architecture: Architecture) -> dict[str, int]:
    """Return feature -> over how many tokens it moves information back, in all its places."""
    layout = architecture.stack.layout
    in_turn = len(layout.layers) if architecture.norm.place == "parallel" else layout.sublayers
    places = in_turn * architecture.loops
    return {feature.path: places * far for feature in architecture.features.values() if (far := feature.reach())}


def farthest(architecture: Architecture) -> dict[str, int]:
    """Return block -> how often it moves information over a finite number of tokens.

    Of blocks side by side (``a & b``, and whole layers under one norm) only the farthest one does.
    """
    steps = {name: architecture.blocks[name].reach() or 0 for name in architecture.stack.layout.counts}
    found: dict[str, int] = {}
    for places, layer in architecture.stack.layout.groups():
        side_by_side = [sum(layer, ())] if architecture.norm.place == "parallel" else layer
        for names in side_by_side:
            if far := max(names, key=steps.__getitem__, default=None):
                found[far] = found.get(far, 0) + places * architecture.loops
    return found
