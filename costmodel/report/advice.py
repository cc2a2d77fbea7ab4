"""What would help: changes of one option, each evaluated, with their result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.dtypes import Recipe
from costmodel.errors import UsageError
from costmodel.plan import Plan, check
from costmodel.times import Roofline

if TYPE_CHECKING:
    from costmodel.report.setup import Setup
    from costmodel.times import Step
    from costmodel.workload import Workload

_WORTH = 1.1  # times faster, a token or a device
_MOST = 3


@dataclass(slots=True)
class Change:
    """One change and its result; ``gain``: tokens a second and device, over those without it.

    ``time_s`` is expected, or serial where nothing was measured; ``speed``: how many times shorter the step.
    """

    options: str
    devices: int
    time_s: float
    tokens_per_s_per_device: float
    gain: float
    speed: float


def advice(found: Setup, load: Workload, step: Step) -> list[Change]:
    """Return the changes that help most: more tokens a device, or a shorter step."""
    now = _time(step)
    rate = load.batch * load.new_tokens / now / found.plan.devices
    changes = []
    for options, roofline, changed in _tries(found, load):
        try:
            check(found.architecture, roofline.plan)
            after = _time(roofline.step(changed))
        except UsageError:
            continue
        its = changed.batch * changed.new_tokens / after / roofline.plan.devices
        change = Change(options, roofline.plan.devices, after, its, its / rate, now / after)
        if max(change.gain, change.speed) >= _WORTH:
            changes.append(change)
    changes.sort(key=lambda one: -max(one.gain, one.speed))
    return changes[:_MOST]


def _time(step: Step) -> float:
    return float(step.expected_s if step.expected_s is not None else step.serial_s)


def _tries(found: Setup, load: Workload) -> Iterator[tuple[str, Roofline, Workload]]:
    """Yield what to try: more sequences, narrower formats, wider plans."""
    plan, roofline = found.plan, found.roofline
    if load.new_tokens == 1:
        yield f"--batch {4 * load.batch}", roofline, replace(load, batch=4 * load.batch)
    for role, name in (("weights", "fp8"), ("kv", "fp8")):
        recipe = _narrower(found, role, name)
        if recipe is not None:
            yield f"--dtype {recipe.text}", _with(found, plan, recipe), load
    if plan.sends_tokens and load.new_tokens == 1:
        wider = replace(plan, ep=2 * plan.ep, dp=2 * plan.dp)
        options = f"--batch {2 * load.batch} --ep {wider.ep}"
        yield options, found.with_plan(wider), replace(load, batch=2 * load.batch)
    elif not plan.sends_tokens:
        wider = replace(plan, tp=2 * plan.tp, ep=2 * plan.ep if plan.ep > 1 else 1)
        domain = roofline.network.domain
        if wider.tp <= domain:
            yield f"--tp {wider.tp}" + (f" --ep {wider.ep}" if plan.ep > 1 else ""), found.with_plan(wider), load
    if load.new_tokens > 1 and plan.devices == 1 and roofline.network.domain > 1:
        yield "--cp 2", found.with_plan(replace(plan, cp=2)), load


def _narrower(found: Setup, role: str, name: str) -> Recipe | None:
    """Return the recipe with one role in a narrower format that the device multiplies."""
    recipe = found.choices.recipe
    if recipe.format(role).bits <= 8 or name not in found.roofline.machine.peaks:
        return None
    parts = [part for part in recipe.text.replace(" ", "").split(",") if part and not part.startswith(f"{role}=")]
    parts = [part for part in parts if part != "bf16"]
    return Recipe.parse(",".join([*parts, f"{role}={name}"]))


def _with(found: Setup, plan: Plan, recipe: Recipe) -> Roofline:
    old = found.roofline
    return Roofline(
        found.architecture, found.hardware, plan, recipe, emulated=old.machine.emulated, fused=old.device.fused,
        include=old.include,
    )  # fmt: skip
