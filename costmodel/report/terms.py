"""The terms of a figure: one for each place in the model, each with its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.formula import ONE, Sum, evaluate, total
from costmodel.formula_text import number_text, text
from costmodel.formula_tree import normal
from costmodel.ops import Op
from costmodel.symbols import TracedRecipe, Tracing
from costmodel.traced import RANKS, tree_of
from costmodel.workload import Workload

PARAMS = ("params.total", "params.active", "params.active_without_lookup")
CACHE = ("cache.bytes", "cache.values", "state_bytes")
FLOPS = ("flops.forward", "flops.attention", "flops.executed", "flops.elementwise", "flops.training")
REACH = "receptive_field"
FIGURES = (*PARAMS, *CACHE, *FLOPS, REACH)

# What operations are called together inside a mixer.
_TOGETHER = {"q_a": "q", "q_b": "q", "kv_a": "kv", "kv_b": "kv", "absorb": "kv", "o": "out", "o_a": "out", "o_b": "out"}
_TOGETHER["x"] = "x_proj"  # x multiplies


@dataclass(slots=True)
class Term:
    """A part of a figure that stands at one place: ``parts`` are the sums it is made of."""

    path: str
    parts: dict[str, Sum] = field(default_factory=dict)

    @property
    def sum(self) -> Sum:
        """Return the whole term."""
        return total(self.parts.values())

    @property
    def value(self) -> Any:
        """Return its exact value: a fraction where it is an expectation."""
        return evaluate(self.sum)

    def common(self) -> tuple[Sum, dict[str, int]]:
        """Return how often the term stands in the model, and the value of each part once."""
        _, shared, _ = self.sum.content()
        counts = frozenset((a, p) for a, p in shared if getattr(a, "rank", 9) <= RANKS["count"])
        times = Sum({counts: 1})
        return times, {name: int(evaluate(part) / evaluate(times)) for name, part in self.parts.items()}

    def split(self) -> str | None:
        """Return the term as its named parts, ``61 x (q 48,758,784 + out 117,440,512)``."""
        if len(self.parts) < 2 or not self.sum.terms or evaluate(self.sum) != int(evaluate(self.sum)):
            return None
        times, parts = self.common()
        ordered = sorted(parts.items(), key=lambda part: part[0] == "norms")
        inner = " + ".join(f"{name} {number_text(value, tokens=True)}" for name, value in ordered)
        return inner if times.terms == {ONE: 1} else f"{text(times, numbers=True)} x ({inner})"


def terms_of(figure: str, traced: Tracing, load: Workload, recipe: TracedRecipe, include: Iterable[str]) -> list[Term]:
    """Return the terms of a figure, in the order of the model. ``load`` and ``recipe`` are traced."""
    if figure == REACH:
        return _reach(traced.architecture)
    if figure in PARAMS:
        plain = Workload()
        ops = traced.architecture.lower(plain)
        for name in include:
            ops += [replace(op, component=name) for op in traced.architecture.lower_component(name, plain)]
        return _collect(_weights(figure, ops))
    ops = traced.architecture.lower(load)
    if figure in CACHE:
        return _collect(_states(figure, ops, recipe))
    for name in include:
        ops += traced.architecture.lower_component(name, load)
    return _collect(_work(figure, ops))


def _collect(found: Iterable[tuple[str, str, Any]]) -> list[Term]:
    """Sum what is at the same place and of the same part; what is nothing is left out."""
    terms: dict[str, dict[str, list[Sum]]] = {}
    for path, part, size in found:
        formula = normal(tree_of(size))
        if evaluate(formula):
            terms.setdefault(path, {}).setdefault(part, []).append(formula)
    return [Term(path, {part: total(sums) for part, sums in parts.items()}) for path, parts in terms.items()]


def place(op: Op) -> str:
    """Return the place of an operation: its block or the part of it, ``layers.moe.experts``."""
    above = op.path.rpartition(".")[0]
    if op.component in ("norms", "lm_head"):
        return op.component
    return above if above not in ("", "layers", "encoder", "mtp", "vision") else op.path


def _part(op: Op) -> str:
    name = op.path.rpartition(".")[2]
    return "norms" if name.endswith("norm") else _TOGETHER.get(name, name)


def _weights(figure: str, ops: Iterable[Op]) -> Iterator[tuple[str, str, Any]]:
    for op, weight in figures.weights(ops):
        if not weight.stored or weight.role == "buffer":
            continue
        if figure == "params.active_without_lookup" and weight.lookup:
            continue
        yield place(op), _part(op), weight.total if figure == "params.total" else weight.active


def _states(figure: str, ops: Iterable[Op], recipe: TracedRecipe) -> Iterator[tuple[str, str, Any]]:
    each: Any = recipe
    rows = figures.cache(ops, each).rows
    if figure == "state_bytes":
        rows = [row for row in rows if row.kind in ("recurrent", "conv")]
    places = [row.path for row in rows]
    for row in rows:
        path = row.path if places.count(row.path) == 1 else f"{row.path}.{row.name}"
        yield path, row.name, row.values if figure == "cache.values" else row.bytes


def _work(figure: str, ops: Iterable[Op]) -> Iterator[tuple[str, str, Any]]:
    name = figure.partition(".")[2]
    size: dict[str, Callable[[Op], Any]] = {
        "forward": lambda op: op.flops,
        "attention": lambda op: op.flops,
        "executed": lambda op: op.executed,
        "elementwise": lambda op: op.elementwise,
        # Backward costs twice forward; weights that are not trained need no gradient of their own.
        "training": lambda op: op.flops * (2 if op.weights and not op.weights[0].trained else 3),
    }
    for op in ops:
        if name != "elementwise" and op.family == "vector":
            continue
        if name == "attention" and figures.part(op) != "attention":
            continue
        alone = op.family == "attention" and name != "elementwise"
        yield op.path if alone else place(op), _part(op), size[name](op)


def _reach(architecture: Architecture) -> list[Term]:
    """Return the token itself and what each block adds; nothing where some layer sees everything."""
    if figures.reach(architecture) is None:
        return []
    found: list[tuple[str, str, Any]] = [("the token itself", "", 1)]
    for name, places in figures.farthest(architecture).items():
        found.append((f"layers.{name}", "", places * architecture.blocks[name].reach()))
    found += [(f"layers.{path}", "", far) for path, far in figures.features_reach(architecture).items()]
    return _collect(found)
