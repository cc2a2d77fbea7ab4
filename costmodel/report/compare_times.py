"""Decode times of models side by side, each under the plan of so many devices that suits it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.errors import UsageError
from costmodel.plan import Plan, check, expert_counts
from costmodel.profiles import Hardware, load_hardware
from costmodel.report.limits import DeviceMemory, device_memory
from costmodel.report.roofline import groups
from costmodel.timed import Step
from costmodel.times import Roofline

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.report.choices import Choices


@dataclass(slots=True)
class TimePoint:
    """A decode step at a context. ``binds``: the group of kernels that takes longest.

    ``weights_bytes``: of the fullest device. ``fits``: whether weights and caches fit in its memory.
    """

    context: int
    batch: int
    plan: str
    devices: int
    floor_s: float
    serial_s: float
    expected_s: float | None
    bound: str
    binds: str
    weights_bytes: int
    fits: bool


def times(
    models: Sequence[Architecture], hardware: Sequence[str], devices: int, batch: int, choices: Choices
) -> list[dict[str, list[TimePoint]]]:
    """Return for every model: device -> decode steps at each context.

    Raises:
        UnknownSpecError: there is no such device.
        UsageError: no plan of so many devices suits a model, or a device lacks a format.
    """
    profiles = [load_hardware(name, choices.specs) for name in hardware]
    return [
        {profile.name: _points(model, profile, devices, batch, choices) for profile in profiles} for model in models
    ]


def _points(model: Architecture, profile: Hardware, devices: int, batch: int, choices: Choices) -> list[TimePoint]:
    return [_point(model, profile, devices, batch, choices, context) for context in choices.contexts]


def _point(
    model: Architecture, profile: Hardware, devices: int, batch: int, choices: Choices, context: int
) -> TimePoint:
    """Return the fastest of the plans at one context: of those that fit, if any does."""
    load = replace(choices.decode(model, context), batch=batch, logits="last")
    tried: list[tuple[Roofline, Step, DeviceMemory]] = []
    for plan in plans(model, devices):
        roofline = Roofline(model, profile, plan, choices.recipe)
        step = roofline.step(load)
        tried.append((roofline, step, device_memory(roofline, load, step)))
    if not tried:
        raise UsageError(
            f"no plan of {devices} devices suits {model.name}", hint="a number of devices that divides its heads"
        )
    roofline, step, held = min(tried, key=lambda one: (not one[2].fits, one[1].likely_s))
    longest = groups(step.rows, step.overhead_s)[0]
    return TimePoint(
        context=context,
        batch=batch,
        plan=roofline.plan.text,
        devices=devices,
        floor_s=float(step.floor_s),
        serial_s=float(step.serial_s),
        expected_s=None if step.expected_s is None else float(step.expected_s),
        bound=step.bound,
        binds=longest.group,
        weights_bytes=held.weights_bytes,
        fits=held.fits,
    )


def plans(model: Architecture, devices: int) -> list[Plan]:
    """Return the plans of so many devices: every matrix cut, or attention data-parallel with experts spread."""
    tried: list[Plan] = [Plan(tp=devices)]
    if expert_counts(model) and devices > 1:
        tried = [Plan(tp=devices, ep=devices), Plan(tp=devices), Plan(ep=devices, dp=devices)]
    tried += [Plan(tp=tp, pp=devices // tp) for tp in (8, 4, 2, 1) if tp < devices and not devices % tp]
    found = []
    for plan in tried:
        try:
            check(model, plan)
        except UsageError:
            continue
        found.append(plan)
    return found[:3]


def named(hardware: str | Sequence[str] | None) -> list[str]:
    """Return the devices that a comparison is asked for."""
    if hardware is None:
        return []
    return [hardware] if isinstance(hardware, str | Path) else list(hardware)
