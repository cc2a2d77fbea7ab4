"""``archcalc fit``: does it fit, on how many devices, with how many sequences of which length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

from costmodel import figures, memory
from costmodel.dtypes import Recipe
from costmodel.errors import UsageError
from costmodel.kernels import Device
from costmodel.plan import Plan, check
from costmodel.report.choices import CONTEXTS, tokens
from costmodel.report.conventions import Conventions, conventions
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.setup import OnHardware, PlanRow, Setup, hardware_source, plan_row, setup
from costmodel.report.source import SourceRow, Wanted, source_of

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

CHUNK = 8192  # tokens that a prefill step computes at once, as engines' default budgets
_MOST = 4096  # devices that are tried
_LONGEST = 2**27  # tokens
_DEFAULTS = ("bf16", "weights=fp8", "weights=int4")


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


@dataclass(slots=True)
class FitPage:
    """What ``archcalc fit`` prints. ``fits``: whether the first row does."""

    name: str
    title: str | None
    confidence: str
    hardware: str
    context: int
    batch: int
    chunk: int
    fits: bool
    rows: list[FitRow]
    weights_total_bytes: int
    cache_total_bytes: int
    less: Less | None
    tried: str
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    setup: Setup | None = field(default=None, metadata=PRIVATE)
    command: str = "fit"
    schema: str = SCHEMA


def fit(architecture: Wanted, hardware: str, *, chunk: int | str = CHUNK, **asked: Unpack[OnHardware]) -> FitPage:
    """Return the smallest number of devices for ``batch`` sequences of the context, or whether a plan fits.

    With a degree of parallelism given, that plan is judged; else plans are tried. Without ``dtype``
    the usual formats are compared. ``chunk``: the most tokens a step computes, whose operands are
    the activations.

    Raises:
        UnknownSpecError: there is no such model or device.
        SpecError: a file says something impossible.
        UsageError: a choice or a plan cannot be, or the device lacks a format that was asked for.
    """
    named = asked.get("dtype")
    found = setup(architecture, hardware, **asked)
    contexts = found.choices.contexts
    if found.choices.given and len(contexts) > 1:
        raise UsageError("fit takes one context", hint=f"--context {contexts[-1]}")
    context = contexts[0] if found.choices.given else CONTEXTS[0]
    budget = min(tokens(chunk, "chunk"), context)
    search = _Search(found, context, budget)
    rows: list[FitRow] = []
    for text in [named] if named else _DEFAULTS:
        rows += search.rows(found.choices.recipe if named else Recipe.parse(text), asked_for=bool(named))
    first = rows[0]
    recipe = found.choices.recipe if named else Recipe.parse(_DEFAULTS[0])
    whole = search.whole(recipe)
    source = source_of(found.architecture)
    return FitPage(
        name=found.architecture.name,
        title=found.architecture.title,
        confidence=found.architecture.confidence,
        hardware=found.hardware.name,
        context=context,
        batch=found.choices.batch,
        chunk=budget,
        fits=first.fits,
        rows=rows,
        weights_total_bytes=whole.weights,
        cache_total_bytes=whole.cache * found.choices.batch,
        less=search.less(recipe, first),
        tried=search.tried,
        source=source,
        sources=[*([source] if source else []), *hardware_source(found.hardware)],
        conventions=conventions(found.choices, not_counted=figures.params(found.architecture).not_in_total),
        setup=found,
    )


class _Search:
    """Tries plans of a model on a device at one context."""

    def __init__(self, found: Setup, context: int, chunk: int) -> None:
        self.found, self.context, self.chunk = found, context, chunk
        self.architecture: Architecture = found.architecture
        choices, machine = found.choices, found.roofline.machine
        self.decode = choices.decode(found.architecture, context)
        work = replace(choices.prefill(found.architecture, chunk), logits="last")
        self.ops, self.work, self.sequences = (
            found.roofline.lower(self.decode), found.roofline.lower(work), work.batch,
        )  # fmt: skip
        self.capacity, self.reserve = machine.capacity, found.reserve
        domain = found.roofline.network.domain
        self.widths = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= domain] or [1]
        self.experts = sorted({n for b in self.architecture.blocks.values() if (n := getattr(b, "n_experts", None))})
        experts = ", experts over all devices with attention data-parallel" if self.experts else ""
        self.tried = (
            f"tp {' '.join(map(str, self.widths))} where it divides heads and widths, "
            f"pp 1 to {self.architecture.n_layers}{experts}"
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
            return [self._row(recipe, None, None, f"not on {_MOST:,} devices or fewer")]
        plan, room = smallest
        rows = [self._row(recipe, plan, room)]
        node = self.widths[-1]
        if plan.devices % node and plan.devices > 1:
            wider = -(-plan.devices // node) * node
            found = self._best(recipe, wider)
            if found is not None:
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
        for devices in range(start, _MOST + 1):
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
        return room.sequences >= -(-self.found.choices.batch // plan.dp)

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
        return memory.room(self._held(recipe, plan), self.capacity, self.reserve)

    def whole(self, recipe: Recipe) -> memory.Held:
        """Return what the model takes on one device, were it large enough."""
        if recipe.text not in self._wholes:
            (self._wholes[recipe.text],) = self._held(recipe, Plan())
        return self._wholes[recipe.text]

    def less(self, recipe: Recipe, first: FitRow) -> Less | None:
        """Return the fullest device of one fewer, did everything split evenly."""
        if not first.devices or first.devices == 1 or self.found.given:
            return None
        devices = first.devices - 1
        whole = self.whole(recipe)
        weights, cache = -(-whole.weights // devices), -(-whole.cache * self.found.choices.batch // devices)
        active = first.activation_bytes or 0
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
        each = -(-self.found.choices.batch // plan.dp)
        return FitRow(
            dtype=recipe.text,
            plan=plan_row(plan),
            devices=plan.devices,
            weights_bytes=room.weights,
            cache_bytes=room.cache * each,
            activation_bytes=room.activations,
            reserve_bytes=self.reserve,
            used_bytes=room.weights + room.cache * each + room.activations + self.reserve,
            capacity_bytes=self.capacity,
            fits=self._fits(plan, room),
            sequences=room.sequences * plan.dp,
            longest_context=self._longest(recipe, plan, room),
        )

    def _longest(self, recipe: Recipe, plan: Plan, room: memory.Room) -> int:
        """Return the longest context of one sequence that fits, at most what the publisher supports."""
        known = self.architecture.max_context
        most = known if isinstance(known, int) else _LONGEST
        device = self._device(recipe, plan)

        def fits(context: int) -> bool:
            decode = self.found.choices.decode(self.architecture, context)
            return memory.cache_bytes(self.architecture, device, decode) <= room.free

        if not fits(1):
            return 0
        if fits(most):
            return most
        low, high = 1, most
        while high - low > max(1, low // 1024):
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low


class _Emulated(_Search):
    """The same search where a format is stored and computed in another."""

    def __init__(self, found: Setup, context: int, chunk: int, name: str) -> None:
        super().__init__(found, context, chunk)
        self.machine = replace(found.roofline.machine, emulated=frozenset((name,)))

    def _device(self, recipe: Recipe, plan: Plan) -> Device:
        return Device(self.machine, plan, recipe)
