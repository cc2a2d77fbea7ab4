"""The schedule language again, read independently of ``costmodel.schedule``.

Works by rewriting: a schedule becomes a list of places, each a tuple of block names.
"""

from __future__ import annotations

import re

Place = tuple[str, ...]


def expand(schedule: str | list[str], n_layers: int) -> list[Place]:
    """Return the blocks of every layer. Raises ValueError where the length is not ``n_layers``."""
    if isinstance(schedule, list):
        places = [_place(text) for text in schedule]
    else:
        *fixed, last = re.split(r"\s+then\s+", schedule.strip())
        places = [place for part in fixed for place in _cycle(part)]
        bare = not re.search(r"[+()]", last) and not re.match(r"\d+\s", last)
        if last.startswith("repeat ") or bare:
            cycle = _cycle(last.removeprefix("repeat "))
            rest = max(0, n_layers - len(places))
            places += [cycle[i % len(cycle)] for i in range(rest)]
        else:
            places += _cycle(last)
    if len(places) != n_layers:
        raise ValueError(f"{schedule!r} gives {len(places)} of {n_layers} layers")
    return places


def _place(text: str) -> Place:
    names = tuple(name.strip() for name in text.split("&"))
    return () if names == ("none",) else names


def _cycle(text: str) -> list[Place]:
    """Return one turn of a cycle: split at the ``+`` outside parentheses."""
    places: list[Place] = []
    for item in _outer_split(text):
        match = re.fullmatch(r"\s*(?:(\d+)(?:\s*x(?=[\s(]))?\s*)?(.*?)\s*", item)
        assert match is not None
        count, unit = match.groups()
        inner = _cycle(unit[1:-1]) if unit.startswith("(") else [_place(unit)]
        places += inner * int(count or 1)
    return places


def _outer_split(text: str) -> list[str]:
    depth, parts = 0, [""]
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "+" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
