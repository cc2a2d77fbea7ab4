"""What one device of a plan must hold: weights, caches, the operands of its largest kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.kernels import Device, Kernel
from costmodel.ops import Project
from costmodel.plan import Plan, Stage, share, stages
from costmodel.sizes import ceil_div

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.ops import Op
    from costmodel.things import State, Weight
    from costmodel.workload import Workload

_BUFFER = 4  # bytes a value: routers' correction biases are kept in fp32
_NOTHING_GROWS = 2**40  # sequences
_GROWING = ("full", "latent", "index", "compressed", "cross", "window", "chunk")


@dataclass(slots=True, frozen=True)
class Held:
    """Bytes on one device of one pipeline stage; ``cache`` is of one sequence at the asked context.

    ``activations``: the operands of the largest kernel that reads prompts; ``logits``: those of the
    LM head for one decoding sequence.
    """

    stage: int
    weights: int
    cache: int
    activations: int
    logits: int = 0


def operands(kernels: Iterable[Kernel]) -> int:
    """Return the bytes of the inputs and outputs of the largest kernel."""
    return max((_per_run(one.input_bytes + one.output_bytes, one.runs) for one in kernels), default=0)


def held(architecture: Architecture, device: Device, decode: list[Op], activations: int) -> list[Held]:
    """Return what a device of each stage holds.

    ``decode`` are the operations of a step of one sequence that ends at the context, ``activations``
    the bytes of the largest operands of a step that reads prompts.
    """
    plan, ops = device.plan, decode
    found = []
    head = [device.kernels([op], 1) for op in ops if op.component == "lm_head" and isinstance(op, Project)]
    logits = operands(kernel for kernels in head for kernel in kernels)
    for stage in stages(architecture.n_layers, plan.pp):
        weights = cache = 0
        for op in ops:
            part = share(architecture, stage, op)
            if not part:
                continue
            if op.weights:
                weights += sum(_stored(w, op, part, architecture) * _bytes(device, w) for w in op.weights)
            if op.states:
                cache += sum(_kept(state, part, plan, device) for state in op.states)
        weights += _tied_copy(architecture, stage, device, ops)
        last = stage.index == plan.pp - 1
        found.append(Held(stage.index, weights, cache, activations, logits if last else 0))
    return found


def _per_run(size: Any, runs: Any) -> int:
    return int(size / runs) if runs else 0


def _bytes(device: Device, weight: Weight) -> int:
    if weight.role == "buffer":
        return _BUFFER * int(weight.values)
    return int(device.weight_bytes(weight))


def _stored(weight: Weight, op: Op, part: Fraction, architecture: Architecture) -> int:
    """Return the copies of a tensor that a stage stores: its layers', or every shared one it uses."""
    if part == 1 or not weight.stored:
        return int(weight.stored)
    places = Fraction(op.runs, architecture.loops)
    if weight.stored == places:
        return int(weight.stored * part)
    return int(min(weight.stored, places * part))


def _kept(state: State, part: Fraction, plan: Plan, device: Device) -> int:
    """Return the bytes of one sequence that a stage's device keeps of a state."""
    entries = state.kept
    if plan.cp > 1 and state.kind in _GROWING:
        entries = ceil_div(entries, plan.cp)
    return int(state.stored * part) * int(device.state_bytes(state, entries))


def _tied_copy(architecture: Architecture, stage: Stage, device: Device, ops: list[Op]) -> int:
    """Return the bytes of a tied head where it stands on another stage than the embedding."""
    if not architecture.tied or stage.of == 1 or stage.index != stage.of - 1:
        return 0
    head = next((w for op in ops if op.component == "lm_head" for w in op.weights if not w.stored), None)
    return 0 if head is None else int(device.weight_bytes(head))  # ops may be a component's alone


def cache_bytes(architecture: Architecture, device: Device, decode: Workload) -> list[int]:
    """Return what a device of each stage keeps of one sequence at the context that a decode step ends at."""
    ops = [op for op in architecture.lower(decode) if op.states]
    each = []
    for stage in stages(architecture.n_layers, device.plan.pp):
        parts = ((op, share(architecture, stage, op)) for op in ops)
        each.append(sum(_kept(state, part, device.plan, device) for op, part in parts for state in op.states))
    return each


@dataclass(slots=True, frozen=True)
class Room:
    """What fits on the devices of each stage beside the weights; ``reserve`` is held back on every one."""

    stages: tuple[Held, ...]
    capacity: int
    reserve: int

    def free(self, stage: Held) -> int:
        """Return the bytes of a stage's device left for caches; below 0 the weights do not fit."""
        return self.capacity - stage.weights - stage.activations - self.reserve

    @property
    def sequences(self) -> int:
        """Return how many sequences of the context one group of devices holds."""
        return min(self._holds(stage) for stage in self.stages)

    def _holds(self, stage: Held) -> int:
        free = self.free(stage)
        if free <= 0:
            return 0
        most = free // stage.cache if stage.cache else _NOTHING_GROWS
        each = stage.cache + stage.logits  # where these are the largest operands
        return min(most, (free + stage.activations) // each) if each else most

    def fullest(self, sequences: int) -> Held:
        """Return the stage whose devices hold most with so many sequences in each group."""
        return max(self.stages, key=lambda one: self.used(one, sequences))

    def used(self, stage: Held, sequences: int) -> int:
        """Return the bytes used on a stage's device."""
        operands = max(stage.activations, stage.logits * sequences)
        return stage.weights + stage.cache * sequences + operands + self.reserve
