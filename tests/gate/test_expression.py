"""The language of assertions: worth exactly what arithmetic says, and nothing but that language."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import ArchcalcError, UsageError
from costmodel.gate.expression import parse, read
from costmodel.gate.numbers import ExpressionError, dimension_of, read_number
from costmodel.gate.terms import Reference

FIGURES = {
    "a.x": Fraction(6),
    "a.y": Fraction(4),
    "n_layers": Fraction(3),
    "b.z@long": Fraction(5),
    "s-1:a.x": Fraction(7),
}


def look_up(reference: Reference) -> Fraction:
    return FIGURES[reference.text]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),  # from the left
        ("12 / 4 / 2", Fraction(3, 2)),
        ("-a.x + 10", 4),
        ("2 * -3", -6),
        ("a.x / a.y", Fraction(3, 2)),
        ("min(a.x, a.y, 5) + max(1, 2) + abs(0 - 2)", 8),
        ("b.z@long", 5),
        ('"b.z@long" * 2', 10),
        ("s-1:a.x - a.x", 1),
        ("1_000 + 1e3 + 1.5", Fraction(4003, 2)),
        ("40B", 40 * 10**9),
        ("128Ki", 131_072),
        ("10 GB", 10**10),
        ("10 GiB", 10 * 2**30),
        ("512 B", 512),  # bytes behind a space, a billion where it touches
        ("1.5%", Fraction(3, 200)),
        ("50 ms", Fraction(1, 20)),
        ("2 TFLOP", 2 * 10**12),
    ],
)
def test_numbers(text: str, value: Fraction | int) -> None:
    assert read(text).value(look_up) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.x > a.y", True),
        ("a.x <= 6 and a.y < 4", False),
        ("a.x < 1 or a.y == 4", True),
        ("not a.x == a.y", True),
        ("not (a.x == 6 and a.y == 4)", False),
        ("3 < a.y < 5", True),
        ("3 < a.y < 4", False),
        ("a.x >= 6", True),
        ("a.x != 6", False),
        ("1 < 2 or 1 / 0 > 1", True),  # looked at no further than needed
        ("2 < 1 and 1 / 0 > 1", False),
    ],
)
def test_truth(text: str, value: bool) -> None:
    assert parse(text).value(look_up) is value


def test_the_figures_of_an_expression_are_listed_once() -> None:
    found = parse("a.x / a.y < base:a.x@long and a.x > 0").references
    assert found == [Reference(None, "a.x", None), Reference(None, "a.y", None), Reference("base", "a.x", "long")]


def test_what_failed_is_the_first_part_that_is_false() -> None:
    found = parse("a.x > 5 and a.x / a.y > 2 and 1 > 2").sides(look_up)
    assert found == ("a.x / a.y", Fraction(3, 2), ">", "2", Fraction(2))


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 0, "expected a figure or number, not the end"),
        ("params.active", 0, "an assertion compares something"),
        ("params.active <", 15, "expected a figure or number, not the end"),
        ("1 < 2 3", 6, 'expected an operator, not "3"'),
        ("(1 < 2", 0, 'this "(" is not closed'),
        ("1 < 2)", 5, 'expected an operator, not ")"'),
        ("1 and 2 > 1", 0, '"1" is a number, not true or false'),
        ("(1 < 2) + 1 > 2", 0, '"(1 < 2)" is true or false, not a number'),
        ("eval(1) > 0", 0, 'there is no function "eval"'),
        ("a.x.__class__() > 0", 0, 'there is no function "a.x.__class__"'),
        ("9**9 > 1", 2, 'expected a figure or number, not "*"'),
        ("[1] > 0", 0, '"[" is nothing that an expression may hold'),
        ("x if y else z", 2, 'expected an operator, not "if"'),
        ("lambda: 1", 6, '":" is nothing that an expression may hold'),
        ("1 < 2 XB", 6, 'there is no unit "XB"'),
        ("abs(1, 2) > 0", 0, "abs takes one number"),
        ("min(1) > 0", 0, "min takes two numbers or more"),
        ('"" > 0', 0, '"" is no name of a figure'),
        ("(" * 60 + "1" + ")" * 60 + " > 0", 31, "more than 30 levels"),
        (" + ".join(["1"] * 101) + " > 0", 400 - 0, "an expression has at most 400 characters, not 405"),
        ("1" + "+1" * 120 + ">0", 200, "an expression has at most 200 terms"),
    ],
)
def test_what_is_no_expression_says_where(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.message == message
    if "characters" not in message:
        assert caught.value.column == column


def test_dividing_by_zero_is_an_error() -> None:
    with pytest.raises(UsageError, match="divides by zero"):
        parse("1 / (a.x - 6) > 0").value(look_up)


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_a_user_error(text: str) -> None:
    with suppress(ArchcalcError, KeyError):  # a figure that is not there
        read(text).value(look_up)


_numbers = st.integers(0, 50).map(lambda n: (str(n), Fraction(n)))


def _combined(parts: st.SearchStrategy[tuple[str, Fraction]]) -> st.SearchStrategy[tuple[str, Fraction]]:
    def join(left: tuple[str, Fraction], sign: str, right: tuple[str, Fraction]) -> tuple[str, Fraction]:
        value = {"+": left[1] + right[1], "-": left[1] - right[1], "*": left[1] * right[1]}[sign]
        return f"({left[0]} {sign} {right[0]})", value

    return st.builds(join, parts, st.sampled_from("+-*"), parts)


@given(st.recursive(_numbers, _combined, max_leaves=8))
def test_arithmetic_is_that_of_fractions(case: tuple[str, Fraction]) -> None:
    text, value = case
    assert read(text).value(look_up) == value


@given(
    st.integers(0, 10**12), st.sampled_from(["k", "M", "B", "T", "Ki", "Mi", " GB", " GiB", "%", " ms", " GFLOP", ""])
)
def test_a_number_with_its_unit_alone_and_in_an_expression_is_the_same(number: int, unit: str) -> None:
    text = f"{number}{unit}"
    assert read(text).value(look_up) == read_number(text)
    assert dimension_of(text) in ("count", "bytes", "share", "seconds", "FLOP")
