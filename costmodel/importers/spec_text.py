"""The data of a spec -> YAML as a person would have written it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

_WIDTH = 100
_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_GROUPED = 10_000  # from here on digits are grouped
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*(?: [A-Za-z0-9(][A-Za-z0-9._()/-]*)*")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_OPEN = ("blocks", "shared", "components", "encoder", "input")  # mappings whose entries have lines of their own


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return the text of a spec; blocks are one flow mapping each, long ones wrapped."""
    return "".join(f"{line}\n" for line in _entries(document, ""))


def _entries(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in fields.items():
        opened = isinstance(value, dict) and value and (key in _OPEN or (indent and "blocks" in value))
        opened = opened or (key == "source" and len(_flow(value)) > _WIDTH)
        if opened:
            yield f"{indent}{key}:"
            yield from _entries(value, indent + "  ")
        else:
            yield from _wrapped(f"{indent}{key}: ", value)


def _wrapped(head: str, value: Any) -> Iterator[str]:
    """Yield one field; what is too long for a line goes on below its first value."""
    text = _flow(value)
    if len(head) + len(text) <= _WIDTH:
        yield head + text
        return
    if isinstance(value, list) and len(value) == 1:
        yield head.rstrip()
        yield from _wrapped(" " * (len(head) - len(head.lstrip())) + "  - ", value[0])
        return
    if not isinstance(value, (dict, list)):
        yield from _folded(head, value, text)
        return
    line, pad = head + text[0], " " * (len(head) + 1)
    items = [f"{key}: {_flow(item)}" for key, item in value.items()] if isinstance(value, dict) else map(_flow, value)
    pieces = list(items)
    for index, piece in enumerate(pieces):
        piece += "," if index < len(pieces) - 1 else text[-1]
        gap = "" if line.endswith(text[0]) or line == pad else " "
        if len(line) + len(gap) + len(piece) > _WIDTH and line.strip() != text[0]:
            yield line.rstrip()
            line, gap = pad, ""
        line += gap + piece
    yield line


def _folded(head: str, value: Any, text: str) -> Iterator[str]:
    """Yield a long text over several lines, which YAML puts together again with a space between two of them."""
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    if not isinstance(value, str) or re.search(r"\s\s|^\s|\s$|[^\S ]", value):
        yield head + text
        return
    if value != text:  # in quotes
        yield from textwrap.wrap(head + text, _WIDTH, subsequent_indent=indent, **_WHOLE)
        return
    yield f"{head}>-"
    yield from textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, **_WHOLE)


def _flow(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "~"
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= _GROUPED else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _text(str(value))


def _text(text: str) -> str:
    """Return a text bare where every reader of YAML takes it for text, else in double quotes."""
    schedule = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ +&()-]*", text) and not re.match(r"[0-9._+-]+$", text)
    if (_BARE.fullmatch(text) or schedule) and text.lower() not in _WORDS and not text.endswith(" "):
        return text
    escaped = "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in re.sub(r'["\\]', r"\\\g<0>", text))
    return f'"{escaped}"'
