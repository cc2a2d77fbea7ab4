"""``archcalc docs``: tables in documents are written, checked and confined."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costmodel.cli import run
from costmodel.cli.fenced import SAFE, Runner
from costmodel.documents.docs import stale_tables
from costmodel.documents.documents import Document, documents
from costmodel.documents.fences import parse

ROOT = Path(__file__).parent.parent.parent
OURS = ("README.md", "CONTRIBUTING.md", "docs")
END = "<!-- archcalc:end -->\n"
LIST = "list gpt2 --format csv"


def fence(command: str, block: str = "") -> str:
    return f"<!-- archcalc:begin {command} -->\n{block}{END}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository as the current folder."""
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    return path


def test_a_run_writes_and_a_check_agrees(here: Path, archcalc) -> None:
    page = write(here / "a.md", f"# A\r\n{fence(LIST)}".replace("\n", "\r\n").replace("\r\r", "\r") + "end")
    page.chmod(0o640)
    first = archcalc("docs", ".")
    assert (first.status, first.out, first.err) == (0, "wrote a.md\n1 file, 1 table: 0 up to date, 1 written\n", "")
    after = page.read_bytes()
    assert after.startswith(b"# A\r\n<!-- archcalc:begin list gpt2 --format csv digest=sha256:")
    assert b"-->\r\n```csv\r\nname," in after
    assert after.endswith(b"```\r\n<!-- archcalc:end -->\r\nend")
    assert page.stat().st_mode & 0o777 == 0o640
    assert archcalc("docs", "--check", ".").out == "1 file, 1 table: 1 up to date\n"
    assert archcalc("docs", ".").out == "1 file, 1 table: 1 up to date\n"
    assert page.read_bytes() == after


def test_a_check_says_what_was_edited_and_what_is_stale(here: Path, archcalc, golden) -> None:
    write(here / "small.yaml", (ROOT / "specs/architectures/gpt2.yaml").read_text(encoding="utf-8"))
    command = "compare deepseek-v3 llama4 --columns total,active,cache@128Ki"
    write(here / "docs" / "a.md", f"{fence(command)}\n{fence('cache gpt2 -q')}\n{fence('show ./small.yaml -q')}")
    write(here / "b.rst", ".. archcalc:begin list gpt2\n.. archcalc:end\n")
    assert archcalc("docs", "docs").status == 0
    page = here / "docs" / "a.md"
    write(page, page.read_text(encoding="utf-8").replace("9.21", "9.66"))
    spec = here / "small.yaml"
    write(spec, spec.read_text(encoding="utf-8").replace("n_layers: 12", "n_layers: 13"))
    before = page.read_bytes()
    answer = archcalc("docs", "--check", "docs", "b.rst", terminal=True)
    assert (answer.status, answer.err) == (1, "")
    golden("docs-check.txt", answer.out)
    quiet = archcalc("docs", "--check", "-q", "docs", "b.rst")
    assert quiet.out == (
        "docs/a.md:1: error AC301 table is stale\n"
        "docs/a.md:23: error AC301 table is stale\n"
        "b.rst:1: error AC301 table is stale\n"
        "2 files, 4 tables: 1 up to date, 3 stale\n"
    )
    patch = archcalc("docs", "--diff", "docs")
    assert patch.status == 0
    assert patch.out.startswith("--- a/docs/a.md\n+++ b/docs/a.md\n@@ ")
    assert archcalc("docs", "--check", "--diff", "docs") == type(patch)(1, patch.out, "")
    assert page.read_bytes() == before
    written = archcalc("docs", "docs", "b.rst")
    assert written.status == 0
    assert written.out == "wrote docs/a.md\nwrote b.rst\n2 files, 4 tables: 1 up to date, 3 written\n"
    warning = "warning AC301 edited by hand: the table was written again, the edit is lost"
    assert written.err == f"docs/a.md:1: {warning}\n"
    assert archcalc("docs", "--check", "docs", "b.rst").status == 0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "no break  "])
