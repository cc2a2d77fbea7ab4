"""JSON texts within limits, and where in the text a value stands."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from costmodel.errors import SpecError, quote
from costmodel.nodes import Source

Path = tuple[str | int, ...]

MAX_DEPTH = 48
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def read(source: Source) -> dict[str, Any]:
    """Return the object that a JSON text is.

    Raises:
        SpecError: it is no JSON, no object, nested too deeply, or names a key twice.
    """
    _check_depth(source)
    try:
        found = json.loads(source.text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        _fail(source, error.pos, "AC004", f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}")
    except _TwiceError as twice:
        raise source.error("AC011", f"the key {quote(str(twice))} is there twice in one object") from None
    except ValueError:  # thousands of digits
        raise source.error("AC012", "a number has too many digits") from None
    if not isinstance(found, dict):
        raise source.error("AC005", "a configuration is a JSON object", "it starts with {")
    return found


def _check_depth(source: Source) -> None:
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]', source.text):
        if match[1]:
            depth += 1
            if depth > MAX_DEPTH:
                _fail(source, match.start(), "AC010", f"nested more than {MAX_DEPTH} levels deep")
        elif match[0] in "]}":
            depth -= 1


def _fail(source: Source, offset: int, code: str, message: str) -> NoReturn:
    line, column = source.position(offset)
    raise source.error(code, message, line=line, column=column, end=column + 1) from None


class _TwiceError(Exception):
    """A key that an object has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _TwiceError(next(key for key in keys if keys.count(key) > 1))
    return found


def error_at(source: Source, path: Path, code: str, message: str, hint: str | None = None) -> SpecError:
    """Return an error at the key or item that a path leads to, or at what is there of it."""
    start, end = _position(source.text, path)
    line, column = source.position(start)
    return source.error(code, message, hint, line=line, column=column, end=column + end - start)


def _position(text: str, path: Path) -> tuple[int, int]:
    """Return where the key (or list item) at a path starts and ends."""
    tokens = [(match.group(), match.start()) for match in _TOKEN.finditer(text)]
    shown = at = 0
    for part in path:
        place = _member(tokens, at, part) if tokens[at][0] in ("{", "[") else None
        if place is None:
            break
        shown, at = place
    token, start = tokens[shown]
    return start, start + len(token)


def _member(tokens: list[tuple[str, int]], at: int, part: str | int) -> tuple[int, int] | None:
    """Return which tokens a member's key and value are; of a list's item, twice the item."""
    of_object, depth, index = tokens[at][0] == "{", 1, 0
    at += 1
    while depth:
        token = tokens[at][0]
        if depth == 1 and token not in "]},:":
            if of_object and json.loads(token) == part:
                return at, at + 2
            if not of_object and index == part:
                return at, at
            at += 2 if of_object else 0  # to the value
            token = tokens[at][0]
        depth += (token in "{[") - (token in "}]")
        index += depth == 1 and token == ","
        at += 1
    return None
