"""What a device's memory allows beside the weights, and how soon a prompt gives its first token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel import memory
from costmodel.kernels import Kernel
from costmodel.ops import Experts
from costmodel.sizes import ceil_div

if TYPE_CHECKING:
    from costmodel.kernels import Device
    from costmodel.ops import Op
    from costmodel.report.setup import Setup
    from costmodel.timed import Step
    from costmodel.times import Roofline
    from costmodel.workload import Workload

CHUNK = 8192  # tokens of a prompt that a step computes at once, as engines' default budgets
_LONGEST = 2**27  # tokens


@dataclass(slots=True)
class ServeMemory:
    """Bytes of the fullest device; ``cache_bytes`` is of one sequence at the context."""

    capacity_bytes: int
    weights_bytes: int
    cache_bytes: int
    activation_bytes: int
    reserve_bytes: int
    cache_room_bytes: int


@dataclass(slots=True)
class DeviceMemory:
    """Bytes of the fullest device in a step: weights, caches of its sequences, operands of the largest kernel."""

    capacity_bytes: int
    weights_bytes: int
    cache_bytes: int
    activation_bytes: int
    fits: bool


@dataclass(slots=True)
class Limits:
    """What the memory allows, and how soon a prompt of the context can give its first token.

    ``bound_by``: what keeps the batch from growing: cache memory, or nothing that grows.
    ``cache_room_tokens``: what a device keeps of sequences at the context. ``longest_context``: of
    one sequence, at most what the publisher supports; None where a drafter keeps something too.
    """

    largest_batch: int
    bound_by: str
    cache_room_tokens: int | None
    longest_context: int | None
    prompt: int
    first_token_floor_s: float
    first_token_expected_s: float | None


def room_of(
    found: Setup, decode: list[Op], prompt: list[Op], prefill: Step | None, beside: Sequence[memory.Held] = ()
) -> memory.Room:
    """Return what fits; ``decode`` and ``prompt`` are the operations of one sequence, ``beside`` what else stages hold.

    ``prefill`` is the step that ``prompt`` makes on its own, where it was timed; in memory, every group of
    devices reads one.
    """
    own = found.roofline
    if prefill is None:
        kernels = own.device.kernels(prompt, 1)
    else:
        experts = [op for op in prompt if isinstance(op, Experts)]
        kernels = [*_kernels(prefill), *(own.device.kernels(experts, 1) if found.plan.dp > 1 else ())]
    each = memory.held(found.architecture, own.device, decode, memory.operands(kernels))
    if beside:
        pairs = zip(each, beside, strict=True)
        each = [replace(a, weights=a.weights + b.weights, cache=a.cache + b.cache) for a, b in pairs]
    return memory.Room(tuple(each), own.machine.capacity, found.reserve)


def _kernels(step: Step) -> list[Kernel]:
    return [row.work for row in step.rows if isinstance(row.work, Kernel)]


def device_memory(roofline: Roofline, load: Workload, step: Step) -> DeviceMemory:
    """Return what the fullest device holds in a step, nothing held back for an engine."""
    one = roofline.lower(replace(load, batch=1))
    held = memory.held(roofline.architecture, roofline.device, one, memory.operands(_kernels(step)))
    room = memory.Room(tuple(held), roofline.machine.capacity, 0)
    each = ceil_div(load.batch, roofline.plan.dp)
    full = room.fullest(each)
    caches = full.cache * each
    return DeviceMemory(room.capacity, full.weights, caches, full.activations, room.used(full, each) <= room.capacity)


def limits(
    found: Setup, context: int, room: memory.Room, largest: int, prompt: int, prefill: Step, *, drafted: bool
) -> Limits:
    """Return what the memory allows and the first token's time, of a prompt alone on its devices."""
    full = room.fullest(largest // found.plan.dp)
    growing = full.cache > 0
    return Limits(
        largest_batch=largest,
        bound_by="cache memory" if growing else "nothing that grows with the batch",
        cache_room_tokens=room.free(full) * context // full.cache if growing else None,
        longest_context=None if drafted else longest_context(found, found.roofline.device, room),
        prompt=prompt,
        first_token_floor_s=float(prefill.floor_s),
        first_token_expected_s=None if prefill.expected_s is None else float(prefill.expected_s),
    )


def longest_context(found: Setup, device: Device, room: memory.Room) -> int | None:
    """Return the longest context of one sequence in the room of every stage, at most the publisher's.

    None where nothing says how long one may be and memory does not either, as with states of fixed size.
    """
    known = found.architecture.max_context
    most = known if isinstance(known, int) else _LONGEST
    free = [room.free(stage) for stage in room.stages]

    def fits(context: int) -> bool:
        decode = found.choices.decode(found.architecture, context)
        each = memory.cache_bytes(found.architecture, device, decode)
        return all(kept <= left for kept, left in zip(each, free, strict=True))

    if fits(most):
        return most if isinstance(known, int) else None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
