"""YAML text -> a tree of nodes that know their line and column, within limits.

Read from the parser's events: ``yaml.load`` crashes on deep nesting, lets a second key replace the
first, expands alias bombs and reads ``no``, ``017`` and ``12:30`` as what nobody meant. Here a
plain scalar is ``true false null ~``, a decimal integer, a float, or text; keys are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isinf
from types import MappingProxyType
from typing import Any

from costmodel.errors import SpecError, plain, quote
from costmodel.nodes import Mapping, Node, Scalar, Sequence, Source, Value, is_null
from costmodel.yaml_syntax import syntax_error

MAX_BYTES = 2**20
MAX_DEPTH = 48
MAX_WRITTEN = 5_000  # keys and values in a file
MAX_NODES = 100_000  # values after aliases, base and like
MAX_ALIASES = 64
MAX_KEY = 200  # characters
MAX_NUMBER = 40
MAX_TEXT = 10_000

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)
_WORDS: MappingProxyType[str, Value] = MappingProxyType(
    {"true": True, "false": False, "null": None, "~": None, "": None}
)
# C0 and C1 controls but tab and line breaks, other line separators, surrogates, non-characters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DIRECTIVE = re.compile(r"(?:\A|[\n\r])%")
_FEW_ALIASES = "specs need few or none: use base: or like: instead"


def parse(text: str, name: str) -> Mapping:
    """Read one YAML document whose top is a mapping; ``name`` is the file's in errors.

    Raises:
        SpecError: not YAML, beyond a limit, or with what specs may not use.
    """
    import yaml  # start-up: some commands read no file

    source = Source(name, text.removeprefix("\ufeff"))
    _check_text(source)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(source).build(yaml.parse(source.text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in (error.problem or ""):  # libyaml's own limit, met while it looks ahead of ours
            begun = source.text[: error.problem_mark.index] if error.problem_mark else source.text
            return _Builder(source).build(yaml.parse(begun, Loader=loader))
        mark, context = error.problem_mark, error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        began = context.line if context else line
        raise syntax_error(source, error.problem or "", line, column, began) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise source.error("AC004", f"this is not YAML: {plain(str(error))[:80]}") from None


def too_large(name: str, most: int = MAX_BYTES) -> SpecError:
    """Return the error for a file above the limit."""
    message = f"the file is larger than {most:,} bytes"
    return SpecError(message, "AC010", plain(name), "a spec takes a few thousand bytes")


def _check_text(source: Source) -> None:
    """Refuse too much text, and characters that hide or that break lines for YAML alone."""
    text = source.text
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise too_large(source.name)
    found = _FORBIDDEN.search(text)
    if found:
        line, column = source.position(found.start())
        message = f"character U+{ord(found[0]):04X} may not stand in a spec"
        raise source.error("AC003", message, "delete it", line=line, column=column, end=column + 1)
    # libyaml compares each %TAG with all before it: a megabyte of them takes seconds.
    found = _DIRECTIVE.search(text) if "%" in text else None
    if found:
        line, column = source.position(found.end() - 1)
        message = "directives (%) are not read"
        raise source.error("AC007", message, "delete the line", line=line, column=column)


class _Builder:
    """Makes nodes of events; keeps what limits and anchors need."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stack: list[Sequence | Mapping] = []  # containers that are still open ...
        self.names: list[str | None] = []  # ... their anchors ...
        self.keys: list[Scalar | None] = []  # ... and the keys that wait for a value
        self.anchors: dict[str, Node] = {}
        self.root: Node | None = None
        self.aliases = self.nodes = self.written = self.documents = 0

    def build(self, events: Iterable[Any]) -> Mapping:
        """Read all events of one document."""
        handlers = {
            "ScalarEvent": self.scalar,
            "MappingStartEvent": self.start_mapping,
            "SequenceStartEvent": self.start_sequence,
            "MappingEndEvent": self.end,
            "SequenceEndEvent": self.end,
            "AliasEvent": self.alias,
            "DocumentStartEvent": self.start_document,
        }
        for event in events:
            handler = handlers.get(type(event).__name__)
            if handler is not None:  # else the end of a document, the ends of the stream
                handler(event)
        hint = 'a field is written "name: value"'
        if self.root is None or is_null(self.root):
            raise self.source.error("AC005", "the file holds no fields", hint)
        if not isinstance(self.root, Mapping):
            raise self.root.error("AC005", "the top of the file is no mapping", hint)
        return self.root

    def start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _error(self.source, event, "AC006", "a second document starts here", "delete it")

    def scalar(self, event: Any) -> None:
        if event.tag is not None:
            raise self.tag_error(event)
        start, stop = event.start_mark, event.end_mark
        end = stop.column if stop.line == start.line else None
        text: str = event.value
        node = Scalar(self.source, start.line, start.column, end, text)
        if not text.isascii() and _SURROGATE.search(text):  # by an escape; libyaml refuses it
            raise node.error("AC003", "half a character may not stand in a spec", "delete it")
        if self.wants_key():
            self.key(event, text, node)
            return
        if len(text) > MAX_TEXT:
            message = f"a text of {len(text):,} characters: at most {MAX_TEXT:,}"
            raise node.error("AC010", message)
        if not event.style:
            node.value = _plain_value(text, node)
        self.attach(node, event.anchor)

    def wants_key(self) -> bool:
        """Whether the next value is a key."""
        return bool(self.keys) and self.keys[-1] is None and type(self.stack[-1]) is Mapping

    def key(self, event: Any, text: str, node: Scalar) -> None:
        """Keep a key until its value comes."""
        mapping = self.stack[-1]
        assert isinstance(mapping, Mapping)
        if not event.style and text == "<<":
            raise node.error("AC007", "merge keys (<<) are not read", "use base: or like:")
        if not text:
            raise node.error("AC004", "a key is missing", 'write "key: value"')
        if len(text) > MAX_KEY:
            raise node.error("AC010", f"a key of {len(text):,} characters: at most {MAX_KEY}")
        if text in mapping.entries:
            line = mapping.entries[text][0].line + 1
            raise node.error("AC011", f"{quote(text)} is already on line {line}", "keep one")
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self.written += 1
        self.keys[-1] = node

    def start_mapping(self, event: Any) -> None:
        mark = event.start_mark
        self.push(event, Mapping(self.source, mark.line, mark.column))

    def start_sequence(self, event: Any) -> None:
        mark = event.start_mark
        self.push(event, Sequence(self.source, mark.line, mark.column))

    def push(self, event: Any, node: Sequence | Mapping) -> None:
        """Open a container."""
        if event.tag is not None:
            raise self.tag_error(event)
        if self.wants_key():
            raise node.error("AC007", "a key must be text, not a list or a mapping")
        if len(self.stack) >= MAX_DEPTH:
            raise node.error("AC010", f"nested more than {MAX_DEPTH} levels deep")
        self.stack.append(node)
        self.names.append(event.anchor)
        self.keys.append(None)

    def end(self, _: Any) -> None:
        """Close a container and give it to what holds it."""
        node = self.stack.pop()
        self.keys.pop()
        self.nodes -= node.size - 1  # attach counts it whole
        self.attach(node, self.names.pop())

    def alias(self, event: Any) -> None:
        """Put an anchored value here, if the limits allow."""
        name: str = event.anchor
        node = self.anchors.get(name)
        code, message, hint = "AC010", "", _FEW_ALIASES
        self.aliases += 1
        if self.wants_key():
            code, message, hint = "AC007", "an alias cannot be a key", "write the key"
        elif name in self.names:
            code, message = "AC013", f"alias {quote(name)} lies within its own anchor"
        elif node is None:
            code, message = "AC013", f"there is no anchor {quote(name)} above"
        elif self.aliases > MAX_ALIASES:
            message = f"more than {MAX_ALIASES} aliases"
        elif self.nodes + node.size > MAX_NODES:
            message = f"aliases expand to more than {MAX_NODES:,} nodes"
        elif len(self.stack) + node.height > MAX_DEPTH:
            message = f"an alias makes this more than {MAX_DEPTH} levels deep"
        if node is None or message:
            raise _error(self.source, event, code, message, hint)
        self.attach(node, None)

    def attach(self, node: Node, anchor: str | None) -> None:
        """Put a finished value into its container."""
        self.nodes += node.size
        self.written += 1
        if self.written > MAX_WRITTEN:
            raise node.error("AC010", f"the file holds more than {MAX_WRITTEN:,} keys and values")
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        holder = self.stack[-1]
        if type(holder) is Sequence:
            holder.add(node)
            return
        key = self.keys[-1]
        assert key is not None
        assert type(holder) is Mapping
        holder.add(str(key.value), key, node)
        self.keys[-1] = None

    def tag_error(self, event: Any) -> SpecError:
        message = f"tags ({quote(event.tag)}) are not read"
        return _error(self.source, event, "AC007", message, "delete it")


