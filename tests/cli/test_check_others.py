"""``archcalc check --skip-others``: files that are named and are no specs are left out, as those in folders are."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec, YAML that is none, what is no YAML, and a budget file: what hooks pass."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "spec.yaml": "base: gemma-3-27b\nname: spec\n",
        "wrong.yaml": "base: gemma-3-27b\nname: wrong\nlayers: 3\n",
        "other.yml": "list: [1, 2]\n",
        "broken.yml": "list: [1\n",
        "archcalc.budgets.yaml": "budgets: [{match: spec, assert: [n_layers < 100]}]\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("named", "plain", "skipping"),
    [
        (["spec.yaml", "other.yml", "broken.yml", "archcalc.budgets.yaml"], 1, 0),
        (["other.yml"], 1, 0),
        (["other.yml", "wrong.yaml"], 1, 1),
        (["nowhere.yml"], 2, 2),
        (["nowhere"], 2, 2),
        ([], 1, 1),
    ],
    ids=str,
)
def test_files_that_are_no_specs(named: list[str], plain: int, skipping: int, archcalc) -> None:
    assert archcalc("check", *named).status == plain
    assert archcalc("check", *named, "--skip-others").status == skipping


def test_it_says_what_was_left_out(archcalc) -> None:
    answer = archcalc("check", "--skip-others", "spec.yaml", "other.yml")
    assert answer.out.splitlines()[1:] == ["1 file is no spec: other.yml"]
    answer = archcalc("check", "--skip-others", "other.yml", "broken.yml")
    assert answer.out == "0 specs, 0 checks: 0 passed\n2 files are no specs: other.yml, broken.yml\n"


def test_a_folder_without_specs_is_still_a_mistake(folder: Path, archcalc) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "other.yml").write_text("a: 1\n", encoding="utf-8")
    answer = archcalc("check", "--skip-others", "notes", "other.yml")
    assert (answer.status, answer.out) == (2, "")
