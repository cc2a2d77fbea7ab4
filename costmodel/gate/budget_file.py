"""What a budget file may say, field by field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from costmodel.block import Model
from costmodel.gate.numbers import Amount
from costmodel.gate.workloads import Load, Severity


class Limit(Model):
    """Limits of one figure: ``max``, ``min``, ``equals`` (at its digits, or within ``tolerance``).

    ``max_increase`` and ``max_decrease`` are relative to ``vs``: ``baseline`` (the lock file), ``base``
    (the spec that this one starts from) or the name of a spec.
    """

    max: Amount | None = None
    min: Amount | None = None
    equals: Amount | None = None
    tolerance: Amount | None = None
    max_increase: Amount | None = None
    max_decrease: Amount | None = None
    vs: str = "baseline"
    at: int | str | None = None
    severity: Severity | None = None
    why: str | None = None


class Fits(Load):
    """A model with ``batch`` sequences fits on so much hardware. ``at``: the workload it starts from."""

    at: int | str | None = None
    severity: Severity | None = None
    why: str | None = None


class Assertion(Model):
    """An expression that must be true."""

    expr: str
    severity: Severity | None = None
    why: str | None = None


class Budget(Model):
    """Rules for the specs that ``match``: globs over paths beside the budget file, or names."""

    match: str | list[str] = "*"
    rules: dict[str, Any] = {}
    assertions: list[str | Assertion] = Field(default=[], alias="assert")


class File(Model):
    """A budget file. ``severity`` changes the severity of rules by id, ``off`` included."""

    version: Literal[1] = 1
    workloads: dict[str, Load] = {}
    severity: dict[str, Severity | Literal["off"]] = {}
    budgets: list[Budget] = []
