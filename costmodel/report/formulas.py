"""A figure's formula in symbols, as lines of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel import figures
from costmodel.formula import Sum, divided
from costmodel.formula_text import number_text, text
from costmodel.traced import RANKS, Symbol
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.report.terms import Term

_WIDTH = 78
_LEFT = {
    "cache.bytes": "cache(C)",
    "cache.values": "values(C)",
    "params.active_without_lookup": "active_without_lookup",
}


def formula_lines(figure: str, terms: list[Term], architecture: Architecture) -> list[str]:
    """Return the formula: one line, or one for each term."""
    if figure == "params.active":
        return _active(architecture)
    left = f"{_LEFT.get(figure, figure.rpartition('.')[2])} = "
    sums = [term.sum for term in terms]
    if not sums:
        unlimited = figure == "receptive_field"
        return [f"{left}unlimited, since some layer sees every token before" if unlimited else f"{left}0"]
    shared = _bytes(sums)
    if shared is not None:
        sums = [divided(one, shared) for one in sums]
        left += f"{text(shared, numbers=False)} x ( "
    written = [text(one, numbers=False) for one in sums]
    end = " )" if shared is not None else ""
    line = left + "  +  ".join(written) + end
    if len(line) <= _WIDTH:
        return [line]
    margin = " " * (len(left) - 2)
    rows = [left + written[0], *(f"{margin}+ {one}" for one in written[1:])]
    rows[-1] += end
    return rows


def _bytes(sums: list[Sum]) -> Sum | None:
    """Return the bytes a value that all terms share."""
    shared = {a for a, _ in sums[0].content()[1] if isinstance(a, Symbol) and a.rank == RANKS["bytes"]}
    for one in sums[1:]:
        shared &= {a for a, _ in one.content()[1] if isinstance(a, Symbol)}
    return Sum({frozenset({(next(iter(shared)), 1)}): 1}) if shared and len(sums) > 1 else None


def _active(architecture: Architecture) -> list[str]:
    """Return active as the total less what is not chosen, once in words and once in numbers."""
    found = figures.params(architecture)
    words, numbers = ["total"], [number_text(found.total)]
    left = found.total - found.active
    choices = _choices(architecture)
    for name, places, experts, chosen, expert in choices:
        suffix = f"_{name}" if len(choices) > 1 else ""
        words.append(f"(E{suffix} - K{suffix}) x expert{suffix} x layers{suffix}")
        numbers.append(f"({experts} - {chosen}) x {number_text(expert)} x {places}")
        left -= (experts - chosen) * expert * places
    if left:
        words.append("what else is left out")
        numbers.append(number_text(left))
    if len(words) == 1:
        return [f"active = total = {numbers[0]}"]
    rows = ["active = " + " - ".join(words), "       = " + " - ".join(numbers)]
    if max(map(len, rows)) <= _WIDTH:
        return rows
    return [
        f"active = {words[0]}",
        *(f"         - {word}" for word in words[1:]),
        f"       = {numbers[0]}",
        *(f"         - {number}" for number in numbers[1:]),
    ]


def _choices(architecture: Architecture) -> list[tuple[str, int, int, int, int]]:
    """Return (block, layers, experts, chosen ones, values of an expert) where all are whole numbers."""
    found: dict[str, tuple[str, int, int, int, int]] = {}
    for op, weight in figures.weights(architecture.lower(Workload())):
        if weight.chosen is None or not weight.stored or weight.keep is not None or not isinstance(weight.chosen, int):
            continue
        if weight.role == "norm":  # of kinds of tokens
            continue
        name = op.path.removesuffix(".experts." + op.path.rpartition(".")[2]).rpartition(".")[2]
        experts = int(weight.shape[0])
        if name not in found:
            found[name] = (name, int(weight.stored), experts, int(weight.chosen), 0)
        _, places, _, chosen, expert = found[name]
        found[name] = (name, places, experts, chosen, expert + weight.values // experts)
    return list(found.values())
