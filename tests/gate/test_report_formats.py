"""Reports of a check as their readers take them: whatever a file or a title is called, the structure holds.

Readers that nobody here wrote: the JSON Schema of SARIF 2.1.0, a JUnit library, a Markdown parser.
GitHub's and GitLab's rules are short and are written down here once more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from sarif_kit.validate import validation_errors

from costmodel.errors import plain
from costmodel.gate.check import FAIL_ON, Check
from costmodel.gate.findings import Finding
from costmodel.gate.judge import Result
from costmodel.gate.rules import RULES
from costmodel.render.annotations import WRITERS
from costmodel.render.text import clean

NASTY = (
    "%", ",", ":", "::", "\n", "\r", '"', "'", "<script>alert(1)</script>", "<!--", "-->", "|", "\\", "\\|", "`", "``",
    "[x](https://example.org)", "![x](y)", "{0}", "}", "]]>", "&amp;", "&", "%0A", "%2C", "::error::", "##[error]",
    "\x1b[31m", "\x1b]8;;https://example.org\x07", "\u202e", "\u2066", "\u200b", "\x00", "\x85", "\u2028", "\ud800",
    "*", "_", "~~", "#", "- ", "1. ", "    ", "\t", "é", "模型", "🦙", "../", "//", "?", "a", "designs/b.yaml",
)  # fmt: skip
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=4), min_size=1, max_size=6).map("".join)
lines = st.integers(1, 10**6)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    column = draw(lines)
    return Finding(
        rule=draw(st.sampled_from(list(RULES))),
        severity=draw(st.sampled_from(["error", "warning", "note"])),
        title=draw(texts),
        message=draw(texts),
        file=draw(texts),
        line=draw(lines),
        column=column,
        end_column=column + draw(st.integers(1, 99)),
        spec=draw(texts),
        budget=draw(st.none() | texts),
        details=draw(st.lists(texts, max_size=2)),
        waived=draw(st.none() | texts),
        hint=draw(texts),
    ).fingerprinted(draw(st.sampled_from("ab")))


@st.composite
def checks(draw: st.DrawFn) -> Check:
    found = draw(st.lists(findings(), max_size=4))
    found += found[: draw(st.integers(0, len(found)))]  # the same twice
    results = st.builds(
        Result, spec=texts, rule=st.sampled_from(list(RULES)), figure=texts, at=st.none() | texts,
        value=st.just(Fraction(1)), limit=st.just(Fraction(2)), budget=texts, passed=st.booleans(),
    )  # fmt: skip
    check = Check(
        specs=draw(st.lists(texts, max_size=3)), checks=9, passed=1, errors=1, warnings=1, notes=1, waived=1,
        failed=False, fail_on=draw(st.sampled_from(FAIL_ON)), findings=found,
        results=draw(st.lists(results, max_size=2)), skipped=draw(st.lists(texts, max_size=2)),
        budgets=None, lock=None, hardware="8x h200-sxm",
    )  # fmt: skip
    check.failed = any(map(check.fails, found))
    return check


def open_findings(found: Check) -> list[Finding]:
    return [one for one in found.findings if one.waived is None]


@given(checks())
def test_sarif(found: Check) -> None:
    report = json.loads(WRITERS["sarif"](found))
    assert validation_errors(report) == []
    (run,) = report["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(found.findings)
    for one, result in zip(found.findings, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == one.rule
        place = result["locations"][0]["physicalLocation"]
        assert unquote(place["artifactLocation"]["uri"]) == plain(one.file)
        uri = urlsplit(place["artifactLocation"]["uri"])
        assert (uri.scheme, uri.netloc, uri.query, uri.fragment) == ("", "", "", "")
        region = place["region"]
        assert (region["startLine"], region["startColumn"]) == (one.line, one.column)
        assert region["endColumn"] > region["startColumn"]
        shown = result["message"]["text"]
        assert not re.search(r"(?<!\{)(\{\{)*\{(?!\{)", shown)  # placeholders: the standard, 3.11.5
        assert "](" not in shown  # links: 3.11.6
        assert shown.replace("{{", "{").replace("}}", "}").replace("] (", "](") == plain(
            f"{one.title}: {'; '.join(one.lines)}"
        ).replace("] (", "](")
        assert ("suppressions" in result) == (one.waived is not None)


@given(checks())
def test_junit(found: Check) -> None:
    text = WRITERS["junit"](found)
    root = ElementTree.fromstring(text.encode())
    suites = JUnitXml.fromstring(text)
    cases = [case for suite in suites for case in suite]
    kinds = [type(result) for case in cases for result in case.result]
    assert (suites.tests, suites.errors) == (len(cases), 0)
    assert suites.failures == kinds.count(Failure) == sum(map(found.fails, found.findings))
    assert suites.skipped == kinds.count(Skipped) == sum(one.waived is not None for one in found.findings)
    names = {suite.name for suite in suites}
    assert names == {plain(one) for one in found.specs} | {plain(one.spec or one.file) for one in found.findings}
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "skipped", "system-out",
    }  # fmt: skip
    for one in found.findings:  # no line in the name: a rule keeps its history when the file grows
        assert plain(f"{one.rule} {one.title}") in {case.name for case in cases}
    for suite in suites:
        assert len({case.name for case in suite}) == len(list(suite))


@given(checks())
def test_gitlab(found: Check) -> None:
    """Required by its documentation: description, check_name, fingerprint, severity, location.path, lines.begin."""
    rows = json.loads(WRITERS["gitlab"](found))
    assert len(rows) == len(open_findings(found))
    assert len({row["fingerprint"] for row in rows}) == len(rows)
    for one, row in zip(open_findings(found), rows, strict=True):
        assert set(row) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert row["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert row["location"] == {"path": plain(one.file), "lines": {"begin": one.line}}
        assert row["description"].isprintable()


def commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """Read workflow commands as the runner does: lines, ``::``, ``,`` and ``=`` first, then what % stands for."""
    found = []
    for line in log.splitlines():
        assert line.startswith("::")
        head, _, data = line[2:].partition("::")
        name, _, properties = head.partition(" ")
        pairs = [pair.split("=", 1) for pair in properties.split(",") if pair]
        found.append((name, {key: unescaped(value, ":,") for key, value in pairs}, unescaped(data, "")))
    return found


def unescaped(text: str, more: str) -> str:
    for character in f"\r\n{more}%":
        text = text.replace(f"%{ord(character):02X}", character)
    return text


@given(checks())
def test_github(found: Check) -> None:
    read = commands(WRITERS["github"](found))
    words = {"error": "error", "warning": "warning", "note": "notice"}
    assert read == [
        (
            words[one.severity],
            {
                "file": plain(one.file), "line": str(one.line), "col": str(one.column),
                "endColumn": str(one.end_column), "title": plain(f"{one.rule} {one.title}"),
            },
            "\n".join(map(plain, one.lines)),
        )
        for one in open_findings(found)
    ]  # fmt: skip


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def cells(text: str) -> list[list[str]]:
    """Return the cells of the only table of a document; nothing in it is a link, an image, code or HTML."""
    rows: list[list[str]] = []
    tables = 0
    for token in MARKDOWN.parse(text):
        assert token.type not in ("html_block", "fence", "code_block", "bullet_list_open", "blockquote_open")
        tables += token.type == "table_open"
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            kinds = {child.type for child in token.children or []}
            assert kinds <= {"text", "text_special", "entity"}, kinds
            if rows and token.level > 2:
                rows[-1].append("".join(child.content for child in token.children or []))
    assert tables <= 1
    return rows


@given(checks())
def test_markdown(found: Check) -> None:
    rows = cells(WRITERS["markdown"](found))
    expected = [
        [f"{one.severity} {one.rule}", clean(f"{one.file}:{one.line}"), clean(one.title), clean("; ".join(one.lines))]
        for one in open_findings(found)
    ]
    assert rows[1:] == expected


@given(checks())
def test_pages_and_json(found: Check) -> None:
    for line in WRITERS["table"](found).split("\n"):
        assert line.isprintable()
    text = WRITERS["json"](found)
    text.encode()
    read: dict[str, Any] = json.loads(text)
    assert len(read["findings"]) == len(found.findings)


def test_a_summary_stays_below_what_github_takes() -> None:
    """1 MiB, in bytes: letters of four bytes, characters that are escaped, more findings than are shown."""
    one = Finding("AC201", "error", "🦙|" * 2000, "🦙<" * 2000, "🦙.yaml", 1, 1, 2, "x")
    many = Check(
        specs=["x"], checks=1, passed=0, errors=999, warnings=0, notes=0, waived=0, failed=True, fail_on="error",
        findings=[one] * 999, results=[], skipped=[], budgets=None, lock=None, hardware="",
    )  # fmt: skip
    text = WRITERS["markdown"](many)
    assert 800_000 < len(text.encode()) < 2**20
    assert re.search(r"^\d+ more findings\.$", text, re.MULTILINE)


NAMES = (
    b"a,b:c%0A=.yaml",
    b"x|`y`<script>.yaml",
    b"[x](y).yaml",
    b"\xff\x80.yaml",
    "\u202eline\nbreak\x1b[31m.yaml".encode(),
)


def archcalc(*words: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "costmodel", *words]
    return subprocess.run(whole, capture_output=True, text=True, encoding="utf-8", check=False)


def test_files_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command on files that are called so, in every format, and the comment about what changed in them."""
    monkeypatch.chdir(tmp_path)
    for folder, size in (("designs", 3072), ("before", 2048)):
        (tmp_path / folder).mkdir()
        for name in NAMES:
            path = os.path.join(os.fsencode(tmp_path / folder), name)  # noqa: PTH118
            with open(path, "w") as file:  # noqa: PTH123
                file.write(f"base: deepseek-v3\nname: x\nblocks:\n  moe: {{shared: {{d_ff: {size}}}}}\n")
    Path("limits.yaml").write_text("budgets: [{rules: {params.active: {max: 38B}}}]\n", encoding="utf-8")
    outputs = [f"{form}:out.{form}" for form in WRITERS]
    words = [word for output in outputs for word in ("--output", output)]
    answer = archcalc("check", "designs", "--budgets", "limits.yaml", *words)
    assert (answer.returncode, answer.stderr) == (1, "")
    made = {form: Path(f"out.{form}").read_text(encoding="utf-8") for form in WRITERS}
    assert validation_errors(json.loads(made["sarif"])) == []
    assert JUnitXml.fromstring(made["junit"]).failures == len(NAMES)
    assert len(json.loads(made["gitlab"])) == len(commands(made["github"])) == len(NAMES)
    assert len(cells(made["markdown"])) == 1 + len(NAMES)
    comment = archcalc("diff", "before", "designs", "--format", "markdown")
    assert (comment.returncode, comment.stderr) == (0, "")
    tokens = MARKDOWN.parse(comment.stdout)
    assert sum(token.type == "table_open" for token in tokens) == len(NAMES)
    assert [token.content for token in tokens if token.type == "html_block"] == ["<!-- archcalc-diff:designs -->\n"]
    assert {child.content for token in tokens for child in token.children or [] if child.type == "html_inline"} <= {
        "<sub>", "</sub>",
    }  # fmt: skip