def test_patch_reads_the_changes(end: str, last: str, here: Path, archcalc) -> None:
    text = f"trailing blanks  \n\n{fence('list gpt2')}\n\t{last}".replace("\n", end)
    page = write(here / "a.md", text)
    patch = archcalc("docs", "--diff", "a.md").out
    assert page.read_bytes() == text.encode()
    subprocess.run(["git", "init", "-q", "."], cwd=here, check=True)
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=here, check=True)
    assert archcalc("docs", "--check", "a.md").status == 0


@pytest.mark.parametrize("how", ["../a b.md", "./a b.md", "absolute", "around"])
def test_patch_applies_however_a_document_is_named(how: str, here: Path, archcalc, monkeypatch) -> None:
    page = write(here / "a b.md", fence("list gpt2"))
    subprocess.run(["git", "init", "-q", "."], cwd=here, check=True)
    (here / "below").mkdir()
    if how == "../a b.md":
        monkeypatch.chdir(here / "below")
    path = {"absolute": str(page), "around": "below/../a b.md"}.get(how, how)
    patch = archcalc("docs", "--diff", path).out
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=here, check=True)
    assert archcalc("docs", "--check", path).status == 0


def test_a_text_that_stood_where_no_table_was_yet_is_not_lost_in_silence(here: Path, archcalc) -> None:
    write(here / "a.md", fence("list gpt2").replace("<!-- archcalc:end", "by hand\n<!-- archcalc:end"))
    write(here / "b.md", fence("list gpt2").replace("<!-- archcalc:end", "\n<!-- archcalc:end"))
    said = archcalc("docs", "--check", "a.md").out
    assert "  new: it has no digest, so it was never written. The text that stands there is" in said
    assert "lost" not in archcalc("docs", "--check", "b.md").out
    answer = archcalc("docs", ".")
    assert (answer.status, answer.err) == (
        0, "a.md:1: warning AC301 written by hand: the text that stood there is lost\n",
    )  # fmt: skip


def test_json_says_the_same(here: Path, archcalc) -> None:
    page = write(here / "a.md", f"{fence(LIST)}{fence('list phi-4 --format csv')}")
    archcalc("docs", "a.md")
    write(page, page.read_text(encoding="utf-8").replace("\ngpt2,", "\ngpt3,"))
    answer = archcalc("docs", "--check", "a.md", "--format", "json")
    assert answer.status == 1
    data = json.loads(answer.out)
    (stale,) = data.pop("stale")
    assert data == {"schema": "archcalc/1", "command": "docs", "files": 1, "tables": 2, "written": []}
    diff = stale.pop("diff")
    assert stale == {"file": "a.md", "line": 1, "command": LIST, "reason": "edited"}
    assert [row[:6] for row in diff if row[0] in "+-"] == ["-gpt3,", "+gpt2,"]
    data = json.loads(archcalc("docs", "a.md", "--format", "json").out)
    assert (data["written"], data["stale"][0]["reason"]) == (["a.md"], "edited")


