"""One device's part of weights, of what is kept, and of the rows of a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from costmodel.dtypes import Recipe
from costmodel.machine import Machine
from costmodel.ops import Attend, Experts, Op
from costmodel.plan import Plan
from costmodel.sizes import Size, ceil_div, indicator, minimum
from costmodel.things import State, Weight


def present(ops: Iterable[Op]) -> Iterator[Op]:
    """Yield the operations that have rows; where points of a sweep have none, those have no runs of them."""
    for op in ops:
        rows = op.pairs if isinstance(op, Attend) else op.tokens
        if type(rows) is not int and hasattr(rows, "shape"):
            here = indicator(rows > 0)
            if type(here) is int and not here:
                continue
            op.runs = op.runs * here
        elif not rows:
            continue
        yield op


def entries_seen(state: State, cp: int) -> Size:
    """Return the entries that the queries of one of ``cp`` slices of the new tokens see.

    A window reaches back from the slice; of chunks, slices can begin where they do.
    """
    whole = state.read + state.fresh
    own = ceil_div(state.fresh, cp)
    if state.kind == "window":
        return minimum(whole, own + state.kept - 1)
    return minimum(whole, own) if state.kind == "chunk" else whole


class Share:
    """A machine, a plan and number formats: sizes of one device."""

    def __init__(self, machine: Machine, plan: Plan, recipe: Recipe) -> None:
        self.machine, self.plan, self.recipe = machine, plan, recipe
        self.act = recipe.format("activations")
        self._act_width = self.act.bits // 8 if self.act.whole_bytes else 0
        self._computed: dict[str, str] = {}
        self._read: dict[str, Size] = {}

    def computes(self, role: str) -> str:
        """Return the format in which weights of a role are multiplied; ``compute`` for attention.

        Raises:
            UsageError: the device multiplies no such format, and nobody asked to emulate it.
        """
        if role not in self._computed:
            self._computed[role] = self.machine.computes(self.recipe, role)
        return self._computed[role]

    def rows(self, tokens: Size, batch: Size) -> Size:
        """Return one device's share of the rows where sequences are cut."""
        if self.plan.cp == 1:
            return tokens
        return batch * ceil_div(ceil_div(tokens, batch), self.plan.cp)

    def weight_bytes(self, weight: Weight) -> Size:
        """Return the bytes of one device's part of one copy of a tensor."""
        return self.recipe.format(weight.role).bytes(self.part(weight))

    def read_bytes(self, op: Op) -> Size:
        """Return the bytes of all weights that one run of an operation reads; experts', all of them.

        They are the same in every step of a model, so they are worked out once.
        """
        if op.path not in self._read:
            self._read[op.path] = sum(self._used_bytes(w, op) for w in op.weights if w.role != "buffer")
        return self._read[op.path]

    def _used_bytes(self, weight: Weight, op: Op) -> Size:
        """Return the bytes of a tensor; where declared work chooses among its slices, of those."""
        size = self.weight_bytes(weight)
        if weight.chosen is None or isinstance(op, Experts):
            return size
        return of(size, Fraction(weight.chosen) / weight.shape[0])

    def part(self, weight: Weight) -> Size:
        """Return the values of one device's part of one copy of a tensor."""
        if weight.split in ("experts", "experts-whole"):
            each = weight.values // weight.shape[0]
            cut = self.plan.moe_tp if weight.split == "experts" else 1
            return self.plan.experts(weight.shape[0]) * ceil_div(each, cut)
        if weight.split == "none" or (weight.split == "in" and len(weight.shape) == 1):
            return weight.values
        size = weight.shape[-1 if weight.split == "in" else 0]
        return weight.values // size * self.plan.columns(size, weight.split, weight.units)

    def values(self, values: Size) -> Size:
        """Return the bytes of so many activations."""
        return values * self._act_width if self._act_width else self.act.bytes(values)

    def state_bytes(self, state: State, entries: Size) -> Size:
        """Return the bytes of so many entries of one layer and sequence on one device."""
        width = state.width
        if state.units != 1:
            width = ceil_div(state.width * self.plan.pieces(state.units), state.units)  # of some, half a unit
        return self.recipe.format(state.role).bytes(width * entries)

    def is_cut(self, op: Attend) -> bool:
        """Say whether a device has some of the heads: an indexer's it has all."""
        return not op.variant.endswith("index") and self.plan.tp > 1


def of(size: Size, part: Fraction) -> Size:
    """Return a part of a size, whole where it is one."""
    if part == 1:
        return size
    return size * part.numerator // part.denominator
