"""``archcalc compare``: models side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Unpack

from costmodel import figures
from costmodel.errors import UsageError
from costmodel.report import points
from costmodel.report.choices import Asked, Choices, tokens
from costmodel.report.conventions import Conventions, conventions
from costmodel.report.data import OPTIONAL, PRIVATE, SCHEMA
from costmodel.report.shape import Shape, describe, limits
from costmodel.report.source import SourceRow, Wanted, architecture_of, check_components, source_of

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.report.compare_times import TimePoint

_LONGEST = 2**24  # tokens: beyond it nobody asks which cache is smaller


@dataclass(slots=True)
class CompareRow:
    """One model of a comparison."""

    name: str
    title: str | None
    confidence: str
    model: str
    n_layers: int
    encoder_layers: int | None
    d_model: int
    vocab_size: int
    max_context: int | None
    shape: Shape
    params: figures.Params
    cache: list[points.CachePoint]
    flops: list[points.FlopsPoint]
    growth: points.Growth
    time: dict[str, list[TimePoint]] | None = field(default=None, metadata=OPTIONAL)
    architecture: Architecture | None = field(default=None, metadata=PRIVATE)


@dataclass(slots=True)
class Stretch:
    """Up to a context (None: for ever) the last model's cache is -1 smaller, 0 equal, 1 larger than the first's."""

    up_to: int | None
    sign: int


@dataclass(slots=True)
class Compare:
    """What ``archcalc compare`` prints: rows in the order asked.

    ``cache_order`` (of two models) says exactly where the caches cross; None where entries stand for
    several tokens, so that the cache is a saw-tooth.
    """

    rows: list[CompareRow]
    contexts: list[int]
    cache_order: list[Stretch] | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    choices: Choices = field(default_factory=Choices, metadata=PRIVATE)
    typed: list[str] = field(default_factory=list, metadata=PRIVATE)
    command: str = "compare"
    schema: str = SCHEMA


class AskedOfTwo(Asked, total=False):
    """Keywords of ``compare``: those of ``Asked``, and ``hardware`` with ``devices`` of it for times."""

    hardware: str | Sequence[str] | None
    devices: int | str


def compare(*architectures: Wanted, **asked: Unpack[AskedOfTwo]) -> Compare:
    """Return two or more models side by side; with ``hardware``, decode times of ``batch`` sequences.

    Raises:
        UnknownSpecError: there is none of that name, or its architecture is not published.
        SpecError: a spec says something impossible.
        UsageError: fewer than two models, or a choice that cannot be.
    """
    if len(architectures) < 2:
        raise UsageError("compare takes two models or more", hint="archcalc compare deepseek-v3 llama4")
    return _side_by_side(architectures, asked)


def one(architecture: Wanted, **asked: Unpack[AskedOfTwo]) -> Compare:
    """Return one model as a row of a comparison has it.

    Raises:
        UnknownSpecError: there is none of that name, or its architecture is not published.
        SpecError: its spec says something impossible.
        UsageError: a choice cannot be.
    """
    return _side_by_side([architecture], asked)


def _side_by_side(architectures: Sequence[Wanted], asked: AskedOfTwo) -> Compare:
    hardware, devices = asked.pop("hardware", None), asked.pop("devices", 1)
    choices = Choices.of(**asked)
    models = [architecture_of(wanted, choices.specs) for wanted in architectures]
    _check_components_of_any(models, choices.include)
    rows = [_row(model, choices) for model in models]
    if hardware:
        from costmodel.report import compare_times

        named = compare_times.named(hardware)
        for row, its in zip(
            rows, compare_times.times(models, named, tokens(devices, "devices"), choices.batch, choices), strict=True
        ):
            row.time = its
    page = Compare(rows, list(choices.contexts), choices=choices)
    page.typed = [wanted if isinstance(wanted, str) else wanted.name for wanted in architectures]
    if len(models) == 2:
        page.cache_order = cache_order(models[0], models[1], choices)
    seen = [source for source in map(source_of, models) if source]
    page.sources = seen
    page.conventions = conventions(
        choices,
        mla={phase: [way for row in rows for way in points.ways(row.flops)[phase]] for phase in ("prefill", "decode")},
        without=[name for row in rows for name in (*row.params.not_in_total, *_left_out(row))],
    )
    return page


def _left_out(row: CompareRow) -> list[str]:
    return row.architecture.left_out if row.architecture else []


def _row(model: Architecture, choices: Choices) -> CompareRow:
    caches, flops = points.points(model, choices)
    return CompareRow(
        name=model.name,
        title=model.title,
        confidence=model.confidence,
        model="encoder-decoder" if model.encoder else "decoder",
        n_layers=model.n_layers,
        encoder_layers=model.encoder.n_layers if model.encoder else None,
        d_model=model.d_model,
        vocab_size=model.vocab_size,
        max_context=model.max_context,  # type: ignore[arg-type]  # read as a count by validation
        shape=describe(model),
        params=figures.params(model, [name for name in choices.include if name in model.extra_components]),
        cache=caches,
        flops=flops,
        growth=points.growth(model, choices),
        architecture=model,
    )


def _check_components_of_any(models: Sequence[Architecture], include: Sequence[str]) -> None:
    """Raise UsageError for a component that none of the models has."""
    for name in include:
        if not any(name in model.extra_components for model in models):
            check_components(models[0], [name])


def cache_order(first: Architecture, last: Architecture, choices: Choices) -> list[Stretch] | None:
    """Return where the last model's cache is larger, equal or smaller than the first's.

    Between the limits of their windows caches are straight lines, so each pair of limits brackets at
    most one crossing, which is found to the token.
    """

    def more(context: int) -> int:
        sizes = [points.cache_point(model, choices, context).bytes for model in (first, last)]
        return sizes[1] - sizes[0]

    for model in (first, last):
        if any(block.kind == "compressed_attention" for block in model.blocks.values()):
            return None
    marks = sorted({1, _LONGEST, *(n for model in (first, last) for n in limits(model) if n < _LONGEST)})
    return stretches(more, marks)


def stretches(difference: Callable[[int], int], marks: Sequence[int]) -> list[Stretch]:
    """Return the signs of a function that is a straight line between ``marks``, in order."""
    found: list[Stretch] = []

    def add(up_to: int, sign: int) -> None:
        if found and found[-1].sign == sign:
            found[-1].up_to = up_to
        else:
            found.append(Stretch(up_to, sign))

    values = {mark: difference(mark) for mark in marks}
    for start, end in pairwise(marks):
        left, right = _sign(values[start]), _sign(values[end])
        if left * right < 0:
            crossing = _crossing(difference, start, end, values[start], values[end])
            add(crossing, left)
            add(end, right)
        elif left or right:
            if not left and start == marks[0]:
                add(start, 0)
            add(end, left or right)
        else:
            add(end, 0)
    if found:
        found[-1].up_to = None
    return found


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _crossing(difference: Callable[[int], int], start: int, end: int, left: int, right: int) -> int:
    """Return the last context on the left side of a crossing: by the line, then by halving."""
    guess = start + abs(left) * (end - start) // (abs(left) + abs(right))
    side = _sign(left)
    low, high = start, end
    for near in (guess, guess + 1):
        if low < near < high:
            low, high = (near, high) if _sign(difference(near)) == side else (low, near)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _sign(difference(middle)) == side else (low, middle)
    return low
