"""The commands ``explain``, ``schema`` and ``init`` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.cli import run
from costmodel.report.explain import explain
from costmodel.report.words import WORDS
from costmodel.schema import schema_text


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("explain gemma-3-27b cache --context 128Ki", "cache of gemma-3-27b at 131,072 tokens = 11,173,625,856 bytes"),
        ("explain deepseek-v3 params.active", "params.active of deepseek-v3 = 37,552,282,624"),
        ("explain mistral-7b receptive_field", "receptive_field of mistral-7b = 131,041 tokens"),
        ("explain active", "active: values one token passes through"),
        ("explain --words", "total "),
        ("explain", "total "),
    ],
)
def test_it_answers_first(typed: str, first: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(typed.split()) == 0
    assert capsys.readouterr().out.startswith(first)


def test_json_is_what_the_function_returns(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["explain", "llama-3.1-8b", "flops", "--new", "4Ki", "--cached", "1Ki", "--batch", "2", "--format", "json"])
        == 0
    )
    data = json.loads(capsys.readouterr().out)
    found = explain("llama-3.1-8b", "flops", new=4096, cached=1024, batch=2)
    assert (data["command"], data["value"], len(data["terms"])) == ("explain", found.value, len(found.terms))
    assert run(["explain", "--words", "--format", "json"]) == 0
    assert {word["name"] for word in json.loads(capsys.readouterr().out)["words"]} == set(WORDS)


@pytest.mark.parametrize("form", ["markdown", "csv", "latex", "html"])
def test_other_formats_hold_the_figure(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "deepseek-v3", "params.active", "--format", form]) == 0
    assert "37552282624" in capsys.readouterr().out.replace(",", "")
    assert run(["explain", "--words", "--format", form]) == 0
    assert "multiply" in capsys.readouterr().out


def test_pages_are_another_counting(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "gemma-3-27b", "cache", "--context", "128Ki", "--page", "16"]) == 0
    out = capsys.readouterr().out
    assert "allocated, pages of 16                                11,180,441,600" in out
    assert "allocated, one pool" in out


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("explain deepseek-v3", "error: a figure of the model is missing"),
        ("explain nonsense", 'error: there is no word "nonsense"'),
        ("explain deepseek-v3 params.activ", 'error: there is no figure "params.activ" to explain'),
        ("explain no-such-model cache", 'error: no architecture "no-such-model"'),
        ("explain gemma-3-27b cache --context 4Ki,8Ki", "error: a figure is explained at one context"),
        ("explain gpt-4 cache", "error: the architecture of gpt-4 is not published, so nothing can be computed"),
        ("init a/b/c", 'error: "a/b/c.yaml": no such file or directory'),
    ],
)
def test_mistakes_end_with_status_2(typed: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(typed.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == error


def test_the_schema_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()
    assert run(["schema", "--out", str(tmp_path / "s.json")]) == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema_text()


def test_a_new_spec_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "mine"]) == 0
    assert run(["show", "./mine.yaml"]) == 0
    assert capsys.readouterr().out.startswith("mine ")
    assert run(["init", "mine"]) == 2
    assert '"mine.yaml" is there already' in capsys.readouterr().err


def test_other_commands_import_nothing_of_it() -> None:
    heavy = ("traced", "formula", "formula_tree", "formula_text", "symbols", "schema", "template", "report.explain")
    code = (
        "import sys; from costmodel.cli import run; run(['show', 'llama-3.1-8b', '--format', 'json'])\n"
        f"sys.exit(str([m for m in {heavy!r} if 'costmodel.' + m in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