@pytest.mark.parametrize(
    ("name", "command", "start"),
    [
        ("a.md", "list gpt2", "```console\n$ archcalc list gpt2\n"),
        ("a.md", "list gpt2 --format=json", "```json\n{\n"),
        ("a.md", "list gpt2 --format latex", "```latex\n% archcalc"),
        ("a.md", "list gpt2 --format markdown", "\n"),
        ("a.md", "schema", "```json\n{\n"),
        ("a.md", "schema --help", "```console\n$ archcalc schema --help\n"),
        ("a.md", "help init", "```console\n$ archcalc help init\n"),
        ("a.md", "calibrate --help", "```console\n$ archcalc calibrate --help\n"),
        ("a.md", "--help", "```console\n$ archcalc --help\n"),
        ("a.md", "table t.csv", "\n| name | size |\n| --- | --: |\n| `a\\|b` | 1,234 |\n| \\*c\\* | - |\n\n"),
        ("a.rst", "table t.csv", '\n.. csv-table::\n   :header-rows: 1\n\n   "name","size"\n   "a\\|b","1,234"\n'),
        ("a.tex", "table t.csv", "\n% archcalc"),
        ("a.rst", "list gpt2 --format markdown", "\n.. code-block:: markdown\n\n   "),
        ("a.tex", "list gpt2 --format csv", "\\begin{verbatim}\nname,"),
        ("a.tex", "list gpt2 --format latex", "\n% archcalc"),
        ("A.MARKDOWN", "hardware show l40s", "```console\n"),
    ],
)
def test_what_is_printed_stands_in_the_markup_of_its_document(
    name: str, command: str, start: str, here: Path, archcalc
) -> None:
    begin, end = {
        "md": ("<!-- archcalc:begin {} -->", "<!-- archcalc:end -->"),
        "rst": (".. archcalc:begin {}", ".. archcalc:end"),
        "tex": ("% archcalc:begin {}", "% archcalc:end"),
    }[name.lower().rpartition(".")[2].replace("markdown", "md")]
    write(here / "t.csv", 'name,size\n`a|b`,"1,234"\n*c*,-\n')
    page = write(here / name, f"{begin.format(command)}\n{end}\n")
    assert archcalc("docs", name).status == 0
    assert page.read_text(encoding="utf-8").partition("\n")[2].startswith(start)
    assert archcalc("docs", "--check", name).status == 0


def test_a_command_prints_the_same_whatever_surrounds_it(here: Path, archcalc, monkeypatch) -> None:
    write(here / "deep" / "er" / "a.md", fence("show ./specs/gpt2.yaml") + fence("compare gpt2 phi-4"))
    write(here / "specs" / "gpt2.yaml", (ROOT / "specs/architectures/gpt2.yaml").read_text(encoding="utf-8"))
    assert archcalc("docs", ".").status == 0
    monkeypatch.chdir(here / "deep")
    env = {
        "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "COLUMNS": "40", "LC_ALL": "C", "LANG": "C",
        "ARCHCALC_SPECS": str(ROOT / "specs" / "proposals"),
    }  # fmt: skip
    answer = archcalc("docs", "--check", "er", env=env, encoding="ascii")
    assert (answer.status, answer.out) == (0, "1 file, 2 tables: 2 up to date\n")
    assert Path.cwd() == here / "deep"


def test_each_document_has_the_specs_of_its_own_repository(here: Path, archcalc) -> None:
    spec = (ROOT / "specs/architectures/gpt2.yaml").read_text(encoding="utf-8").replace("name: gpt2", "name: own")
    for name, layers in (("a", 13), ("b", 14)):
        (here / name / ".git").mkdir(parents=True)
        write(here / name / "specs" / "own.yaml", spec.replace("n_layers: 12", f"n_layers: {layers}"))
        write(here / name / "page.md", fence("show own --specs specs -q"))
    write(here / "b" / "specs" / "more.yaml", spec.replace("name: own", "name: more"))
    write(here / "b" / "more.md", fence("show more --specs specs -q"))
    assert archcalc("docs", "a", "b").status == 0
    assert "13 layers" in (here / "a" / "page.md").read_text(encoding="utf-8")
    assert "14 layers" in (here / "b" / "page.md").read_text(encoding="utf-8")
    assert "12 layers" in (here / "b" / "more.md").read_text(encoding="utf-8")


