"""Figures of a model on a device, by name: times and memory of a step, limits of serving, what fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.errors import UsageError
from costmodel.gate.workloads import Load
from costmodel.plan import DEGREES
from costmodel.report.data import to_data

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.report.roofline import RooflinePage

Number = int | float | Fraction
Found = Mapping[str, Number]


def flat(data: object, path: str = "") -> Iterator[tuple[str, Number]]:
    """Yield the numbers of a page's data by dotted name; lists and texts have none."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, (int, float, Fraction)) and not isinstance(data, bool):
        yield path, data


def times(architecture: Architecture, load: Load) -> Found:
    """Return times and memory of a step."""
    return dict(
        flat({key: value for key, value in to_data(_best(architecture, load)).items() if key in ("time", "memory")})
    )


def _best(architecture: Architecture, load: Load) -> RooflinePage:
    """Return the step's roofline under the plan that is stated, else under the fastest of those that fit."""
    from costmodel.report import compare_times
    from costmodel.report.roofline import roofline

    assert load.machines is not None
    assert load.step is not None
    devices, name = load.machines
    new, cached = load.step
    stated = [degree for degree in load.plan if degree != "overhead"]
    plans: list[dict[str, int]] = [{}]
    if not stated and devices > 1:
        plans = [
            {"tp": plan.tp, "pp": plan.pp, "ep": plan.ep, "dp": plan.dp}
            for plan in compare_times.plans(architecture, devices)
        ]
    asked = _asked(load)
    if load.kernels is not None:
        asked["kernels"] = load.kernels
    pages = [roofline(architecture, name, new=new, cached=cached, **{**asked, **plan}) for plan in plans]
    if not pages:
        raise UsageError(
            f"no plan of {devices} devices suits {architecture.name}", "AC224", hint="state tp, pp, ep, dp"
        )
    best = min(pages, key=lambda page: (not page.memory.fits, page.time.expected_s or page.time.serial_s))
    if best.setup is not None and best.setup.plan.devices != devices:
        raise UsageError(
            f"the plan has {best.setup.plan.devices} devices, the hardware {devices}", "AC224", hint="let them agree"
        )
    return best


def _asked(load: Load) -> dict[str, Any]:
    choices = load.choices
    own: dict[str, Any] = {"batch": choices.batch, "attention": choices.attention, "mla": choices.mla}
    if load.logits is not None:
        own["logits"] = load.logits
    own |= {"page": choices.page, "include": load.include, "source": choices.source, "dtype": choices.recipe.text}
    return own | dict(load.plan)


def serving(architecture: Architecture, load: Load) -> Found:
    """Return the limits of serving: largest batch, longest context, first token."""
    from costmodel.report.serve import serve

    assert load.machines is not None
    asked = _asked(load) | {"context": list(load.choices.contexts)}
    devices, name = load.machines
    if devices > 1 and not [degree for degree in load.plan if degree != "overhead"]:
        best = _best(architecture, load).setup  # the same plan that a step is timed under
        assert best is not None
        asked |= {degree: getattr(best.plan, degree) for degree in DEGREES}
    page = to_data(serve(architecture, name, **asked))
    return dict(flat({"limits": page["limits"]}))


def fitting(architecture: Architecture, load: Load) -> Found:
    """Return what the smallest plan that fits takes."""
    from costmodel.report.fit import fit

    assert load.machines is not None
    page = fit(architecture, load.machines[1], **_asked(load) | {"context": list(load.choices.contexts)})
    return dict(flat({"fit": to_data(page.rows[0])}))
