"""``fits:`` of a budget: how many devices a model with its sequences takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costmodel.amounts import bytes_text
from costmodel.gate.workloads import Load

if TYPE_CHECKING:
    from costmodel.architecture import Architecture


@dataclass(slots=True)
class Need:
    """What a model takes: the fewest devices (None: no number of them), a sentence, and the sums behind it."""

    fits: bool
    devices: int | None
    text: str
    details: list[str] = field(default_factory=list)


def need(architecture: Architecture, load: Load) -> Need:
    """Return whether a model fits on the hardware of a workload.

    With degrees of parallelism given, that plan is judged; else the smallest that fits is looked for.

    Raises:
        UnknownSpecError: there is no such device.
        UsageError: a plan cannot be, or the device lacks a format.
    """
    from costmodel.report.fit import fit

    assert load.machines is not None
    most, name = load.machines
    choices = load.choices
    page = fit(
        architecture,
        name,
        context=list(choices.contexts),
        batch=choices.batch,
        dtype=choices.recipe.text,
        page=choices.page,
        mla=choices.mla,
        include=list(choices.include),
        source=choices.source,
        **load.plan,  # type: ignore[arg-type]  # degrees and overhead
    )
    row = page.rows[0]
    details = []
    if row.used_bytes is not None and row.weights_bytes is not None and row.cache_bytes is not None:
        plan = f" ({row.plan.text})" if row.plan else ""
        each = f"a device{plan}: " if row.devices != 1 else ""
        details.append(
            f"{each}weights {bytes_text(row.weights_bytes)}, cache {bytes_text(row.cache_bytes)}, "
            f"in all {bytes_text(row.used_bytes)} of {bytes_text(row.capacity_bytes)}"
        )
    if not row.fits or row.devices is None:
        return Need(False, row.devices, row.problem or "does not fit", details)
    noun = "device" if row.devices == 1 else "devices"
    return Need(row.devices <= most, row.devices, f"needs {row.devices:,} {noun}", details)