def test_folders_are_searched_in_order_and_not_everywhere(here: Path, archcalc, tmp_path: Path) -> None:
    for name in ("b/z.md", "b/a.rst", "a.tex", ".hidden/x.md", ".venv/x.md", "node_modules/x.md", "c.txt", ".d.md"):
        end = {"rst": "..", "tex": "%"}.get(name.rpartition(".")[2])
        begin = f"{end} archcalc:begin list gpt2\n{end} archcalc:end\n" if end else fence("list gpt2")
        write(here / name, begin)
    outside = write(tmp_path / "outside" / "x.md", fence("list gpt2"))
    (here / "link.md").symlink_to(outside)
    (here / "folder").symlink_to(outside.parent)
    (here / "again.md").symlink_to(here / "b" / "z.md")
    (here / "circle.md").symlink_to(here / "circle.md")
    answer = archcalc("docs", ".", "b/z.md")
    assert answer.out.splitlines() == [
        "wrote a.tex", "wrote again.md", "wrote b/a.rst", "3 files, 3 tables: 0 up to date, 3 written",
    ]  # fmt: skip
    assert (here / "again.md").is_symlink()
    assert outside.read_text(encoding="utf-8") == fence("list gpt2")


AC306 = "the command of this fence fails"
MISTAKES = {
    "show gpt22": (21, "AC306", f"{AC306}\n", 'error: no architecture "gpt22"\n  did you mean gpt2, gpt-4, '),
    "show gpt2 --contxt 4Ki": (21, "AC306", f"{AC306}\n", 'error: there is no option "--contxt"\n'),
    "show": (21, "AC306", f"{AC306}\n", "error: ARCH is missing\n  archcalc show --help shows examples\n"),
    "show ./bad.yaml": (21, "AC306", f"{AC306}\n", "bad.yaml:1:1: error AC102: "),
    "table none.csv": (21, "AC306", f"{AC306}\n", "error: none.csv cannot be read: no such file or directory\n"),
    "table ragged.csv": (21, "AC306", f"{AC306}\n", "ragged.csv"),
    "table": (21, "AC304", "table takes one CSV file, not 0\n", "^^^^^ as in table docs/data/errors.csv\n"),
    "shwo gpt2": (21, "AC304", 'there is no command "shwo"\n', "^^^^ did you mean show?\n"),
    "rm -rf .": (21, "AC304", 'there is no command "rm"\n', "^^ fences take list, show, "),
    "init x": (21, "AC304", "a document may not run init: fences only look and count\n", "^^^^ fences take list"),
    "calibrate --local": (21, "AC304", "a document may not run calibrate: ", "^^^^^^^^^ fences take list"),
    "docs .": (21, "AC304", "a document may not run docs: ", "^^^^ fences take list"),
    "archcalc show gpt2": (21, "AC304", "the command stands without archcalc\n", "take the word out\n"),
    "--version": (21, "AC304", 'there is no command "--version"\n', "fences take list"),
    "'' x": (21, "AC304", 'there is no command ""\n', "fences take list"),
    "show 'gpt2": (21, "AC303", "a quotation mark or a backslash has no partner\n", "^^^^^^^^^^ close it\n"),
    "list --out x": (26, "AC305", "a document may not write files\n", "^^^^^ take --out out\n"),
    "schema --out=x": (28, "AC305", "a document may not write files\n", "^^^^^^^ take --out out\n"),
    "list --specs /etc": (34, "AC305", '"/etc" leaves the folder of the document\'s repository\n',
                          "^^^^ name a file of the repository, from its root\n"),
    "list --specs=/etc": (26, "AC305", '"--specs=/etc" leaves', "name a file"),
    "list --specs ..": (34, "AC305", '".." leaves', "name a file"),
    "list --specs a/../../b": (34, "AC305", '"a/../../b" leaves', "name a file"),
    "list --specs out": (34, "AC305", '"out" leaves', "name a file"),
    "roofline gpt2 -qqqqqqqqqqqqH/etc/passwd": (35, "AC305", '"-qqqqqqqqqqqqH/etc/passwd" leaves', "name a file"),
    "check gpt2 --output json:x": (32, "AC305", "a document may not write files\n", "take --output out\n"),
    "diff HEAD -- docs": (31, "AC305", "a document may not read revisions\n", "compare files or names"),
    "diff HEAD": (21, "AC305", "a document may not read revisions\n", "compare files or names"),
    "diff --format json main": (21, "AC305", "a document may not read revisions\n", "compare files or names"),
    "table pipe.csv": (21, "AC306", f"{AC306}\n", "error: pipe.csv is no regular file\n"),
    "diff HEAD:a.yaml gpt2": (26, "AC305", "a document may not read revisions\n", "compare files or names"),
    "list --specs linked": (34, "AC305", '"linked" leaves', "name a file"),
    "list --specs circle": (34, "AC305", '"circle" leaves', "name a file"),
    "show ~/x.yaml": (26, "AC305", '"~/x.yaml" leaves', "name a file"),
    "kernel gemm -H l40s --from /etc/passwd": (48, "AC305", '"/etc/passwd" leaves', "name a file"),
    "kernel gemm -H/etc/x.yaml --m 1": (33, "AC305", '"-H/etc/x.yaml" leaves', "name a file"),
    "show out/x.yaml": (26, "AC305", '"out/x.yaml" leaves', "name a file"),
    "table .git/config": (27, "AC305", '".git/config" leaves', "name a file"),
    "table /etc/passwd": (27, "AC305", '"/etc/passwd" leaves', "name a file"),
    "roofline gpt2 -H l40s --plan ../p.yaml": (50, "AC305", '"../p.yaml" leaves', "name a file"),
}  # fmt: skip


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_names_its_fence_and_nothing_is_written(command: str, here: Path, archcalc, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "x.yaml", "name: x\n")
    (here / "out").symlink_to(outside.parent)
    (here / "linked").mkdir()
    (here / "linked" / "x.yaml").symlink_to(outside)
    (here / "circle").symlink_to(here / "circle")
    write(here / "bad.yaml", "nam: x\n")
    write(here / "ragged.csv", "a,b\n1\n")
    os.mkfifo(here / "pipe.csv")
    first = write(here / "a.md", fence("list gpt2"))
    page = write(here / "b.md", f"text\n{fence(command)}")
    answer = archcalc("docs", ".")
    column, code, message, hint = MISTAKES[command]
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(f"b.md:2:{column}: error {code}: {message}")
    assert f"\n  2 | <!-- archcalc:begin {command} -->\n    | {' ' * (column - 1)}^" in answer.err
    assert hint in answer.err
    assert "bug in archcalc" not in answer.err
    assert first.read_text(encoding="utf-8") == fence("list gpt2")
    assert page.read_text(encoding="utf-8") == f"text\n{fence(command)}"
    assert sorted(one.name for one in here.iterdir()) == [
        ".git", "a.md", "b.md", "bad.yaml", "circle", "linked", "out", "pipe.csv", "ragged.csv",
    ]  # fmt: skip


