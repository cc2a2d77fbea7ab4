"""One entry a layer -> the shortest schedule that says the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

_LONGEST = 64  # layers of a cycle that is looked for


def shortest(entries: Sequence[str]) -> str:
    """Return a schedule of the language for the layers' entries, the shortest of several forms.

    The forms: one block; runs (``3 dense then moe``); runs, then a cycle up to the end (``repeat 5
    local + global``); runs, then a cycle a number of times, then the shortest schedule of the rest.
    """
    return _shortest(tuple(entries))


@lru_cache(maxsize=256)  # ends of a stack come up again and again
def _shortest(entries: tuple[str, ...]) -> str:
    return min(_forms(entries), key=lambda text: (len(text.split()), len(text)))


def _forms(entries: tuple[str, ...]) -> Iterator[str]:
    runs = [(entry, len(list(same))) for entry, same in groupby(entries)]
    if len(runs) == 1:
        yield runs[0][0]
        return
    *first, (last, _) = runs
    yield " then ".join([*(_item(entry, n) for entry, n in first), last])
    yield " + ".join(_item(entry, n) for entry, n in runs)
    ends = [0]
    for _, n in runs:
        ends.append(ends[-1] + n)
    for start in ends[:-1]:
        before = [_item(entry, n) for entry, n in runs[: ends.index(start)]]
        for length in range(2, min(_LONGEST, len(entries) - start - 1) + 1):
            yield from _cycles(entries, start, length, before)


def _cycles(entries: tuple[str, ...], start: int, length: int, before: list[str]) -> Iterator[str]:
    """Yield the forms in which a cycle of ``length`` layers begins at ``start`` and comes again."""
    cycle = entries[start : start + length]
    end = start + length
    while end < len(entries) and entries[end] == cycle[(end - start) % length]:
        end += 1
    times = (end - start) // length
    if times < 2 and (end < len(entries) or end == start + length):  # no turn comes again
        return
    inner = " + ".join(_item(entry, len(list(same))) for entry, same in groupby(cycle))
    if end == len(entries):
        yield " then ".join([*before, f"repeat {inner}"])
    if times >= 2:
        rest = entries[start + times * length :]
        yield " then ".join([*before, f"{times} x ({inner})", *([_shortest(rest)] if rest else [])])


def _item(entry: str, count: int) -> str:
    return entry if count == 1 else f"{count} {entry}"
