"""Waivers in comments: ``# archcalc: ignore[AC201] reason``, on the line, the line above, or for the file."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from costmodel.errors import one_of, quote
from costmodel.gate.files import Subject
from costmodel.gate.findings import Finding, found_at
from costmodel.gate.policy import Policy
from costmodel.gate.rules import RULES
from costmodel.loader import Mark

Place = tuple[int, int]  # line and column, from 0
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
    below = None  # the next line that holds something
    for number in range(len(lines), 0, -1):
        text = lines[number - 1]
        match = _WAIVER.fullmatch(text) if "archcalc:" in text else None
        if match is not None:
            ids = tuple(one.strip() for one in (match["ids"] or "").split(",") if one.strip())
            alone = not match["before"].strip()
            covers = None if match["file"] else below or number if alone else number
            start = match.start("what") + 1
            found.append(Waiver(ids, match["reason"].strip(" \t:-"), number, start, len(text.rstrip()) + 1, covers))
        if text.strip() and not text.lstrip().startswith("#"):
            below = number
    return found[::-1]


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
    """Return the waivers that are comments; in a text one is text."""
    if not waivers:
        return []
    source = subject.document.root.source
    texts = list(_texts(source.text))
    starts = [start for start, _ in texts]

    def is_comment(waiver: Waiver) -> bool:
        place = (waiver.line - 1, source.lines[waiver.line - 1].rindex("#", 0, waiver.column))
        before = bisect(starts, place)
        return before == 0 or texts[before - 1][1] <= place

    return [one for one in waivers if is_comment(one)]


def _texts(text: str) -> Iterator[tuple[Place, Place]]:
    """Yield where each scalar of a file begins and ends, in order; behind ``|`` and ``>`` a comment may stand."""
    import yaml  # start-up: most specs have no waiver

    for token in yaml.scan(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark, token.end_mark
            begins = (start.line + 1, 0) if token.style in ("|", ">") else (start.line, start.column)
            yield begins, (end.line, end.column)


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
