"""The tables of docs/validation.md that come from measurements, as rows of texts."""

from __future__ import annotations

from collections.abc import Iterable

import accuracy
import steps

Rows = list[tuple[str, ...]]
Named = tuple[tuple[str, ...], Rows]


def percent(share: float) -> str:
    """Return a share as ``4.2 %``."""
    return f"{100 * share:.1f} %" if share < 10 else f"{100 * share:,.0f} %"


def device(name: str) -> str:
    """Return the profile of a device of the files."""
    return f"`{accuracy.DEVICES[name]}`"


def kernels() -> Named:
    """Return held-out errors by device, family and format."""
    rows: Rows = []
    for name in accuracy.DEVICES:
        for row in accuracy.errors(name):
            limit = "" if row.limit is None else f"{100 * row.limit:g} %"
            rows.append(
                (
                    device(name), accuracy.TITLES[row.family], row.key, f"{row.rows:,}", f"{row.judged:,}",
                    percent(row.median), limit, percent(row.p90), percent(row.all_median), percent(row.roofline),
                )
            )  # fmt: skip
    heads = (
        "device", "kernel", "format", "rows", "judged, held out", "median error", "at most", "p90", "every shape",
        "roofline alone",
    )  # fmt: skip
    return heads, rows


def transfer() -> Named:
    """Return the errors of devices that are predicted from another's coefficients."""
    from costmodel.profiles import load_hardware

    rows: Rows = []
    for name, other in accuracy.STAND_INS.items():
        own = {(row.family, row.key): row.median for row in accuracy.errors(name)}
        for row in accuracy.errors(name, load_hardware(other)):
            if row.limit is not None:
                mine = own[row.family, row.key]
                title = accuracy.TITLES[row.family]
                rows.append((device(name), f"`{other}`", title, row.key, percent(row.median), percent(mine)))
    return ("device", "coefficients of", "kernel", "format", "median error", "with its own"), rows


def floors() -> Named:
    """Return the rows that were faster than their floor."""
    rows: Rows = []
    for name in accuracy.DEVICES:
        total, below, large = accuracy.floors(name)
        holds = f"{100 * (total - below) / total:.3f} %"
        rows.append((device(name), f"{total:,}", f"{below:,}", holds, f"{large:,}"))
    return (
        "device",
        "GEMM and attention rows",
        "faster than the floor",
        "floor holds",
        "larger than on-chip memory",
    ), rows


def regions() -> Named:
    """Return where the formulas are off, and which way."""
    rows: Rows = []
    for name in accuracy.DEVICES:
        for region, count, error, ratio in accuracy.regions(name):
            rows.append((device(name), region, f"{count:,}", percent(error), f"{ratio:.2f}x"))
    return ("device", "shapes", "held-out rows", "median error", "expected / measured, median"), rows


def skews() -> Named:
    """Return the errors of unequal expert loads, with skewed and with balanced routing."""
    rows = [
        (device(name), load, f"{count:,}", percent(error), percent(balanced))
        for name, load, count, error, balanced in accuracy.skews()
    ]
    return ("device", "load", "rows", "median error, skewed", "as if balanced"), rows


def whole_steps() -> Named:
    """Return whole decode steps against the published times per output token."""
    rows: Rows = []
    for row in steps.compare():
        name = f"`{row.model}`" if row.hardware else "all"
        rows.append(
            (
                name, f"`{row.hardware}`" if row.hardware else "", row.engine, row.plan, str(row.rows),
                str(row.held_out), _maybe(row.median_error), _maybe(row.p90_error), f"{row.bias:.2f}x",
                str(row.below_floor), f"{row.over_floor:.1f}x",
            )
        )  # fmt: skip
    heads = (
        "model", "device", "engine", "plan", "runs", "held out", "median error", "p90", "expected / measured",
        "below the floor", "measured / floor",
    )  # fmt: skip
    return heads, rows


def _maybe(share: float | None) -> str:
    return "-" if share is None else percent(share)


TABLES = {
    "kernels": kernels,
    "transfer": transfer,
    "floors": floors,
    "regions": regions,
    "skews": skews,
    "steps": whole_steps,
}


def table(name: str) -> tuple[Iterable[str], Iterable[Iterable[str]]]:
    """Return a table by its name: header and rows."""
    return TABLES[name]()
