"""Which lines of a spec changed, and what each of them does to the figures.

The changes are applied to the first spec one by one, in the order of the second spec's lines; what
a figure moves by is that line's. So the causes of a figure add up to its whole change, whatever
the formulas are. Changes that are impossible without each other (a new block and the schedule that
names it) are one cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeVar

from costmodel.architecture import Architecture
from costmodel.errors import ArchcalcError, InvalidSpec, dotted
from costmodel.gate.files import Subject
from costmodel.gate.names import Figures
from costmodel.gate.workloads import Load
from costmodel.loader import Mark
from costmodel.validation import parse

T = TypeVar("T")
DataPath = tuple[str | int, ...]
Data = Mapping[str, Any]
Wanted = Sequence[tuple[str, Load | None]]

# Fields that say what a file is, not what the model is.
ABOUT = frozenset({"format", "base", "name", "title", "aliases", "source", "claims", "confidence"})
_MOST = 200  # changes that are applied one by one


class _Absent:
    """A field that is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@dataclass(slots=True, frozen=True)
class Change:
    """A field that two specs have differently; ``ABSENT`` where one does not have it."""

    path: DataPath
    before: Any
    after: Any

    @property
    def sign(self) -> str:
        """Return ``+`` for a new field, ``-`` for one that is gone, ``~`` else."""
        return "+" if self.before is ABSENT else "-" if self.after is ABSENT else "~"


@dataclass(slots=True)
class Cause:
    """Changes that were made together and what each figure moved by.

    ``mark`` is where the spec's own file makes the first one: its ``base`` for what it inherits, which
    is written at ``source``.
    """

    changes: list[Change]
    mark: Mark
    source: Mark
    deltas: list[Fraction] = field(default_factory=list)

    @property
    def first(self) -> Change:
        """Return the change to name it after: the first of those that can move a figure of parameters."""
        return next((one for one in self.changes if one.path[0] != "max_context"), self.changes[0])

    @property
    def path(self) -> str:
        """Return the field, dotted; of several, the first."""
        return dotted(self.first.path)


def changes(before: Data, after: Data) -> list[Change]:
    """Return the fields in which two specs differ, apart from what names and describes them."""
    own = [{key: value for key, value in data.items() if key not in ABOUT} for data in (before, after)]
    return list(_changes((), own[0], own[1]))


def _changes(path: DataPath, before: Data, after: Data) -> Iterator[Change]:
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if isinstance(old, dict) and isinstance(new, dict) and old.get("kind") == new.get("kind"):
            yield from _changes((*path, key), old, new)
        elif old != new or type(old) is not type(new):
            yield Change((*path, key), old, new)


def causes(base: Data, head: Subject, wanted: Wanted, *, same_base: bool = False) -> list[Cause]:
    """Return what makes a spec differ from ``base`` (resolved fields), with what each figure moved by.

    ``same_base``: both start from the same spec, so that what is inherited was changed there, line by line.

    Raises:
        ArchcalcError: ``base`` is no spec, or a figure cannot be computed of it.
    """
    return moved(steps(base, head, lambda data: _values(data, wanted), same_base=same_base))


def moved(chain: Iterable[tuple[Cause | None, Sequence[Fraction]]]) -> list[Cause]:
    """Return the causes of ``steps``, with what each figure moved by."""
    found: list[Cause] = []
    before: Sequence[Fraction] = ()
    for cause, after in chain:
        if cause is not None:
            found.append(replace(cause, deltas=[late - early for early, late in zip(before, after, strict=True)]))
        before = after
    return found


