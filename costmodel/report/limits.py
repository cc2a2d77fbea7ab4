"""What a device's memory allows beside the weights, and how soon a prompt gives its first token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel import memory
from costmodel.kernels import Kernel

if TYPE_CHECKING:
    from costmodel.ops import Op
    from costmodel.report.setup import Setup
    from costmodel.times import Roofline, Step
    from costmodel.workload import Workload

_CHUNK = 8192  # tokens of a prompt that a step reads at once
_FAR = 2**24  # tokens


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
    one sequence, at most what the publisher supports.
    """

    largest_batch: int
    bound_by: str
    cache_room_tokens: int | None
    longest_context: int | None
    prompt: int
    first_token_floor_s: float
    first_token_expected_s: float | None


def room_of(found: Setup, decode: list[Op], first: Workload, prefill: Step) -> memory.Room:
    """Return what fits beside ``decode``; a prompt longer than a step's budget is read in parts."""
    own = found.roofline
    kernels = [row.work for row in prefill.rows if isinstance(row.work, Kernel)]
    if first.new_tokens > _CHUNK or found.plan.pp > 1:
        kernels = own.device.kernels(own.lower(replace(first, new_tokens=min(first.new_tokens, _CHUNK))), first.batch)
    each = memory.held(found.architecture, own.device, decode, memory.operands(kernels))
    return memory.room(each, own.machine.capacity, found.reserve)


def device_memory(roofline: Roofline, load: Workload, step: Step) -> DeviceMemory:
    """Return what the fullest device holds in a step, nothing held back for an engine."""
    one = roofline.lower(replace(load, batch=1))
    active = memory.operands(row.work for row in step.rows if isinstance(row.work, Kernel))
    held = memory.held(roofline.architecture, roofline.device, one, active)
    room = memory.room(held, roofline.machine.capacity, 0)
    each = -(-load.batch // roofline.plan.dp)
    return DeviceMemory(room.capacity, room.weights, room.cache * each, active, room.sequences >= each)


def limits(found: Setup, context: int, room: memory.Room, largest: int, first: Workload, prefill: Step) -> Limits:
    """Return what the memory allows and the first token's time, of a prompt alone on its devices."""
    growing = room.cache > 0
    return Limits(
        largest_batch=largest,
        bound_by="cache memory" if growing else "nothing that grows with the batch",
        cache_room_tokens=room.free * context // room.cache if growing else None,
        longest_context=_longest(found, context, room),
        prompt=first.new_tokens,
        first_token_floor_s=float(prefill.floor_s),
        first_token_expected_s=None if prefill.expected_s is None else float(prefill.expected_s),
    )


def _longest(found: Setup, context: int, room: memory.Room) -> int | None:
    """Return the longest context of one sequence; None where nothing grows with it.

    Caches grow evenly once all windows are full, which is so from the context to one far beyond it.
    """
    further = found.choices.decode(found.architecture, context + _FAR)
    slope = memory.cache_bytes(found.architecture, found.roofline.device, further) - room.cache
    if slope <= 0:
        return None
    longest = context + (room.free - room.cache) * _FAR // slope
    known = found.architecture.max_context
    return min(longest, known) if isinstance(known, int) else longest
