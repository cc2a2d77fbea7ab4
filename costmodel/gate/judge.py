"""One rule of a budget against one spec: whether it holds, and what line made it fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from costmodel.errors import ArchcalcError, UsageError, quote
from costmodel.gate.blame import Blame
from costmodel.gate.files import Subject
from costmodel.gate.findings import Finding, amount, change_text, found_at, number, signed
from costmodel.gate.limits import Rule
from costmodel.gate.lock_file import Lock, moved
from costmodel.gate.numbers import NUMBER
from costmodel.gate.policy import Policy
from costmodel.gate.rules import RULES
from costmodel.gate.terms import Reference
from costmodel.gate.workloads import Load, load_of
from costmodel.loader import Mark
from costmodel.report.data import PRIVATE
from costmodel.units import context_text


@dataclass(slots=True)
class Result:
    """A rule of a budget and a spec: the figure, its limit, and whether it holds."""

    spec: str
    rule: str
    figure: str
    at: str | None
    value: Fraction | None
    limit: Fraction | None
    budget: str
    passed: bool
    check: str = field(default="", metadata=PRIVATE)


class Judge:
    """Judges the rules for one spec."""

    def __init__(
        self,
        subject: Subject,
        lock: Lock | None,
        workloads: Mapping[str, Load],
        other: Callable[[str], Subject],
        policy: Policy,
        folders: Sequence[Path] = (),
    ) -> None:
        self.subject, self.lock, self.workloads, self.policy = subject, lock, workloads, policy
        self.blame = Blame(subject, lock, other, folders)
        self.unlocked = False

    def judge(self, rule: Rule) -> tuple[Result | None, Finding | None]:
        """Return the result of a rule, and what it found where it does not hold.

        There is no result where it cannot be judged, and that is not looked at.
        """
        try:
            if rule.kind == "assert":
                return self._assertion(rule)
            if rule.kind == "fits":
                return self._fits(rule)
            return self._limit(rule)
        except ArchcalcError as error:
            if not self.policy.active("AC213" if error.code == "AC213" else "AC207"):
                return None, None
            result = self._result(rule, None, None, passed=False)
            if error.code == "AC213":
                return result, self._unlocked(error)
            title = f"{RULES['AC207'].title}: {_what(rule)}"
            message = f"{error.message} ({rule.place})"
            finding = self._finding("AC207", rule, title, message, self.blame.place())
            finding.details += [error.hint] if error.hint else []
            return result, finding

    def _unlocked(self, error: ArchcalcError) -> Finding | None:
        """Return once for a spec that it has no baseline."""
        if self.unlocked:
            return None
        self.unlocked = True
        finding = self._finding("AC213", None, RULES["AC213"].title, error.message, self.blame.place())
        finding.details += [error.hint] if error.hint else []
        return finding

    # ---- limits ----

    def _limit(self, rule: Rule) -> tuple[Result, Finding | None]:
        name, load = _reference(rule).name, rule.load
        value = self.subject.figures(name, load)
        limit, failed = self._bound(rule, value)
        result = self._result(rule, value, limit, passed=not failed)
        if not failed:
            return result, None
        words = self._words(rule, value)
        share = value / limit - 1 if limit else None
        message = f"{_short(rule)} is {amount(name, value)}{_at(rule)}, {words} ({rule.place})"
        if rule.kind in ("max", "min", "equals") and share is not None:
            message += f": {change_text(share)}"
        vs = rule.vs if rule.kind in ("max_increase", "max_decrease") else None
        found = self.blame.moving(name, load, up=value > limit, vs=vs)
        title = (
            f"{name.removesuffix('.bytes')} {_TITLES[rule.kind] if rule.kind != 'max_decrease' else 'shrank too much'}"
        )
        title += f" at workload {rule.at}" if rule.at and not _is_context(rule.at) else ""
        finding = self._finding(rule.id, rule, title, message, found.mark)
        finding.value, finding.limit = value, limit
        finding.change = float(share) if share is not None else None
        found.explain(finding, limit if rule.kind in ("max", "max_increase") else None)
        return result, finding

    def _bound(self, rule: Rule, value: Fraction) -> tuple[Fraction, bool]:
        """Return the limit, and whether it is broken."""
        if rule.kind == "max":
            return rule.bound, value > rule.bound
        if rule.kind == "min":
            return rule.bound, value < rule.bound
        if rule.kind == "equals":
            if rule.published is not None:
                if value.denominator != 1:
                    raise UsageError("a figure that is no whole number needs a tolerance", hint="tolerance: 1%")
                return Fraction(rule.published.value), not rule.published.is_of(int(value))
            room = (rule.tolerance or Fraction(0)) * (abs(rule.bound) if rule.relative else 1)
            return rule.bound, abs(value - rule.bound) > room
        was = self.blame.figures(rule.vs)[0](_reference(rule).name, rule.load)
        sign = 1 if rule.kind == "max_increase" else -1
        limit = was * (1 + sign * rule.bound) if rule.relative else was + sign * rule.bound
        return limit, sign * value > sign * limit

    def _words(self, rule: Rule, value: Fraction) -> str:
        """Return what to say of a limit that is broken."""
        if rule.kind in ("max", "min"):
            return f"the {'limit' if rule.kind == 'max' else 'least'} {rule.text}"
        if rule.kind == "equals":
            return f"not {rule.text}" + (" within the tolerance" if rule.published is None else "")
        name = _reference(rule).name
        before, called = self.blame.figures(rule.vs)
        was = before(name, rule.load)
        by = change_text(value / was - 1, 2) if rule.relative and was else signed(name, value - was)
        sign = "+" if rule.kind == "max_increase" else "-"
        return f"{called} has {amount(name, was)}: {by}, allowed {sign}{rule.text}"

    # ---- assertions and hardware ----

    def _assertion(self, rule: Rule) -> tuple[Result, Finding | None]:
        expression = rule.expression
        assert expression is not None
        if expression.value(self._look_up):
            return self._result(rule, None, None, passed=True), None
        sides = expression.sides(self._look_up)
        message = f"{quote(expression.text)} is false"
        limit = value = None
        named = [one for one in expression.references if one.spec is None]
        if sides:
            left, value, sign, right, limit = sides
            single = named[0].name if len(named) == 1 and left.strip('"') == named[0].text else ""
            shown = amount(single, value) if single else number(value)
            exact = f" = {amount(single, limit) if single else number(limit)}" if not _is_plain_number(right) else ""
            message = f"{left} is {shown}, not {sign} {right}{exact} ({rule.place})"
        first = named[0] if named else None
        load = self._load_of(first.at) if first and first.at else None
        found = self.blame.moving(first.name, load, up=None) if first else None
        if found and not found.causes and len(named) > 1:  # the largest part of one figure says nothing of a ratio
            found = None
        mark = found.mark if found else self.blame.place()
        finding = self._finding("AC206", rule, f"{RULES['AC206'].title}: {expression.text}", message, mark)
        finding.value, finding.limit = value, limit
        if found:
            found.explain(finding, None)
        return self._result(rule, value, limit, passed=False), finding

    def _look_up(self, reference: Reference) -> Fraction:
        load = self._load_of(reference.at) if reference.at else None
        if reference.spec is None:
            return self.subject.figures(reference.name, load)
        return self.blame.figures(reference.spec)[0](reference.name, load)

    def _load_of(self, at: str) -> Load:
        return load_of(at, self.workloads)

    def _fits(self, rule: Rule) -> tuple[Result, Finding | None]:
        from costmodel.gate.fits import need

        assert rule.load is not None
        assert rule.load.machines is not None
        devices, name = rule.load.machines
        found = need(self.subject.architecture, rule.load)
        result = self._result(rule, Fraction(found.devices or 0), Fraction(devices), passed=found.fits)
        if found.fits:
            return result, None
        where = f"{devices} x {name}"
        message = f"{found.text} at {rule.load.text}, the limit {where} ({rule.place})"
        moved = self.blame.moving("fit.devices", rule.load, up=True)
        finding = self._finding("AC205", rule, f"does not fit on {where}", message, moved.mark)
        moved.explain(finding, None)
        finding.details += found.details
        finding.value = Fraction(found.devices) if found.devices else None
        finding.limit = Fraction(devices)
        return result, finding

    # ---- formulas ----

    def formulas(self) -> Iterator[Finding]:
        """Yield what today's formulas say otherwise of the spec as it is locked."""
        locked = self.lock.of(self.subject) if self.lock else None
        if locked is None or self.lock is None:
            return
        try:
            found = moved(locked, self.lock)
        except ArchcalcError:
            return  # a spec that today's language refuses has no figures to compare
        for figure, (was, now) in found.items():
            name, _, at = figure.partition("@")
            share = change_text(now / was - 1) if was else signed(name, now)
            message = f"same spec, new formulas: {figure} was {amount(name, was)}, is {amount(name, now)}: {share}"
            finding = self._finding("AC209", None, f"{name} by other formulas", message, self.blame.place())
            finding.figure, finding.at, finding.value, finding.limit = name, at or None, now, was
            finding.details.append(f"locked by formulas {self.lock.formulas} of archcalc {self.lock.version}")
            yield finding.fingerprinted()

    def _finding(self, code: str, rule: Rule | None, title: str, message: str, mark: Mark) -> Finding:
        severity = self.policy.severity(code, rule.severity if rule else None)
        finding = found_at(self.subject, mark, code, severity, title, message)
        if rule is not None:
            finding.figure = rule.reference.name if rule.reference else None
            finding.at, finding.budget, finding.check = rule.at, rule.place, _check(rule)
        if rule is not None and rule.why:
            finding.details.append(rule.why)
        return finding.fingerprinted(_what_limits(rule) if rule else "")

    def _result(self, rule: Rule, value: Fraction | None, limit: Fraction | None, *, passed: bool) -> Result:
        figure = _what(rule)
        return Result(self.subject.key, rule.id, figure, rule.at, value, limit, rule.place, passed, _check(rule))


