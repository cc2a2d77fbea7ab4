"""The schedule language: ``3 dense then moe``, ``repeat 5 local + global`` -> one entry a layer.

    schedule = part { "then" part }
    part     = [ "repeat" ] cycle            "repeat" only in the last part
    cycle    = item { "+" item }
    item     = [ count ] unit | count "x" unit
    unit     = name { "&" name } | "(" cycle ")"

A last part of one bare unit repeats to the end. ``none`` is no sublayer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Entry = tuple[str, ...]  # the blocks of one sublayer: usually one, two for ``a & b``, none for ``none``
RESERVED = frozenset(("then", "repeat", "none", "x"))
_DEPTH = 16
_TOKEN = re.compile(r"[()&]|[^\s()&]+")


class ScheduleError(ValueError):
    """A schedule that cannot be read, or does not give the layers there are."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(slots=True)
class _Part:
    """A cycle, and whether it fills the rest of the stack."""

    cycle: list[_Item]
    fills: bool

    @property
    def length(self) -> int:
        return sum(item.length for item in self.cycle)


@dataclass(slots=True)
class _Item:
    """``count`` times one entry or a cycle in parentheses."""

    count: int
    unit: Entry | list[_Item]
    bare: bool

    @property
    def length(self) -> int:
        inner = sum(item.length for item in self.unit) if isinstance(self.unit, list) else 1
        return self.count * inner

    def entries(self) -> list[Entry]:
        """Return the layers of the item, in order."""
        if isinstance(self.unit, list):
            return _unroll(self.unit) * self.count
        return [self.unit] * self.count


def _unroll(cycle: list[_Item]) -> list[Entry]:
    return [entry for item in cycle for entry in item.entries()]


def expand(schedule: str | list[str], n_layers: int, field: str) -> list[Entry]:
    """Return the blocks of every layer.

    Raises:
        ScheduleError: text outside the grammar, or a length that is not ``n_layers``.
    """
    if isinstance(schedule, list):
        entries = [_Reader(text, field).entry() for text in schedule]
        _check_length(len(entries), n_layers, field, fixed=True)
        return entries
    parts = _Reader(schedule, field).schedule()
    fixed = sum(part.length for part in parts if not part.fills)
    last = parts[-1]
    _check_length(fixed, n_layers, field, fixed=not last.fills)
    layers = [entry for part in parts if not part.fills for entry in _unroll(part.cycle)]
    if last.fills:
        rest = n_layers - fixed
        turns = -(-rest // last.length)
        if last.length <= n_layers:
            layers += (_unroll(last.cycle) * turns)[:rest]
        elif rest:
            raise ScheduleError(f"{field} repeats a cycle of {last.length} layers, and n_layers is {n_layers}")
    return layers


def is_cut(schedule: str, n_layers: int) -> bool:
    """Say whether a schedule that fills the stack with a cycle stops inside a turn of it."""
    return turns(schedule, n_layers) is not None


def turns(schedule: str, n_layers: int) -> tuple[int, int, list[str]] | None:
    """Return whole turns of a repeated cycle, its length, and the layers of the turn that is cut; None: none is."""
    *fixed, last = _Reader(schedule, "schedule").schedule()
    whole, rest = divmod(n_layers - sum(part.length for part in fixed), last.length)
    if not last.fills or not rest:
        return None
    return whole, last.length, [" & ".join(entry) or "none" for entry in _unroll(last.cycle)[:rest]]


def _check_length(length: int, n_layers: int, field: str, *, fixed: bool) -> None:
    if length > n_layers:
        raise ScheduleError(f"{field} fills {length} of n_layers {n_layers}: {length - n_layers} too many")
    if fixed and length < n_layers:
        raise ScheduleError(
            f"{field} fills {length} of n_layers {n_layers}: {n_layers - length} are missing",
            'start the last part with "repeat" and it fills any number',
        )


class _Reader:
    """A reader of one schedule, token by token."""

    def __init__(self, text: str, field: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.field = field
        self.at = 0

    def schedule(self) -> list[_Part]:
        """Read parts joined by ``then`` up to the end."""
        parts = [self._part()]
        while self._take("then"):
            parts.append(self._part())
        self._end()
        if any(part.fills for part in parts[:-1]):
            raise ScheduleError(f'{self.field}: "repeat" fills the stack, so it can only come last')
        return parts

    def entry(self) -> Entry:
        """Read one entry of an explicit list."""
        unit = self._names()
        self._end()
        return unit

    def _part(self) -> _Part:
        repeats = self._take("repeat")
        cycle = self._cycle(0)
        bare = len(cycle) == 1 and cycle[0].bare
        last = self._peek() is None
        return _Part(cycle, fills=repeats or (bare and last))

    def _cycle(self, depth: int) -> list[_Item]:
        items = [self._item(depth)]
        while self._take("+"):
            items.append(self._item(depth))
        return items

    def _item(self, depth: int) -> _Item:
        count, counted = 1, False
        token = self._peek()
        if token is not None and token.isascii() and token.isdigit():
            if len(token) > 6 or int(token) == 0:
                raise ScheduleError(f"{self.field}: {token[:20]} is no number of layers")
            count, counted = int(token), True
            self.at += 1
            self._take("x")
        if self._take("("):
            if depth >= _DEPTH:
                raise ScheduleError(f"{self.field}: more than {_DEPTH} parentheses inside each other")
            inner = self._cycle(depth + 1)
            self._expect(")")
            return _Item(count, inner, bare=False)
        return _Item(count, self._names(), bare=not counted)

    def _names(self) -> Entry:
        names = [self._name()]
        while self._take("&"):
            names.append(self._name())
        if "none" in names:
            if len(names) > 1:
                raise ScheduleError(f'{self.field}: "none" is no block, nothing can be added to it')
            return ()
        if len(set(names)) < len(names):
            raise ScheduleError(f"{self.field}: a sublayer names one block twice")
        return tuple(names)

    def _name(self) -> str:
        token = self._peek()
        if token is None or token in RESERVED - {"none"} or token in "()&+":
            found = "the end" if token is None else f'"{token}"'
            raise ScheduleError(
                f"{self.field}: expected the name of a block, found {found}",
                'as in "3 dense then moe" or "repeat 5 local + global"',
            )
        self.at += 1
        return token

    def _peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self.at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            found = self._peek()
            raise ScheduleError(
                f'{self.field}: expected "{token}", found ' + ("the end" if found is None else f'"{found[:40]}"')
            )

    def _end(self) -> None:
        if self._peek() is not None:
            raise ScheduleError(
                f'{self.field}: expected "then", "+" or the end, found "{str(self._peek())[:40]}"',
                "names, + and counts stand apart by spaces",
            )
