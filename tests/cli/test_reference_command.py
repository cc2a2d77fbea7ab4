"""``archcalc reference``: the tables of the documentation, in every format, as the code has them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import costmodel
from costmodel.render import escape
from costmodel.report.reference_fields import owners

CALLS = (
    ("kinds",), ("fields", "attention"), ("fields", "architecture"), ("fields", "tower"), ("fields", "altup"),
    ("operations",), ("codes",), ("words",), ("steps",), ("dtypes",), ("roles",), ("keys",), ("devices", "count"),
    ("devices", "figures"), ("timing",), ("rules",), ("claims",), ("fields", "budgets"), ("fields", "workload"),
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_format_has_the_same_rows(call: tuple[str, ...], archcalc) -> None:
    found = json.loads(archcalc("reference", *call, "--format", "json").out)
    assert list(found)[:3] == ["schema", "command", "name"]
    keys = [column["key"] for column in found["columns"]]
    rows = [row for part in found["parts"] for row in part["rows"]]
    assert rows
    assert all(list(row) == keys for row in rows)
    heads, *lines = list(csv.reader(io.StringIO(archcalc("reference", *call, "--format", "csv").out)))
    assert heads == (["part", *keys] if len(found["parts"]) > 1 else keys)
    assert len(lines) == len(rows)
    assert {len(line) for line in lines} == {len(heads)}
    tables = re.findall(r"(?:^\|.*\|\n)+", archcalc("reference", *call, "--format", "markdown").out, re.MULTILINE)
    assert len(tables) == len(found["parts"])
    assert sum(len(table.splitlines()) - 2 for table in tables) == len(rows)
    for table in tables:
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} == {len(keys) + 1}
    # a table over several pages repeats its head, one that is too wide is cut into two
    assert archcalc("reference", *call, "--format", "latex").out.count("\\\\\n") >= len(rows) + len(tables)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
@pytest.mark.parametrize("columns", [48, 80])
def test_pages_fit(call: tuple[str, ...], columns: int, archcalc) -> None:
    answer = archcalc("reference", *call, terminal=True, columns=columns)
    assert (answer.status, answer.err) == (0, "")
    assert [line for line in answer.out.splitlines() if len(line) > columns and " " in line.strip()] == []


@pytest.mark.parametrize("call", [("steps",), ("roles",), ("operations",), ("fields", "mla")], ids=" ".join)
def test_page(call: tuple[str, ...], archcalc, golden) -> None:
    golden(f"reference-{'-'.join(call)}.txt", archcalc("reference", *call, terminal=True).out)


def test_code_survives_in_markdown(archcalc, golden) -> None:
    golden("reference-fields-mla.md", archcalc("reference", "fields", "mla", "--format", "markdown").out)


def test_everything_with_a_file_is_there(archcalc) -> None:
    """Kinds, devices and answers by what lies in the folders, not by the lists that the command reads."""
    package = Path(costmodel.__file__).parent
    kinds = {path.stem for path in (package / "blocks").glob("*.py")} - {"__init__"}
    found = json.loads(archcalc("reference", "kinds", "--format", "json").out)["parts"][0]["rows"]
    assert {row["kind"] for row in found} == kinds
    assert kinds <= set(owners())
    devices = {path.stem for path in (package.parent / "specs" / "hardware").glob("*.yaml")}
    found = json.loads(archcalc("reference", "devices", "count", "--format", "json").out)["parts"][0]["rows"]
    assert {row["device"] for row in found} == {*devices, "all"}
    titles = [part["title"] for part in json.loads(archcalc("reference", "keys", "--format", "json").out)["parts"]]
    assert {"archcalc show", "archcalc docs", "archcalc reference", "StaleTable"} <= set(titles)


def test_an_object_is_that_of_the_module_that_names_it() -> None:
    from costmodel.report import reference_keys
    from costmodel.report.roofline import RooflinePage

    other = dataclass(type("Change", (), {"__module__": "costmodel.gate.other", "__annotations__": {}}))
    objects = [*reference_keys._objects(), other]
    found = reference_keys._named("Change", RooflinePage, objects)
    assert found is not None
    assert found.__module__ == "costmodel.report.advice"


def test_names_are_completed() -> None:
    from costmodel.cli.completion import candidates

    assert candidates(["reference", "d"]) == ["dtypes", "devices"]
    assert candidates(["reference", "devices", ""]) == ["count", "figures"]
    assert candidates(["reference", "fields", "ml"]) == ["mla", "mlstm"]
    assert candidates(["reference", "nothing", ""]) == candidates(["reference", "codes", ""]) == []


def test_claims_are_exact_integers(archcalc) -> None:
    rows = json.loads(archcalc("reference", "claims", "--format", "json").out)["parts"][0]["rows"]
    (row,) = [row for row in rows if row["spec"] == "deepseek-v3" and row["figure"] == "params.total"]
    assert (row["published"], row["computed"], row["verdict"]) == ("671B", 671_026_404_352, "holds")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("codse",), 'error: there is no reference "codse"\n  did you mean codes? All: kinds, fields, operations, '
         "codes, words, steps, dtypes, roles, keys, devices, timing, rules, claims\n"),
        (("devices",), "error: reference devices takes one of count or figures\n  archcalc reference devices count\n"),
        (("devices", "cuont"), 'error: reference devices has no "cuont"\n  did you mean count?\n'),
        (("codes", "AC1"), 'error: reference codes takes nothing more, not "AC1"\n  take it out\n'),
        (("fields", "moee"), 'error: reference fields has no "moee"\n  did you mean moe?\n'),
        ((), "error: NAME is missing\n  archcalc reference --help shows examples\n"),
    ],
)  # fmt: skip
def test_mistakes(call: tuple[str, ...], message: str, archcalc) -> None:
    answer = archcalc("reference", *call)
    assert (answer.status, answer.out, answer.err) == (2, "", message)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`a|b` | *c*", "`a\\|b` \\| \\*c\\*"),
        ("``n_heads`` heads", "`n_heads` heads"),
        ("one ` alone <b>", "one \\` alone &lt;b&gt;"),
        ("`a *\nb` [x](y)", "`a *\nb` \\[x\\](y)"),
    ],
)
def test_prose_is_escaped_around_its_code(text: str, shown: str) -> None:
    assert escape.prose(text) == shown
