"""Budget files: every mistake has its line and a way out; patterns match what they say."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from costmodel.errors import ArchcalcError, UsageError
from costmodel.gate.budgets import read_budgets
from costmodel.gate.patterns import checked, matches

TEXT = """\
version: 1
workloads:
  long: {context: 128Ki, batch: 2}
severity: {AC155: off}
budgets:
  - match: "designs/**/*.yaml"
    rules:
      params.active: {max: 38B}
      cache.bytes: [{max: 10 GB, at: long}, {min: 1 MiB, at: 4Ki, severity: warning}]
      params.total: {equals: 671B, why: as published}
      cache.values@long: {equals: 4000, tolerance: 1%}
      flops.per_token: {max_increase: 1%, vs: base, at: long}
      fits: {hardware: 8x h200-sxm, weights: fp8, at: long}
    assert:
      - params.active / params.total < 0.1
      - {expr: "cache.bytes@long < 10 GB", severity: note}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "b.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_rule_is_read_with_its_line(tmp_path: Path) -> None:
    found = read_budgets(written(tmp_path, TEXT))
    (group,) = found.groups
    rows = [(r.id, r.kind, r.severity, r.mark.line, r.at, r.bound) for r in group.rules]
    assert rows == [
        ("AC201", "max", None, 8, None, 38 * 10**9),
        ("AC201", "max", None, 9, "long", 10**10),
        ("AC202", "min", "warning", 9, "4Ki", 2**20),
        ("AC203", "equals", None, 10, None, 0),  # at its digits
        ("AC203", "equals", None, 11, "long", 4000),
        ("AC204", "max_increase", None, 12, "long", Fraction(1, 100)),
        ("AC205", "fits", None, 13, "long", 0),
        ("AC206", "assert", None, 15, None, 0),
        ("AC206", "assert", "note", 16, None, 0),
    ]
    fits = group.rules[6].load
    assert fits is not None
    assert (fits.step, fits.choices.batch, fits.machines, fits.choices.recipe.text) == (
        (1, 131_071), 2, (8, "h200-sxm"), "weights=fp8",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "place", "message", "hint"),
    [
        (("38B", "38X"), "8:28", 'error AC221: there is no unit "X"', "units: k M B T"),
        (("max: 10 GB", "max: 40B"), "9:27", 'error AC221: "40B" is no amount of a figure in bytes', 'as in "10 GB"'),
        (("max: 38B", "max: 5 ms"), "8:28", 'error AC221: "5 ms" is no amount of a figure in count', 'as in "40B"'),
        (("at: long}, {min", "at: lng}, {min"), "9:38", 'error AC223: there is no workload "lng"', "workloads: long"),
        (("params.active: {", "params.activ: {"), "8:7", 'AC223: there is no figure "params.activ"', "params.active?"),
        (("{max: 38B}", "{mx: 38B}"), "8:23", 'error AC102: budgets[0].rules.params.active has no field "mx"', "max?"),
        (("{max: 38B}", "{}"), "8:7", "error AC101: params.active has no limit", "max, min, equals"),
        (("< 0.1", "<"), "15:9", "error AC221: expected a figure or number, not the end", ""),
        (("params.total < 0.1", "params.totl < 0.1"), "15:9", 'error AC223: there is no figure "params.totl"', ""),
        (("hardware: 8x h200-sxm, ", ""), "13:7", "error AC101: fits has no hardware", "hardware: 8x h200-sxm"),
        (("budgets:", "budget:"), "5:1", 'error AC102: there is no field "budget"', "did you mean budgets?"),
        (("128Ki", "12zz"), "3:19", 'error AC106: workloads.long.context: "12zz" is not a count', ""),
        (("batch: 2", "batch: 0"), "3:33", "error AC106: workloads.long.batch: 0 is not a number from 1 to 2^60", ""),
        (("context: 128Ki", "context: 1, new: 2"), "3:3", "AC120: context, and new with cached, ask for two", ""),
        (("AC155: off", "AC999: off"), "4:12", 'error AC102: there is no rule "AC999"', ""),
        (("AC155: off", "AC155: loud"), "4:19", "error AC103: severity.AC155 must be", ""),
        (("version: 1", "version: 2"), "1:10", "error AC103: version must be 1, not 2", ""),
        (("tolerance: 1%", "tolerance: x"), "11:", 'error AC221: "x" is not a number', ""),
        (("equals: 671B", "equals: many"), "10:30", 'error AC221: "many" is not a number', ""),
        (("max_increase: 1%", "max_increase: 10 GB"), "12:39", 'AC221: "10 GB" is no amount of a figure in FLOP', ""),
        (("params.active / params.total < 0.1", "params.active < 10 GB"), "15:9", "count and bytes are unlike", ""),
        (("< 10 GB", "< 40B"), "16:9", "AC221: bytes and count are unlike", 'bytes: "10 GB"'),
        (("params.active: {max: 38B}", "params.active: []"), "8:7", "AC101: params.active has no limit", "{max: 40B}"),
        (('match: "designs/**/*.yaml"', "match: []"), "6:5", "AC101: the budget matches nothing", ""),
        (("weights: fp8", "weights: fp9"), "13:46", 'error AC106: there is no dtype "fp9"', "dtypes: "),
        (("flops.per_token: {max_increase: 1%, vs: base, at: long}", "flops.per_token: {max: 1 TFLOP}"), "12:7",
         'error AC224: the figure "flops.per_token" needs a workload or context', "at: 128Ki"),
        (("cache.bytes@long <", "cache.bytes <"), "16:9", 'AC224: the figure "cache.bytes" needs', "@128Ki"),
        (("< 10 GB", "< 10"), "16:9", "a figure in bytes is compared with a number without a unit", 'as in "10 GB"'),
        (("max_increase: 1%", "max_increase: 1"), "12:39", 'AC221: 1 has no unit, and the figure is one in FLOP', ""),
        (("params.active: {max: 38B}", "params.active: {max: 3.4}"), "8:28", "a limit of 3.4 parameters lacks", "3.4B"),
        (("params.active: {max: 38B}", "params.active: {max_increase: 1}"), "8:37", "AC106: a limit of 1 par", "1%"),
        (("cache.bytes: [{max: 10 GB, at: long}", '"cache.bytes@8Ki": [{max: 10 GB, at: long}'), "9:27",
         "error AC120: cache.bytes@8Ki names a workload, and so does at", "keep one of them"),
        (("8x h200-sxm", "8x h300"), "13:24", 'AC001: no hardware "h300"', "did you mean"),
        (("batch: 2}", "batch: 2, hardware: h300}"), "3:46", 'AC001: no hardware "h300"', "did you mean"),
        (("  long: {context", "  64Ki: {context"), "3:3", 'AC106: "64Ki" is a context, not a name', "name it other"),
        (("{max: 38B}", "{max: 38B, tolerance: 1%}"), "8:33", "AC120: tolerance is of equals, and there is none", ""),
        (("{max: 38B}", "{max: 38B, vs: base}"), "8:33", "vs is of max_increase or max_decrease", "leave it out"),
        (("batch: 2}", "batch: 0}"), "3:33", "AC106", ""),
        (("params.active: {max: 38B}", "params.active:"), "8:7", "error AC103: params.active has no value", "give it"),
        (("{max: 38B}", "{max: , min: 1M}"), "8:23", "error AC103: max has no value", "leave it out"),
        (("max: 38B", "max: 38b"), "8:28", 'there is no unit "b"', "did you mean B?"),
        (("vs: base, at", "vs: bsae, at"), "12:47", 'AC001: no spec "bsae" in the catalog', "did you mean base?"),
        (("params.active / params.total", "params.active / nosuch:params.total"), "15:9", 'no spec "nosuch"', ""),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_a_way_out(
    edit: tuple[str, str], place: str, message: str, hint: str, tmp_path: Path
) -> None:
    assert edit[0] in TEXT
    path = written(tmp_path, TEXT.replace(edit[0], edit[1], 1))
    with pytest.raises(ArchcalcError) as caught:
        read_budgets(path)
    said = str(caught.value)
    assert said.startswith(f"{path}:{place}"), said
    assert message in said
    assert hint in said


@pytest.mark.parametrize(
    ("pattern", "path", "name", "matched"),
    [
        ("*", "designs/a.yaml", "a", True),
        ("designs/*.yaml", "designs/a.yaml", "a", True),
        ("designs/*.yaml", "designs/deep/a.yaml", "a", False),
        ("designs/**/*.yaml", "designs/a.yaml", "a", True),
        ("designs/**/*.yaml", "designs/deep/er/a.yaml", "a", True),
        ("designs/**", "designs/deep/a.yaml", "a", True),
        ("designs/**", "other/a.yaml", "a", False),
        ("v3-*", "designs/x.yaml", "v3-wide", True),
        ("a.yaml", "designs/a.yaml", "b", True),
        ("?.yaml", "designs/ab.yaml", "ab", False),
        ("./designs/*.yaml", "designs/a.yaml", "a", True),
        ("designs/", "designs/deep/a.yaml", "a", True),
    ],
)
def test_patterns(pattern: str, path: str, name: str, matched: bool) -> None:
    assert matches([checked(pattern)], ["elsewhere/other", path], name) is matched


def test_a_small_number_is_one_however_it_is_written(tmp_path: Path) -> None:
    for text in ("0.0000400", "4e-5", '"4e-05"', "4.0E-5"):
        path = written(tmp_path, f"budgets: [{{rules: {{d_model: {{max: {text}}}}}}}]\n")
        (rule,) = read_budgets(path).groups[0].rules
        assert rule.bound == Fraction(4, 100_000), text


PIECES = ["**/", "**", "*", "?", "a", "b", "/"]


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.lists(st.sampled_from("ab/"), max_size=8))
def test_a_glob_is_the_regular_expression_that_it_stands_for(pieces: list[str], letters: list[str]) -> None:
    pattern, path = "".join(pieces), re.sub("/+", "/", "".join(letters)).strip("/")
    tokens = re.findall(r"\*\*/|\*\*|.", pattern)
    assume(all(before.endswith("/") for before, token in pairwise(tokens) if token == "**/"))  # of whole names
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    whole = re.compile("".join(known.get(token, token) for token in tokens))
    assert matches([f"x/{pattern}"], [f"x/{path}"], "name") is bool(whole.fullmatch(path))


def test_many_stars_are_matched_at_once() -> None:
    deep = "/".join("a" * 24)
    assert not matches(["**/" * 14 + "x"], [f"{deep}/y"], "name")
    assert not matches(["*a" * 40 + "b"], ["a" * 250], "name")
    assert matches(["**/a/" * 12 + "**"], [deep], "name")


@pytest.mark.parametrize("pattern", ["", "./", "/designs/*", "~/designs/*", "designs/{a,b}.yaml", "d[1].yaml", "!a"])
def test_a_pattern_that_can_match_nothing_is_a_mistake(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        checked(pattern)
    path = written(tmp_path, TEXT.replace("designs/**/*.yaml", pattern))
    with pytest.raises(ArchcalcError, match=r"b\.yaml|glob|empty|absolute") as caught:
        read_budgets(path)
    assert f"{path}:6:12: error AC225" in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    start=st.integers(0, len(TEXT)), length=st.integers(0, 40), text=st.text(st.characters(codec="utf-8"), max_size=20)
)
def test_any_damage_is_a_user_error(start: int, length: int, text: str, tmp_path: Path) -> None:
    path = written(tmp_path, TEXT[:start] + text + TEXT[start + length :])
    with suppress(ArchcalcError):
        read_budgets(path)
