"""``archcalc hardware``: every accelerator on a line, one in full, or several side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.catalog import asked_folders, names
from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.hardware import FAMILIES, SHELF, Hardware, load_hardware
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.source import SourceRow

if TYPE_CHECKING:
    from costmodel.hardware import Quantity
    from costmodel.timing.fit import Fit

ACTIONS = ("list", "show", "compare")
WIDER = 2  # errors of coefficients from another device are printed so many times as wide
_ERRORS = ("median_error", "p90_error", "all_median_error")
_ABOUT = ("multiplies", "rows", "judged", *_ERRORS)
_FP4 = ("nvfp4", "mxfp4")


@dataclass(slots=True)
class RateConventions:
    """What the words of a page about devices mean."""

    flop: str = "one multiply or one add"
    peak: str = "dense rate, in FLOP/s"
    link: str = "of one device in one direction, in bytes/s"
    unverified: str = "no source confirms the value"
    error: str = "of |expected / measured - 1| on shapes not fitted to; twice as wide from another device"


@dataclass(slots=True)
class HardwareRow:
    """A device in short; rates in bytes/s and FLOP/s, power in watts.

    ``fp4``: the faster of nvfp4 and mxfp4. ``unverified`` of ``figures`` have no source.
    ``calibrated``: ``own`` measurements, ``like`` those of the devices in ``like``, or ``none``.
    """

    name: str
    title: str
    vendor: str
    generation: str
    aliases: list[str]
    memory_bytes: Fraction
    bandwidth: Fraction
    bf16: Fraction | None
    fp8: Fraction | None
    fp4: Fraction | None
    link: Fraction | None
    power: Fraction | None
    figures: int
    unverified: int
    calibrated: str
    like: list[str]


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
class FigureRow:
    """A figure: ``value`` as it was written, ``amount`` exact in ``unit`` (empty: a plain number)."""

    name: str
    value: str
    amount: Fraction
    unit: str
    basis: str
    source: str | None
    source_title: str | None
    note: str | None


@dataclass(slots=True)
class CalibrationRow:
    """Coefficients of a family and format, from ``device``; errors are widened where it is another one.

    ``rows`` were measured, ``judged`` of them have shapes that models have: ``median_error`` and
    ``p90_error`` are of those that were not fitted to, ``all_median_error`` of every shape.
    """

    family: str
    key: str
    device: str
    inherited: bool
    multiplies: str
    rows: int
    judged: int
    median_error: float | None
    p90_error: float | None
    all_median_error: float | None
    coefficients: dict[str, float]


@dataclass(slots=True)
class FabricRow:
    """A network between devices. ``reduces``: its switches add."""

    place: str
    name: str
    reduces: bool


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
        figures=[_figure(found, name, quantity) for name, quantity in found.quantities().items()],
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


def row_of(found: Hardware) -> HardwareRow:
    """Return a device in short."""
    peaks = {name: rate.amount for name, rate in found.dense_peak.items()}
    every = found.quantities().values()
    own = next(found.calibration.fits(), None) is not None
    return HardwareRow(
        name=found.name,
        title=found.title,
        vendor=found.vendor,
        generation=found.generation,
        aliases=list(found.aliases),
        memory_bytes=found.memory_capacity.amount,
        bandwidth=found.memory_bandwidth.amount,
        bf16=peaks.get("bf16"),
        fp8=peaks.get("fp8"),
        fp4=max((peaks[name] for name in _FP4 if name in peaks), default=None),
        link=found.scale_up.bandwidth.amount if found.scale_up else None,
        power=found.power.amount if found.power else None,
        figures=len(every),
        unverified=sum(one.basis == "unverified" for one in every),
        calibrated="own" if own else "like" if found.calibration.like else "none",
        like=list(found.calibration.like),
    )


def calibrations(found: Hardware) -> Iterable[CalibrationRow]:
    """Yield the coefficients that a device uses: its own, then those of the devices it is like."""
    for family in FAMILIES:
        for key in _keys(found, family):
            fitted = found.fit_from(family, key)
            if fitted is not None:
                yield calibration_row(family, key, *fitted, of=found.name)


def calibration_row(family: str, key: str, fit: Fit, device: str, *, of: str) -> CalibrationRow:
    """Return coefficients that device ``of`` uses; from another one their errors are twice as wide."""
    values = fit.model_dump(exclude_none=True, exclude_unset=True)
    numbers: dict[str, float] = {name: value for name, value in values.items() if name not in _ABOUT}
    wide = WIDER if device != of else 1
    errors = [None if (error := getattr(fit, name)) is None else error * wide for name in _ERRORS]
    about = (family, key, device, device != of, fit.multiplies, fit.rows, fit.judged)
    return CalibrationRow(*about, errors[0], errors[1], errors[2], numbers)


def _keys(found: Hardware, family: str) -> list[str]:
    """Return the formats of a family that a device or one it is like has coefficients for."""
    own = list(getattr(found.calibration, family))
    return list(dict.fromkeys([*own, *(key for other in found._like for key in _keys(other, family))]))


def _figure(found: Hardware, name: str, quantity: Quantity) -> FigureRow:
    source = found.sources[quantity.source].title if quantity.source else None
    value = (str(quantity.value), quantity.amount, quantity.unit)
    return FigureRow(name, *value, quantity.basis, quantity.source, source, quantity.note)


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
