"""``archcalc check``: budgets, assertions and rules over specs, with the line that each finding is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.errors import ArchcalcError, UsageError, dotted, one_of, quote
from costmodel.gate import budgets as budget_files
from costmodel.gate import waivers
from costmodel.gate.files import Subject, Targets, find, read, shown
from costmodel.gate.findings import Finding, found_at
from costmodel.gate.judge import Judge, Result
from costmodel.gate.limits import Budgets, Group
from costmodel.gate.lock_file import NAME as LOCK
from costmodel.gate.lock_file import Lock, read_lock
from costmodel.gate.policy import Policy
from costmodel.gate.rules import RULES
from costmodel.gate.sanity import HARDWARE, SANITY, Odd, Reference
from costmodel.loader import Mark
from costmodel.report.data import PRIVATE, SCHEMA

BUDGETS = "archcalc.budgets.yaml"
SEVERITIES = ("error", "warning", "note")
FAIL_ON = (*SEVERITIES, "never")
_RANK = {"error": 0, "warning": 1, "note": 2, "never": -1}


@dataclass(slots=True)
class Check:
    """What ``archcalc check`` prints. ``failed``: a finding is at least as severe as ``fail_on``.

    ``checks`` counts what was looked at: every rule of every spec; ``results`` are those of budgets.
    ``skipped``: YAML files in the folders that are no specs.
    """

    specs: list[str]
    checks: int
    passed: int
    errors: int
    warnings: int
    notes: int
    waived: int
    failed: bool
    fail_on: str
    findings: list[Finding]
    results: list[Result]
    skipped: list[str]
    budgets: str | None
    lock: str | None
    hardware: str
    next: str | None = field(default=None, metadata=PRIVATE)
    command: str = "check"
    schema: str = SCHEMA

    def fails(self, finding: Finding) -> bool:
        """Say whether a finding makes the run fail."""
        return finding.waived is None and finding.severity in SEVERITIES[: 1 + _RANK[self.fail_on]]


def check(
    *wanted: str,
    budgets: str | Path | None = None,
    lock: str | Path | None = None,
    hardware: str = HARDWARE,
    fail_on: str = "error",
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    specs: Sequence[str | Path] = (),
    skip_others: bool = False,
) -> Check:
    """Return what the rules and a budget file find in specs: files, folders or names of the catalog.

    Without ``wanted``, every spec in the folder of the budget file is checked. ``budgets`` and
    ``lock`` are looked for in the current folder where they are not given. ``hardware`` is what
    the rules about memory think of. ``select`` and ``ignore`` name rules by id. ``skip_others``
    leaves out named files that are no specs.

    Raises:
        UnknownSpecError: there is no such file, folder or name.
        SpecError: the budget or lock file says something impossible; the message has its place.
        UsageError: there is nothing to check, or a choice cannot be.
    """
    from costmodel.catalog import asked_folders

    if fail_on not in FAIL_ON:
        raise UsageError(f"--fail-on is {one_of(FAIL_ON)}, not {quote(fail_on)}")
    folders = asked_folders(specs)
    budget_path = _beside(budgets, BUDGETS)
    limits = budget_files.read_budgets(budget_path, folders) if budget_path else None
    lock_path = _beside(lock, LOCK, budget_path.parent if budget_path else None)
    if not wanted and limits is None:
        raise UsageError("there is nothing to check", hint=f"name specs or folders, or write {BUDGETS}")
    targets = find(wanted or [str(limits.folder) if limits else "."], folders, skip_others=skip_others)
    passed_over = skip_others and wanted and not any(Path(one).is_dir() for one in wanted)
    if not targets.files and not passed_over:
        raise UsageError("there is no spec to check", hint="specs are YAML files with base, or blocks and d_model")
    policy = Policy.of(select, ignore, limits.severity if limits else {})
    run = _Run(limits, read_lock(lock_path) if lock_path else None, Reference.of(hardware), folders, policy)
    for path in targets.files:
        run.one(path)
    if budgets is not None and limits and limits.groups and not run.seen and not run.broken and not skip_others:
        patterns = ", ".join(dict.fromkeys(one for group in limits.groups for one in group.patterns))
        raise UsageError(
            f"no budget of {quote(shown(str(budget_path)))} is for what is checked",
            hint=f"they are for {patterns}: globs over paths from the folder of that file, or names",
        )
    if not wanted or any(Path(name).is_dir() for name in wanted):
        run.unmatched()
    return run.page(targets, fail_on, budget_path, lock_path)


def _beside(given: str | Path | None, name: str, folder: Path | None = None) -> Path | None:
    """Return the file that was given, else the one of the usual name, if there is one."""
    if given is not None:
        return Path(given)
    return next((place / name for place in (folder, Path()) if place is not None and (place / name).is_file()), None)


class _Run:
    """One run over specs."""

    def __init__(
        self, limits: Budgets | None, lock: Lock | None, reference: Reference, folders: Sequence[Path], policy: Policy
    ) -> None:
        self.limits, self.lock, self.reference, self.folders = limits, lock, reference, tuple(folders)
        self.policy = policy
        self.findings: list[Finding] = []
        self.results: list[Result] = []
        self.specs: list[str] = []
        self.checks = self.passed = 0
        self.broken = False
        self.seen: set[int] = set()
        self.others: dict[str, Subject] = {}
        self.bases: dict[str, Callable[[], str]] = {}

    def one(self, path: Path) -> None:
        """Check one spec."""
        self.checks += 1
        try:
            subject = read(path, self.folders)
        except ArchcalcError as error:
            self.specs.append(shown(str(path)))
            self.unreadable(path, error)
            return
        self.specs.append(subject.key)
        self.passed += 1
        if subject.document.bases:
            self.bases[subject.key] = partial(self.base_as_typed, subject.document.bases[0], subject.path)
        found: list[Finding] = []
        looked = {rule for rule in SANITY if self.policy.active(rule)}
        found += self.budget(subject, looked)
        if isinstance(subject.model, Architecture):  # after budgets: a rule may use what they computed
            found += self.sanity(subject)
        self.findings += waivers.apply(subject, found, looked, self.policy)

    def unreadable(self, path: Path, error: ArchcalcError) -> None:
        """Report a spec that cannot be read, where it says why."""
        place = (error.where or "").rsplit(":", 2)
        at = place if len(place) == 3 and place[1].isdigit() and place[2].isdigit() else (str(path), "1", "1")
        line, column = int(at[1]), int(at[2])
        width = error.excerpt.width if error.excerpt else 1
        own = Path(at[0]) == path
        message = error.message if own else f"{error.message} ({error.where})"
        finding = Finding(
            rule="AC100",
            severity=self.policy.severity("AC100"),
            title=f"{error.code or ''} spec cannot be read".strip(),
            message=message,
            file=shown(str(path)),
            line=line if own else 1,
            column=column if own else 1,
            end_column=column + width if own else 2,
            spec=shown(str(path)),
            details=[error.note] if error.note else [],
            hint=error.hint or "",
            excerpts=[error.excerpt] if error.excerpt and own else [],
        )
        self.broken = True
        if self.policy.active("AC100"):
            self.findings.append(finding.fingerprinted(error.code or ""))

    def sanity(self, subject: Subject) -> list[Finding]:
        """Return what the rules that need no budget see in what the spec itself states."""
        found = []
        for rule, look in SANITY.items():
            if not self.policy.active(rule):
                continue
            self.checks += 1
            told = set()
            for odd in look(subject, self.reference):
                mark = next((mark for path in odd.fields if (mark := _own(subject, path))), None)
                if mark is not None and (odd.message, mark) not in told:
                    told.add((odd.message, mark))
                    found.append(self.odd(rule, subject, odd, mark))
            self.passed += not told
        return found

    def odd(self, rule: str, subject: Subject, odd: Odd, mark: Mark) -> Finding:
        """Return what a rule saw as a finding."""
        severity = self.policy.severity(rule, seen=odd.severity)
        finding = found_at(subject, mark, rule, severity, RULES[rule].title, odd.message)
        finding.hint, finding.check = odd.hint, f"{rule} {RULES[rule].title}: {dotted(odd.fields[0])}"
        return finding.fingerprinted(".".join(map(str, odd.fields[0])))

    def budget(self, subject: Subject, looked: set[str]) -> list[Finding]:
        """Return what the budgets that match the spec find, and what its lock says of the formulas.

        The rules that were looked at are added to ``looked``.
        """
        judge = Judge(
            subject, self.lock, self.limits.workloads if self.limits else {}, self.other, self.policy, self.folders
        )
        found = list(judge.formulas()) if self.policy.active("AC209") else []
        if self.limits is None:
            return found
        paths = self.limits.paths(subject.path)
        for number, group in enumerate(self.limits.groups):
            if not group.matches(paths, subject.name):
                continue
            self.seen.add(number)
            looked.add("AC207")
            for rule in group.rules:
                if self.policy.active(rule.id):
                    result, finding = judge.judge(rule)
                    if result is None:
                        continue
                    self.checks += 1
                    looked.add(rule.id)
                    self.results.append(result)
                    self.passed += result.passed
                    found += [finding] if finding else []
        return found

    def other(self, name: str) -> Subject:
        """Return another spec that an expression or a limit names; each is read once."""
        if name not in self.others:
            self.others[name] = read(
                budget_files.named(name, self.limits.path if self.limits else Path("budgets"), self.folders),
                self.folders,
            )
        return self.others[name]

    def unmatched(self) -> None:
        """Report budgets that no spec matches, where all specs there are were checked."""
        for number, group in enumerate(self.limits.groups if self.limits else ()):
            if number not in self.seen and self.policy.active("AC208"):
                self.findings.append(self.empty(group))

    def empty(self, group: Group) -> Finding:
        """Return the finding for a budget that matches nothing."""
        mark, patterns = group.mark, ", ".join(group.patterns)
        finding = Finding(
            rule="AC208",
            severity=self.policy.severity("AC208"),
            title=RULES["AC208"].title,
            message=f"no spec is called {quote(patterns)}",
            file=shown(mark.file),
            line=mark.line,
            column=mark.column,
            end_column=mark.end,
            spec="",
        )
        return finding.fingerprinted(patterns)

    def page(self, targets: Targets, fail_on: str, budget_path: Path | None, lock_path: Path | None) -> Check:
        """Return the whole result, findings in the order of files and lines."""
        order = {name: index for index, name in enumerate(self.specs)}
        self.findings.sort(key=lambda one: (order.get(one.spec, len(order)), SEVERITIES.index(one.severity), one.line))
        own = [path.resolve() for path in (budget_path, lock_path) if path]
        open_ = [one for one in self.findings if one.waived is None]
        counts = {severity: sum(one.severity == severity for one in open_) for severity in SEVERITIES}
        found = Check(
            specs=self.specs,
            checks=self.checks,
            passed=self.passed,
            errors=counts["error"],
            warnings=counts["warning"],
            notes=counts["note"],
            waived=len(self.findings) - len(open_),
            failed=False,
            fail_on=fail_on,
            findings=self.findings,
            results=self.results,
            skipped=[shown(str(one)) for one in targets.others if one.resolve() not in own],
            budgets=shown(str(budget_path)) if budget_path else None,
            lock=shown(str(lock_path)) if lock_path else None,
            hardware=self.reference.text,
        )
        found.failed = any(map(found.fails, open_))
        found.next = self.tip(open_)
        return found

    def base_as_typed(self, base: str, of: Path) -> str:
        """Return how a user would name the base of a spec: by its file, or its name where it ships."""
        path = catalog.find_base(base, of, self.folders)
        return path.stem if path.is_relative_to(catalog.spec_root()) else shown(str(path))

    def tip(self, found: Sequence[Finding]) -> str | None:
        """Return the command that explains the first finding that has causes."""
        first = next((one for one in found if one.causes), None)
        if first is None:
            return None
        before = self.bases.get(first.spec)
        return f"archcalc diff {before()} {first.spec}" if before else None


def _own(subject: Subject, path: tuple[str | int, ...]) -> Mark | None:
    """Return where the spec's own file states a field; None where it inherits it."""
    mark = subject.document.mark(path)
    if mark is None or mark.file != subject.document.where:
        return None
    return subject.document.mark(path, on_key=True) if path in (("blocks",),) else mark
