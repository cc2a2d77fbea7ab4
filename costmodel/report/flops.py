"""``archcalc flops``: the work of one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Unpack

from costmodel import figures
from costmodel.errors import UsageError
from costmodel.report.choices import Asked, Choices, natural, tokens
from costmodel.report.conventions import Conventions, conventions, not_counted
from costmodel.report.data import OPTIONAL, PRIVATE, SCHEMA
from costmodel.report.source import SourceRow, Wanted, architecture_of, check_components, source_of

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.ops import Op
    from costmodel.workload import Workload


@dataclass(slots=True)
class OpRow:
    """An operation: totals over its runs and the whole batch."""

    path: str
    kind: str
    component: str
    runs: int
    tokens: int
    flops: int
    executed: int
    elementwise: int


@dataclass(slots=True)
class StepFlops:
    """FLOPs of a step over the batch. ``parts`` split ``forward``; ``training`` is 3 x forward."""

    forward: int
    executed: int
    attention: int
    training: int
    elementwise: int
    parts: dict[str, int]


@dataclass(slots=True)
class FlopsPage:
    """What ``archcalc flops`` prints."""

    name: str
    title: str | None
    confidence: str
    workload: dict[str, int | str]
    flops: StepFlops
    active_params: int
    ops: list[OpRow] | None = field(default=None, metadata=OPTIONAL)
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    choices: Choices = field(default_factory=Choices, metadata=PRIVATE)
    load: Workload | None = field(default=None, metadata=PRIVATE)
    command: str = "flops"
    schema: str = SCHEMA


def flops(
    architecture: Wanted,
    *,
    new: int | str = 1,
    cached: int | str = 0,
    source_new: int | str | None = None,
    images: int | str = 0,
    clips: int | str = 0,
    ops: bool = False,
    **asked: Unpack[Asked],
) -> FlopsPage:
    """Return the FLOPs of one step: ``new`` tokens after ``cached`` ones in each of ``batch`` sequences.

    For an encoder-decoder, ``source`` is the length of the source (default: cached + new) and
    ``source_new`` how much of it is encoded in this step (default: all of it where nothing is
    cached, else none). ``ops`` adds every operation. ``include`` adds the work of components: of towers
    on so many ``images``, and on so many ``clips`` of sound.

    Raises:
        UnknownSpecError: there is none of that name, or its architecture is not published.
        SpecError: its spec says something impossible.
        UsageError: a choice cannot be.
    """
    choices = Choices.of(**asked)
    found = architecture_of(architecture, choices.specs)
    choices.check(found)
    check_components(found, choices.include)
    load = step_of(found, choices, tokens(new, "new"), natural(cached, "cached"), source_new)
    load = replace(load, images=natural(images, "images"), clips=natural(clips, "clips"))
    _check_towers(found, choices.include, load)
    step = found.lower(load)
    for name in choices.include:
        step += found.lower_component(name, load)
    total = figures.flops(step)
    source = source_of(found)
    params = figures.params(found, choices.include)
    return FlopsPage(
        name=found.name,
        title=found.title,
        confidence=found.confidence,
        workload=_sizes(load),
        flops=StepFlops(
            total.forward, total.executed, total.attention, total.training, total.elementwise, dict(total.parts)
        ),
        active_params=params.active,
        ops=[_op_row(op) for op in step] if ops else None,
        source=source,
        sources=[source] if source else [],
        conventions=conventions(choices, mla={"step": total.latent}, without=not_counted(found, choices.include)),
        choices=choices,
        load=load,
    )


def step_of(
    architecture: Architecture, choices: Choices, new: int, cached: int, source_new: int | str | None
) -> Workload:
    """Return the step over the batch; the source of an encoder-decoder as ``flops`` says.

    Raises:
        UsageError: more of the source is encoded than there is.
    """
    if not architecture.reads_source:
        return choices.step(new, cached, 0, 0)
    length = choices.source if choices.source is not None else cached + new
    encoded = (0 if cached else length) if source_new is None else natural(source_new, "source-new")
    if encoded > length:
        raise UsageError(f"--source-new {encoded:,} is more than the source of {length:,}", hint=f"--source {encoded}")
    return choices.step(new, cached, encoded, length - encoded)


def _check_towers(architecture: Architecture, include: Sequence[str], load: Workload) -> None:
    """Raise UsageError where there are images or clips, and no tower that is counted takes them in."""
    senses = {architecture.components[name].sense for name in include if name in architecture.components}
    for sense in ("images", "clips"):
        if (count := getattr(load, sense)) and sense not in senses:
            able = [name for name, tower in architecture.components.items() if tower.sense == sense]
            hint = f"--with {','.join(able)}" if able else f"the spec has no tower for {sense}"
            raise UsageError(
                f"--{sense} {count:,} is work of a tower, and none that takes {sense} is counted", hint=hint
            )


def _sizes(load: Workload) -> dict[str, int | str]:
    found: dict[str, int | str] = {name: value for name, value in asdict(load).items() if value is not None}
    del found["page"]
    return found


def _op_row(op: Op) -> OpRow:
    whole = figures.whole
    work = (whole(n) for n in (op.runs, op.tokens, op.flops, op.executed, op.elementwise))
    return OpRow(op.path, type(op).__name__.lower(), op.component, *work)
