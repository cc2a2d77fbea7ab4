"""An accelerator: what its sources say it can do. Every figure carries how it is known.

A file in ``specs/hardware/`` or of a user's own. Rates are dense; ``80 GB`` is not ``80 GiB``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from costmodel.block import Impossible, Model
from costmodel.catalog import Shelf, document, find, find_base, names
from costmodel.document import Name, Source
from costmodel.errors import InvalidSpec, Problem
from costmodel.loader import Document, locate
from costmodel.problems import from_pydantic
from costmodel.timing.attention import DecodeTime, PrefillTime
from costmodel.timing.collective import AllReduceTime, ExchangeTime, NcclTime
from costmodel.timing.fit import Fit, NonNegative, Positive
from costmodel.timing.gemm import GemmTime
from costmodel.timing.mla import AbsorbedTime, ExpandedTime
from costmodel.timing.moe import MoeTime
from costmodel.units import parse_amount

SHELF = Shelf("hardware", ("hardware",), "hardware", "archcalc hardware")

Basis = Literal["datasheet", "derived", "measured", "reported", "unverified"]
# Number formats that hardware multiplies; weights in others are expanded first.
PEAKS = ("fp64", "fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "int8", "int4", "mxfp4", "nvfp4")
Peak = Literal["fp64", "fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "int8", "int4", "mxfp4", "nvfp4"]


class Quantity(Model):
    """A value with its unit and how it is known.

    ``basis``: ``datasheet`` the vendor says so; ``derived`` worked out from what a source says, as
    ``note`` explains; ``measured``; ``reported`` by others than the vendor; ``unverified``: no
    source confirms it. ``source`` is a key of the file's ``sources``.
    """

    unit: ClassVar[str]

    value: Annotated[str | int, Field(union_mode="left_to_right")]
    basis: Basis
    source: str | None = None
    note: str | None = None

    @cached_property
    def amount(self) -> Fraction:
        """Return the value in the unit of its class, exact."""
        return parse_amount(str(self.value), self.unit)

    @field_validator("value")
    @classmethod
    def _readable(cls, value: str | int) -> str | int:
        if parse_amount(str(value), cls.unit) <= 0:
            raise Impossible(f'"{value}" must be above 0', "")
        return value

    @model_validator(mode="after")
    def _sourced(self) -> Quantity:
        if (self.basis == "unverified") is not (self.source is None):
            said = "names one" if self.source else "names none"
            raise Impossible(
                f"basis {self.basis} {'has no source' if self.source else 'needs a source'}, and this value {said}",
                "basis",
                "name a source, or write basis: unverified with source: ~",
            )
        if self.basis == "derived" and not self.note:
            raise Impossible("a derived value says how it was derived", "basis", "add note")
        return self


class Bytes(Quantity):
    """A capacity."""

    unit: ClassVar[str] = "B"


class ByteRate(Quantity):
    """A bandwidth, in one direction where it is a link's."""

    unit: ClassVar[str] = "B/s"


class FlopRate(Quantity):
    """Dense multiplications and additions a second; an integer operation counts as one."""

    unit: ClassVar[str] = "FLOP/s"


class Watts(Quantity):
    """Power of one device."""

    unit: ClassVar[str] = "W"


class Nanoseconds(Quantity):
    """A latency."""

    unit: ClassVar[str] = "ns"


class Number(Quantity):
    """A plain count."""

    unit: ClassVar[str] = ""


class Price(Quantity):
    """Price of one device for an hour."""

    unit: ClassVar[str] = "USD/h"


class Fabric(Model):
    """A network between devices: ``bandwidth`` of one device in one direction, ``latency`` of one message.

    ``domain``: how many devices reach each other over it at this bandwidth. ``reduces``: its switches
    add, so that an all-reduce need not pass through every device.
    """

    name: str
    bandwidth: ByteRate
    latency: Nanoseconds | None = None
    domain: Number | None = None
    reduces: bool = False


class StepOverhead(Model):
    """What an engine adds to the kernels of a step: for each step, and for each layer of the model.

    Norms, rotations, activations, sampling and scheduling are in it. ``routing_shape``: how unequal
    the popularity of experts is in runs (``costmodel.routing``), which decides how many of them a
    step reads; balanced over devices.
    """

    step_us: NonNegative
    layer_us: NonNegative
    routing_shape: Positive | None = None
    rows: int = 0
    median_error: NonNegative | None = None
    p90_error: NonNegative | None = None


class Calibration(Model):
    """Coefficients by family and format, and where the measurements came from.

    ``like``: devices of the same generation or the nearest design, in this order, whose coefficients
    serve where this one has none; their errors are then printed twice as wide.
    """

    source: str | None = None
    like: list[Name] = []
    note: str | None = None
    gemm: dict[Name, GemmTime] = {}
    moe: dict[Name, MoeTime] = {}
    attention_prefill: dict[Name, PrefillTime] = {}
    attention_decode: dict[Name, DecodeTime] = {}
    mla_absorbed: dict[Name, AbsorbedTime] = {}
    mla_expanded: dict[Name, ExpandedTime] = {}
    all_reduce: dict[Name, AllReduceTime] = {}
    nccl: dict[Name, NcclTime] = {}
    moe_a2a: dict[Name, ExchangeTime] = {}
    step: StepOverhead | None = None

    def fits(self) -> Iterator[tuple[str, str, Fit]]:
        """Yield every set of coefficients: family, format, coefficients."""
        for family in FAMILIES:
            for key, fit in getattr(self, family).items():
                yield family, key, fit


