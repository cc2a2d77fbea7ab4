"""The text of a spec is read as the data that it was written from, and no line is longer than need be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from costmodel.importers.spec_text import to_yaml

NAMES = st.sampled_from(("mamba", "local-kv", "a", "moe", "x.1"))
ITEMS = st.tuples(st.integers(1, 9), NAMES).map(lambda item: f"{item[0]} {item[1]}")
SCHEDULES = st.lists(ITEMS, min_size=2, max_size=60).map(" then ".join)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-5, 10**12),
    st.text(max_size=130),
    SCHEDULES,
    SCHEDULES.map(lambda text: text.replace(" then ", "  then ")),
    st.lists(SCHEDULES, min_size=1, max_size=3),
    st.dictionaries(NAMES, st.integers(0, 99_999), max_size=30),
)
DOCUMENTS = st.fixed_dictionaries(
    {"blocks": st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, min_size=1), min_size=1, max_size=2)},
    optional={"layer": VALUES, "title": VALUES},
)


@given(DOCUMENTS)
def test_it_is_read_as_it_was(document: dict[str, Any]) -> None:
    assert yaml.safe_load(to_yaml(document)) == document


@pytest.mark.parametrize("value", ["then ".join(["moe "] * 60).strip(), ["then ".join(["moe "] * 60).strip()]])
def test_long_schedules_are_folded(value: Any) -> None:
    text = to_yaml({"blocks": {"b": {"kind": "moe"}}, "layer": value})
    assert max(map(len, text.splitlines())) <= 100
    assert yaml.safe_load(text)["layer"] == value
