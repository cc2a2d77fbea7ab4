"""Waivers in comments: ``# archcalc: ignore[AC201] reason``, on the line, the line above, or for the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from costmodel.errors import ArchcalcError, one_of, quote
from costmodel.gate.files import Subject
from costmodel.gate.findings import Finding, found_at
from costmodel.gate.policy import Policy
from costmodel.gate.rules import RULES
from costmodel.loader import Mark, read_document

_WAIVER = re.compile(
    r"(?P<before>.*?)#\s*archcalc:\s*(?P<what>ignore(?P<file>-file)?)\s*(?:\[(?P<ids>[^\]]*)\])?(?P<reason>.*)"
)


@dataclass(slots=True)
class Waiver:
    """A waiver. ``line`` and columns count from 1; ``covers`` is the line it is for, None: all of the file."""

    ids: tuple[str, ...]
    reason: str
    line: int
    column: int
    end: int
    covers: int | None
    used: set[str] = field(default_factory=set)

    def is_for(self, rule: str, line: int) -> bool:
        """Say whether it covers what a rule found on a line."""
        return rule in self.ids and (self.covers is None or self.covers == line)


def read_waivers(lines: Sequence[str]) -> list[Waiver]:
    """Return the waivers of a file's lines, the malformed ones too: without ids or reason."""
    found = []
    for index, text in enumerate(lines):
        match = _WAIVER.fullmatch(text) if "archcalc:" in text else None
        if match is None:
            continue
        ids = tuple(one.strip() for one in (match["ids"] or "").split(",") if one.strip())
        covers: int | None = index + 1
        if match["file"]:
            covers = None
        elif not match["before"].strip():  # alone on its line: for the next one that holds something
            rest = range(index + 1, len(lines))
            covers = 1 + next((i for i in rest if lines[i].strip() and not lines[i].lstrip().startswith("#")), index)
        start = match.start("what") + 1
        found.append(Waiver(ids, match["reason"].strip(" \t:-"), index + 1, start, len(text.rstrip()) + 1, covers))
    return found


def apply(subject: Subject, found: list[Finding], looked: Collection[str], policy: Policy) -> list[Finding]:
    """Return findings, those that a waiver covers marked, and what is wrong with the waivers of the spec.

    ``looked``: the rules that were looked at; a waiver of others may be needed another time.
    """
    lines = subject.document.root.source.lines
    waivers = comments(subject, read_waivers(lines))
    for finding in found:
        for waiver in waivers:
            if waiver.reason and waiver.is_for(finding.rule, finding.line) and finding.file == subject.key:
                waiver.used.add(finding.rule)
                finding.waived = waiver.reason
    for waiver in waivers:
        problem = _problem(waiver, looked)
        if problem is not None and policy.active(problem[0]):
            rule, message = problem
            mark = Mark(subject.document.where, waiver.line, waiver.column, waiver.end)
            found.append(found_at(subject, mark, rule, policy.severity(rule), RULES[rule].title, message))
            found[-1].fingerprinted(f"{','.join(waiver.ids)} {waiver.reason}")
    return found


def comments(subject: Subject, waivers: list[Waiver]) -> list[Waiver]:
    """Return the waivers that are comments: without them the fields are the same. In a text one is text."""
    if not waivers or _is_same(subject, waivers):
        return waivers
    return [one for one in waivers if _is_same(subject, [one])]


def _is_same(subject: Subject, without: Sequence[Waiver]) -> bool:
    source = subject.document.root.source
    lines = list(source.lines)
    for waiver in without:
        text = lines[waiver.line - 1]
        lines[waiver.line - 1] = text[: text.rindex("#", 0, waiver.column)]
    try:
        return read_document("\n".join(lines)).data == read_document(source.text).data
    except ArchcalcError:
        return False


def _problem(waiver: Waiver, looked: Collection[str]) -> tuple[str, str] | None:
    """Return the rule that a waiver breaks, and how."""
    unknown = [rule for rule in waiver.ids if rule not in RULES]
    if unknown:
        return "AC212", f"no rule is called {quote(unknown[0])}"
    if not waiver.ids:
        return "AC212", "it names none: ignore[AC201] reason"
    if not waiver.reason:
        return "AC210", "say behind the brackets why it is fine here"
    idle = [rule for rule in waiver.ids if rule in looked and rule not in waiver.used]
    if idle and (waiver.used or len(idle) == len(waiver.ids)):
        return "AC211", f"{one_of(idle)} found nothing here"
    return None
