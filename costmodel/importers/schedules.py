"""One entry a layer -> a short schedule that says the same."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise

_LONGEST = 64  # layers of a cycle that is looked for
_TRIED = 4  # cycles up to the end that are written out
_NAMES = 255  # blocks of which entries can be one byte each

Item = tuple[int, "str | list[Item]"]  # how often, and one entry or a cycle


def shortest(entries: Sequence[str]) -> str:
    """Return a schedule of the language for the layers' entries, the one of fewest words among several forms.

    The forms: runs (``3 dense then moe``), cycles that come again, in each other as well (``2 x (3 x
    (mamba + moe) + mamba + attention)``), and a cycle up to the end, where it may be cut off (``repeat
    5 local + global``).
    """
    names = list(dict.fromkeys(entries))
    if len(names) == 1:
        return names[0]
    if len(names) > _NAMES:
        return _joined([(len(list(same)), name) for name, same in groupby(entries)])
    layers = bytes(names.index(entry) for entry in entries)

    def name(index: int) -> str:
        return names[index]

    forms = [_joined(_fold(layers, name))]
    for start, length in sorted(_ends(layers), key=lambda end: _runs(layers[: sum(end)]))[:_TRIED]:
        first = [_text(item) for item in _fold(layers[:start], name)]
        cycle = " + ".join(map(_text, _fold(layers[start : start + length], name)))
        forms.append(" then ".join([*first, cycle if length == 1 else f"repeat {cycle}"]))
    return min(forms, key=lambda text: (len(text.split()), len(text)))


def _joined(items: list[Item]) -> str:
    return " then ".join(map(_text, items))


def _text(item: Item) -> str:
    count, inner = item
    if isinstance(inner, str):
        return inner if count == 1 else f"{count} {inner}"
    return f"{count} x ({' + '.join(map(_text, inner))})"


def _runs(layers: bytes) -> int:
    """Return the number of runs of the same entry."""
    return len(layers) - _again(layers, 1).count(0) if layers else 0


def _again(layers: bytes, length: int) -> bytes:
    """Return a byte a layer but the last ``length``: 0 where the layer so many later is the same."""
    after = int.from_bytes(layers[length:], "big") ^ int.from_bytes(layers[:-length], "big")
    return after.to_bytes(len(layers) - length, "big")


def _begins(layers: bytes) -> list[int]:
    """Return the layers at which a run begins, and the number of layers."""
    if not layers:
        return []
    return [0, *(index for index, change in enumerate(_again(layers, 1), 1) if change), len(layers)]


def _ends(layers: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and the length of cycles of which at least two turns go up to the last layer."""
    begins = _begins(layers)
    yield begins[-2], 1
    firsts = set()  # a cycle that goes as far back as a shorter one is turns of that
    for length in range(2, min(_LONGEST, len(layers) // 2) + 1):
        first = len(_again(layers, length).rstrip(b"\0"))
        last = min(first + 2 * length - 1, len(layers) - 2 * length)
        if first not in firsts:
            firsts.add(first)
            yield from ((start, length) for start in begins if first <= start <= last)


def _fold(layers: bytes, name: Callable[[int], str]) -> list[Item]:
    """Return the layers as runs and cycles; the cycle that saves most words is taken first."""
    begins = _begins(layers)
    found = max(_cycles(layers, begins), default=None) if len(begins) > 4 else None
    if found is None:
        return [(end - start, name(layers[start])) for start, end in pairwise(begins)]
    _, negative, length, turns = found
    start = -negative
    inner = _fold(layers[start : start + length], name)
    return [*_fold(layers[:start], name), (turns, inner), *_fold(layers[start + turns * length :], name)]


def _cycles(layers: bytes, begins: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield saved words, the negative start, the length and the turns of cycles that come again."""
    regions = set()  # where a shorter cycle comes again, longer ones are turns of it
    for length in range(2, min(_LONGEST, len(layers) // 2) + 1):
        again = _again(layers, length)
        if bytes(length) not in again:
            continue
        for found in re.finditer(rb"\0{%d,}" % length, again):
            first, behind = found.span()
            if (first, behind + length) in regions:
                continue
            regions.add((first, behind + length))
            for start in begins[bisect_left(begins, first) : bisect_left(begins, first + length)]:
                turns = (behind - start) // length + 1
                once, whole = (bisect_left(begins, start + n * length) for n in (1, turns))
                saved = 2 * (whole - once) - 2
                if saved > 0:
                    yield saved, -start, length, turns
