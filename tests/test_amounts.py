"""Numbers as tables print them: one unit, halves up, never cut, never in scientific form."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.amounts import (
    bytes_text,
    bytes_unit,
    fixed,
    flops_unit,
    params_text,
    params_unit,
    percent,
    ratio,
    shared_params_unit,
    significant,
)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 2, "0.00"),
        (Fraction(1, 2), 0, "1"),
        (Fraction(5, 1000), 2, "0.01"),
        (Fraction(4999, 1_000_000), 2, "0.00"),
        (1234567, 1, "1,234,567.0"),
        (Fraction(-1, 8), 2, "-0.13"),
        (Fraction(-1, 1000), 2, "0.00"),
        (10**30, 0, "1" + ",000" * 10),
    ],
)
def test_fixed(value: int | Fraction, digits: int, text: str) -> None:
    assert fixed(value, digits) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (Fraction(67103, 100), 3, "671"),
        (Fraction(102641, 100), 2, "1,026"),  # digits before the point are never lost
        (Fraction(9996, 1000), 3, "10.0"),  # rounding gives one digit more
        (Fraction(9995, 10000), 3, "1.00"),
        (Fraction(312, 10000), 2, "0.031"),
        (5, 3, "5.00"),
        (Fraction(1, 3), 4, "0.3333"),
        (0, 3, "0"),
    ],
)
def test_significant(value: int | Fraction, digits: int, text: str) -> None:
    assert significant(value, digits) == text


@given(st.fractions(), st.integers(0, 6))
def test_fixed_is_the_nearest_decimal(value: Fraction, digits: int) -> None:
    shown = Fraction(fixed(value, digits).replace(",", ""))
    assert abs(shown - value) <= Fraction(1, 2 * 10**digits)


@pytest.mark.parametrize(
    ("last", "first", "text"),
    [
        (400711848960, 671026404352, "0.60x"),
        (7055, 230018, "0.031x"),
        (508, 100, "5.08x"),
        (44, 1, "44.00x"),
        (100, 1, "100x"),
        (13251, 100, "133x"),
        (1, 10_000, "<0.001x"),
        (0, 5, "-"),
        (5, 0, "-"),
        (7, 7, "1.00x"),
    ],
)
def test_ratio(last: int, first: int, text: str) -> None:
    assert ratio(last, first) == text


def test_parameters() -> None:
    assert params_text(671026404352, params_unit(671026404352)) == "671.03B"
    assert params_text(1026408232448, params_unit(1026408232448)) == "1026.41B"
    assert params_text(134515008, params_unit(134515008)) == "134.52M"
    assert params_text(95040, params_unit(95040)) == "95.04k"
    assert params_text(0, params_unit(10**9)) == "0"


def test_bytes() -> None:
    assert bytes_text(70272, "si", 1) == "70.3 kB"
    assert bytes_text(512, "si", 1) == "512 B"
    assert bytes_text(9210691584, "iec") == "8.58 GiB"
    assert bytes_unit([287834112, 9210691584]).name == "GB"
    assert bytes_unit([287834112, 9210691584]).of(287834112) == "0.29"
    assert bytes_unit([]).name == "B"


@given(st.lists(st.integers(1, 10**16), min_size=1, max_size=5))
def test_the_smallest_number_keeps_two_significant_digits(values: list[int]) -> None:
    for unit in (bytes_unit(values), bytes_unit(values, "iec"), bytes_unit(values, "si", 3), flops_unit(values)):
        text = unit.of(min(values)).replace(",", "").replace(".", "").lstrip("0")
        assert len(text) >= 2 or (unit.size == 1 and min(values) < 10) or unit.name == "kFLOP"


def test_percent() -> None:
    assert percent(974, 1000) == "97.4%"
    assert percent(1, 1_000_000) == "0.0%"
    assert percent(1, 0) == "-"
    assert percent(1, 3, 0) == "33%"


@pytest.mark.parametrize(
    ("values", "name"),
    [([671 * 10**9, 10**8], "B"), ([671 * 10**9, 99 * 10**6], "M"), ([10**9, 50_000], "k"), ([], "k"), ([5], "k")],
)
def test_one_unit_of_parameters_keeps_two_digits_of_the_smallest(values: list[int], name: str) -> None:
    assert shared_params_unit(values).name == name
