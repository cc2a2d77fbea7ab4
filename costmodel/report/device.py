"""A device in short, its figures and its coefficients, as pages about devices print them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel.profiles import FAMILIES, Hardware

if TYPE_CHECKING:
    from costmodel.profiles import Quantity
    from costmodel.timing.fit import Fit

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
    """A device in short.

    ``fp4_flop_per_s``: the faster of nvfp4 and mxfp4. ``unverified`` of ``figures`` have no source.
    ``calibrated``: ``own`` measurements, ``like`` those of the devices in ``like``, or ``none``.
    """

    name: str
    title: str
    vendor: str
    generation: str
    aliases: list[str]
    memory_bytes: Fraction
    bandwidth_bytes_per_s: Fraction
    bf16_flop_per_s: Fraction | None
    fp8_flop_per_s: Fraction | None
    fp4_flop_per_s: Fraction | None
    link_bytes_per_s: Fraction | None
    power_w: Fraction | None
    figures: int
    unverified: int
    calibrated: str
    like: list[str]


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
        bandwidth_bytes_per_s=found.memory_bandwidth.amount,
        bf16_flop_per_s=peaks.get("bf16"),
        fp8_flop_per_s=peaks.get("fp8"),
        fp4_flop_per_s=max((peaks[name] for name in _FP4 if name in peaks), default=None),
        link_bytes_per_s=found.scale_up.bandwidth.amount if found.scale_up else None,
        power_w=found.power.amount if found.power else None,
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


def figure_row(found: Hardware, name: str, quantity: Quantity) -> FigureRow:
    """Return a figure with the title of its source."""
    source = found.sources[quantity.source].title if quantity.source else None
    value = (str(quantity.value), quantity.amount, quantity.unit)
    return FigureRow(name, *value, quantity.basis, quantity.source, source, quantity.note)
