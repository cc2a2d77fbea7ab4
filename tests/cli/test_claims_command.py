"""``archcalc claims``: its page, its formats, and its status."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from costmodel.cli.completion import candidates

WRONG = """\
subject: Mine
claims:
  - id: gpt2-size
    number: 1
    statement: GPT-2 has 125M parameters
    checks: [{figure: "gpt2:params.total", equals: 125M}]
    figures: ["gpt2:params.total"]
    verdict: holds
"""
KEYS = [
    "id", "number", "subject", "statement", "verdict", "expected", "as_expected", "checks", "figures", "right",
    "reason", "source", "unverified", "place",
]  # fmt: skip


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("subject", ["experts", "caches", "layers", "work", "training", "unpublished"])
def test_page(subject: str, archcalc, golden) -> None:
    answer = archcalc("claims", subject, terminal=True)
    assert (answer.status, answer.err) == (0, "")
    golden(f"claims-{subject}.txt", answer.out)


def test_page_of_a_spec(archcalc, golden) -> None:
    golden("claims-jamba.txt", archcalc("claims", "jamba-v0.1", "-v", terminal=True).out)


@pytest.mark.parametrize("columns", [48, 60, 80, 100])
def test_lines_fit(columns: int, archcalc) -> None:
    answer = archcalc("claims", terminal=True, columns=columns)
    assert answer.status == 0
    assert not [row for row in answer.out.splitlines() if len(row) > columns and len(row.split()) > 1]
    assert archcalc("claims", "--ascii", terminal=True).out.isascii()


def test_json_has_what_identifies_each_statement(archcalc) -> None:
    found = json.loads(archcalc("claims", "1a", "--format", "json").out)
    assert list(found) == [
        "schema", "command", "claims", "catalog", "holds", "does_not_hold", "not_decidable", "unexpected",
    ]  # fmt: skip
    assert (found["command"], found["holds"], found["unexpected"]) == ("claims", 1, 0)
    (claim,) = found["claims"]
    assert list(claim) == KEYS
    assert claim["figures"][0] == {"name": "total", "value": 671026404352, "text": "671.03B"}
    assert "claims/experts.yaml:" in claim["checks"][0]["place"]
    (own,) = json.loads(archcalc("claims", "smollm3", "--format", "json").out)["catalog"]
    assert (own["spec"], own["published"], own["computed"]) == ("smollm3-3b", "3,075,100,928", 3075098624)


def test_csv_has_a_row_a_figure(archcalc) -> None:
    heads, *rows = list(csv.reader(io.StringIO(archcalc("claims", "17", "32a", "--format", "csv").out)))
    assert heads == ["id", "number", "verdict", "expected", "name", "value", "text"]
    assert rows == [
        ["window-reach", "17", "holds", "holds", "layers times window", "131072", "131,072"],
        ["window-reach", "17", "holds", "holds", "tokens that the last layer can depend on", "131041", "131,041"],
        ["gpt-4-size", "32a", "not decidable", "not decidable", "", "", ""],
    ]


def test_markdown_and_latex(archcalc) -> None:
    text = archcalc("claims", "experts", "caches", "--format", "markdown").out
    assert text.count("\n## ") + text.startswith("## ") == 2
    assert "| 8a | Llama 4 has 400B parameters, of which a token uses 70B | does not hold |" in text
    whole = archcalc("claims", "--format", "markdown").out
    assert "## Claims of the catalog" in whole
    assert archcalc("claims", "17", "--format", "latex").out.startswith("% archcalc")


def test_an_unexpected_verdict_is_status_1_in_every_format(wrong: str, archcalc) -> None:
    for form in ("table", "json", "csv", "markdown", "latex", "html"):
        assert archcalc("claims", "--from", wrong, "gpt2-size", "--format", form).status == 1
    page = archcalc("claims", "--from", wrong, "gpt2-size").out
    assert "1    does not hold" in page
    assert f"not as expected: holds ({wrong}:3)" in page
    assert "false: gpt2:params.total equals 125M (left: 124,439,808)" in page
    assert "0 hold, 1 do not hold, 0 not decidable; 1 not as expected" in page
    assert "expected: holds" in archcalc("claims", "--from", wrong, "gpt2-size", "--format", "markdown").out


def test_a_mistake_in_a_file_is_status_2_with_a_caret(wrong: str, archcalc) -> None:
    path = Path(wrong)
    path.write_text(WRONG.replace("gpt2:params.total", "gpt22:params.total", 1), encoding="utf-8")
    answer = archcalc("claims", "--from", wrong)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(f'{wrong}:6:23: error AC223: no architecture "gpt22"\n')
    assert "    |                       ^^^^^^^^" in answer.err


def test_completion_knows_subjects_ids_and_specs() -> None:
    assert candidates(["claims", "gemma-3-c"]) == ["gemma-3-cache"]
    assert {"caches", "window-reach", "gpt2"} <= set(candidates(["claims", ""]))


def test_examples_of_the_help_run(archcalc) -> None:
    import shlex

    from costmodel.cli.app import _sections, build

    for example in _sections(build("claims").help or "")[1]:
        assert archcalc(*shlex.split(example)[1:]).status == 0, example
