"""``archcalc calibrate``: coefficients of a device, fitted to kernels measured on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import fullmatch
from typing import TYPE_CHECKING

from costmodel.catalog import asked_folders, names
from costmodel.errors import UsageError, quote
from costmodel.profiles import SHELF, Calibration, Hardware, load_hardware
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.device import RateConventions

if TYPE_CHECKING:
    from costmodel.calibration import Calibrated

_NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
SOURCE = "fitted"  # the key of the files in a profile's sources


@dataclass(slots=True)
class FittedRow:
    """Coefficients of one family and format, and their errors, |expected / measured - 1|.

    On the half of the shapes that was fitted to (``train``) and on the other half, over ``judged``
    rows, whose shapes models have; ``all_median_error`` over every held-out shape,
    ``floor_median_error`` of the datasheet roofline alone. ``below_floor``: rows faster than it.
    """

    family: str
    key: str
    multiplies: str
    rows: int
    judged: int
    train_median_error: float | None
    train_p90_error: float | None
    median_error: float | None
    p90_error: float | None
    all_median_error: float | None
    floor_median_error: float | None
    below_floor: int
    coefficients: dict[str, float]


@dataclass(slots=True)
class CalibrationPage:
    """What ``archcalc calibrate --from`` prints. ``profile`` is the device with these coefficients.

    What was not fitted, ``profile`` takes from the device itself, as from a like one: errors are
    then twice as wide.
    """

    hardware: str
    files: list[str]
    rows: list[FittedRow]
    conventions: RateConventions = field(default_factory=RateConventions)
    profile: Hardware | None = field(default=None, metadata=PRIVATE)
    fitted: list[Calibrated] = field(default_factory=list, metadata=PRIVATE)
    command: str = "calibrate"
    schema: str = SCHEMA


def calibrate(
    files: Sequence[str | Path] | str | Path,
    *,
    hardware: str | Hardware,
    specs: Sequence[str | Path] = (),
    name: str | None = None,
    date: str | None = None,
) -> CalibrationPage:
    """Fit the coefficients of every family and format in files of measured kernels.

    ``name`` is the new profile's (the device's with ``-calibrated`` unless given), ``date`` the day
    that its source says.

    Raises:
        UsageError: a file cannot be read, has no latencies, or NumPy or SciPy is missing.
        UnknownSpecError: there is no such device.
        SpecError: its profile says something impossible.
    """
    from costmodel.calibration import calibrate as fit
    from costmodel.measured import read

    folders = asked_folders(specs)
    device = load_hardware(hardware, folders) if isinstance(hardware, str) else hardware
    day = date and day_of(date)
    given = [files] if isinstance(files, str | Path) else list(files)
    if not given:
        raise UsageError("there is no file to fit to", hint=f"archcalc calibrate -H {device.name} --from FILE.csv")
    fitted: list[Calibrated] = []
    origin: dict[tuple[str, str], str] = {}
    for file in given:
        table = read(Path(file), device)
        for one in fit(table, device):
            before = origin.setdefault((one.family, one.key), table.where)
            if before is not table.where:
                raise UsageError(
                    f"{one.family} {one.key} is in {before} and in {table.where}", hint="put their rows into one file"
                )
            fitted.append(one)
    where = [str(file) for file in given]
    profile = _profile(device, where, name, day, known=names(folders, SHELF))
    return CalibrationPage(device.name, where, [_row(one) for one in fitted], profile=profile, fitted=fitted)


def day_of(date: str) -> str:
    """Return a day as sources write it. Raises UsageError for what is none."""
    from datetime import date as day

    try:
        return day.fromisoformat(date).isoformat()
    except ValueError:
        raise UsageError(f"--date {quote(date)} is not a day", hint="--date 2026-11-25") from None


def name_of(out: str | None) -> str | None:
    """Return the name of the profile in a file: its stem, where that can be a name."""
    stem = Path(out).stem if out else ""
    return stem if fullmatch(_NAME, stem) else None


def _profile(
    device: Hardware, files: Sequence[str], name: str | None, day: str | None, *, known: Sequence[str]
) -> Hardware:
    """Return the device with a source for the coefficients, and itself as the like one where it has a name."""
    key = SOURCE if SOURCE not in device.sources else f"{SOURCE}-{len(device.sources)}"
    source = {"title": f"kernels measured in {', '.join(Path(file).name for file in files)}", "read": day}
    like = [device.name] if device.name in known else list(device.calibration.like)
    own = name if name and name != device.name else f"{device.name}-calibrated"[:64]
    data = device.model_dump(exclude={"calibration"})
    data |= {"name": own, "title": f"{device.title}, calibrated", "aliases": []}
    data["sources"][key] = source
    data["calibration"] = Calibration(source=key, like=like)
    return Hardware.model_validate(data)


def _row(one: Calibrated) -> FittedRow:
    values = one.fit.model_dump(exclude_none=True, exclude_unset=True)
    about = ("multiplies", "rows", "judged", "median_error", "p90_error", "all_median_error")
    return FittedRow(
        family=one.family,
        key=one.key,
        multiplies=one.fit.multiplies,
        rows=one.rows,
        judged=one.judged,
        train_median_error=_known(one.train_median),
        train_p90_error=_known(one.train_p90),
        median_error=_known(one.held_median),
        p90_error=_known(one.held_p90),
        all_median_error=_known(one.all_median),
        floor_median_error=_known(one.floor_median),
        below_floor=one.below_floor,
        coefficients={name: value for name, value in values.items() if name not in about},
    )


def _known(error: float) -> float | None:
    """Return None for the error of no rows."""
    return None if error != error else error
