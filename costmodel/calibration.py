"""Fit a device's coefficients to measured kernels: on half of the shapes, judged on the other half."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from costmodel.errors import UsageError
from costmodel.machine import Machine
from costmodel.measured import Table, ceilings, multiplied, numpy_or_none
from costmodel.profiles import Hardware
from costmodel.timing.fit import Ceilings, Fit, floor_us
from costmodel.timing.gemm import DYNAMIC

_LEAST = 1e-4  # a coefficient below it is 0
_UNJUDGED = 0.05  # weight of rows of shapes that models do not have
_DIGITS = 4


@dataclass(slots=True)
class Part:
    """Rows of one format: sizes, microseconds, which half they are in, which are judged."""

    shape: Any
    measured: Any
    train: Any
    judged: Any
    fitted: bool


@dataclass(slots=True)
class Calibrated:
    """Coefficients of one family and format, their errors on both halves, rows faster than their floor."""

    family: str
    key: str
    fit: Fit
    train_median: float
    train_p90: float
    held_median: float
    held_p90: float
    all_median: float
    rows: int
    judged: int
    below_floor: int
    floor_median: float  # error of the datasheet roofline alone, on the judged held-out rows
    parts: list[Part] = field(default_factory=list, repr=False)


def calibrate(table: Table, hardware: Hardware) -> list[Calibrated]:
    """Fit every format of a file.

    Raises:
        UsageError: nothing or too little was measured, NumPy or SciPy is missing, or the device lacks a format.
    """
    try:
        import numpy as np
        import scipy  # noqa: F401

        if numpy_or_none() is None:  # ARCHCALC_NO_NUMPY
            raise ImportError
    except ImportError:
        raise UsageError("calibrate needs NumPy and SciPy", hint='pip install "archcalc[calibrate]"') from None
    machine = Machine.of(hardware)
    latencies = np.array(table.latencies)
    if not latencies.size:
        raise UsageError(f"{table.where} has no rows", hint="calibrate needs what was measured")
    train = halves(table)
    parts: dict[str, list[Part]] = {}
    multiplies: dict[str, str] = {}
    for index, found in table.groups():
        judged = np.broadcast_to(np.asarray(found.judged), index.shape)
        part = Part(found.shape, latencies[index], train[index], judged, found.fitted)
        parts.setdefault(found.key, []).append(part)
        multiplies[found.key] = multiplied(table.family, machine, found)
    return [_calibrated(table, machine, key, multiplies[key], its) for key, its in parts.items()]


def halves(table: Table) -> Any:
    """Return which rows are fitted to: shapes by the parity of a digest, so that every format agrees."""
    import numpy as np

    rows = zip(*(table.columns[name] for name in table.family.numbers), strict=True)
    known: dict[tuple[str, ...], bool] = {}
    found = np.empty(table.size, dtype=bool)
    for index, row in enumerate(rows):
        if row not in known:
            known[row] = md5(",".join(row).encode(), usedforsecurity=False).digest()[-1] % 2 == 0
        found[index] = known[row]
    return found


def _calibrated(table: Table, machine: Machine, key: str, multiplies: str, parts: list[Part]) -> Calibrated:
    import numpy as np

    kind, name = table.family.fit_of(key)
    rates = ceilings(machine, multiplies)
    fitted = [part for part in parts if part.fitted] or parts
    free = [one for one in kind.start if one != "quantise" or name in DYNAMIC]
    if kind.family == "attention_decode" and name != "fp8":
        free = [one for one in free if one not in ("whole_ps", "chain_ns")]
    half, rest = (sum(int((part.train == side).sum()) for part in fitted) for side in (True, False))
    if half <= len(free) or not rest:
        raise UsageError(
            f"{table.where} has {half + rest} rows of {kind.family} {name}, {half} in the half that is fitted to",
            hint=f"{len(free)} coefficients need {2 * len(free) + 2} shapes or more; or take these rows out",
        )
    values = _fitted(kind, multiplies, rates, fitted, free)
    fit = kind.of(multiplies, values)
    held, train, every, floors, below, n_judged = [], [], [], [], 0, 0
    for part in fitted:
        floor = floor_us(part.shape, rates) + 0.0 * part.measured
        error = np.abs(fit.expected_us(part.shape, rates) / part.measured - 1)
        judged = part.judged if any(p.judged.any() for p in fitted) else np.ones_like(part.judged)
        held.append(error[~part.train & judged])
        train.append(error[part.train & judged])
        every.append(error[~part.train])
        floors.append(np.abs(floor / part.measured - 1)[~part.train & judged])
        below += int((part.measured < floor).sum())
        n_judged += int(judged.sum())
    held_out, fitted_to = np.concatenate(held), np.concatenate(train)
    rows = sum(len(part.measured) for part in fitted)
    result = Calibrated(
        family=kind.family,
        key=name,
        fit=fit,
        train_median=_median(fitted_to),
        train_p90=_p90(fitted_to),
        held_median=_median(held_out),
        held_p90=_p90(held_out),
        all_median=_median(np.concatenate(every)),
        rows=rows,
        judged=n_judged,
        below_floor=below,
        floor_median=_median(np.concatenate(floors)),
        parts=parts,
    )
    result.fit = kind.of(multiplies, {**values, **_errors(result)})
    return result


def _errors(found: Calibrated) -> dict[str, Any]:
    errors = {
        "rows": found.rows,
        "judged": found.judged,
        "median_error": round(found.held_median, 4),
        "p90_error": round(found.held_p90, 4),
        "all_median_error": round(found.all_median, 4),
    }
    return {name: value for name, value in errors.items() if value == value}


def _fitted(
    kind: type[Fit], multiplies: str, rates: Ceilings, parts: list[Part], free: Iterable[str]
) -> dict[str, float]:
    """Return the coefficients that minimise a robust sum of squared log ratios over the fitted half."""
    import numpy as np
    from scipy.optimize import least_squares

    names = list(free)
    start = np.log([kind.start[name] for name in names])
    most = np.log([kind.most.get(name, 1e4) for name in names])
    any_judged = any(part.judged.any() for part in parts)
    weights = [np.where(part.judged | (not any_judged), 1.0, _UNJUDGED)[part.train] for part in parts]
    shapes = [_select(part.shape, part.train) for part in parts]
    logs = [np.log(part.measured[part.train]) for part in parts]

    def residuals(x: Any) -> Any:
        fit = kind.of(multiplies, dict(zip(names, np.exp(x), strict=True)))
        found = [
            weight * (np.log(fit.time_us(shape, rates) + 0.0 * log) - log)
            for shape, log, weight in zip(shapes, logs, weights, strict=True)
        ]
        return np.concatenate(found)

    best: Any = None
    for shift in (0.0, 0.7, -0.7):  # three beginnings: the valleys are long
        begin = np.minimum(start + shift * (np.arange(len(names)) % 2 * 2 - 1), most - 1e-6)
        found = least_squares(
            residuals, begin, bounds=(np.full(len(names), np.log(1e-6)), most), loss="cauchy", f_scale=0.1, max_nfev=80
        )
        if best is None or found.cost < best.cost:
            best = found
    values = {name: float(f"{np.exp(x):.{_DIGITS}g}") for name, x in zip(names, best.x, strict=True)}
    if values.get("resident", 1.0) <= values.get("memory", 0.0):  # it would change nothing
        values.pop("resident", None)
    return {name: value for name, value in values.items() if value >= _LEAST}


def _select(shape: Any, where: Any) -> Any:
    """Return a shape's rows where a mask says so."""
    import copy

    found = copy.copy(shape)
    for name in _slots(type(shape)):
        value = getattr(shape, name)
        if hasattr(value, "shape"):
            setattr(found, name, value[where])
    return found


def _slots(cls: type) -> list[str]:
    return [name for one in cls.__mro__ for name in getattr(one, "__slots__", ())]


def _median(values: Any) -> float:
    import numpy as np

    return float(np.median(values)) if values.size else float("nan")


def _p90(values: Any) -> float:
    import numpy as np

    return float(np.quantile(values, 0.9)) if values.size else float("nan")
