"""Budgets, read: which specs, which rules, at which workloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal

from costmodel.gate.keys import key_within
from costmodel.gate.patterns import matches
from costmodel.gate.terms import Expression, Reference
from costmodel.gate.workloads import Load, Severity
from costmodel.loader import Mark
from costmodel.report.claims import Published

Kind = Literal["max", "min", "equals", "max_increase", "max_decrease", "fits", "assert"]
ORIGINS = ("baseline", "base")  # what ``vs`` may say beside the name of a spec
BOUNDS: tuple[Kind, ...] = ("max", "min", "equals", "max_increase", "max_decrease")
_IDS: Mapping[Kind, str] = {
    "max": "AC201",
    "min": "AC202",
    "equals": "AC203",
    "max_increase": "AC204",
    "max_decrease": "AC204",
    "fits": "AC205",
    "assert": "AC206",
}


@dataclass
class Rule:
    """One thing to check of every spec that its budget matches.

    ``bound`` is the limit, ``text`` as it was written. ``load`` is the workload of the figure and
    ``at`` what it was called.
    """

    kind: Kind
    text: str
    severity: Severity | None
    mark: Mark
    reference: Reference | None = None
    load: Load | None = None
    at: str | None = None
    bound: Fraction = Fraction(0)
    published: Published | None = None
    tolerance: Fraction | None = None
    relative: bool = True
    vs: str = "baseline"
    expression: Expression | None = None
    why: str | None = None

    @property
    def id(self) -> str:
        """Return the id of what it finds."""
        return _IDS[self.kind]

    @cached_property
    def place(self) -> str:
        """Where it is written: ``archcalc.budgets.yaml:5``."""
        return f"{self.mark.file}:{self.mark.line}"


@dataclass(slots=True)
class Group:
    """The rules of one budget and the specs that they are for."""

    patterns: list[str]
    rules: list[Rule]
    mark: Mark

    def matches(self, paths: Sequence[str], name: str) -> bool:
        """Say whether a spec is meant, by one of its paths or by name."""
        return matches(self.patterns, paths, name)


@dataclass
class Budgets:
    """A budget file, read. ``folders``: where its patterns may start, its own first, then its repository."""

    path: Path
    folders: list[Path]
    groups: list[Group]
    workloads: dict[str, Load] = field(default_factory=dict)
    severity: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the folder of the file."""
        return self.folders[0]

    def paths(self, path: Path) -> list[str]:
        """Return how patterns may call a spec: from the folder of the file, and from the top of its repository."""
        whole = path.resolve()
        return [key_within(whole, folder) for folder in self._resolved]

    @cached_property
    def _resolved(self) -> list[Path]:
        return [folder.resolve() for folder in self.folders]
