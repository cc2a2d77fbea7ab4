"""Coefficients as the ``calibration`` section of a hardware profile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from costmodel.profiles import StepOverhead
    from costmodel.timing.fit import Fit


class Fitted(Protocol):
    """Coefficients of a family and format."""

    @property
    def family(self) -> str:
        """Return the family."""

    @property
    def key(self) -> str:
        """Return the format."""

    @property
    def fit(self) -> Fit:
        """Return the coefficients."""


def to_yaml(
    found: Iterable[Fitted],
    *,
    source: str | None = None,
    step: StepOverhead | None = None,
    like: Iterable[str] = (),
    note: str | None = None,
) -> str:
    """Return the section; ``source`` is a key of the profile's sources, ``note`` plain words."""
    families: dict[str, list[tuple[str, Fit]]] = {}
    for one in found:
        families.setdefault(one.family, []).append((one.key, one.fit))
    lines = ["calibration:"]
    if source:
        lines.append(f"  source: {source}")
    if like := list(like):
        lines.append(f"  like: [{', '.join(like)}]")
    if note:
        lines.append(f"  note: {note}")
    for family, sets in families.items():
        lines.append(f"  {family}:")
        for key, fit in sets:
            lines += _set(key, fit)
    if step is not None:
        values = ", ".join(f"{name}: {value:g}" for name, value in step if value is not None)
        lines.append(f"  step: {{{values}}}")
    return "\n".join(lines) + "\n"


def _set(key: str, fit: Fit) -> list[str]:
    """Return one set of coefficients: what was measured on the first line, coefficients on the second."""
    values = fit.model_dump(exclude_none=True, exclude_unset=True)
    errors = {name: values.pop(name) for name in list(values) if name in _ABOUT}
    about = ", ".join(f"{name}: {_text(value)}" for name, value in errors.items())
    numbers = ", ".join(f"{name}: {_text(value)}" for name, value in values.items())
    return [f"    {key}:", f"      {{{about},", f"       {numbers}}}"]


_ABOUT = ("multiplies", "rows", "judged", "median_error", "p90_error", "all_median_error")


def _text(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value) if value != "" else '""'
