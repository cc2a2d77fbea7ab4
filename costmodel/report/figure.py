"""The figure that somebody asks to explain, the step it is of, and its plain value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel import figures
from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.report.choices import Choices, natural, tokens
from costmodel.report.flops import step_of
from costmodel.report.terms import CACHE, FIGURES, FLOPS, PARAMS, REACH
from costmodel.units import context_text

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.workload import Workload

_OTHER_NAMES = {
    "cache": "cache.bytes",
    "cache.state_bytes": "state_bytes",
    "flops": "flops.forward",
    "values": "cache.values",
}
_OTHER_NAMES |= {"total": "params.total", "active": "params.active", "params": "params.total", "reach": REACH}
_LONGEST = 128 * 1024  # tokens: the context where none is asked for, or what the model supports


def figure_named(name: str) -> str:
    """Return the full name of a figure. Raises UsageError for one that cannot be explained."""
    found = _OTHER_NAMES.get(name, name)
    if found not in FIGURES:
        near = did_you_mean(name, [*FIGURES, *_OTHER_NAMES])
        listed = "figures: " + ", ".join(FIGURES)
        raise UsageError(f"there is no figure {quote(name)} to explain", hint=f"{near} {listed}" if near else listed)
    return found


def step(
    architecture: Architecture,
    figure: str,
    choices: Choices,
    new: int | str | None,
    cached: int | str | None,
    source_new: int | str | None,
) -> tuple[Workload, dict[str, int | str]]:
    """Return the step to explain, and what of it to say."""
    if figure in PARAMS or figure == REACH:
        return choices.step(1, 0, 0, 0), {}
    asks_step = new is not None or cached is not None
    if figure in CACHE and asks_step:
        raise UsageError("a cache is explained at a context", hint="--context 128Ki in place of --new and --cached")
    if choices.given and asks_step:
        raise UsageError("--context and --new or --cached ask for two steps", hint="give one of them")
    if len(choices.contexts) > 1 and choices.given:
        raise UsageError("a figure is explained at one context", hint=f"--context {context_text(choices.contexts[-1])}")
    said: dict[str, int | str] = {}
    if figure in FLOPS and not choices.given:
        load = step_of(
            architecture, choices, tokens(1 if new is None else new, "new"), natural(cached or 0, "cached"), source_new
        )
        said |= {"batch": load.batch, "new_tokens": load.new_tokens, "cached_tokens": load.cached_tokens}
        said |= {"attention": load.attention, "logits": load.logits}
    else:
        known = architecture.max_context if isinstance(architecture.max_context, int) else _LONGEST
        context = choices.contexts[0] if choices.given else min(_LONGEST, known)
        load = choices.decode(architecture, context)
        said["context"] = context
    if load.source_new or load.source_cached:
        said |= {"source_new": load.source_new, "source_cached": load.source_cached}
    if load.prefix is not None:
        said["prefix"] = load.prefix
    return load, said


def plain_value(architecture: Architecture, figure: str, load: Workload, choices: Choices) -> int | None:
    """Return the figure as every other command computes it."""
    group, _, name = figure.rpartition(".")
    if figure == REACH:
        return figures.reach(architecture)
    if group == "params":
        return int(getattr(figures.params(architecture, choices.include), name))
    ops = architecture.lower(load)
    if figure in CACHE:
        return int(getattr(figures.cache(ops, choices.recipe), name))
    for extra in choices.include:
        ops += architecture.lower_component(extra, load)
    return int(getattr(figures.flops(ops), name))
