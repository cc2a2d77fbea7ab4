"""``archcalc roofline``: what binds one step on a device, kernel by kernel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

from costmodel.kernels import Kernel
from costmodel.report.advice import Change, advice
from costmodel.report.choices import Choices, natural, tokens
from costmodel.report.conventions import Conventions, conventions
from costmodel.report.data import OPTIONAL, PRIVATE, SCHEMA
from costmodel.report.device import WIDER
from costmodel.report.flops import step_of
from costmodel.report.limits import DeviceMemory, device_memory
from costmodel.report.setup import OnHardware, PlanRow, Setup, hardware_source, setup
from costmodel.report.source import SourceRow, Wanted, source_of

if TYPE_CHECKING:
    from costmodel.timed import Step, Timed
    from costmodel.workload import Workload


@dataclass(slots=True)
class Times:
    """Times of one step, in seconds. ``bound``: what binds the floor; ``expected_s`` None: not measured.

    ``compute_s memory_s network_s`` are the floor's three sides; under ``pp`` it sums the largest of each
    stage. ``overhead_s`` is an engine's, in ``expected_s``; ``hidden_s`` is the communication that runs
    beside computation, and is not in it.
    """

    floor_s: float
    serial_s: float
    expected_s: float | None
    bound: str
    compute_s: float
    memory_s: float
    network_s: float
    overhead_s: float
    hidden_s: float
    tokens_per_s: float | None
    tokens_per_s_per_device: float | None


@dataclass(slots=True)
class Coefficients:
    """Whose coefficients an expected time has, and their median error on unseen shapes, widened where inherited.

    ``borrowed``: they are those of another format or kind of kernel, and no error is known.
    """

    device: str
    family: str
    median_error: float | None
    inherited: bool
    borrowed: bool


@dataclass(slots=True)
class OpTime:
    """A kernel or collective of one device: totals over its runs in one step."""

    path: str
    group: str
    family: str
    dtype: str
    runs: int
    floor_s: float
    expected_s: float | None
    bound: str
    flops: int = 0
    bytes: int = 0
    weight_bytes: int = 0
    state_bytes: int = 0
    activation_bytes: int = 0
    wire_bytes: int = 0
    intensity: float | None = None
    coefficients: Coefficients | None = None


@dataclass(slots=True)
class GroupTime:
    """Kernels that a person thinks of as one; ``share`` of all expected times (or serial ones), engine included."""

    group: str
    runs: int
    flops: int
    bytes: int
    wire_bytes: int
    intensity: float | None
    serial_s: float
    expected_s: float | None
    bound: str
    share: float


@dataclass(slots=True)
class RooflinePage:
    """What ``archcalc roofline`` prints."""

    name: str
    title: str | None
    confidence: str
    hardware: str
    workload: dict[str, int | str]
    plan: PlanRow
    local_batch: int
    micro_batches: int
    dtype: str
    emulated: list[str]
    kernels: str
    ridge: dict[str, float]
    time: Times
    groups: list[GroupTime]
    ops: list[OpTime]
    memory: DeviceMemory
    errors: dict[str, float]
    overhead_from: str | None
    changes: list[Change] = field(default_factory=list)
    naive: Times | None = field(default=None, metadata=OPTIONAL)
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    setup: Setup | None = field(default=None, metadata=PRIVATE)
    load: Workload | None = field(default=None, metadata=PRIVATE)
    step: Step | None = field(default=None, metadata=PRIVATE)
    command: str = "roofline"
    schema: str = SCHEMA


def roofline(
    architecture: Wanted,
    hardware: str,
    *,
    new: int | str = 1,
    cached: int | str = 0,
    source_new: int | str | None = None,
    **asked: Unpack[OnHardware],
) -> RooflinePage:
    """Return floor, serial sum and expected time of one step, by kernel and by group of kernels.

    ``batch`` is the whole deployment's: it is divided over ``dp``.

    Raises:
        UnknownSpecError: there is no such model or device.
        SpecError: a file says something impossible.
        UsageError: a choice or a plan cannot be.
    """
    asked.setdefault("logits", "last")
    found = setup(architecture, hardware, **asked)
    load = step_of(found.architecture, found.choices, tokens(new, "new"), natural(cached, "cached"), source_new)
    step = found.roofline.step(load)
    page = _page(found, load, step)
    page.changes = advice(found, load, step)
    return page


def _page(found: Setup, load: Workload, step: Step) -> RooflinePage:
    machine, source = found.roofline.machine, source_of(found.architecture)
    ops = [op_time(row, found.hardware.name) for row in step.rows if _runs(row)]
    _, overhead_from = found.roofline.overhead()
    latent = {getattr(row.work.op, "variant", "") for row in step.rows if isinstance(row.work, Kernel)}
    mla = [way for way in ("absorbed", "expanded") if way in latent]
    sizes: dict[str, Any] = {name: value for name, value in asdict(load).items() if value is not None}
    del sizes["page"]
    return RooflinePage(
        name=found.architecture.name,
        title=found.architecture.title,
        confidence=found.architecture.confidence,
        hardware=found.hardware.name,
        workload=sizes,
        plan=found.plan_row,
        local_batch=int(step.local_batch),
        micro_batches=int(step.micro_batches),
        dtype=found.choices.recipe.text,
        emulated=sorted(machine.emulated),
        kernels="fused" if found.roofline.device.fused else "naive",
        ridge={name: peak / machine.bandwidth for name, peak in machine.peaks.items()},
        time=times(step, load, found),
        groups=groups(step.rows, step.overhead_s),
        ops=ops,
        memory=device_memory(found.roofline, load, step),
        errors=errors(step.rows, found.hardware.name),
        overhead_from=overhead_from,
        source=source,
        sources=[*([source] if source else []), *hardware_source(found.hardware)],
        conventions=conventions(found.choices, mla={"step": mla}),
        setup=found,
        load=load,
        step=step,
    )


def times(step: Step, load: Workload, found: Setup) -> Times:
    """Return a step's times, and the tokens that they give."""
    best = step.expected_s if step.expected_s is not None else None
    rate = load.batch * load.new_tokens / best if best else None
    return Times(
        floor_s=float(step.floor_s),
        serial_s=float(step.serial_s),
        expected_s=None if best is None else float(best),
        bound=step.bound,
        compute_s=float(step.compute_s),
        memory_s=float(step.memory_s),
        network_s=float(step.network_s),
        overhead_s=step.overhead_s,
        hidden_s=float(step.hidden_s),
        tokens_per_s=rate,
        tokens_per_s_per_device=rate / found.plan.devices if rate else None,
    )


