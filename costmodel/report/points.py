"""Figures of a model at a context: its cache, its decode step, its prefill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel import figures
from costmodel.report.choices import Choices
from costmodel.report.data import PRIVATE
from costmodel.report.shape import limits

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.ops import Op

_FAR = 2**22  # tokens: beyond every window in use, and a multiple of every compression ratio


@dataclass(slots=True)
class CachePoint:
    """What one sequence keeps at a context, ideal and as engines allocate it. Bytes, at ``dtype``."""

    context: int
    values: int
    bytes: int
    state_bytes: int
    paged_bytes: int
    one_pool_bytes: int
    dtype: str


@dataclass(slots=True)
class FlopsPoint:
    """FLOPs at a context: of the whole prefill, of one decode step, and of its attention."""

    context: int
    prefill: int
    prefill_attention: int
    decode: int
    decode_attention: int
    prefill_mla: tuple[str, ...] = field(default=(), metadata=PRIVATE)
    decode_mla: tuple[str, ...] = field(default=(), metadata=PRIVATE)


@dataclass(slots=True)
class Growth:
    """The cache as a function of the context beyond every window: fixed + per token x context.

    ``bytes_per_token`` is a fraction where entries stand for several tokens. ``beyond``: the
    largest window, None where there is none. ``first_bytes``: of the first token, states left out.
    """

    bytes_per_token: Fraction
    fixed_bytes: Fraction
    state_bytes: int
    beyond: int | None
    first_bytes: int


def cache_ops(architecture: Architecture, choices: Choices, context: int) -> list[Op]:
    """Return the operations of the decode step that ends at a context."""
    return architecture.lower(choices.decode(architecture, context))


def cache_point(architecture: Architecture, choices: Choices, context: int) -> CachePoint:
    """Return the cache of one sequence at a context."""
    return point_of(figures.cache(cache_ops(architecture, choices, context), choices.recipe), context, choices)


def point_of(found: figures.Cache, context: int, choices: Choices) -> CachePoint:
    """Return a cache as a row of an output."""
    return CachePoint(
        context,
        found.values,
        found.bytes,
        found.state_bytes,
        found.paged_bytes,
        found.one_pool_bytes,
        choices.recipe.cache_text,
    )


def points(architecture: Architecture, choices: Choices) -> tuple[list[CachePoint], list[FlopsPoint]]:
    """Return caches and FLOPs at every context; each decode step is lowered once."""
    caches, flops = [], []
    for context in choices.contexts:
        step = cache_ops(architecture, choices, context)
        caches.append(point_of(figures.cache(step, choices.recipe), context, choices))
        decode = figures.flops(step)
        prefill = figures.flops(architecture.lower(choices.prefill(architecture, context)))
        flops.append(
            FlopsPoint(
                context,
                prefill.forward,
                prefill.attention,
                decode.forward,
                decode.attention,
                prefill.latent,
                decode.latent,
            )
        )
    return caches, flops


def growth(architecture: Architecture, choices: Choices) -> Growth:
    """Return how the cache grows beyond every window.

    The source of an encoder-decoder stays as long as it is: only the decoder's tokens grow.
    """
    found = limits(architecture, choices.prefix)
    fixed = Choices(
        recipe=choices.recipe, page=choices.page, mla=choices.mla, source=choices.source or 0, prefix=choices.prefix
    )
    far = max([_FAR, *(2 * limit for limit in found)])
    near, late = (cache_point(architecture, fixed, n) for n in (far, 2 * far))
    slope = Fraction(late.bytes - near.bytes, far)
    first = cache_point(architecture, fixed, 2).bytes - cache_point(architecture, fixed, 1).bytes
    return Growth(slope, near.bytes - slope * far, near.state_bytes, found[-1] if found else None, first)


def ways(flops: Iterable[FlopsPoint]) -> dict[str, Iterable[str]]:
    """Return how latent attention was run in each phase."""
    each = list(flops)
    return {
        "prefill": [way for point in each for way in point.prefill_mla],
        "decode": [way for point in each for way in point.decode_mla],
    }
