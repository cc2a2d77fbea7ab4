"""What a device's memory allows beside the weights, and how soon a prompt gives its first token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel import memory
from costmodel.kernels import Kernel

if TYPE_CHECKING:
    from costmodel.kernels import Device
    from costmodel.ops import Op
    from costmodel.report.setup import Setup
    from costmodel.times import Roofline, Step
    from costmodel.workload import Workload

_CHUNK = 8192  # tokens of a prompt that a step reads at once
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
    found: Setup, decode: list[Op], first: Workload, prefill: Step, beside: Sequence[memory.Held] = ()
) -> memory.Room:
    """Return what fits; ``decode`` are the operations of one sequence's step, ``beside`` what else each stage holds.

    A prompt longer than a step's budget is read in parts.
    """
    own = found.roofline
    kernels = [row.work for row in prefill.rows if isinstance(row.work, Kernel)]
    if first.new_tokens > _CHUNK or found.plan.pp > 1:
        kernels = own.device.kernels(own.lower(replace(first, new_tokens=min(first.new_tokens, _CHUNK))), first.batch)
    each = memory.held(found.architecture, own.device, decode, memory.operands(kernels))
    if beside:
        pairs = zip(each, beside, strict=True)
        each = [replace(a, weights=a.weights + b.weights, cache=a.cache + b.cache) for a, b in pairs]
    return memory.room(each, own.machine.capacity, found.reserve)


def device_memory(roofline: Roofline, load: Workload, step: Step) -> DeviceMemory:
    """Return what the fullest device holds in a step, nothing held back for an engine."""
    one = roofline.lower(replace(load, batch=1))
    active = memory.operands(row.work for row in step.rows if isinstance(row.work, Kernel))
    held = memory.held(roofline.architecture, roofline.device, one, active)
    room = memory.room(held, roofline.machine.capacity, 0)
    each = -(-load.batch // roofline.plan.dp)
    return DeviceMemory(room.capacity, room.weights, room.cache * each, active, room.sequences >= each)


def limits(
    found: Setup, context: int, room: memory.Room, largest: int, first: Workload, prefill: Step, *, drafted: bool
) -> Limits:
    """Return what the memory allows and the first token's time, of a prompt alone on its devices."""
    growing = room.cache > 0
    return Limits(
        largest_batch=largest,
        bound_by="cache memory" if growing else "nothing that grows with the batch",
        cache_room_tokens=room.free * context // room.cache if growing else None,
        longest_context=None if drafted else longest_context(found, found.roofline.device, room.free),
        prompt=first.new_tokens,
        first_token_floor_s=float(prefill.floor_s),
        first_token_expected_s=None if prefill.expected_s is None else float(prefill.expected_s),
    )


def longest_context(found: Setup, device: Device, free: int) -> int | None:
    """Return the longest context of one sequence in so many bytes of the fullest device, at most the publisher's.

    None where nothing says how long one may be and memory does not either, as with states of fixed size.
    """
    known = found.architecture.max_context
    most = known if isinstance(known, int) else _LONGEST

    def fits(context: int) -> bool:
        decode = found.choices.decode(found.architecture, context)
        return memory.cache_bytes(found.architecture, device, decode) <= free

    if fits(most):
        return most if isinstance(known, int) else None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
