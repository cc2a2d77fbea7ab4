"""A schedule that is recognised says the layers that it was recognised in, and says them briefly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.importers.schedules import shortest
from costmodel.schedule import expand

ENTRIES = st.lists(st.sampled_from(("a", "b", "c", "a & b", "none")), min_size=1, max_size=40)
CYCLES = st.builds(
    lambda first, cycle, times, rest: [*first, *cycle * times, *rest],
    st.lists(st.sampled_from("ab"), max_size=4),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=7),
    st.integers(1, 9),
    st.lists(st.sampled_from("ab"), max_size=4),
)


def entries(names: list[str]) -> list[tuple[str, ...]]:
    return [() if name == "none" else tuple(name.split(" & ")) for name in names]


@given(ENTRIES | CYCLES)
def test_it_says_the_same_layers(layers: list[str]) -> None:
    assert expand(shortest(layers), len(layers), "layer") == entries(layers)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (["mla"] * 61, "mla"),
        (["dense"] * 3 + ["moe"] * 58, "3 dense then moe"),
        ((["local"] * 5 + ["global"]) * 10 + ["local"] * 2, "repeat 5 local + global"),
        ((["linear"] * 3 + ["full"]) * 12, "repeat 3 linear + full"),
        (["a", "b", "a", "c", "c"], "a then b then a then c"),
        (["full"] + ["local"] * 2 + ["full", "local", "local"] * 3 + ["moe"] * 4, "4 x (full + 2 local) then moe"),
    ],
)
def test_it_is_what_a_person_would_write(layers: list[str], text: str) -> None:
    assert shortest(layers) == text
