"""What one device of a plan must hold: weights, caches, the operands of its largest kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.kernels import Device, Kernel
from costmodel.plan import Plan, Stage, share, stages
from costmodel.sizes import ceil_div

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.ops import Op
    from costmodel.things import State, Weight
    from costmodel.workload import Workload

_BUFFER = 4  # bytes a value: routers' correction biases are kept in fp32
_GROWING = ("full", "latent", "index", "compressed", "cross", "window", "chunk")


@dataclass(slots=True, frozen=True)
class Held:
    """Bytes on one device of one pipeline stage; ``cache`` is of one sequence at the asked context."""

    stage: int
    weights: int
    cache: int
    activations: int


def operands(kernels: Iterable[Kernel]) -> int:
    """Return the bytes of the inputs and outputs of the largest kernel."""
    return max((_per_run(one.input_bytes + one.output_bytes, one.runs) for one in kernels), default=0)


def held(architecture: Architecture, device: Device, decode: list[Op], activations: int) -> list[Held]:
    """Return what a device of each stage holds.

    ``decode`` are the operations of a step of one sequence that ends at the context, ``activations``
    the bytes of the largest step's operands.
    """
    plan, ops = device.plan, decode
    found = []
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
        found.append(Held(stage.index, weights, cache, activations))
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
    head = next(w for op in ops if op.component == "lm_head" for w in op.weights if not w.stored)
    return int(device.weight_bytes(head))


def cache_bytes(architecture: Architecture, device: Device, decode: Workload) -> int:
    """Return what the fullest device keeps of one sequence at the context that a decode step ends at."""
    ops = architecture.lower(decode)
    each = []
    for stage in stages(architecture.n_layers, device.plan.pp):
        parts = ((op, share(architecture, stage, op)) for op in ops if op.states)
        each.append(sum(_kept(state, part, device.plan, device) for op, part in parts for state in op.states))
    return max(each)


@dataclass(slots=True, frozen=True)
class Room:
    """What fits beside the weights: sequences of the asked context on the whole deployment."""

    weights: int
    cache: int  # of one sequence on the busiest device
    activations: int
    reserve: int
    capacity: int

    @property
    def free(self) -> int:
        """Return the bytes left for caches; below 0 the weights do not fit."""
        return self.capacity - self.weights - self.activations - self.reserve

    @property
    def sequences(self) -> int:
        """Return how many sequences of the context one group of devices holds."""
        if self.free <= 0:
            return 0
        return self.free // self.cache if self.cache else 2**40

    @property
    def used(self) -> int:
        """Return the bytes used with one sequence."""
        return self.weights + self.cache + self.activations + self.reserve


def room(found: list[Held], capacity: int, reserve: int) -> Room:
    """Return the tightest stage's room: the one that holds the fewest sequences."""
    rooms = [Room(one.weights, one.cache, one.activations, reserve, capacity) for one in found]
    return min(rooms, key=lambda one: (one.sequences, one.free))
