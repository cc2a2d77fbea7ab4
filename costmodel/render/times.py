"""Words and numbers that pages with times share."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel.amounts import context_text, count_text, fixed
from costmodel.plan import DEGREES
from costmodel.render.text import Page, paragraph

if TYPE_CHECKING:
    from costmodel.render.sink import View
    from costmodel.report.setup import PlanRow, Setup
    from costmodel.workload import Workload

GIGABYTE = {"si": ("GB", 10**9), "iec": ("GiB", 2**30)}
BOUND = {"compute": "cyan", "memory": "yellow", "network": "magenta"}


class TimeUnit:
    """A unit for a column of seconds: its name and the digits behind the point."""

    __slots__ = ("digits", "name", "part")

    def __init__(self, name: str, part: Fraction, digits: int) -> None:
        self.name, self.part, self.digits = name, part, digits

    def of(self, value: float) -> str:
        """Return seconds in this unit."""
        return fixed(Fraction(value) / self.part, self.digits)


def time_unit(values: Iterable[float | None], digits: int = 2) -> TimeUnit:
    """Return the unit of a column of seconds: ms, us where all are below 0.1 ms, s from 1,000 ms."""
    largest = max((value for value in values if value), default=0.0)
    if largest < 1e-4:
        return TimeUnit("us", Fraction(1, 10**6), digits)
    return TimeUnit("s", Fraction(1), digits) if largest >= 1 else TimeUnit("ms", Fraction(1, 1000), digits)


def time_text(value: float | None) -> str:
    """Return one time for a headline: ``42.9 ms``, ``310 us``; ``-`` where it is not known."""
    if value is None:
        return "-"
    if value < 1e-4:
        return f"{fixed(Fraction(value) * 10**6, 1)} us"
    if value >= 1:
        return f"{fixed(Fraction(value), 2 if value < 100 else 0)} s"
    return f"{fixed(Fraction(value) * 1000, 1 if value >= 1e-3 else 3)} ms"


def rate_text(value: float | None) -> str:
    """Return a rate: whole numbers from 100, one digit below."""
    if value is None:
        return "-"
    return fixed(Fraction(value), 0 if value >= 100 else 1)


def percent_text(share: float | None, digits: int = 0) -> str:
    """Return a share of 1 as ``59%``."""
    return "-" if share is None else f"{fixed(Fraction(share) * 100, digits)}%"


def step_text(load: Workload) -> str:
    """Return what a step is: ``decode, 128 sequences, 8,192 cached tokens each``."""
    many = "1 sequence" if load.batch == 1 else f"{count_text(load.batch)} sequences"
    each = " each" if load.batch > 1 else ""
    cached = f"{count_text(load.cached_tokens)} cached tokens{each}"
    if load.new_tokens == 1:
        return f"decode, {many}, {cached}"
    new = f"{count_text(load.new_tokens)} new tokens{each}"
    phase = "prefill" if not load.cached_tokens else "step"
    return f"{phase}, {many}, {new}" + (f", {cached}" if load.cached_tokens else "")


def plan_text(plan: PlanRow, local_batch: int, micro_batches: int, n_experts: Iterable[int]) -> str:
    """Return a plan in words: ``attention dp 8 (16 sequences a device), experts ep 8 (32 a device)``."""
    if plan.devices == 1:
        return "1 device"
    parts = []
    groups = [f"{name} {getattr(plan, name)}" for name in ("tp", "cp", "dp") if getattr(plan, name) > 1]
    sequences = f"{count_text(local_batch)} sequence{'' if local_batch == 1 else 's'} a device"
    if groups:
        parts.append(f"attention {', '.join(groups)} ({sequences})" if plan.dp > 1 else ", ".join(groups))
    experts = list(n_experts)
    if plan.ep > 1 and experts:
        held = ", ".join(str((n + plan.redundant_experts) // plan.ep) for n in experts)
        redundant = f", {plan.redundant_experts} redundant" if plan.redundant_experts else ""
        parts.append(f"experts ep {plan.ep} ({held} a device{redundant})")
    if plan.pp > 1:
        many = f"{micro_batches} micro-batch{'' if micro_batches == 1 else 'es'}"
        parts.append(f"pp {plan.pp} ({many} of {count_text(local_batch)})")
    parts += [f"{name} {getattr(plan, name)}" for name in ("dispatch", "combine") if getattr(plan, name)]
    if plan.overlap:
        parts.append(f"{percent_text(plan.overlap)} of communication hidden")
    return ", ".join(parts)


def plan_options(plan: PlanRow) -> str:
    """Return a plan as options: `` --tp 8 --pp 2``."""
    return "".join(f" --{name} {value}" for name in DEGREES if (value := getattr(plan, name)) > 1)


def gigabytes(value: int, size: int, digits: int = 1) -> str:
    """Return bytes in a unit of ``GIGABYTE``."""
    return fixed(Fraction(value, size), digits)


def beyond(context: int, setup: Setup | None, view: View) -> Page:
    """Return a warning where a context is longer than the model's publisher supports."""
    known = setup.architecture.max_context if setup else None
    if not isinstance(known, int) or context <= known:
        return []
    text = f"longest context published: {context_text(known)}; figures beyond it are arithmetic"
    return paragraph(text, view.columns, "yellow")
