"""Times of a step: the floor that no run beats, the serial sum of kernels, what to expect.

floor: max(all FLOPs / peak, all compulsory bytes / bandwidth, all bytes on the wire / link) of one
device's work. serial: the same maximum a kernel, kernels one after another. expected: the device's
measured coefficients a kernel, and an engine's overhead. Sequences pass through pipeline stages one
after another, in as many micro-batches as there are stages (or sequences).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from costmodel.collectives import Collective, Network, collectives
from costmodel.dtypes import Recipe
from costmodel.expected import Expected
from costmodel.kernels import Device, Kernel
from costmodel.machine import Machine
from costmodel.ops import Attend, Conv, Experts, Lookup, Project, Scan, Vector
from costmodel.plan import Plan, Stage, share, stages
from costmodel.sizes import Size, ceil_div, maximum, minimum, total
from costmodel.timed import Step, Timed, largest, placed_by, scaled

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.ops import Op
    from costmodel.profiles import Hardware, StepOverhead
    from costmodel.workload import Workload


class Roofline:
    """A machine, a plan and number formats: times any step of a model."""

    def __init__(
        self,
        architecture: Architecture,
        hardware: Hardware,
        plan: Plan,
        recipe: Recipe,
        *,
        emulated: frozenset[str] = frozenset(),
        fused: bool = True,
        include: tuple[str, ...] = (),
    ) -> None:
        self.architecture, self.hardware, self.plan, self.recipe = architecture, hardware, plan, recipe
        self.machine = Machine.of(hardware, emulated)
        self.machine.check_links(plan.devices)
        self.device = Device(self.machine, plan, recipe, fused=fused)
        overhead, _ = hardware.step_from()
        self.device.routing_shape = overhead.routing_shape if overhead else None
        switched = bool(hardware.scale_up and hardware.scale_up.reduces)
        self.network = Network(self.machine, in_switch=switched)
        self.include = include
        self.expected = Expected(hardware, self.machine, recipe)
        self._stages = stages(architecture.n_layers, plan.pp)

    def local(self, load: Workload) -> tuple[Workload, Size]:
        """Return one micro-batch of one group of devices, and how many micro-batches there are."""
        each = ceil_div(load.batch, self.plan.dp)
        micro = minimum(each, self.plan.pp)
        return replace(load, batch=ceil_div(each, micro)), micro

    def step(self, load: Workload, ops: list[Op] | None = None) -> Step:
        """Return the times of one step of the whole deployment's batch.

        ``ops``: lowered already, for one micro-batch of one group (``local``).
        """
        mine, micro = self.local(load)
        return self._step(self.lower(mine) if ops is None else ops, mine, micro, load)

    def steps(self, load: Workload, batches: Iterable[int], one: list[Op] | None = None) -> Iterator[Step]:
        """Yield the same step of several batches.

        It is lowered once where rows are proportional to sequences; ``one``: for one sequence, where
        the caller has that already and needs it no more.
        """
        ops = self.lower(replace(load, batch=1)) if one is None else one
        before, proportional = 1, all(map(_proportional, ops))
        for batch in batches:
            whole = replace(load, batch=batch)
            mine, micro = self.local(whole)
            if proportional:
                for op in ops:
                    _rebatch(op, before, mine.batch)
            else:
                ops = self.lower(mine)
            before = mine.batch
            yield self._step(ops, mine, micro, whole)

    def _step(self, ops: list[Op], mine: Workload, micro: Size, load: Workload) -> Step:
        """Return the step of a deployment's load, of which ``mine`` is the micro-batch that ``ops`` do."""
        found = self.total(self.rows(ops, mine.batch, group=ceil_div(load.batch, micro)), micro, mine)
        return found if self.plan.pp == 1 else self._any_schedule(found, load)

    def component(self, name: str, load: Workload) -> Step:
        """Return the times of one step of a component alone, as of ``mtp`` that drafts tokens.

        It stands on one stage, which does it for all micro-batches: here, at once.
        """
        whole = replace(load, batch=ceil_div(load.batch, self.plan.dp))
        ops = self.architecture.lower_component(name, whole)
        return self._total(self.rows(ops, whole.batch, group=load.batch), 1, whole.batch, 0)

    def lower(self, load: Workload) -> list[Op]:
        """Return the operations of a step, with those of the components that are included.

        Steps on single values that read nothing run inside other kernels, where these are fused.
        """
        ops = self.architecture.lower(load)
        for name in self.include:
            ops += self.architecture.lower_component(name, load)
        if not self.device.fused:
            return ops
        return [op for op in ops if op.weights or not isinstance(op, Vector)]

    def rows(
        self, ops: list[Op], batch: Size, talking: list[Op] | None = None, group: Size | None = None
    ) -> list[Timed]:
        """Return kernels and communication of operations that were lowered with ``batch`` sequences.

        ``talking``: the operations that communicate, where they are others. ``group``: the sequences
        of all groups of devices.
        """
        talk = ops if talking is None else talking
        network = collectives(self.architecture, talk, self.plan, self.recipe, self.network, batch)
        return [
            *(self._kernel(kernel) for kernel in self.device.kernels(ops, batch, group)),
            *(self._collective(one) for one in network),
        ]

    def total(self, timed: list[Timed], micro: Size, load: Workload) -> Step:
        """Return the step that rows of one micro-batch make; ``load`` is the micro-batch."""
        if self.plan.pp == 1:
            return self._total(timed, micro, load.batch, self.architecture.n_layers)
        return self._pipelined(timed, micro, load)

    # One kernel

    def _kernel(self, kernel: Kernel) -> Timed:
        compute = kernel.useful / self.machine.peak(kernel.dtype)
        memory = kernel.bytes / self.machine.bandwidth
        serial = maximum(compute, memory)
        found = self.expected.kernel(kernel, serial)
        if found is None:
            return Timed(kernel, compute, memory, 0, serial, None)
        return Timed(kernel, compute, memory, 0, serial, *found)

    def _collective(self, one: Collective) -> Timed:
        floor = one.floor_s(self.machine)
        serial = one.serial_s(self.machine)
        found = self.expected.collective(one, serial)
        if found is None:
            return Timed(one, 0, 0, floor, serial, None)
        return Timed(one, 0, 0, floor, serial, *found)

    # Sums

    def overhead(self) -> tuple[StepOverhead | None, str | None]:
        """Return an engine's overhead of a step, and the device it was measured on."""
        return self.hardware.step_from()

    def _overhead_s(self, layers: int) -> float:
        found, _ = self.overhead()
        return (found.step_us + found.layer_us * layers) / 1e6 if found else 0.0

    def _total(self, timed: list[Timed], micro: Size, batch: Size, layers: int) -> Step:
        compute, memory = total([one.compute_s for one in timed]), total([one.memory_s for one in timed])
        network, serial = total([one.network_s for one in timed]), total([one.serial_s for one in timed])
        overhead = self._overhead_s(layers)
        expected: Size | None = None
        hidden: Size = 0.0
        if all(one.expected_s is not None for one in timed):
            expected = total([one.expected_s for one in timed]) + overhead
            if self.plan.overlap:
                talk = total([one.expected_s for one in timed if isinstance(one.work, Collective)])
                hidden = minimum(float(self.plan.overlap) * talk, expected - talk - overhead)
                expected = expected - hidden
        floor = maximum(maximum(compute, memory), network)
        return Step(floor, compute, memory, network, serial, expected, overhead, hidden, timed, micro, batch)

    def _any_schedule(self, found: Step, load: Workload) -> Step:
        """Return a pipelined step with the floor of every schedule, whatever its micro-batches.

        A token passes all stages, with its own sequence at least; a device does its stage's work for
        the whole batch, with its weights read once at least.
        """
        whole = ceil_div(load.batch, self.plan.dp)
        bounds = []
        for batch, group in ((1, minimum(load.batch, self.plan.dp)), (whole, load.batch)):
            mine = replace(load, batch=batch)
            bounds.append(self._each_stage(self.rows(self.lower(mine), batch, group=group), 1, mine))

        def bound(side: str) -> Size:
            through, slowest = (([getattr(step, side) for step in steps]) for steps in bounds)
            return maximum(total(through), largest(slowest))

        sides = {side: bound(side) for side in ("floor_s", "compute_s", "memory_s", "network_s")}
        return replace(found, **sides)

    def _pipelined(self, timed: list[Timed], micro: Size, load: Workload) -> Step:
        """Return the step where every micro-batch passes all stages and every stage does all micro-batches.

        A sequence needs the sum of the stages; a device needs its stage as often as there are
        micro-batches; the larger one is the time between two tokens.
        """
        each = self._each_stage(timed, micro, load)

        def both_ways(values: list[Any]) -> Any:
            return maximum(total(values), micro * largest(values))

        expected = None
        if all(step.expected_s is not None for step in each):
            expected = both_ways([step.expected_s for step in each])
        return Step(
            both_ways([step.floor_s for step in each]),
            both_ways([step.compute_s for step in each]),
            both_ways([step.memory_s for step in each]),
            both_ways([step.network_s for step in each]),
            both_ways([step.serial_s for step in each]),
            expected,
            sum(step.overhead_s for step in each),
            total([step.hidden_s for step in each]),
            [row for step in each for row in step.rows],
            micro,
            load.batch,
        )

    def _each_stage(self, timed: list[Timed], micro: Size, load: Workload) -> list[Step]:
        """Return every stage's step of one micro-batch, with what it sends on."""
        act = self.recipe.format("activations")
        rows = load.batch * ceil_div(load.new_tokens, self.plan.cp)
        payload = act.bytes(rows * self.architecture.d_model * self.architecture.n_streams)
        each: list[Step] = []
        for stage in self._stages:
            parts = [(one, share(self.architecture, stage, placed_by(one))) for one in timed]
            here = [scaled(one, part) for one, part in parts if part]
            if stage.index < self.plan.pp - 1:
                here.append(self._collective(self._send(stage, payload)))
            each.append(self._total(here, micro, load.batch, stage.layers))
        return each

    def _send(self, stage: Stage, payload: Size) -> Collective:
        """Return what goes to the next stage; ranks are numbered stage by stage, and the slowest pair counts."""
        size, domain = self.plan.stage_devices, self.network.domain
        first = stage.index * size
        crosses = first // domain != (first + 2 * size - 1) // domain
        return self.network.send(f"stage{stage.index}.send", 1, payload, crosses=crosses)


def _proportional(op: Op) -> bool:
    """Say whether an operation's rows are proportional to the sequences, and nothing else of it depends on them."""
    if isinstance(op, Experts):
        return op.slots is None  # a capacity is rounded up
    return isinstance(op, Project | Attend | Scan | Conv | Lookup | Vector)


def _rebatch(op: Op, before: int, batch: int) -> None:
    """Give a proportional operation the rows of another batch."""
    tokens = op.tokens * batch
    op.tokens = tokens // before if isinstance(tokens, int) else tokens / before
    if isinstance(op, Attend):
        op.batch = batch
    elif isinstance(op, Scan) and op.chunked is not None:
        op.chunked = op.chunked * batch // before