def _runs(row: Timed) -> bool:
    return bool(row.work.runs)


def op_time(row: Timed, device: str) -> OpTime:
    """Return one kernel or collective as data; ``device`` is the one asked for."""
    work = row.work
    found = OpTime(
        path=work.path,
        group=work.group,
        family=work.family,
        dtype="",
        runs=int(work.runs),
        floor_s=float(row.serial_s),
        expected_s=None if row.expected_s is None else float(row.expected_s),
        bound=row.bound,
        coefficients=coefficients(row, device),
    )
    if not isinstance(work, Kernel):
        found.wire_bytes = round(work.runs * (work.wire + work.wire_out))
        return found
    found.dtype = work.dtype
    found.flops, found.bytes = _whole(work.useful), _whole(work.bytes)
    found.weight_bytes = _whole(work.weight_bytes + work.norm_bytes)
    found.state_bytes = _whole(work.state_bytes + work.written_bytes)
    found.activation_bytes = _whole(work.input_bytes + work.output_bytes)
    found.intensity = float(work.useful / work.bytes) if work.bytes else None
    return found


def _whole(size: Any) -> int:
    """Return a count as JSON prints it: expectations rounded to the nearest."""
    return size if isinstance(size, int) else round(size)


def coefficients(row: Timed, device: str) -> Coefficients | None:
    """Return whose coefficients a row has; ``device`` is the one asked for."""
    fit = row.fit
    if fit is None or row.device is None:
        return None
    inherited = bool(device) and row.device != device
    error = fit.median_error
    if error is not None:
        error = None if row.borrowed else error * (WIDER if inherited else 1)
    return Coefficients(row.device, fit.family, error, inherited, row.borrowed)


def groups(rows: list[Timed], overhead_s: float) -> list[GroupTime]:
    """Return the rows by group, the longest first; ``overhead_s`` is an engine's."""
    found: dict[str, list[Timed]] = {}
    for row in rows:
        if _runs(row):
            found.setdefault(row.work.group, []).append(row)
    known = all(row.expected_s is not None for row in rows)
    whole = sum(_taken(row, known=known) for row in rows) + (overhead_s if known else 0.0) or 1.0
    result = [_group(name, its, whole, known=known) for name, its in found.items()]
    result.sort(key=lambda one: -one.share)
    return result


def _taken(row: Timed, *, known: bool) -> float:
    return float(row.expected_s if known and row.expected_s is not None else row.serial_s)


def _group(name: str, rows: list[Timed], whole: float, *, known: bool) -> GroupTime:
    flops = sum(row.work.useful for row in rows if isinstance(row.work, Kernel))
    moved = sum(row.work.bytes for row in rows if isinstance(row.work, Kernel))
    wire = sum(row.work.runs * (row.work.wire + row.work.wire_out) for row in rows if not isinstance(row.work, Kernel))
    sides = {
        "compute": sum(float(row.compute_s) for row in rows),
        "memory": sum(float(row.memory_s) for row in rows),
        "network": sum(float(row.network_s) for row in rows),
    }
    times = [float(row.expected_s) for row in rows if row.expected_s is not None]
    return GroupTime(
        group=name,
        runs=sum(int(row.work.runs) for row in rows),
        flops=_whole(flops),
        bytes=_whole(moved),
        wire_bytes=_whole(wire),
        intensity=float(flops / moved) if moved else None,
        serial_s=sum(float(row.serial_s) for row in rows),
        expected_s=sum(times) if len(times) == len(rows) else None,
        bound=max(sides, key=lambda side: sides[side]),
        share=sum(_taken(row, known=known) for row in rows) / whole,
    )


def errors(rows: list[Timed], device: str) -> dict[str, float]:
    """Return the median error by family of the coefficients used, weighted by their time."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        used = coefficients(row, device)
        if used is not None and used.median_error is not None and row.expected_s:
            found.setdefault(used.family, []).append((float(row.expected_s), used.median_error))
    return {
        family: sum(time * error for time, error in its) / sum(time for time, _ in its) for family, its in found.items()
    }


__all__ = ["Choices", "RooflinePage", "roofline"]