def _plain_value(text: str, node: Scalar) -> Value:
    """Read an unquoted scalar: a word, a number, or text."""
    if not text or text[0] not in "+-.0123456789":
        return _WORDS.get(text, text)
    whole = _INT.fullmatch(text)
    if not whole and not _FLOAT.fullmatch(text):
        if _NOT_FINITE.fullmatch(text):
            raise node.error("AC012", f"{text} is not a finite number", "leave the field out")
        return text
    if len(text) > MAX_NUMBER:
        message = f"a number of {len(text):,} characters: at most {MAX_NUMBER}"
        raise node.error("AC010", message)
    if whole:
        return int(text)
    if _LEADING_ZERO.match(text):
        message = f"{text} starts with 0, which some programs read as octal"
        digits = text.lstrip("+-0_")
        sign, zero = "-" if text[0] == "-" else "", "" if digits[:1].isdigit() else "0"
        raise node.error("AC012", message, f'write {sign}{zero}{digits}, or "{text}" for text')
    value = float(text)
    mantissa = text.lower().partition("e")[0]
    if isinf(value) or (value == 0 and mantissa.strip("+-0._")):
        raise node.error("AC012", f"{text} is beyond what a number holds", "write it as text")
    return value


def _error(source: Source, event: Any, code: str, message: str, hint: str) -> SpecError:
    """Return an error at an event."""
    start, stop = event.start_mark, event.end_mark
    end = stop.column if stop.line == start.line else None
    return source.error(code, message, hint, line=start.line, column=start.column, end=end)