_TITLES = {
    "max": "over budget",
    "min": "under budget",
    "equals": "is not as stated",
    "max_increase": "grew too much",
    "max_decrease": "shrank too much",
}


def _reference(rule: Rule) -> Reference:
    assert rule.reference is not None
    return rule.reference


def _what(rule: Rule) -> str:
    if rule.expression is not None:
        return rule.expression.text
    return rule.reference.name if rule.reference else f"fits {rule.text}"


def _check(rule: Rule) -> str:
    """Return what a rule is called whether it holds or not: ``AC201 cache.bytes@long``."""
    return f"{rule.id} {_what(rule)}{f'@{rule.at}' if rule.at else ''}"


def _what_limits(rule: Rule) -> str:
    """Return what tells a rule from others of its kind: what it is about, and its limit."""
    about = rule.reference.name if rule.reference else rule.kind
    return f"{about} {rule.kind} {rule.text} {rule.vs}"


def _short(rule: Rule) -> str:
    """Return a figure as a sentence begins with it: ``active``, ``cache``, ``flops.forward``."""
    name = _reference(rule).name
    return {"params.active": "active", "params.total": "total", "cache.bytes": "cache"}.get(name, name)


def _at(rule: Rule) -> str:
    if rule.load is None or rule.load.step is None:
        return ""
    if _reference(rule).name.partition(".")[0] == "cache":  # of one sequence, whatever the batch
        return f" at {context_text(sum(rule.load.step))}"
    return f" at {rule.load.text}"


def _is_context(at: str) -> bool:
    return at[:1].isdigit()


def _is_plain_number(text: str) -> bool:
    return re.fullmatch(NUMBER, text.strip(), re.ASCII) is not None
