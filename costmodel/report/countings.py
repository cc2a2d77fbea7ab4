"""Other countings in use of the same word, each computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel import figures

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.report.choices import Choices
    from costmodel.workload import Attention, Workload


@dataclass(slots=True)
class Counting:
    """Another counting of a figure: what it does differently, and its value."""

    label: str
    value: int


def countings(
    architecture: Architecture, figure: str, load: Workload, choices: Choices, *, pages: bool = False
) -> list[Counting]:
    """Return the other ways to count a figure that this model makes differ; ``pages``: as allocated too."""
    group, _, name = figure.rpartition(".")
    if group == "params":
        return _params(name, figures.params(architecture, choices.include))
    if figure == "flops.forward":
        return _flops(architecture, load, choices)
    if figure == "cache.bytes" and pages:
        kept = figures.cache(architecture.lower(load), choices.recipe)
        paged = Counting(f"allocated, pages of {choices.page}", kept.paged_bytes)
        return [paged, Counting("allocated, one pool", kept.one_pool_bytes)]
    return []


def _params(name: str, found: figures.Params) -> list[Counting]:
    if name == "total":
        tables = _tables(found.components)
        more = [(f"with {extra}", found.total + values) for extra, values in found.not_in_total.items()]
        rows = [("without embedding and head", found.total - tables - found.components.get("lm_head", 0))]
        rows += [("without input embedding", found.total - tables), *more]
    else:
        head = found.active_components.get("lm_head", 0)
        tables = _tables(found.active_components)
        rows = [("without embedding and head", found.active - tables - head)]
        rows += [("at least, as routing decides", found.active_min), ("at most, as routing decides", found.active_max)]
        if name == "active":
            rows.insert(0, ("without lookup tables", found.active_without_lookup))
    return _differing(rows, getattr(found, name))


def _tables(components: Mapping[str, int]) -> int:
    """Return the parameters of tables that tokens look up."""
    return sum(values for name, values in components.items() if name.partition(".")[0] == "embedding")


def _flops(architecture: Architecture, load: Workload, choices: Choices) -> list[Counting]:
    own = figures.flops(architecture.lower(load))
    tokens = load.batch * load.new_tokens
    other: Attention = "full" if load.attention == "causal" else "causal"
    active = figures.params(architecture, choices.include).active
    rows = [
        (f"attention pairs {other}", figures.flops(architecture.lower(replace(load, attention=other))).forward),
        ("as executed, padding included", own.executed),
        ("2 x active parameters x tokens", 2 * active * tokens),
        ("a token", own.forward // tokens if own.forward % tokens == 0 else own.forward),
        ("training: forward and backward", own.training),
    ]
    return _differing(rows, own.forward)


def _differing(rows: list[tuple[str, int]], own: int) -> list[Counting]:
    """Return the countings that give another number, each number once."""
    found: dict[int, str] = {}
    for label, value in rows:
        if value != own:
            found.setdefault(value, label)
    return [Counting(label, value) for value, label in found.items()]
