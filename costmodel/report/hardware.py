"""``archcalc hardware``: every accelerator on a line, one in full, or several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from costmodel.catalog import asked_folders, names
from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.profiles import SHELF, Hardware, load_hardware
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.device import (
    CalibrationRow,
    FabricRow,
    FigureRow,
    HardwareRow,
    RateConventions,
    calibrations,
    figure_row,
    row_of,
)
from costmodel.report.source import SourceRow

ACTIONS = ("list", "show", "compare")


@dataclass(slots=True)
class HardwareList:
    """What ``archcalc hardware list`` prints."""

    rows: list[HardwareRow]
    filter: str | None = None
    conventions: RateConventions = field(default_factory=RateConventions)
    action: str = "list"
    command: str = "hardware"
    schema: str = SCHEMA


@dataclass(slots=True)
class HardwarePage:
    """What ``archcalc hardware show`` prints. ``overhead`` is what an engine adds to the kernels of a step."""

    name: str
    title: str
    vendor: str
    generation: str
    aliases: list[str]
    note: str | None
    figures: list[FigureRow]
    fabrics: list[FabricRow]
    calibrations: list[CalibrationRow]
    overhead: dict[str, float] | None
    overhead_from: str | None
    like: list[str]
    calibration_note: str | None
    sources: list[SourceRow]
    conventions: RateConventions = field(default_factory=RateConventions)
    row: HardwareRow | None = field(default=None, metadata=PRIVATE)
    action: str = "show"
    command: str = "hardware"
    schema: str = SCHEMA


@dataclass(slots=True)
class ComparedFigure:
    """A figure of every device, None where a profile has none; ``ratio`` is last / first."""

    name: str
    unit: str
    values: list[Fraction | None]
    basis: list[str | None]
    ratio: float | None


@dataclass(slots=True)
class HardwareComparison:
    """What ``archcalc hardware compare`` prints: devices in the order asked, figures side by side."""

    devices: list[HardwareRow]
    figures: list[ComparedFigure]
    conventions: RateConventions = field(default_factory=RateConventions)
    action: str = "compare"
    command: str = "hardware"
    schema: str = SCHEMA


def hardware(
    action: str = "list", wanted: Sequence[str] | str = (), *, specs: Sequence[str | Path] = ()
) -> HardwareList | HardwarePage | HardwareComparison:
    """Return what the words after ``archcalc hardware`` ask for: list [FILTER], show NAME, compare NAME NAME...

    Raises:
        UsageError: there is no such action, or it takes more or fewer names.
        UnknownSpecError: there is no such device.
        SpecError: a profile says something impossible.
    """
    given = [wanted] if isinstance(wanted, str) else list(wanted)
    if action == "list":
        if len(given) > 1:
            raise UsageError(
                f"hardware list takes one filter, not {len(given)}", hint=f"archcalc hardware list {_shown(given[0])}"
            )
        return hardware_list(given[0] if given else None, specs=specs)
    if action == "show":
        if len(given) != 1:
            hint = "archcalc hardware compare NAME NAME" if given else "archcalc hardware list"
            raise UsageError(f"hardware show takes one name, not {len(given)}", hint=hint)
        return hardware_show(given[0], specs=specs)
    if action == "compare":
        return hardware_compare(given, specs=specs)
    near = did_you_mean(action, ACTIONS)
    hint = near or f"archcalc hardware list, show or compare; of one device: archcalc hardware show {_shown(action)}"
    raise UsageError(f"hardware has no action {quote(action)}", hint=hint)


def hardware_list(filter: str | None = None, *, specs: Sequence[str | Path] = ()) -> HardwareList:  # noqa: A002
    """Return the devices whose name, title, alias or vendor contains ``filter``, in any case; all without."""
    folders = asked_folders(specs)
    rows = []
    for name in names(folders, SHELF):
        found = load_hardware(name, folders)
        texts = (found.name, found.title, found.vendor, found.generation, *found.aliases)
        if filter is None or any(filter.lower() in text.lower() for text in texts):
            rows.append(row_of(found))
    return HardwareList(rows, filter)


def hardware_show(wanted: str | Hardware, *, specs: Sequence[str | Path] = ()) -> HardwarePage:
    """Return every figure of one device with its source, and its calibration."""
    found = load_hardware(wanted, asked_folders(specs)) if isinstance(wanted, str) else wanted
    step, step_from = found.step_from()
    places = (("scale_up", found.scale_up), ("scale_out", found.scale_out))
    return HardwarePage(
        name=found.name,
        title=found.title,
        vendor=found.vendor,
        generation=found.generation,
        aliases=list(found.aliases),
        note=found.note,
        figures=[figure_row(found, name, quantity) for name, quantity in found.quantities().items()],
        fabrics=[FabricRow(place, fabric.name, fabric.reduces) for place, fabric in places if fabric],
        calibrations=list(calibrations(found)),
        overhead=step.model_dump(exclude_none=True) if step else None,
        overhead_from=step_from,
        like=list(found.calibration.like),
        calibration_note=found.calibration.note,
        sources=[
            SourceRow(key, one.title, one.url, one.locator, one.read, one.note) for key, one in found.sources.items()
        ],
        row=row_of(found),
    )


def hardware_compare(wanted: Sequence[str], *, specs: Sequence[str | Path] = ()) -> HardwareComparison:
    """Return the figures of two devices or more side by side."""
    if len(wanted) < 2:
        raise UsageError(
            f"hardware compare takes two names or more, not {len(wanted)}",
            hint="archcalc hardware compare h100-sxm h200-sxm",
        )
    folders = asked_folders(specs)
    devices = [load_hardware(name, folders) for name in wanted]
    figures = [device.quantities() for device in devices]
    rows = []
    for name in _in_order(figures):
        quantities = [one.get(name) for one in figures]
        values = [quantity.amount if quantity else None for quantity in quantities]
        first, last = values[0], values[-1]
        unit = next(quantity.unit for quantity in quantities if quantity)
        ratio = float(last / first) if first and last else None
        rows.append(ComparedFigure(name, unit, values, [one.basis if one else None for one in quantities], ratio))
    return HardwareComparison([row_of(device) for device in devices], rows)


def _in_order(figures: Sequence[dict[str, Any]]) -> list[str]:
    """Return all names, each where the first device that has it puts it."""
    found: list[str] = []
    for one in figures:
        last = -1
        for name in one:
            if name not in found:
                found.insert(last + 1, name)
            last = found.index(name)
    return found


def _shown(text: str) -> str:
    """Return a word as a hint may repeat it: names only."""
    return text if text.isascii() and text.replace("-", "").replace(".", "").isalnum() and len(text) <= 48 else "NAME"
