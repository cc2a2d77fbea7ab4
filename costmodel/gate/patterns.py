"""Which specs a budget is for: globs over paths, or names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

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
    glob = _glob(pattern)
    if glob.fullmatch(path):
        return True
    return "/" not in pattern and bool(glob.fullmatch(name) or glob.fullmatch(path.rpartition("/")[2]))


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Return a glob as a regular expression: ``**/`` any folders, ``*`` and ``?`` within one name."""
    text, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            text, at = text + "(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            text, at = text + ".*", at + 2
        elif pattern[at] in "*?":
            text, at = text + ("[^/]*" if pattern[at] == "*" else "[^/]"), at + 1
        else:
            text, at = text + re.escape(pattern[at]), at + 1
    return re.compile(text)
