"""Terms of an expression, and what they are worth: exact fractions, or true and false."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from costmodel.errors import UsageError
from costmodel.gate.numbers import UNITS, ExpressionError

WORDS = ("and", "or", "not")
FUNCTIONS: dict[str, Callable[..., Fraction]] = {"min": min, "max": max, "abs": abs}
COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class Reference(NamedTuple):
    """A figure: of which spec (None: the one that is checked), its dotted name, at which workload."""

    spec: str | None
    name: str
    at: str | None

    @property
    def text(self) -> str:
        """Return the reference as it is written."""
        return f"{f'{self.spec}:' if self.spec else ''}{self.name}{f'@{self.at}' if self.at else ''}"


Lookup = Callable[[Reference], Fraction]
Value = Fraction | bool


@dataclass(slots=True, frozen=True)
class Node:
    """A term: what it does, with which parts. ``start`` and ``end`` are its place in the text."""

    kind: str  # number, reference, not, negate, call, or a sign or word
    parts: tuple[Node, ...]
    start: int
    end: int
    number: Fraction | None = None
    reference: Reference | None = None
    function: str = ""
    measures: str | None = None  # of a number with a unit: bytes, seconds, FLOP, count

    @property
    def is_truth(self) -> bool:
        """Say whether the term is true or false rather than a number."""
        return self.kind in COMPARE or self.kind in WORDS


@dataclass(slots=True, frozen=True)
class Expression:
    """A text and what it says."""

    text: str
    root: Node

    @property
    def references(self) -> list[Reference]:
        """Return the figures that it names, each once."""
        return list(dict.fromkeys(node.reference for node in _walk(self.root) if node.reference))

    def check_units(self, dimension: Callable[[str], str]) -> None:
        """Raise ExpressionError where unlike things are added or compared; ``dimension`` is that of a figure."""
        _measures(self.root, dimension)

    def value(self, lookup: Lookup) -> Value:
        """Return what it is, exactly. ``and`` and ``or`` look only as far as they must.

        Raises:
            UsageError: it divides by zero; whatever ``lookup`` raises.
        """
        return _value(self.root, lookup)

    def sides(self, lookup: Lookup) -> tuple[str, Fraction, str, str, Fraction] | None:
        """Return the comparison that decided: left text and value, sign, right text and value.

        Of a conjunction that fails, the first part that fails; None where no comparison stands there.
        """
        node = self.root
        while node.kind == "and":
            node = next((part for part in node.parts if not _value(part, lookup)), node.parts[-1])
        if node.kind not in COMPARE:
            return None
        left, right = node.parts
        values = _number(left, lookup), _number(right, lookup)
        return self.text[left.start : left.end], values[0], node.kind, self.text[right.start : right.end], values[1]


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from _walk(part)


def _measures(node: Node, dimension: Callable[[str], str]) -> str | None:
    """Return what a term measures, None where it is a plain number or nobody can tell."""
    if node.reference is not None:
        return dimension(node.reference.name)
    if node.number is not None:
        return node.measures
    each = [_measures(part, dimension) for part in node.parts]
    known = [one for one in each if one is not None]
    if node.kind == "*":
        return known[0] if len(known) == 1 else None
    if node.kind == "/":
        return each[0] if each[1] is None else None
    if node.kind in COMPARE or node.kind in "+-" or node.kind == "call":
        if len(set(known)) > 1:
            raise ExpressionError(f"{known[0]} and {known[1]} are unlike", node.start, 'bytes: "10 GB"; values: "40B"')
        if node.kind in COMPARE and known and known[0] in UNITS:
            _check_literals(node, known[0])
        return known[0] if known and node.kind not in COMPARE else None
    return known[0] if node.kind == "negate" and known else None


def _check_literals(node: Node, dimension: str) -> None:
    """Raise ExpressionError where a figure that has a unit is compared with a number that has none."""
    for part in node.parts:
        if part.kind == "number" and part.measures is None and part.number:
            raise ExpressionError(
                f"a figure in {dimension} is compared with a number without a unit",
                part.start,
                f'as in "{UNITS[dimension]}"',
            )


def _value(node: Node, lookup: Lookup) -> Value:
    if node.kind == "and":
        return all(_value(part, lookup) for part in node.parts)
    if node.kind == "or":
        return any(_value(part, lookup) for part in node.parts)
    if node.kind == "not":
        return not _value(node.parts[0], lookup)
    if node.kind in COMPARE:
        left, right = node.parts
        return COMPARE[node.kind](_number(left, lookup), _number(right, lookup))
    return _number(node, lookup)


def _number(node: Node, lookup: Lookup) -> Fraction:
    if node.number is not None:
        return node.number
    if node.reference is not None:
        return lookup(node.reference)
    numbers = [_number(part, lookup) for part in node.parts]
    if node.kind == "negate":
        return -numbers[0]
    if node.kind == "call":
        return FUNCTIONS[node.function](*numbers)
    if node.kind == "/" and not numbers[1]:
        raise UsageError("the expression divides by zero", "AC222")
    return _ARITHMETIC[node.kind](*numbers)
