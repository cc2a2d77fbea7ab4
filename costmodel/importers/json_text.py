"""JSON texts within limits, and where in the text a value stands."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from costmodel.errors import SpecError, quote
from costmodel.nodes import Source

Path = tuple[str | int, ...]

MAX_BYTES = 8 * 2**20  # lists of modules that are not quantised take megabytes
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def read(source: Source) -> dict[str, Any]:
    """Return the object that a JSON text is.

    Raises:
        SpecError: it is no JSON, no object, nested too deeply, or names a key twice.
    """
    try:
        found = json.loads(source.text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        _fail(source, error.pos, "AC004", f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}")
    except _TwiceError as twice:
        raise source.error("AC011", f"the key {quote(str(twice))} is there twice in one object") from None
    except RecursionError:
        raise source.error("AC010", "nested too deeply") from None
    except ValueError:  # thousands of digits
        raise source.error("AC012", "a number has too many digits") from None
    if not isinstance(found, dict):
        raise source.error("AC005", "a configuration is a JSON object", "it starts with {")
    return found


def _fail(source: Source, offset: int, code: str, message: str) -> NoReturn:
    line, column = source.position(offset)
    raise source.error(code, message, line=line, column=column, end=column + 1) from None


class _TwiceError(Exception):
    """A key that an object has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _TwiceError(key)
            seen.add(key)
    return found


def error_at(source: Source, path: Path, code: str, message: str, hint: str | None = None) -> SpecError:
    """Return an error at the key or item that a path leads to, or at what is there of it."""
    found = places(source.text)
    whole = next(path[:n] for n in range(len(path), -1, -1) if path[:n] in found)
    line, column, end = found[whole]
    return source.error(code, message, hint, line=line, column=column, end=end)


def places(text: str) -> dict[Path, tuple[int, int, int]]:
    """Return (line, column, end) of every key and list item of a JSON text, from 0; of () the beginning."""
    found: dict[Path, tuple[int, int, int]] = {(): (0, 0, 1)}
    path: list[str | int | None] = []  # where we are; None: an object whose key is still to come
    line, start_of_line, done = 0, 0, 0
    for match in _TOKEN.finditer(text):
        token, start = match.group(), match.start()
        if newlines := text.count("\n", done, start):
            line += newlines
            start_of_line = text.rindex("\n", done, start) + 1
        done = start
        if token in "]}":
            path.pop()
        elif token == ",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif token != ":":
            if path and path[-1] is None:
                path[-1] = json.loads(token)
                key = True
            else:
                key = False
            place: Path = tuple(part for part in path if part is not None)
            if key or (path and isinstance(path[-1], int)):
                found.setdefault(place, (line, start - start_of_line, match.end() - start_of_line))
            if not key and token in "[{":
                path.append(0 if token == "[" else None)
    return found