def test_of_several_mistakes_the_first_is_told_and_where_the_others_are(here: Path, archcalc) -> None:
    write(here / "a.md", fence("list gpt2") + fence("show gpt22") + fence("shwo gpt2"))
    write(here / "b.md", fence("rm x"))
    said = archcalc("docs", ".").err
    assert said.startswith("a.md:3:21: error AC306: ")
    assert said.endswith("\n  2 more fences fail: a.md:5, b.md:1\n")
    assert archcalc("docs", "b.md").err.count("\n") == 3
    write(here / "b.md", fence("rm x") * 7)
    said = archcalc("docs", "b.md").err
    assert said.startswith('b.md:1:21: error AC304: there is no command "rm"\n')
    assert said.endswith("\n  6 more fences fail: b.md:3, b.md:5, b.md:7, b.md:9, b.md:11, and 1 more\n")


@pytest.mark.parametrize(
    "command",
    [
        'check deepseek-v3 --fail-on never -H "8x {outside}/secret.yaml"',
        "check deepseek-v3 --fail-on never --budgets vs.yaml",
        "check deepseek-v3 --fail-on never --budgets device.yaml",
        "claims --from claims.yaml",
    ],
)
def test_what_a_file_of_the_repository_names_is_read_there_too(command: str, here: Path, archcalc) -> None:
    outside = here.parent / "outside"
    write(outside / "secret.yaml", "base: gpt2\nname: secret\nvocab_size: 12345\n")
    limits = "version: 1\nbudgets:\n  - match: '*'\n"
    write(here / "vs.yaml", limits + f"    assert: ['\"{outside}/secret.yaml:vocab_size\" == 1']\n")
    loads = f"workloads: {{w: {{context: 4Ki, hardware: 8x {outside}/secret.yaml}}}}\n"
    write(here / "device.yaml", limits + "    rules: {time.floor_s: {max: 1 s, at: w}}\n" + loads)
    said = f'{{id: a, number: 1a, statement: s, verdict: holds, checks: ["{outside}/secret.yaml:vocab_size > 1"]}}'
    write(here / "claims.yaml", f"version: 1\nsubject: s\nclaims:\n  - {said}\n")
    write(here / "a.md", fence(command.format(outside=outside)))
    answer = archcalc("docs", "a.md")
    text = answer.out + answer.err + (here / "a.md").read_text(encoding="utf-8")
    assert "12345" not in text.replace("12,345", "12345")
    assert "bug in archcalc" not in text


