"""Drafting tokens and verifying them in one step: who drafts, and how many tokens a step gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel import memory
from costmodel.errors import ArchcalcError, UsageError, quote
from costmodel.report.choices import natural
from costmodel.times import Roofline
from costmodel.units import parse_fraction

if TYPE_CHECKING:
    from costmodel.report.setup import Setup
    from costmodel.report.source import Wanted
    from costmodel.workload import Workload


@dataclass(slots=True)
class Speculation:
    """Drafting ``draft`` tokens that are each accepted with ``accept``, and verifying them in one step."""

    draft: int
    accept: float
    tokens_per_step: float
    drafter: str


def drafter(found: Setup, model: Wanted) -> Roofline:
    """Return the model that drafts, on the same devices and formats."""
    from costmodel.plan import check
    from costmodel.report.source import architecture_of

    drafts = architecture_of(model, found.choices.specs)
    plan = replace(found.plan, ep=1, redundant_experts=0)
    check(drafts, plan)
    old = found.roofline
    emulated, fused = old.machine.emulated, old.device.fused
    return Roofline(drafts, found.hardware, plan, old.recipe, emulated=emulated, fused=fused)


def beside(found: Setup, decode: Workload, drafting: Roofline | None) -> list[memory.Held]:
    """Return what drafting holds beside the model, by pipeline stage: another model, or the MTP layers."""
    own = drafting or found.roofline
    if drafting is not None:
        ops = drafting.lower(decode)
    elif "mtp" in found.choices.include:  # counted already
        return []
    else:
        ops = found.architecture.lower_component("mtp", decode)
    return memory.held(own.architecture, own.device, ops, 0)


def speculation(
    found: Setup, draft: int | str | None, accept: str | float | None, draft_model: Wanted | None
) -> Speculation | None:
    """Return the speculation that was asked for: with acceptance p, (1 - p^(k+1)) / (1 - p) tokens a step."""
    if draft is None and accept is None and draft_model is None:
        return None
    count = natural(draft if draft is not None else 1, "draft")
    if accept is None:
        raise UsageError("speculation needs the share of drafted tokens that is accepted", hint="--accept 0.8")
    try:
        share = parse_fraction(str(accept))
    except ArchcalcError:
        raise UsageError(f"--accept {quote(str(accept))} is no share of 1", hint="--accept 0.8") from None
    if draft_model is None and "mtp" not in found.architecture.extra_components:
        raise UsageError(
            f"{found.architecture.name} has no MTP layers to draft with",
            hint="a smaller model: --draft-model NAME",
        )
    if count < 1:
        raise UsageError("--draft 0 guesses nothing", hint="leave it out, or --draft 1")
    per_step = float(sum((share**i for i in range(count + 1)), Fraction(0)))
    name = "mtp" if draft_model is None else draft_model if isinstance(draft_model, str) else draft_model.name
    return Speculation(count, float(share), per_step, name)