def steps(
    base: Data, head: Subject, possible: Callable[[Data], T | None], *, same_base: bool = False
) -> Iterator[tuple[Cause | None, T]]:
    """Yield what ``possible`` gives of ``base``, and then of it with one cause after the other, until it is ``head``.

    Fields that it gives None for are impossible: their change waits for others.

    Raises:
        ArchcalcError: ``base`` is impossible, or the changes are.
    """
    groups = _grouped(head, changes(base, head.document.data), same_base=same_base)
    state = {key: value for key, value in base.items() if key not in ABOUT} | {"name": "base"}
    first = possible(state)
    if first is None:
        parse(state)  # raises what is wrong with it
        raise ArchcalcError("a figure of it cannot be computed")
    yield None, first
    pending: list[Cause] = []
    for group in groups[:_MOST]:
        for together in ([group], [*pending, group]):
            trial = _applied(state, together)
            after = possible(trial)
            if after is not None:
                yield _cause(together), after
                state = trial
                pending = [one for one in pending if one not in together]
                break
        else:
            pending.append(group)
            continue
        for early in list(pending):  # what was impossible may be possible now
            trial = _applied(state, [early])
            after = possible(trial)
            if after is not None:
                yield _cause([early]), after
                state = trial
                pending.remove(early)
    pending += groups[_MOST:]
    if pending:
        after = possible(_applied(state, pending))
        if after is None:
            raise ArchcalcError("the changes cannot be told apart")
        yield _cause(pending), after


def _cause(together: Sequence[Cause]) -> Cause:
    last = together[-1]
    return Cause([change for one in together for change in one.changes], last.mark, last.source)


def _grouped(head: Subject, found: Sequence[Change], *, same_base: bool) -> list[Cause]:
    """Return changes by the place that made them, in the order of lines: one line may feed several blocks."""
    groups: dict[tuple[Mark, Mark | None], Cause] = {}
    for change in found:
        on_key = change.after is ABSENT or not _is_plain(change.after)
        mark, source = head.mark(change.path, on_key=on_key), head.source(change.path, on_key=on_key)
        groups.setdefault((mark, source if same_base else None), Cause([], mark, source)).changes.append(change)
    return sorted(groups.values(), key=lambda one: (one.mark.line, one.mark.column, one.source.line, one.source.column))


def _is_plain(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _applied(data: Data, together: Sequence[Cause]) -> dict[str, Any]:
    """Return fields with changes made; what does not change is shared."""
    found = dict(data)
    for cause in together:
        for change in cause.changes:
            _set(found, change)
    return found


def _set(data: dict[str, Any], change: Change) -> None:
    *parents, last = change.path
    for part in parents:
        data[str(part)] = data = dict(data.get(str(part)) or {})
    if change.after is ABSENT:
        data.pop(str(last), None)
    else:
        data[str(last)] = change.after


def figures_of(data: Data) -> Figures | None:
    """Return the figures of a spec's fields; None where the spec is impossible."""
    try:
        model = parse(data)
    except (InvalidSpec, ArchcalcError):
        return None
    return Figures(model) if isinstance(model, Architecture) else None


def _values(data: Data, wanted: Wanted) -> list[Fraction] | None:
    """Return figures of a spec's fields; None where the spec or a figure of it is impossible."""
    figures = figures_of(data)
    try:
        return None if figures is None else [figures(name, load) for name, load in wanted]
    except ArchcalcError:
        return None


def with_value(data: Data, path: DataPath, value: Any) -> dict[str, Any]:
    """Return fields with one of them changed."""
    found = dict(data)
    _set(found, Change(path, ABSENT, value))
    return found


def largest_within(head: Subject, cause: Cause, name: str, load: Load | None, most: Fraction) -> int | None:
    """Return the largest number of a changed field with which a figure stays within a limit.

    Looks between the number before and after, by halving; None where the field is no whole number,
    where a number between them is impossible, or where the limit is not within.
    """
    if len(cause.changes) != 1:
        return None
    change = cause.changes[0]
    low, high = change.before, change.after
    if type(low) is not int or type(high) is not int or low >= high:
        return None

    def within(number: int) -> bool | None:
        values = _values(with_value(head.document.data, change.path, number), [(name, load)])
        return None if values is None else values[0] <= most

    if not within(low) or within(high) is not False:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        inside = within(middle)
        if inside is None:
            return None
        low, high = (middle, high) if inside else (low, middle)
    return low