_PROOF = ("rows", "judged", "median_error", "p90_error", "all_median_error")
FAMILIES = tuple(name for name, info in Calibration.model_fields.items() if "dict" in str(info.annotation))


class Hardware(Model):
    """One accelerator, as a framework addresses it.

    ``compute_units``: streaming multiprocessors, compute units, cores. ``on_chip_memory``: the
    largest memory that all of them share (an L2), or their own memories together. ``scale_up``
    joins the devices of a node or rack, ``scale_out`` those domains. ``power``: of one device under
    load. ``generation`` names devices of one design.
    """

    format: Literal[1] = 1
    name: Name
    title: str
    vendor: str
    generation: Name
    aliases: list[Name] = []
    sources: dict[Name, Source] = {}
    note: str | None = None
    memory_capacity: Bytes
    memory_bandwidth: ByteRate
    on_chip_memory: Bytes | None = None
    compute_units: Number | None = None
    dense_peak: Annotated[dict[Peak, FlopRate], Field(min_length=1)]
    scale_up: Fabric | None = None
    scale_out: Fabric | None = None
    power: Watts | None = None
    price: Price | None = None
    calibration: Calibration = Calibration()

    _like: list[Hardware] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _known_sources(self) -> Hardware:
        used = {path: quantity.source for path, quantity in self.quantities().items()}
        used["calibration"] = self.calibration.source
        for path, source in used.items():
            if source is not None and source not in self.sources:
                known = ", ".join(self.sources) or "none are named"
                raise Impossible(f'there is no source "{source}"', f"{path}.source", f"sources: {known}")
        return self

    def fit(self, family: str, key: str) -> Fit | None:
        """Return the coefficients of a family and format, or those of a device this one is like."""
        found = self.fit_from(family, key)
        return found[0] if found else None

    def fit_from(self, family: str, key: str) -> tuple[Fit, str] | None:
        """Return coefficients and the name of the device that they were measured on."""
        own: Fit | None = getattr(self.calibration, family).get(key)
        if own is not None:
            return own, self.name
        return next(filter(None, (other.fit_from(family, key) for other in self._like)), None)

    def step_from(self) -> tuple[StepOverhead | None, str | None]:
        """Return an engine's overhead of a step, and the device that it was measured on."""
        if self.calibration.step is not None:
            return self.calibration.step, self.name
        return next((found for other in self._like if (found := other.step_from())[0] is not None), (None, None))

    def quantities(self) -> dict[str, Quantity]:
        """Return every figure by its dotted name."""
        return dict(_quantities("", self))


def load_hardware(wanted: str, more: Sequence[Path] = ()) -> Hardware:
    """Load a profile by name, alias, unambiguous beginning, or path.

    Raises:
        UnknownSpecError: there is none of that name.
        SpecError: it says something impossible; the message has file, line and column.
    """
    return _load(wanted, more, ())


def _load(wanted: str, more: Sequence[Path], seen: tuple[str, ...]) -> Hardware:
    found = document(wanted, more, SHELF)
    try:
        profile = Hardware.model_validate(_own_measurements(found))
    except ValidationError as error:
        invalid = InvalidSpec(from_pydantic(error, data=found.data, allowed=Hardware))
        raise locate(invalid, found) from None
    for index, like in enumerate(profile.calibration.like):
        if like in (*seen, profile.name):
            path = ("calibration", "like", index)
            raise locate(InvalidSpec([Problem(path, f'"{like}" is like this device, and this one like it')]), found)
        profile._like.append(_load(like, more, (*seen, profile.name)))
    if found.bases:
        base = find_base(found.bases[0], find(wanted, more, SHELF), more, SHELF)
        profile._like.insert(0, _load(str(base), more, (*seen, profile.name)))
    return profile


def _own_measurements(document: Document) -> dict[str, Any]:
    """Return a profile's data without the coefficients of its base, which were measured on that."""

    def own(*path: str) -> bool:
        mark = document.mark(("calibration", *path))
        return mark is not None and mark.file == document.where

    def proved(fit: dict[str, Any], *path: str) -> dict[str, Any]:
        """Leave out rows and errors that the file does not state itself: other coefficients have others."""
        return {name: value for name, value in fit.items() if name not in _PROOF or own(*path, name)}

    data = document.data
    calibration = data.get("calibration")
    if not document.bases or not isinstance(calibration, dict):
        return data
    kept: dict[str, Any] = {}
    for name, value in calibration.items():
        if name in FAMILIES and isinstance(value, dict):
            kept[name] = {key: proved(fit, name, key) for key, fit in value.items() if own(name, key)}
        elif own(name):
            kept[name] = proved(value, name) if isinstance(value, dict) else value
    return data | {"calibration": kept}


def load_all_hardware(more: Sequence[Path] = ()) -> Iterator[Hardware]:
    """Load every profile there is, by name."""
    for name in names(more, SHELF):
        yield load_hardware(name, more)


def _quantities(prefix: str, value: Any) -> list[tuple[str, Quantity]]:
    found: list[tuple[str, Quantity]] = []
    items = value.items() if isinstance(value, dict) else value
    for name, item in items:
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(item, Quantity):
            found.append((path, item))
        elif isinstance(item, Model | dict):
            found += _quantities(path, item)
    return found
