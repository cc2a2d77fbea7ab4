"""Trying plans: the fewest devices on which a model and its sequences fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from costmodel import memory
from costmodel.dtypes import Recipe
from costmodel.errors import UsageError
from costmodel.kernels import Device
from costmodel.plan import Plan, check, expert_counts
from costmodel.report.limits import longest_context
from costmodel.report.setup import PlanRow, Setup, plan_row
from costmodel.sizes import ceil_div, round_up

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

_MOST = 4096  # devices that are tried


@dataclass(slots=True)
class FitRow:
    """A number format on so many devices; bytes are of the fullest device, with ``batch`` sequences.

    ``sequences``: of the context that the whole deployment holds. ``longest_context``: of one
    sequence. ``problem``: why there is no such row, and then there are no figures.
    """

    dtype: str
    plan: PlanRow | None
    devices: int | None
    weights_bytes: int | None
    cache_bytes: int | None
    activation_bytes: int | None
    reserve_bytes: int
    used_bytes: int | None
    capacity_bytes: int
    fits: bool
    sequences: int | None
    longest_context: int | None
    problem: str | None = None


@dataclass(slots=True)
class Less:
    """Why one device fewer does not do: bytes of the fullest device if everything split evenly."""

    devices: int
    weights_bytes: int
    cache_bytes: int
    activation_bytes: int
    used_bytes: int


class Search:
    """Tries plans of a model on a device at one context."""

    def __init__(self, found: Setup, context: int, chunk: int) -> None:
        self.found, self.context, self.chunk = found, context, chunk
        self.architecture: Architecture = found.architecture
        choices, machine = found.choices, found.roofline.machine
        self.decode = choices.decode(found.architecture, context)
        work = replace(choices.prefill(found.architecture, context), new_tokens=chunk, logits="last")
        self.ops, self.work, self.sequences = found.roofline.lower(self.decode), found.roofline.lower(work), work.batch
        self.capacity, self.reserve = machine.capacity, found.reserve
        self.most = min(_MOST, machine.linked)
        domain = found.roofline.network.domain
        self.widths = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= domain] or [1]
        self.experts = expert_counts(self.architecture)
        experts = ", experts over all devices with attention data-parallel" if self.experts else ""
        joined = f"; at most {self.most} devices, as many as its links join" if self.most < _MOST else ""
        self.tried = (
            f"tp {' '.join(map(str, self.widths))} where it divides heads and widths, "
            f"pp 1 to {self.architecture.n_layers}{experts}{joined}"
        )
        self._wholes: dict[str, memory.Held] = {}

    def rows(self, recipe: Recipe, *, asked_for: bool) -> list[FitRow]:
        """Return the smallest plan, and where it is no whole node, the next that is."""
        try:
            device = self._device(recipe, Plan())
            device.kernels(self.ops, 1)  # raises where a format is missing
        except UsageError as error:
            if asked_for:
                raise
            return [self._problem(recipe, error)]
        if self.found.given:
            return [self._judged(recipe, self.found.plan)]
        smallest = self._smallest(recipe)
        if smallest is None:
            return [
                self._row(
                    recipe,
                    None,
                    None,
                    f"not on {self.most:,} devices or fewer" if self.most > 1 else "not on one device",
                )
            ]
        plan, room = smallest
        rows = [self._row(recipe, plan, room)]
        node = self.widths[-1]
        if plan.devices % node and plan.devices > 1:
            wider = round_up(plan.devices, node)
            found = self._best(recipe, wider)
            if found is not None and wider <= self.most:
                rows.append(self._row(recipe, *found))
        return rows

    def _judged(self, recipe: Recipe, plan: Plan) -> FitRow:
        return self._row(recipe, plan, self._room(recipe, plan))

    def _problem(self, recipe: Recipe, error: UsageError) -> FitRow:
        """Return the row of a format that the device lacks: what emulating it would take."""
        name = recipe.format("weights").name
        emulated = _Emulated(self.found, self.context, self.chunk, name)
        smallest = emulated._smallest(recipe)
        on = f" fits on {smallest[0].devices}" if smallest else ""
        missing = error.message.partition(" (")[0]
        return self._row(recipe, None, None, f"{missing}: --emulate {name}{on}")

    def _smallest(self, recipe: Recipe) -> tuple[Plan, memory.Room] | None:
        whole = self.whole(recipe)
        start = max(1, whole.weights // self.capacity)
        for devices in range(start, self.most + 1):
            found = self._best(recipe, devices)
            if found is not None:
                return found
        return None

    def _best(self, recipe: Recipe, devices: int) -> tuple[Plan, memory.Room] | None:
        """Return the first plan of so many devices that fits."""
        for plan in self.plans(devices):
            room = self._room(recipe, plan)
            if self._fits(plan, room):
                return plan, room
        return None

    def _fits(self, plan: Plan, room: memory.Room) -> bool:
        return bool(room.sequences >= ceil_div(self.found.choices.batch, plan.dp))

    def plans(self, devices: int) -> Iterator[Plan]:
        """Yield the plans of so many devices that the model allows, those with the shortest step first.

        Wide tensor parallelism before many pipeline stages; between them experts over all devices
        with attention data-parallel, which keeps no key twice.
        """
        base = self.found.plan
        tried = [replace(base, tp=tp, pp=devices // tp, ep=1, dp=1, cp=1) for tp in self.widths if not devices % tp]
        tried.reverse()
        if self.experts and devices > 1:
            spread = replace(base, tp=1, pp=1, ep=devices, dp=devices, cp=1)
            tried.insert(int(bool(tried) and tried[0].pp == 1), spread)
        for plan in tried:
            whole_experts = replace(plan, ep=plan.tp) if self.experts and plan.tp > 1 else plan
            for one in dict.fromkeys((plan, whole_experts)):
                if self._allowed(one):
                    yield one
                    break

    def _allowed(self, plan: Plan) -> bool:
        try:
            check(self.architecture, plan)
        except UsageError:
            return False
        return True

    def _device(self, recipe: Recipe, plan: Plan) -> Device:
        return Device(self.found.roofline.machine, plan, recipe)

    def _held(self, recipe: Recipe, plan: Plan) -> list[memory.Held]:
        device = self._device(recipe, plan)
        active = memory.operands(device.kernels(self.work, self.sequences))
        return memory.held(self.architecture, device, self.ops, active)

    def _room(self, recipe: Recipe, plan: Plan) -> memory.Room:
        return memory.Room(tuple(self._held(recipe, plan)), self.capacity, self.reserve)

    def whole(self, recipe: Recipe) -> memory.Held:
        """Return what the model takes on one device, were it large enough."""
        if recipe.text not in self._wholes:
            (self._wholes[recipe.text],) = self._held(recipe, Plan())
        return self._wholes[recipe.text]

    def less(self, recipe: Recipe, first: FitRow) -> Less | None:
        """Return the fullest device of one fewer, did everything split evenly; of the most, where nothing fits."""
        if first.devices == 1 or self.found.given:
            return None
        devices = first.devices - 1 if first.devices else self.most
        whole = self.whole(recipe)
        weights, cache = ceil_div(whole.weights, devices), ceil_div(whole.cache * self.found.choices.batch, devices)
        active = first.activation_bytes or ceil_div(whole.activations, devices)
        return Less(devices, weights, cache, active, weights + cache + active + self.reserve)

    def _row(self, recipe: Recipe, plan: Plan | None, room: memory.Room | None, problem: str | None = None) -> FitRow:
        if plan is None or room is None:
            nothing: dict[str, Any] = dict.fromkeys(
                ("plan", "devices", "weights_bytes", "cache_bytes", "activation_bytes", "used_bytes", "sequences",
                 "longest_context")
            )  # fmt: skip
            return FitRow(
                dtype=recipe.text, reserve_bytes=self.reserve, capacity_bytes=self.capacity, fits=False,
                problem=problem, **nothing,
            )  # fmt: skip
        each = ceil_div(self.found.choices.batch, plan.dp)
        full = room.fullest(each)
        return FitRow(
            dtype=recipe.text,
            plan=plan_row(plan),
            devices=plan.devices,
            weights_bytes=full.weights,
            cache_bytes=full.cache * each,
            activation_bytes=max(full.activations, full.logits * each),
            reserve_bytes=self.reserve,
            used_bytes=room.used(full, each),
            capacity_bytes=self.capacity,
            fits=self._fits(plan, room),
            sequences=room.sequences * plan.dp,
            longest_context=longest_context(self.found, self._device(recipe, plan), room),
        )


class _Emulated(Search):
    """The same search where a format is stored and computed in another."""

    def __init__(self, found: Setup, context: int, chunk: int, name: str) -> None:
        super().__init__(found, context, chunk)
        self.machine = replace(found.roofline.machine, emulated=frozenset((name,)))

    def _device(self, recipe: Recipe, plan: Plan) -> Device:
        return Device(self.machine, plan, recipe)