def test_help(archcalc, golden) -> None:
    golden("docs-help.txt", archcalc("docs", "--help", terminal=True).out)


def test_only_commands_that_read_are_safe() -> None:
    from costmodel.cli import COMMANDS

    assert set(SAFE) <= set(COMMANDS)
    assert not {"init", "calibrate", "docs", "lock"} & set(SAFE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.md", b"no fence", 'error AC308: no document has a fence: nothing was checked in "a.md"\n'
         "  <!-- archcalc:begin show gpt2 --> and <!-- archcalc:end -->, each on a line, make one\n"),
        ("a.md", b"a\nb\xffc", "a.md:2:2: error AC307: byte 0xff is not UTF-8\n  save the document as UTF-8\n"),
        ("a.md", b"x" * (4 * 2**20 + 1), 'error AC307: "a.md" has more than 4 MiB\n'
         "  name the documents that have fences\n"),
        ("a.txt", b"", 'error AC307: "a.txt" has no markup with fences\n'
         '  documents end in .md, .markdown, .rst or .tex\n'),
        ("a.md", b"<!-- archcalc:begin list -->", "a.md:1:1: error AC302: this fence has no end\n"
         "  1 | <!-- archcalc:begin list -->\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ "
         "put <!-- archcalc:end --> where its table shall end\n"),
    ],
    ids=["no fence", "not UTF-8", "large", "unknown", "not ended"],
)  # fmt: skip
def test_a_document_that_cannot_be_checked_is_an_error(
    name: str, content: bytes, message: str, here: Path, archcalc
) -> None:
    (here / name).write_bytes(content)
    for options in ((), ("--check",)):
        answer = archcalc("docs", name, *options)
        assert (answer.status, answer.out, answer.err) == (2, "", message)


def test_paths_that_are_no_documents(here: Path, archcalc) -> None:
    os.mkfifo(here / "pipe.md")
    for path, what in (
        ("none.md", "is missing"),
        ("pipe.md", "is no regular file"),
        ("x" * 5000, "file name too long"),
    ):
        answer = archcalc("docs", path)
        assert (answer.status, answer.out) == (2, "")
        assert answer.err.startswith("error AC307: ")
        assert what in answer.err
    assert archcalc("docs", ".").err.startswith('error AC308: no document has a fence: nothing was checked in "."')
    assert archcalc("docs").err == "error: PATH... is missing\n  archcalc docs --help shows examples\n"
    assert archcalc("docs", ".", "--format", "csv").err == 'error: --format is table or json, not "csv"\n'


def test_a_warning_of_a_command_names_its_fence(here: Path, archcalc) -> None:
    write(here / "a.md", fence("cache gpt2 --context 1k"))
    answer = archcalc("docs", "a.md")
    assert answer.err == "a.md:1: warning AC110: --context 1k is 1,000 tokens; 1Ki is 1,024\n"


