"""Which specs a budget is for: globs over paths, or names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from costmodel.errors import UsageError, quote


def checked(pattern: str) -> str:
    """Return a pattern as it is matched: ``./designs/`` is ``designs/**``.

    Raises:
        UsageError: it can match nothing, or is written in another language of globs.
    """
    hint = "as in designs/**/*.yaml, or a name"
    found = pattern.removeprefix("./")
    if not found:
        raise UsageError("a pattern is empty", "AC225", hint=hint)
    if found.startswith(("/", "~")):
        raise UsageError(f"{quote(pattern)} is absolute: patterns start at the budget file", "AC225", hint=hint)
    if re.search(r"[{}\[\]!\\]", found):
        raise UsageError(f"{quote(pattern)}: a glob has * ? and **, and nothing else", "AC225", hint="list several")
    return f"{found}**" if found.endswith("/") else found


def matches(patterns: Sequence[str], paths: Sequence[str], name: str) -> bool:
    """Say whether a spec is meant: by one of its paths, or where a pattern has no folder, by file or name."""
    return any(_matches(pattern, path, name) for pattern in patterns for path in paths)


def _matches(pattern: str, path: str, name: str) -> bool:
    tokens = re.findall(r"\*\*/|\*\*|.", pattern, re.DOTALL)
    file = path.rpartition("/")[2]
    return any(_is_of(tokens, text) for text in ([path] if "/" in pattern else [path, name, file]))


def _is_of(tokens: Sequence[str], text: str) -> bool:
    """Say whether a text is of a glob: ``**/`` any folders, ``**`` anything, ``*`` and ``?`` within one name.

    Followed are all places that the tokens so far can reach: a regular expression would try each way there.
    """
    places = {0}
    for token in tokens:
        if token in ("**/", "**"):
            behind = range(min(places), len(text) + 1)
            places |= {at for at in behind if token == "**" or text[at - 1 : at] == "/"}
        elif token == "*":
            for at in range(1, len(text) + 1):
                if at - 1 in places and text[at - 1] != "/":
                    places.add(at)
        else:
            places = {at + 1 for at in places if _is_one(token, text[at : at + 1])}
        if not places:
            return False
    return len(text) in places


def _is_one(token: str, character: str) -> bool:
    return character == token or (token == "?" and character not in ("", "/"))
