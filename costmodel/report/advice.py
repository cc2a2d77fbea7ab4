"""What would help: changes of one option, each evaluated, with their result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.dtypes import Recipe
from costmodel.errors import UsageError
from costmodel.plan import Plan, check
from costmodel.report.limits import device_memory

if TYPE_CHECKING:
    from costmodel.report.setup import Setup
    from costmodel.timed import Step
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
    """Return the changes that help most: more tokens a device, or a shorter step; those that memory holds."""
    now = step.likely_s
    rate = load.batch * load.new_tokens / now / found.plan.devices
    changes = []
    for options, plan, recipe, changed in _tries(found, load):
        try:
            check(found.architecture, plan)
            roofline = found.changed(plan, recipe)
            then = roofline.step(changed)
        except UsageError:
            continue
        if not device_memory(roofline, changed, then).fits:
            continue
        after = then.likely_s
        its = changed.batch * changed.new_tokens / after / plan.devices
        change = Change(options, plan.devices, after, its, its / rate, now / after)
        if max(change.gain, change.speed) >= _WORTH:
            changes.append(change)
    changes.sort(key=lambda one: -max(one.gain, one.speed))
    return changes[:_MOST]


def _tries(found: Setup, load: Workload) -> Iterator[tuple[str, Plan, Recipe, Workload]]:
    """Yield what to try: more sequences, narrower formats, wider plans."""
    plan, recipe, domain = found.plan, found.choices.recipe, found.roofline.network.domain
    if load.new_tokens == 1:
        yield f"--batch {4 * load.batch}", plan, recipe, replace(load, batch=4 * load.batch)
    for role, name in (("weights", "fp8"), ("kv", "fp8")):
        narrower = _narrower(found, role, name)
        if narrower is not None:
            yield f"--dtype {narrower.text}", plan, narrower, load
    if plan.sends_tokens and load.new_tokens == 1:
        wider = replace(plan, ep=2 * plan.ep, dp=2 * plan.dp)
        groups = f" --dp {wider.dp}" if "dp" in found.given or wider.dp != wider.ep // (plan.tp * plan.cp) else ""
        yield f"--batch {2 * load.batch} --ep {wider.ep}{groups}", wider, recipe, replace(load, batch=2 * load.batch)
    elif not plan.sends_tokens and 2 * plan.tp <= domain:
        wider = replace(plan, tp=2 * plan.tp, ep=2 * plan.ep if plan.ep > 1 else 1)
        yield f"--tp {wider.tp}" + (f" --ep {wider.ep}" if plan.ep > 1 else ""), wider, recipe, load
    if load.new_tokens > 1 and plan.devices == 1 and domain > 1:
        yield "--cp 2", replace(plan, cp=2), recipe, load


def _narrower(found: Setup, role: str, name: str) -> Recipe | None:
    """Return the recipe with one role in a narrower format that the device multiplies."""
    recipe = found.choices.recipe
    if recipe.format(role).bits <= 8 or name not in found.roofline.machine.peaks:
        return None
    parts = [part for part in recipe.text.replace(" ", "").split(",") if part and not part.startswith(f"{role}=")]
    parts = [part for part in parts if part != "bf16"]
    return Recipe.parse(",".join([*parts, f"{role}={name}"]))
