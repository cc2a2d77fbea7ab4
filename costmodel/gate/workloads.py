"""Named workloads of a budget file: what is run, and on what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, field_validator

from costmodel.block import Model
from costmodel.errors import ArchcalcError, FieldError, UsageError, quote
from costmodel.report.choices import Choices, natural, tokens
from costmodel.units import context_text

_MACHINES = re.compile(r"(?:(?P<devices>[1-9][0-9]{0,5}) ?x ?)?(?P<name>\S.*)")
_OF_CHOICES = ("page", "batch", "source", "attention", "logits", "mla")
_DEGREES = ("tp", "pp", "ep", "dp", "cp")
_OF_PLAN = (*_DEGREES, "overhead")

Tokens = int | str
Severity = Literal["error", "warning", "note"]


class Load(Model):
    """A workload: ``context`` and ``phase``, or ``new`` tokens after ``cached`` ones.

    ``dtype`` is a recipe such as ``weights=fp8,kv=fp8``; ``weights`` and ``kv`` are short for a part
    of it. ``hardware`` is ``h200-sxm`` or ``8x h200-sxm``; without ``tp pp ep dp cp`` the plan of so
    many devices is the faster of those that ``compare`` tries. ``logits``, unless stated, are what the
    command of a figure takes: ``all`` where FLOPs are counted, ``last`` where a step is timed. ``with``
    names components to count.
    ``kernels: naive`` times attention that writes its scores to memory.
    """

    context: Tokens | None = None
    phase: Literal["decode", "prefill"] = "decode"
    new: Tokens | None = None
    cached: Tokens | None = None
    batch: Tokens = 1
    source: Tokens | None = None
    dtype: str | None = None
    weights: str | None = None
    kv: str | None = None
    page: Tokens = 16
    attention: Literal["causal", "full"] = "causal"
    logits: Literal["all", "last"] | None = None
    mla: str = "auto"
    include: list[str] = Field(default=[], alias="with")
    hardware: str | None = None
    tp: Tokens | None = None
    pp: Tokens | None = None
    ep: Tokens | None = None
    dp: Tokens | None = None
    cp: Tokens | None = None
    overhead: str | None = None
    kernels: Literal["fused", "naive"] | None = None

    @field_validator("context", "new", "batch", "source", "page", *_DEGREES)
    @classmethod
    def _positive(cls, value: Tokens | None) -> Tokens | None:
        return None if value is None else _read(tokens, value)

    @field_validator("cached")
    @classmethod
    def _natural(cls, value: Tokens | None) -> Tokens | None:
        return None if value is None else _read(natural, value)

    def model_post_init(self, _: Any) -> None:
        """Raise FieldError where choices contradict each other or cannot be read."""
        if self.context is not None and (self.new is not None or self.cached is not None):
            raise FieldError("context, and new with cached, ask for two steps", "AC120", hint="keep one of them")
        try:
            _ = self.choices
        except UsageError as error:
            raise FieldError(error.message, "AC106", hint=error.hint, path=self._at_fault()) from None

    def _at_fault(self) -> tuple[str, ...]:
        """Return the field of a recipe that cannot be read."""
        for field in ("dtype", "weights", "kv"):
            text = getattr(self, field)
            try:
                Choices.of(dtype=text if field == "dtype" or text is None else f"{field}={text}")
            except UsageError:
                return (field,)
        return ()

    @cached_property
    def key(self) -> str:
        """What tells this workload from others."""
        return self.model_dump_json(exclude_defaults=True)

    @cached_property
    def step(self) -> tuple[int, int] | None:
        """The new and the cached tokens of each sequence; None where no step is stated."""
        if self.new is not None or self.cached is not None:
            return int(self.new or 1), int(self.cached or 0)
        if self.context is None:
            return None
        return (int(self.context), 0) if self.phase == "prefill" else (1, int(self.context) - 1)

    @cached_property
    def choices(self) -> Choices:
        """The same as every command reads it."""
        asked: dict[str, Any] = {name: getattr(self, name) for name in _OF_CHOICES}
        parts = [self.dtype, self.weights and f"weights={self.weights}", self.kv and f"kv={self.kv}"]
        recipe = ",".join(filter(None, parts))
        total = sum(self.step) if self.step else None
        return Choices.of(
            **asked, include=self.include, dtype=recipe or None, context=[total] if total is not None else None
        )

    @cached_property
    def machines(self) -> tuple[int, str] | None:
        """The number of devices and their name; None without hardware."""
        match = _MACHINES.fullmatch(self.hardware.strip()) if self.hardware else None
        return (int(match["devices"] or 1), match["name"]) if match else None

    @cached_property
    def plan(self) -> dict[str, int | str]:
        """The degrees of parallelism and the overhead that are stated."""
        return {name: found for name in _OF_PLAN if (found := getattr(self, name)) is not None}

    @property
    def text(self) -> str:
        """Return the workload in a few words: ``128Ki``, ``prefill of 8Ki, batch 4``."""
        if self.step is None:
            return "no context"
        new, cached = self.step
        if self.context is None:
            words = f"{context_text(new)} after {context_text(cached)}"
        else:
            words = f"prefill of {context_text(new)}" if self.phase == "prefill" else context_text(new + cached)
        return f"{words}, batch {self.batch}" if self.batch != 1 else words


def _read(read: Any, value: Tokens) -> int:
    try:
        return int(read(value, "count"))
    except ArchcalcError as error:
        message = error.message.removeprefix("--count: ").removeprefix("--count ")
        hint = error.hint.replace("--count ", "") if error.hint else None
        raise FieldError(message, "AC106", hint=hint) from None


def load_of(at: int | str, named: Mapping[str, Load]) -> Load:
    """Return a workload by its name, or the decode step at a context.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(at, str) and at in named:
        return named[at]
    try:
        return Load(context=tokens(at, "at"))
    except ArchcalcError:
        known = ", ".join(named)
        raise UsageError(
            f"there is no workload {quote(at)}",
            "AC223",
            hint=f"workloads: {known}; or a context such as 128Ki" if known else "at: 128Ki, or name it in workloads:",
        ) from None
