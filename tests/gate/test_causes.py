"""What a line does to a figure: the causes of a change add up to it, whatever the specs are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.gate import files
from costmodel.gate.causes import causes as causes_of
from costmodel.gate.causes import changes, largest_within
from costmodel.gate.diff import diff
from costmodel.gate.workloads import Load

CONTEXT = Load(context="128Ki")
WANTED = [("params.total", None), ("params.active", None), ("cache.bytes", CONTEXT), ("flops.decode", CONTEXT)]
SUBJECTS = {
    name: subject
    for name in catalog.names()
    if isinstance((subject := files.read(catalog.find(name))).model, Architecture)
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_nothing_differs_from_itself(name: str) -> None:
    page = diff(name, name)
    assert not page.differs
    assert page.specs[0].equal > 20
    assert changes(SUBJECTS[name].document.data, SUBJECTS[name].document.data) == []


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(SUBJECTS)), st.sampled_from(sorted(SUBJECTS)))
def test_causes_add_up_to_the_whole_change(first: str, last: str) -> None:
    base, head = SUBJECTS[first], SUBJECTS[last]
    found = causes_of(base.document.data, head, WANTED)
    for index, (name, load) in enumerate(WANTED):
        whole = head.figures(name, load) - base.figures(name, load)
        assert sum((cause.deltas[index] for cause in found), Fraction(0)) == whole
    told = [change for cause in found for change in cause.changes]
    assert sorted(told, key=str) == sorted(changes(base.document.data, head.document.data), key=str)


def test_each_line_by_hand(designs: Path) -> None:
    base, head = SUBJECTS["deepseek-v3"], files.read(designs / "designs" / "v3-wide-shared.yaml")
    first, second = causes_of(base.document.data, head, WANTED)
    assert (first.path, first.mark.line, first.mark.column) == ("blocks.mla.kv_lora_rank", 5, 23)
    # 128 more latent dims in 61 layers: down from 7168, a norm, up to 128 heads of 128 + 128
    assert first.deltas[0] == 61 * 128 * (7168 + 1 + 128 * (128 + 128))
    assert first.deltas[2] == 61 * 128 * 2 * 131_072
    assert (second.path, second.mark.line, second.mark.column) == ("blocks.moe.shared.d_ff", 6, 24)
    assert second.deltas[0] == 58 * 3 * 7168 * 1024
    assert second.deltas[2] == 0


def test_the_largest_number_within_a_limit(designs: Path) -> None:
    base, head = SUBJECTS["deepseek-v3"], files.read(designs / "designs" / "v3-wide-shared.yaml")
    cause = causes_of(base.document.data, head, WANTED)[0]
    limit = 61 * (561 + 64) * 2 * 131_072
    assert largest_within(head, cause, "cache.bytes", CONTEXT, Fraction(limit)) == 561
    assert largest_within(head, cause, "cache.bytes", CONTEXT, Fraction(limit - 1)) == 560
    assert largest_within(head, cause, "cache.bytes", CONTEXT, Fraction(1)) is None  # not even before


def test_what_is_impossible_alone_is_one_cause(tmp_path: Path) -> None:
    path = tmp_path / "both.yaml"
    path.write_text(
        "base: llama-3.1-8b\nname: both\nn_layers: 30\nblocks:\n"
        "  local: {kind: attention, n_heads: 32, n_kv_heads: 8, head_dim: 128, window: 1024}\n"
        "mixer: 10 x (2 local + attention)\n"
    )
    head = files.read(path)
    found = causes_of(SUBJECTS["llama-3.1-8b"].document.data, head, WANTED)
    paths = [[change.path[0] for change in cause.changes] for cause in found]
    assert sum(len(each) for each in paths) == 3
    assert any({"blocks", "mixer"} <= set(each) or "mixer" in each for each in paths)
    assert sum((cause.deltas[2] for cause in found), Fraction(0)) == head.figures("cache.bytes", CONTEXT) - SUBJECTS[
        "llama-3.1-8b"
    ].figures("cache.bytes", CONTEXT)


def test_a_line_that_feeds_several_blocks_is_one_cause(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("base: gemma-3-27b\nname: g\nblocks:\n  global: {n_kv_heads: 8}\n")
    head = files.read(path)
    found = causes_of(SUBJECTS["gemma-3-27b"].document.data, head, WANTED)
    assert len(found) == 1
    assert found[0].mark.line == 4