def test_output_that_cannot_stand_there_is_refused(here: Path, archcalc) -> None:
    spec = (ROOT / "specs/architectures/gpt2.yaml").read_text(encoding="utf-8")
    title = "title: 'x \\end{verbatim}'"
    write(
        here / "specs" / "xx.yaml",
        re.sub(r"^title: .*$", lambda _: title, spec.replace("name: gpt2", "name: xx"), flags=re.M),
    )
    write(here / "a.tex", "% archcalc:begin show ./specs/xx.yaml\n% archcalc:end\n")
    answer = archcalc("docs", "a.tex")
    assert answer.status == 2
    assert answer.err.startswith(
        "a.tex:1:18: error AC309: what the command prints cannot stand here: "
        "a line of it would end its verbatim environment\n"
    )


def test_a_document_is_written_whole_or_not_at_all(here: Path, archcalc, monkeypatch) -> None:
    page = write(here / "a.md", fence("list gpt2"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    answer = archcalc("docs", "a.md")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == 'error: "a.md": no space left on device\n  it is as it was\n'
    assert page.read_text(encoding="utf-8") == fence("list gpt2")
    assert sorted(one.name for one in here.iterdir()) == [".git", "a.md"]


WORDS = (
    "show", "list", "cache", "kernel", "hardware", "reference", "table", "help", "--help", "gpt2", "l40s", "gemm",
    "codes", "-H", "--specs", "--from", "--plan", "--out", "--format", "csv", "json", "--format=latex", "--context",
    "4Ki", "..", "/", "/etc/passwd", "~", "t.csv", "=", ",", "'", '"', "\\", "-", "--", "\0", "\x1b[31m", "\u202e",
    "é", "x" * 300, "-->", "digest=", "$(id)", "`id`", ";", "|", ">", "*",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), max_size=4), max_size=6))
@example(["show", "gpt2", "\x1b[31m"])
def test_no_words_of_a_fence_are_a_bug_of_ours(fuzzed: Path, words: list[str]) -> None:
    text = fence(" ".join(words)).replace("\n" * 2, "\n")
    write(fuzzed / "a.md", text)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(fuzzed), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(["docs", "--check", "a.md"])
    assert status in (1, 2), err.getvalue()
    assert "\x1b" not in out.getvalue() + err.getvalue()
    assert (fuzzed / "a.md").read_bytes() == text.encode()
    assert sorted(one.name for one in fuzzed.iterdir()) == [".git", "a.md", "t.csv"]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzzed")
    (root / ".git").mkdir()
    write(root / "t.csv", "a,b\n1,2\n")
    return root


# Our own documentation


@pytest.fixture(scope="module")
def ours() -> list[tuple[Document, list[str]]]:
    """Our documents with what their commands print now."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        return Runner().filled(documents(OURS))
    finally:
        os.chdir(before)


def test_our_tables_are_fresh(ours) -> None:
    assert [one for document, blocks in ours for one in stale_tables(document, blocks)] == []
    assert sum(len(blocks) for _, blocks in ours) > 80


def test_a_changed_digit_in_any_of_our_tables_is_found(ours) -> None:
    changed = 0
    for document, blocks in ours:
        for fence in document.fences:
            digit = re.search(r"[0-9]", fence.block)
            if digit is None:
                continue
            start = document.text.index(fence.block, fence.block_at) + digit.start()
            other = str((int(document.text[start]) + 1) % 10)
            text = document.text[:start] + other + document.text[start + 1 :]
            copy = Document(document.path, document.name, document.root, text, parse(text, fence.markup, document.name))
            (stale,) = stale_tables(copy, blocks)
            assert (stale.file, stale.line, stale.command, stale.reason) == (
                document.name, fence.line, fence.words, "edited",
            )  # fmt: skip
            assert [row[:1] for row in stale.diff if row[:1] in "-+"] == ["-", "+"]
            changed += 1
    assert changed > 60
