"""check, lock and diff: pages to the character, in every format, with their status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.designs import WIDE

FORMS = "table, text, json, github, gitlab, sarif, junit or markdown"
BUDGETS = """\
version: 1
workloads: {long: {context: 128Ki}}
budgets:
  - match: "designs/v3*"
    rules:
      params.active: {max: 38B}
      cache.bytes: {max: 10 GB, at: long}
      fits: {hardware: 8x h100-sxm, weights: fp8, at: long, why: one node is what we have}
  - match: "*"
    assert: ["params.active / params.total <= 1"]
"""
WINDOW = """\
base: gemma-3-27b
name: gemma-wide-window
blocks:
  local: {window: 4096}
mixer: repeat 3 local + global
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two designs and a budget file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "designs").mkdir()
    (tmp_path / "designs" / "v3-wide-shared.yaml").write_text(WIDE)
    (tmp_path / "designs" / "gemma-wide-window.yaml").write_text(WINDOW)
    (tmp_path / "archcalc.budgets.yaml").write_text(BUDGETS)
    return tmp_path


@pytest.mark.parametrize(
    ("form", "ending"),
    [
        ("table", "txt"),
        ("json", "json"),
        ("markdown", "md"),
        ("github", "github.txt"),
        ("gitlab", "gitlab.json"),
        ("sarif", "sarif"),
        ("junit", "xml"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_check_in_every_format(form: str, ending: str, archcalc, golden) -> None:
    answer = archcalc("check", "designs", "--format", form)
    assert (answer.status, answer.err) == (1, "")  # whatever the format
    golden(f"check.{ending}", answer.out)


@pytest.mark.usefixtures("folder")
def test_check_on_a_terminal_has_a_tip_and_with_v_the_notes(archcalc, golden) -> None:
    answer = archcalc("check", "designs", "-v", terminal=True)
    golden("check-terminal.txt", answer.out)
    assert answer.out.splitlines()[-1] == "next: archcalc diff deepseek-v3 designs/v3-wide-shared.yaml"


def test_several_outputs_at_once(folder: Path, archcalc) -> None:
    whole = archcalc(
        "check", "designs", "--output", "sarif:a.sarif", "--output", "junit:b.xml", "--output", "json:c.json"
    )
    assert whole.status == 1
    assert whole.out == archcalc("check", "designs").out
    for form, name in (("sarif", "a.sarif"), ("junit", "b.xml"), ("json", "c.json")):
        assert (folder / name).read_text(encoding="utf-8") == archcalc("check", "designs", "--format", form).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "sarif"), 'error: --output "sarif" is no FORMAT:FILE'),
        (
            ("--output", "pdf:x"),
            'error: --format is table, text, json, github, gitlab, sarif, junit or markdown, not "pdf"',
        ),
        (
            ("--format", "pdf"),
            'error: --format is table, text, json, github, gitlab, sarif, junit or markdown, not "pdf"',
        ),
        (("--output", "sarif:nosuch/x"), 'error: "nosuch/x": no such file or directory'),
        (
            ("--output", "junit:designs/../archcalc.budgets.yaml"),
            'error: "designs/../archcalc.budgets.yaml" is what is checked, and would be overwritten',
        ),
        (("--fail-on", "often"), 'error: --fail-on is error, warning, note or never, not "often"'),
        (("--select", "AC999"), 'error: there is no rule "AC999"'),
        (("--hardware", "h300"), 'error: no hardware "h300"'),
        (("--budgets", "nosuch.yaml"), "nosuch.yaml: error AC001: there is no such file"),
        (("--lock", "nosuch.json"), "nosuch.json: error AC001: there is no such file"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_mistakes_of_check(arguments: tuple[str, ...], message: str, archcalc) -> None:
    answer = archcalc("check", "designs", *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.splitlines()[0] == message


def test_no_file_that_was_read_is_written_over(folder: Path, archcalc) -> None:
    (folder / "parent.yaml").write_text("base: gpt2\nname: parent\n")
    (folder / "child.yaml").write_text("base: parent\nname: child\n")
    (folder / "rival.yaml").write_text("base: gpt2\nname: rival\n")
    (folder / "archcalc.budgets.yaml").write_text(
        "budgets: [{rules: {params.total: {max_increase: 1%, vs: rival.yaml}}}]\n"
    )
    for name in ("parent", "child", "rival"):
        answer = archcalc("check", "child.yaml", "--output", f"json:{name}.yaml")
        assert (answer.status, "would be overwritten" in answer.err) == (2, True), name


@pytest.mark.usefixtures("folder")
def test_status_follows_what_is_asked(archcalc) -> None:
    assert archcalc("check", "designs", "--fail-on", "never").status == 0
    assert archcalc("check", "designs/gemma-wide-window.yaml").status == 0
    assert archcalc("check", "designs/gemma-wide-window.yaml", "--fail-on", "warning").status == 1
    assert archcalc("check", "designs/gemma-wide-window.yaml", "--fail-on", "warning", "--ignore", "AC150").status == 0
    assert archcalc("check", "nosuch").status == 2


def test_lock(folder: Path, archcalc, golden) -> None:
    golden("lock.txt", archcalc("lock", "designs").out)
    golden("lock.json", (folder / "archcalc.lock.json").read_text(encoding="utf-8"))
    assert archcalc("lock", "--check").status == 0
    path = folder / "designs" / "v3-wide-shared.yaml"
    path.write_text(path.read_text().replace("3072", "4096"))
    stale = archcalc("lock", "--check")
    assert (stale.status, stale.out.splitlines()) == (
        1, ["  ~ designs/v3-wide-shared.yaml", "archcalc.lock.json is stale: 2 specs, 34 figures, formulas 1"],
    )  # fmt: skip
    assert json.loads(archcalc("lock", "--format", "json").out)["changed"] == ["designs/v3-wide-shared.yaml"]
    assert archcalc("lock").out == "archcalc.lock.json is up to date: 2 specs, 34 figures, formulas 1\n"
    assert archcalc("lock", "--check", "--lock", "nosuch.json").status == 2


DIFFS = {
    "diff-one.txt": ("deepseek-v3", "designs/v3-wide-shared.yaml"),
    "diff-schedule.txt": ("gemma-3-27b", "designs/gemma-wide-window.yaml"),
    "diff-models.txt": ("deepseek-v3", "kimi-k2"),
    "diff-equal.txt": ("deepseek-v3", "deepseek-v3"),
    "diff-every.txt": ("deepseek-v3", "designs/v3-wide-shared.yaml", "-v"),
    "diff-failed.txt": ("deepseek-v3", "designs/v3-wide-shared.yaml", "--fail-if", "params.active > +1%"),
    "diff-ascii.txt": ("deepseek-v3", "designs/v3-wide-shared.yaml", "--ascii"),
    "diff-one.md": ("deepseek-v3", "designs/v3-wide-shared.yaml", "--format", "markdown"),
    "diff-equal.md": ("deepseek-v3", "deepseek-v3", "--format", "markdown"),
    "diff-one.json": ("deepseek-v3", "designs/v3-wide-shared.yaml", "--format", "json"),
}


@pytest.mark.parametrize("name", DIFFS)
@pytest.mark.usefixtures("folder")
def test_diff(name: str, archcalc, golden) -> None:
    answer = archcalc("diff", *DIFFS[name], columns=80)
    assert (answer.status, answer.err) == (int("failed" in name), "")
    golden(name, answer.out)
    if name.endswith(".txt") and name not in ("diff-every.txt", "diff-failed.txt"):  # a pipe has no width
        assert max(map(len, answer.out.splitlines())) <= 80


def test_diff_of_folders(folder: Path, archcalc, golden) -> None:
    (folder / "new").mkdir()
    (folder / "new" / "v3-wide-shared.yaml").write_text(WIDE.replace("3072", "4096"))
    (folder / "new" / "added.yaml").write_text("base: llama-3.1-8b\nname: added\n")
    (folder / "new" / "broken.yaml").write_text("base: llama-3.1-8b\nname: broken\nd_modl: 3\n")
    golden("diff-folders.txt", archcalc("diff", "designs", "new").out)
    golden("diff-folders.md", archcalc("diff", "designs", "new", "--format", "markdown").out)


@pytest.mark.usefixtures("folder")
def test_status_of_diff(archcalc) -> None:
    pair = ("deepseek-v3", "designs/v3-wide-shared.yaml")
    assert archcalc("diff", *pair).status == 0
    assert archcalc("diff", *pair, "--exit-code").status == 1
    assert archcalc("diff", "deepseek-v3", "deepseek-v3", "--exit-code").status == 0
    assert archcalc("diff", *pair, "--fail-if", "params.active > +1%", "--fail-if", "params.total > +9%").status == 1
    assert archcalc("diff", "deepseek-v3").status == 2
    for names in (("gpt-4", "gpt2"), ("gpt2", "gpt-4")):
        assert "gpt-4 is not published" in archcalc("diff", *names).err
        assert archcalc("diff", *names).status == 2  # nothing was compared
    assert archcalc("diff", "deepseek-v3", "nosuch").status == 2
    assert archcalc("diff", *pair, "--format", "pdf").status == 2
    three = archcalc("diff", "a", "b", "c")
    assert (three.status, three.err.splitlines()[0]) == (
        2, "error: diff takes BASE and HEAD, or one revision before --, not 3",
    )  # fmt: skip


def test_text_of_users_survives_every_sink(folder: Path, archcalc) -> None:
    nasty = 'a[red]b|c`d`<script>"e"%f$g&h=cmd\\x1b[31m\\u202e ::error::x'
    (folder / "designs" / "nasty|name,a=1.yaml").write_text(
        f'base: deepseek-v3\nname: nasty\ntitle: "{nasty}"\nvocab_size: 100001\n', encoding="utf-8"
    )
    for form in ("table", "json", "markdown", "github", "gitlab", "sarif", "junit"):
        answer = archcalc("check", "designs", "--format", form, "-v")
        assert answer.err == ""
        assert "\x1b" not in answer.out
        assert "\u202e" not in answer.out
    lines = archcalc("check", "designs", "--format", "github").out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=", "::notice file=")) for line in lines)
    assert any("file=designs/nasty|name%2Ca=1.yaml,line=" in line for line in lines)


def test_the_example_of_the_readme(folder: Path, archcalc) -> None:
    import re

    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (limits,) = re.findall(r"```yaml\n(version: 1\n.*?)```", readme, re.DOTALL)
    (said,) = re.findall(r"```console\n(designs/v3-wide-shared.*?)```", readme, re.DOTALL)
    (folder / "archcalc.budgets.yaml").write_text(limits)
    answer = archcalc("check", "designs")
    assert said in answer.out
    assert "designs/v3-wide-shared.yaml:5:23: error AC201 cache over budget" in answer.out
    assert answer.out.count("error AC") == 4  # the dense design keeps too much and breaks the assertion


def test_a_proposal_that_is_too_large_in_a_repository(folder: Path, archcalc) -> None:
    """As in CI: a budget relative to the lock, three commits, an annotation, a comment."""
    import subprocess

    def git(*words: str) -> None:
        who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    limit = "version: 1\nbudgets:\n  - match: 'designs/*'\n    rules: {params.active: {max_increase: 1%}}\n"
    (folder / "archcalc.budgets.yaml").write_text(limit)
    path = folder / "designs" / "v3-wide-shared.yaml"
    path.write_text(WIDE.replace("3072", "2048"))
    assert archcalc("lock", "designs").status == 0
    git("init", "-q", ".")
    for message, size in (("as it was", "2048"), ("half as wide again", "3072"), ("wider still", "2944")):
        path.write_text(WIDE.replace("3072", size))
        git("add", "-A")
        git("commit", "-q", "-m", message)
    answer = archcalc("check", "--format", "github")
    assert answer.status == 1
    errors = [row for row in answer.out.splitlines() if row.startswith("::error")]
    assert errors == [
        "::error file=designs/v3-wide-shared.yaml,line=6,col=24,endColumn=28,title=AC204 params.active grew too much::"
        "active is 38.98B, the lock has 37.86B: +2.95%25, allowed +1%25 (archcalc.budgets.yaml:4)%0A"
        "largest d_ff within the limit: 2351"
    ]
    comment = archcalc("diff", "HEAD~2...HEAD", "--format", "markdown", "--", "designs/")
    assert len(comment.out.splitlines()) < 15
    assert "Caused by `moe.shared.d_ff` 2048 → 2944 (line 6: active +1.12B)." in comment.out
    tree = archcalc("diff", "HEAD~2", "-q", "--", "designs/v3-wide-shared.yaml").out
    assert tree.startswith("designs/v3-wide-shared.yaml (HEAD~2 -> the working tree)   active +3.0%\n")
    # what stands behind -- is a path, as a script passes it on, and never an option that writes a file
    before = path.read_text()
    wrong = archcalc("diff", "HEAD~2", "--", "designs", "--out=designs/v3-wide-shared.yaml")
    assert (wrong.status, path.read_text()) == (2, before)
    assert "options stand before --" in wrong.err
    # a condition that nobody can tell has not passed
    path.write_text("base: nosuch\nname: v3-wide-shared\n")
    git("commit", "-q", "-am", "broken")
    path.write_text(WIDE)
    for condition, status in (("params.total > +1%", 2), ("params.total > 900B", 0), ("params.total > 1B", 1)):
        answer = archcalc("diff", "HEAD", "--fail-if", condition, "--format", "markdown", "--", "designs")
        assert answer.status == status, condition
        assert ("cannot be told: the base cannot be read" in answer.err) is (status == 2)
