"""``archcalc cache``: what one sequence keeps, by layer kind, and how it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from costmodel import figures
from costmodel.report import points
from costmodel.report.choices import Asked, Choices
from costmodel.report.conventions import Conventions, conventions
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.shape import describe
from costmodel.report.source import SourceRow, Wanted, architecture_of, source_of

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

_ORDER = ("window", "chunk", "compressed", "latent", "index", "full", "cross", "conv", "recurrent")


@dataclass(slots=True)
class CacheGroup:
    """The layers of one block: ``label`` as in ``window 1024``; a byte count for each context."""

    block: str
    kind: str
    label: str
    layers: int
    dtype: str
    values: list[int]
    bytes: list[int]


@dataclass(slots=True)
class Curve:
    """Bytes of one sequence at contexts that grow by equal factors; what a chart draws."""

    contexts: list[int]
    ideal: list[int]
    one_pool: list[int]
    limited: list[int]  # the part that windows and chunks keep
    limited_layers: int


@dataclass(slots=True)
class CachePage:
    """What ``archcalc cache`` prints. ``cache`` is of one sequence; ``batch`` sequences keep so many times it."""

    name: str
    title: str | None
    confidence: str
    batch: int
    cache: list[points.CachePoint]
    groups: list[CacheGroup]
    growth: points.Growth
    window_pages: dict[str, int]  # pages that a window may touch, by block
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    choices: Choices = field(default_factory=Choices, metadata=PRIVATE)
    architecture: Architecture | None = field(default=None, metadata=PRIVATE)
    command: str = "cache"
    schema: str = SCHEMA


def cache(architecture: Wanted, **asked: Unpack[Asked]) -> CachePage:
    """Return the cache of one sequence at each context: ideal, in pages, in one pool, by block.

    Raises:
        UnknownSpecError: there is none of that name, or its architecture is not published.
        SpecError: its spec says something impossible.
        UsageError: a choice cannot be.
    """
    choices = Choices.of(**asked)
    found = architecture_of(architecture, choices.specs)
    choices.check(found)
    each = [figures.cache(points.cache_ops(found, choices, n), choices.recipe) for n in choices.contexts]
    source = source_of(found)
    return CachePage(
        name=found.name,
        title=found.title,
        confidence=found.confidence,
        batch=choices.batch,
        cache=[points.point_of(one, context, choices) for one, context in zip(each, choices.contexts, strict=True)],
        groups=_groups(found, each),
        growth=points.growth(found, choices),
        window_pages=_window_pages(found, choices.page),
        source=source,
        sources=[source] if source else [],
        conventions=conventions(choices),
        choices=choices,
        architecture=found,
    )


def curve(page: CachePage, contexts: list[int]) -> Curve:
    """Return the bytes of one sequence at further contexts, for a chart."""
    assert page.architecture is not None
    each = [figures.cache(points.cache_ops(page.architecture, page.choices, n), page.choices.recipe) for n in contexts]
    limited = [sum(row.bytes for row in one.rows if row.kind in ("window", "chunk")) for one in each]
    layers = sum(group.layers for group in page.groups if group.kind in ("window", "chunk"))
    return Curve(contexts, [one.bytes for one in each], [one.one_pool_bytes for one in each], limited, layers)


def _groups(architecture: Architecture, each: list[figures.Cache]) -> list[CacheGroup]:
    """Group states by block, in the order of the spec."""
    blocks = {row.name: row for row in describe(architecture).blocks if row.stack == "layers"}
    names = sorted(blocks, key=len, reverse=True)
    found: dict[str, CacheGroup] = {}
    for index, one in enumerate(each):
        for row in one.rows:
            place = f"{row.path}."
            name = next((n for n in names if place.startswith(f"layers.{n}.")), row.path)
            label = blocks[name].sized if name in blocks else row.kind
            group = found.get(name)
            if group is None:
                zeros = [0] * len(each)
                group = found[name] = CacheGroup(name, row.kind, label, row.layers, row.dtype, zeros, list(zeros))
            if _ORDER.index(row.kind) > _ORDER.index(group.kind) and row.kind not in ("conv", "recurrent", "index"):
                group.kind = row.kind
            if row.dtype not in group.dtype.split(" and "):
                group.dtype += f" and {row.dtype}"
            group.values[index] += row.values
            group.bytes[index] += row.bytes
    return list(found.values())


def _window_pages(architecture: Architecture, page: int) -> dict[str, int]:
    """Return how many pages each window may touch, whatever its start."""
    found = {}
    for name in architecture.stack.layout.counts:
        span = getattr(architecture.blocks[name], "span", None)
        if span is not None and span.limit is not None:
            found[name] = span.paged(2 * span.limit + 2 * page, page) // page
    return found
