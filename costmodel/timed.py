"""Times of kernels and steps, and their sums."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from costmodel.collectives import Collective
from costmodel.kernels import Kernel
from costmodel.sizes import Size, maximum
from costmodel.timing.fit import Fit


@dataclass(slots=True)
class Timed:
    """One kernel or collective of one device and micro-batch, in all its runs; seconds.

    ``serial_s`` is the larger bound.
    """

    work: Kernel | Collective
    compute_s: Size
    memory_s: Size
    network_s: Size
    serial_s: Size
    expected_s: Size | None
    fit: Fit | None = None
    device: str | None = None  # whose coefficients
    borrowed: bool = False  # whether they are another format's or kind's

    @property
    def bound(self) -> str:
        """Return what binds: compute, memory or network."""
        if self.network_s:
            return "network"
        return "compute" if self.compute_s >= self.memory_s else "memory"


@dataclass(slots=True)
class Step:
    """Times of one step in seconds; ``rows`` are of one device and all micro-batches and stages in turn.

    ``tokens``: new tokens of the whole deployment.
    """

    floor_s: Size
    compute_s: Size
    memory_s: Size
    network_s: Size
    serial_s: Size
    expected_s: Size | None
    overhead_s: float
    hidden_s: Size = 0.0  # communication beside computation, not in expected_s
    rows: list[Timed] = field(default_factory=list)
    micro_batches: Size = 1
    local_batch: Size = 1

    @property
    def likely_s(self) -> float:
        """Return the expected time, or the serial one where nothing was measured."""
        return float(self.serial_s if self.expected_s is None else self.expected_s)

    @property
    def bound(self) -> str:
        """Return what binds the floor: compute, memory or network."""
        if self.network_s > self.compute_s and self.network_s > self.memory_s:
            return "network"
        return "compute" if self.compute_s >= self.memory_s else "memory"


# What of a kernel is proportional to its runs.
_ADDED = (
    "useful", "flops", "weight_bytes", "norm_bytes", "state_bytes", "written_bytes", "input_bytes", "output_bytes",
)  # fmt: skip


def largest(values: list[Any]) -> Any:
    """Return the largest of several sizes."""
    found = values[0]
    for value in values[1:]:
        found = maximum(found, value)
    return found


def placed_by(one: Timed) -> Any:
    """Return what places a row in the stack: its operation, or the path of its collective."""
    return one.work.op if isinstance(one.work, Kernel) else one.work


def scaled(one: Timed, part: Any) -> Timed:
    """Return a stage's share of a row."""
    if part == 1:
        return one
    factor = float(part)

    def times(size: Any) -> Any:
        return size * (factor if hasattr(size, "shape") else part)

    work = replace(one.work, runs=times(one.work.runs))
    if isinstance(work, Kernel):
        for name in _ADDED:
            setattr(work, name, times(getattr(work, name)))
    expected = None if one.expected_s is None else one.expected_s * factor
    return Timed(
        work,
        one.compute_s * factor,
        one.memory_s * factor,
        one.network_s * factor,
        one.serial_s * factor,
        expected,
        one.fit,
        one.device,
        one.borrowed,
    )
