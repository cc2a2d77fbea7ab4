"""Expectations are compared before they are rounded."""

from __future__ import annotations

from fractions import Fraction

import pytest

from costmodel.verify.equality import as_rounded


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [(Fraction(21, 2), 10), (Fraction(43, 4), 11), (11, 11), (10, 9), (Fraction(41, 4), 9), (14, 13), (7, 6)],
)
def test_only_the_same_number_is_the_same_when_rounded(theirs: int | Fraction, expected: int) -> None:
    assert as_rounded(10, Fraction(21, 2), theirs) == expected
