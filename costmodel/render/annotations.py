"""Findings for machines that show them at the line: GitHub, GitLab, SARIF, JUnit."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain, count
from typing import Any
from xml.etree import ElementTree

from costmodel import __version__
from costmodel.errors import plain
from costmodel.gate.check import Check
from costmodel.gate.findings import Finding
from costmodel.gate.rules import RULES
from costmodel.render import check as pages
from costmodel.render.output import json_text
from costmodel.render.sink import View
from costmodel.render.text import plain_text

_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}
_GITLAB = {"error": "major", "warning": "minor", "note": "info"}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def github(found: Check) -> str:
    """Return workflow commands, one a finding: they mark lines in a pull request."""
    return "".join(_command(one) for one in found.findings if one.waived is None)


def _command(finding: Finding) -> str:
    place = (
        f"file={_property(finding.file)},line={finding.line},col={finding.column},endColumn={finding.end_column},"
        f"title={_property(f'{finding.rule} {finding.title}')}"
    )
    text = "\n".join(plain(one) for one in finding.lines)
    return f"::{_GITHUB[finding.severity]} {place}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(plain(text)).replace(":", "%3A").replace(",", "%2C")


def gitlab(found: Check) -> str:
    """Return a code quality report: a fingerprint each, so that comments do not repeat."""
    rows = []
    seen: dict[str, int] = {}
    for one in found.findings:
        if one.waived is not None:
            continue
        number = seen[one.fingerprint] = seen.get(one.fingerprint, 0) + 1
        rows.append(
            {
                "description": plain(f"{one.title}: {'; '.join(one.lines)}"),
                "check_name": one.rule,
                "fingerprint": one.fingerprint if number == 1 else f"{one.fingerprint}-{number}",
                "severity": _GITLAB[one.severity],
                "location": {"path": plain(one.file), "lines": {"begin": one.line}},
            }
        )
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def sarif(found: Check) -> str:
    """Return SARIF 2.1.0; waived findings are there as suppressed ones."""
    used = [rule for rule in RULES.values() if any(one.rule == rule.id for one in found.findings)]
    index = {rule.id: number for number, rule in enumerate(used)}
    rules = [
        {
            "id": rule.id,
            "name": "".join(word.capitalize() for word in rule.title.replace("-", " ").split()),
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.help},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in used
    ]
    driver = {"name": "archcalc", "version": __version__, "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, index[one.rule]) for one in found.findings],
    }
    report = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"


def _result(finding: Finding, index: int) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column, "endColumn": finding.end_column}
    artifact = {"uri": _uri(finding.file)}
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": _message(f"{finding.title}: {'; '.join(finding.lines)}")},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        "partialFingerprints": {"archcalc/1": finding.fingerprint},
    }
    if finding.waived is not None:
        found["suppressions"] = [{"kind": "inSource", "justification": plain(finding.waived)}]
    return found


def _message(text: str) -> str:
    """Return text of which nothing is a placeholder or a link: the standard, 3.11.5 and 3.11.6."""
    return plain(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _uri(path: str) -> str:
    """Return a path as a URI: bytes of UTF-8 that are not unreserved as ``%20``."""
    found = "".join(chr(c) if chr(c) in _UNRESERVED else f"%{c:02X}" for c in plain(path).encode())
    return found.replace("//", "/%2F", 1) if found.startswith("//") else found  # two would name a host


def junit(found: Check) -> str:
    """Return JUnit's XML: a suite a spec, a case a rule that was looked at or found something."""
    root = ElementTree.Element("testsuites", name="archcalc check")
    for spec in dict.fromkeys([*found.specs, *(one.spec or one.file for one in found.findings)]):
        cases = _cases(found, spec)
        failed = sum(case.find("failure") is not None for case in cases)
        skipped = sum(case.find("skipped") is not None for case in cases)
        suite = ElementTree.SubElement(
            root, "testsuite", name=plain(spec), tests=str(len(cases)), failures=str(failed), errors="0",
            skipped=str(skipped),
        )  # fmt: skip
        suite.extend(cases)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _cases(found: Check, spec: str) -> list[ElementTree.Element]:
    """Return the rules of budgets that hold, and every finding; what does not fail the run is system-out."""
    names: set[str] = set()

    def case_of(name: str, place: dict[str, str]) -> ElementTree.Element:
        """Return a case; a rule has the same name whether it holds or not, so that its history is one."""
        numbered = (f"{plain(name)} ({number})" for number in count(2))
        unique = next(one for one in chain([plain(name)], numbered) if one not in names)
        names.add(unique)
        return ElementTree.Element("testcase", {"classname": plain(spec), "name": unique} | place)

    cases = [case_of(one.check, {}) for one in found.results if one.spec == spec and one.passed]
    for one in found.findings:
        if (one.spec or one.file) != spec:
            continue
        case = case_of(one.check or f"{one.rule} {one.title}", {"file": plain(one.file), "line": str(one.line)})
        text = plain("; ".join(one.lines))
        if one.waived is not None:
            ElementTree.SubElement(case, "skipped", message=plain(one.waived)).text = text
        elif found.fails(one):
            ElementTree.SubElement(case, "failure", type=one.rule, message=text).text = plain(f"{one.place}: {text}")
        else:
            ElementTree.SubElement(case, "system-out").text = f"{one.severity}: {text}"
        cases.append(case)
    if not cases:
        cases.append(ElementTree.Element("testcase", classname=plain(spec), name="rules"))
    return cases


def _text(found: Check) -> str:
    return plain_text(pages.page(found, View(None)))


WRITERS: dict[str, Callable[[Check], str]] = {
    "table": _text,
    "text": _text,
    "json": json_text,
    "github": github,
    "gitlab": gitlab,
    "sarif": sarif,
    "junit": junit,
    "markdown": pages.markdown,
}
