"""Arithmetic that serves whole numbers, traced numbers and arrays alike.

A *size* is what a formula is fed with. At a single point it is a Python ``int`` (exact, of any
length); for ``explain`` it is a traced ``int`` that remembers its formula; in a sweep it is a NumPy
array. Under ``keep`` (Mixture of Depths) sizes are expectations: exact fractions. Formulas use
``+ - * //`` and the few functions below and never ask which one they were given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

# Read it as int. Arrays, traced integers and fractions share no static type, only their operators.
Size: TypeAlias = Any
_PLAIN = frozenset((int, float))


def minimum(a: Size, b: Size) -> Size:
    """Return the smaller size, element by element for arrays."""
    if type(a) in _PLAIN and type(b) in _PLAIN:
        return a if a < b else b
    return _pick("minimum", a, b)


def maximum(a: Size, b: Size) -> Size:
    """Return the larger size, element by element for arrays."""
    if type(a) in _PLAIN and type(b) in _PLAIN:
        return a if a > b else b
    return _pick("maximum", a, b)


def _pick(name: str, a: Any, b: Any) -> Any:
    """Let the operand that is not a plain number decide how to choose."""
    for value in (a, b):
        chooser = getattr(value, "pick", None)  # a traced integer
        if chooser is not None:
            return chooser(name, a, b)
    if hasattr(a, "shape") or hasattr(b, "shape"):
        import numpy

        return getattr(numpy, name)(a, b)
    return min(a, b) if name == "minimum" else max(a, b)


def ceil_div(a: Size, b: Size) -> Size:
    """Divide and round up, exactly."""
    return -(-a // b)


def round_up(a: Size, b: Size) -> Size:
    """Round up to a multiple of ``b``."""
    return (a + (b - 1)) // b * b


def indicator(condition: Any) -> Size:
    """Return 1 where a condition on sizes holds and 0 elsewhere."""
    if hasattr(condition, "shape"):
        if condition.all():
            return 1  # mostly a whole block of a sweep agrees, and one way need not be computed
        return condition.astype("int64") if condition.any() else 0
    return 1 if condition else 0


def total(terms: Iterable[Any]) -> Any:
    """Sum sizes, plain numbers first: between arrays every addition passes over memory."""
    plain = 0
    rest: Any = None
    for term in terms:
        if type(term) is int:
            plain += term
        else:
            rest = term if rest is None else rest + term
    if rest is None:
        return plain
    return rest + plain if plain else rest


def combine(terms: Iterable[tuple[Any, Any]]) -> Any:
    """Sum coefficient x size, the coefficients of one and the same array first."""
    plain = 0
    arrays: dict[int, list[Any]] = {}
    for coefficient, size in terms:
        if hasattr(size, "shape"):
            found = arrays.setdefault(id(size), [0, size])
            found[0] += coefficient
        else:
            plain += coefficient * size
    return total([plain, *(coefficient * size for coefficient, size in arrays.values())])


def absent(size: Size) -> bool:
    """Say whether a size is a plain zero, so that the operation it counts does not exist here."""
    return not hasattr(size, "shape") and size == 0
