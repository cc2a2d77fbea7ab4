"""``archcalc fit``: does it fit, on how many devices, with how many sequences of which length."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from costmodel.dtypes import Recipe
from costmodel.report.choices import tokens
from costmodel.report.conventions import Conventions, conventions, not_counted
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.fit_search import FitRow, Less, Search
from costmodel.report.limits import CHUNK
from costmodel.report.setup import OnHardware, Setup, hardware_source, setup
from costmodel.report.source import SourceRow, Wanted, source_of

if TYPE_CHECKING:
    pass

_DEFAULTS = ("bf16", "weights=fp8", "weights=int4")


@dataclass(slots=True)
class FitPage:
    """What ``archcalc fit`` prints. ``fits``: whether the first row does."""

    name: str
    title: str | None
    confidence: str
    hardware: str
    context: int
    batch: int
    chunk: int
    fits: bool
    rows: list[FitRow]
    weights_total_bytes: int
    cache_total_bytes: int
    less: Less | None
    tried: str
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    setup: Setup | None = field(default=None, metadata=PRIVATE)
    command: str = "fit"
    schema: str = SCHEMA


def fit(architecture: Wanted, hardware: str, *, chunk: int | str = CHUNK, **asked: Unpack[OnHardware]) -> FitPage:
    """Return the smallest number of devices for ``batch`` sequences of the context, or whether a plan fits.

    With a degree of parallelism given, that plan is judged; else plans are tried. Without ``dtype``
    the usual formats are compared. ``chunk``: the most tokens a step computes, whose operands are
    the activations.

    Raises:
        UnknownSpecError: there is no such model or device.
        SpecError: a file says something impossible.
        UsageError: a choice or a plan cannot be, or the device lacks a format that was asked for.
    """
    named = asked.get("dtype")
    found = setup(architecture, hardware, **asked)
    context = found.context("fit")
    budget = min(tokens(chunk, "chunk"), context)
    search = Search(found, context, budget)
    rows: list[FitRow] = []
    for text in [named] if named else _DEFAULTS:
        rows += search.rows(found.choices.recipe if named else Recipe.parse(text), asked_for=bool(named))
    first = rows[0]
    recipe = found.choices.recipe if named else Recipe.parse(_DEFAULTS[0])
    whole = search.whole(recipe)
    source = source_of(found.architecture)
    return FitPage(
        name=found.architecture.name,
        title=found.architecture.title,
        confidence=found.architecture.confidence,
        hardware=found.hardware.name,
        context=context,
        batch=found.choices.batch,
        chunk=budget,
        fits=first.fits,
        rows=rows,
        weights_total_bytes=whole.weights,
        cache_total_bytes=whole.cache * found.choices.batch,
        less=search.less(recipe, first),
        tried=search.tried,
        source=source,
        sources=[*([source] if source else []), *hardware_source(found.hardware)],
        conventions=conventions(found.choices, without=not_counted(found.architecture)),
        setup=found,
    )
