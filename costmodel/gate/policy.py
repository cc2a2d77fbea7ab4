"""Which rules are looked at, and how severe what they find is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from costmodel.errors import UsageError, quote
from costmodel.gate.rules import RULES

# What keeps a rule from being looked at: --select of that rule does not hide it.
_BESIDE = frozenset({"AC100", "AC207", "AC213"})


@dataclass(frozen=True)
class Policy:
    """``ids``: the rules looked at. ``stated``: severities of a budget file by rule, ``off`` among them."""

    ids: frozenset[str] = frozenset(RULES)
    stated: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, select: Collection[str], ignore: Collection[str], stated: Mapping[str, str]) -> Policy:
        """Return the policy of a run.

        Raises:
            UsageError: there is no such rule, or none is left.
        """
        for rule in (*select, *ignore):
            if rule not in RULES:
                raise UsageError(f"there is no rule {quote(rule)}", hint="rules: archcalc reference rules")
        ids = frozenset(rule for rule in RULES if (not select or rule in select) and rule not in ignore)
        if not ids:
            raise UsageError("no rule is left to look at", hint="--select and --ignore name the same rules")
        return cls(ids | (_BESIDE - set(ignore)), stated)

    def severity(self, rule: str, own: str | None = None, seen: str | None = None) -> str:
        """Return how severe a finding is: what its budget says of it, the file of the rule, the rule of this case."""
        return own or self.stated.get(rule) or seen or RULES[rule].severity

    def active(self, rule: str) -> bool:
        """Say whether a rule is looked at."""
        return rule in self.ids and self.stated.get(rule) != "off"
