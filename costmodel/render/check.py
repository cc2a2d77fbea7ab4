"""The page of ``archcalc check``: each finding with its line, then what it comes to."""

from __future__ import annotations

from costmodel.errors import count_of
from costmodel.gate.check import Check
from costmodel.gate.findings import Finding
from costmodel.gate.rules import NOT_WAIVED
from costmodel.render import escape
from costmodel.render.sink import View
from costmodel.render.text import Line, Page, clean, fit, line, paragraph

_STYLE = {"error": "red", "warning": "yellow", "note": "cyan"}
SUMMARY = 900_000  # bytes of a Markdown summary; GitHub takes 1 MiB
_ROWS = 200
_NO_WAIVER = ("AC100", "AC208", "AC210", "AC211", "AC212")


def page(found: Check, view: View) -> Page:
    """Return the findings, notes and waived ones with ``-v`` only, and the counts."""
    out: Page = []
    for finding in found.findings:
        if view.verbose or (finding.severity != "note" and finding.waived is None):
            out += [*_finding(finding), line()]
    out.append(summary(found))
    if not view.quiet:
        out += _after(found, view)
    return fit(out, view.width)


def summary(found: Check) -> Line:
    """Return ``3 specs, 11 checks: 8 passed, 2 errors, 1 warning``."""
    out = line(f"{count_of(len(found.specs), 'spec')}, {count_of(found.checks, 'check')}: {found.passed:,} passed")
    for number, noun, style in ((found.errors, "error", "red"), (found.warnings, "warning", "yellow")):
        if number:
            out.add(", ").add(count_of(number, noun), style)
    if found.notes:
        out.add(f", {count_of(found.notes, 'note')}")
    if found.waived:
        out.add(f", {found.waived:,} waived")
    return out


def _after(found: Check, view: View) -> Page:
    out: Page = []
    if found.skipped:
        named = ", ".join(clean(one) for one in found.skipped[:3]) + (", ..." if len(found.skipped) > 3 else "")
        verb = "file is no spec" if len(found.skipped) == 1 else "files are no specs"
        out += paragraph(f"{len(found.skipped):,} {verb}: {named}", 80, "dim")
    if (found.notes or found.waived) and not view.verbose:
        out.append(line("notes and what is waived: -v", "dim"))
    if found.failed:
        rules = (one.rule for one in found.findings if found.fails(one) and one.rule not in NOT_WAIVED)
        waive = next((f" Waive with: # archcalc: ignore[{rule}] reason" for rule in rules), "")
        out.append(line(f"exit 1 (--fail-on {found.fail_on}).{waive}", "dim"))
    if view.tips and found.next:
        out.append(line("next: ", "dim").add(found.next, "cyan"))
    return out


def _finding(finding: Finding) -> Page:
    head = line(clean(finding.file), "bold").add(f":{finding.line}:{finding.column}: ")
    head.add(finding.severity, f"bold {_STYLE[finding.severity]}").add(f" {finding.rule} {clean(finding.title)}")
    if finding.waived is not None:
        head.add(f"  waived: {clean(finding.waived)}", "dim")
    out = [head]
    told = finding.budget is not None or not finding.excerpts
    *before, marked = [excerpt.rows() for excerpt in finding.excerpts] or [("", "")]
    out += [_quoted(source) for source, _ in before]
    if finding.excerpts:
        out.append(_quoted(marked[0]))
        gutter, _, caret = marked[1].partition("|")
        beside = finding.hint if told else "; ".join(filter(None, (finding.message, finding.hint)))
        out.append(line(f"{gutter}|", "dim").add(caret, _STYLE[finding.severity]).add(f" {clean(beside)}".rstrip()))
    if told:
        out += paragraph(clean(finding.message), 80, "", "  ")
        if finding.hint and not finding.excerpts:
            out += paragraph(clean(finding.hint), 80, "", "  ")
    for detail in finding.details:
        out += paragraph(clean(detail), 80, "", "  ")
    return out


def _quoted(row: str) -> Line:
    gutter, bar, text = row.partition("|")
    return line(gutter + bar, "dim").add(text)


def markdown(found: Check) -> str:
    """Return a summary for a job's page: what failed as a table, the counts below."""
    counts = escape.markdown(summary(found).text)
    verdict = "failed" if found.failed else "passed"
    out = [f"### archcalc check: {verdict}", ""]
    open_ = [one for one in found.findings if one.waived is None]
    if open_:
        out += ["| | where | what | |", "|---|---|---|---|"]
        size = 0
        for one in open_[:_ROWS]:
            where = escape.markdown(f"{one.file}:{one.line}")
            what = escape.markdown("; ".join(one.lines))
            row = f"| {one.severity} {one.rule} | {where} | {escape.markdown(one.title)} | {what} |"
            size += len(row.encode()) + 1
            if size > SUMMARY:
                break
            out.append(row)
        left = len(open_) - (len(out) - 4)
        out += ["", f"{count_of(left, 'more finding')}."] if left else []
        out.append("")
    return "\n".join([*out, f"{counts}."]) + "\n"
