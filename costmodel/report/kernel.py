"""``archcalc kernel``: one kernel on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.catalog import asked_folders
from costmodel.machine import Machine
from costmodel.measured import adds_in_switch, ceilings, fit_ceilings, multiplied
from costmodel.profiles import Hardware, load_hardware
from costmodel.report.data import SCHEMA
from costmodel.report.device import CalibrationRow, RateConventions, calibration_row
from costmodel.report.kernel_shapes import Read, read
from costmodel.timing.fit import floor_us

if TYPE_CHECKING:
    from costmodel.timing.fit import Fit


@dataclass(slots=True)
class KernelTime:
    """Times of one kernel in seconds; ``expected_s`` None where nothing was measured.

    ``bound``: what binds the floor, compute, memory or network. ``of_floor``: expected / floor.
    """

    floor_s: float
    expected_s: float | None
    compute_s: float
    memory_s: float
    network_s: float
    bound: str
    of_floor: float | None


@dataclass(slots=True)
class KernelPage:
    """What ``archcalc kernel`` prints for one shape.

    ``flops`` and ``bytes`` are whole where the sizes make them so (expectations over experts need
    not be); ``bytes`` of a collective are those that one device sends. ``multiplies``: the format
    whose peak bounds the floor (empty: the link). ``intensity`` and ``ridge`` in FLOPs a byte.
    ``formula`` is the expected time in words, ``coefficients`` with what they were measured on;
    ``judged``: the shape is of those that their error was measured on.
    """

    kernel: str
    hardware: str
    sizes: dict[str, int]
    choices: dict[str, str]
    key: str
    multiplies: str
    flops: int | float
    bytes: int | float
    intensity: float | None
    ridge: float | None
    peak_flop_per_s: float | None
    bandwidth_bytes_per_s: float
    time: KernelTime
    formula: str | None
    coefficients: CalibrationRow | None
    judged: bool
    conventions: RateConventions = field(default_factory=RateConventions)
    command: str = "kernel"
    schema: str = SCHEMA


def kernel(
    kernel: str, *, hardware: str | Hardware, specs: Sequence[str | Path] = (), **sizes: int | str | None
) -> KernelPage:
    """Return floor and expected time of one kernel: gemm, attention, mla, moe or collective.

    ``sizes`` are the command's options by their names with ``_``: ``m=128, n=8192, k=4096,
    dtype="fp8"``. Sizes may be texts such as "128Ki".

    Raises:
        UsageError: no such kernel, a size is missing or impossible, or the device lacks the format.
        UnknownSpecError: there is no such device.
        SpecError: its profile says something impossible.
    """
    device = load_hardware(hardware, asked_folders(specs)) if isinstance(hardware, str) else hardware
    machine = Machine.of(device)
    return _page(kernel, read(kernel, sizes, machine, in_switch=adds_in_switch(device)), device, machine)


def _page(kernel: str, found: Read, device: Hardware, machine: Machine) -> KernelPage:
    measured = found.measured
    multiplies = multiplied(found.family, machine, measured)
    rates = ceilings(machine, multiplies)
    shape = measured.shape
    flops, moved = _whole(shape.flops), _whole(shape.bytes)
    floor = float(floor_us(shape, rates))
    fitted = _fit(found, device, multiplies)
    expected = None
    if fitted is not None:
        expected = max(float(fitted[0].expected_us(shape, fit_ceilings(machine, fitted[0], rates))), floor)
    compute, over = shape.flops / rates.flop_per_us, float(shape.bytes / rates.bytes_per_us)
    network = not multiplies
    return KernelPage(
        kernel=kernel,
        hardware=device.name,
        sizes=found.sizes,
        choices=found.words,
        key=measured.key,
        multiplies=multiplies,
        flops=flops,
        bytes=moved,
        intensity=None if network else flops / moved,
        ridge=None if network else rates.flop_per_us / rates.bytes_per_us,
        peak_flop_per_s=None if network else machine.peak(multiplies),
        bandwidth_bytes_per_s=rates.bytes_per_us * 1e6,
        time=KernelTime(
            floor_s=floor / 1e6,
            expected_s=None if expected is None else expected / 1e6,
            compute_s=float(compute) / 1e6,
            memory_s=0.0 if network else over / 1e6,
            network_s=over / 1e6 if network else 0.0,
            bound="network" if network else "compute" if compute >= over else "memory",
            of_floor=None if expected is None else expected / floor,
        ),
        formula=_formula(fitted[0]) if fitted else None,
        coefficients=calibration_row(fitted[0].family, fitted[2], *fitted[:2], of=device.name) if fitted else None,
        judged=bool(measured.judged),
    )


def _fit(found: Read, device: Hardware, multiplies: str) -> tuple[Fit, str, str] | None:
    """Return coefficients, the device they were measured on, their key; those of NCCL where an engine's are missing."""
    kind, key = found.family.fit_of(found.measured.key)
    fitted = device.fit_from(kind.family, key)
    if fitted is None and kind.family == "all_reduce":
        fitted = device.fit_from("nccl", "all_reduce")
    if fitted is None or (key == "bf16" and multiplies == "fp32" and fitted[0].multiplies != "fp32"):
        return None
    return (*fitted, key)


def _formula(fit: Fit) -> str:
    """Return the formula that the first line of its class says."""
    return (type(fit).__doc__ or "").strip().splitlines()[0].rstrip(".")


def _whole(value: Any) -> int | float:
    """Return a count; floats that are whole numbers hold counts below 2^53 exactly."""
    number = float(value)
    return int(number) if number.is_integer() else number
