"""Fences: parts of a document that a command fills.

A fence begins and ends on comment lines of the document's markup, each alone on its line:

    Markdown           <!-- archcalc:begin show gpt2 -->     <!-- archcalc:end -->
    reStructuredText   .. archcalc:begin show gpt2           .. archcalc:end
    LaTeX              % archcalc:begin show gpt2            % archcalc:end

Behind the command stands the digest of the text between the lines, as it was last written. A text
that differs from its digest was edited by hand; one that agrees with it and is not what the command
prints now is stale. Fences inside code blocks are text. Nothing is run and no file is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from costmodel.documents.code_blocks import CODE, Markup
from costmodel.errors import Excerpt, UsageError, did_you_mean, quote

MARKUPS: dict[str, Markup] = {".md": "markdown", ".markdown": "markdown", ".rst": "rst", ".tex": "latex"}
_DIGITS = 12
_DIGEST = re.compile(rf"sha256:[0-9a-f]{{{_DIGITS}}}")

# What a marker looks like, and what is nearly one: the rest of its line is read afterwards.
_MARKERS = {
    "markdown": re.compile(r"(?P<indent> {0,3})<!--[ \t]*archcalc:(?P<rest>.*)"),
    "rst": re.compile(r"(?P<indent>[ \t]*)\.\.[ \t]+archcalc:(?P<rest>.*)"),
    "latex": re.compile(r"(?P<indent>[ \t]*)%+[ \t]*archcalc:(?P<rest>.*)"),
}
_ENDS = {"markdown": "-->", "rst": "", "latex": ""}
_SHAPES = {
    "markdown": "<!-- archcalc:{} -->",
    "rst": ".. archcalc:{}",
    "latex": "% archcalc:{}",
}


@dataclass(slots=True)
class Fence:
    """A fence of a text: ``begin`` is its first line, ``block`` what stands between its lines.

    Positions are characters of the text; ``line`` counts from 1, ``column`` from 0. ``words`` is
    the command without ``archcalc`` and without the digest, as it was typed.
    """

    markup: Markup
    line: int
    column: int
    indent: str
    words: str
    digest: str | None
    block: str
    begin_at: int
    block_at: int
    end_at: int

    @property
    def edited(self) -> bool:
        """Say whether the block was changed after it was written."""
        return self.digest is not None and self.digest != digest(self.block)

    def begin(self, block: str) -> str:
        """Return the first line for a new block, without a line break."""
        inner = f"begin {self.words} digest={digest(block)}"
        return self.indent + _SHAPES[self.markup].format(inner)


@dataclass(slots=True)
class _Line:
    """A line without its break, and where it begins and ends in the text, break included."""

    number: int
    text: str
    start: int
    end: int


def digest(block: str) -> str:
    """Return ``sha256:`` and 12 hexadecimal digits of a block with LF at the ends of its lines."""
    return f"sha256:{sha256(_lf(block).encode()).hexdigest()[:_DIGITS]}"


def parse(text: str, markup: Markup, where: str) -> list[Fence]:
    """Return the fences of a document, in order.

    Raises:
        UsageError: AC302, AC303: a fence that is not ended or begun, lies in another or cannot be read.
    """
    lines = list(_lines(text))
    code = CODE[markup]()
    found: list[Fence] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        words = None if code.inside(line.text) else _marker(line, markup, where)
        if words == "end":
            hint = f"put {_SHAPES[markup].format('begin COMMAND')} above it, or take it out"
            raise error("AC302", "this end has no beginning", where, line.number, line.text, hint=hint)
        if words is not None:
            last = _end(lines, at, markup, where)
            found.append(_fence(line, words, lines[last], text, markup, where))
            at, code = last + 1, CODE[markup]()  # what is written inside is no markup of the document
    return found


def _end(lines: Sequence[_Line], below: int, markup: Markup, where: str) -> int:
    """Return which line ends the fence that begins above one: the next end, whatever lies between."""
    first = lines[below - 1]
    for at in range(below, len(lines)):
        word = _marker(lines[at], markup, where)
        if word == "end":
            return at
        if word is not None:
            hint = f"put {_SHAPES[markup].format('end')} above it"
            message = f"a fence begins inside that of line {first.number}"
            raise error("AC302", message, where, lines[at].number, lines[at].text, hint=hint)
    hint = f"put {_SHAPES[markup].format('end')} where its table shall end"
    raise error("AC302", "this fence has no end", where, first.number, first.text, hint=hint)


def _fence(line: _Line, words: str, last: _Line, text: str, markup: Markup, where: str) -> Fence:
    indent = line.text[: len(line.text) - len(line.text.lstrip(" \t"))]
    command, written = _split(line, words, where)
    return Fence(
        markup=markup, line=line.number, column=len(indent), indent=indent, words=command, digest=written,
        block=_lf(text[line.end : last.start]), begin_at=line.start, block_at=line.end, end_at=last.start,
    )  # fmt: skip


def _marker(line: _Line, markup: Markup, where: str) -> str | None:
    """Return ``end`` or the words of a beginning with ``begin`` before them; None for any other line."""
    match = _MARKERS[markup].match(line.text)
    if match is None:
        return None
    rest, end = match["rest"].rstrip(" \t"), _ENDS[markup]
    word = re.match(r"[\w-]*", rest)
    name = word[0] if word else ""
    if name not in ("begin", "end"):
        near = did_you_mean(name, ("begin", "end"))
        hint = near or f"{_SHAPES[markup].format('begin COMMAND')} and {_SHAPES[markup].format('end')} are fences"
        raise error("AC303", f"archcalc:{name[:48]} is no fence", where, line.number, line.text, hint=hint)
    if not rest.endswith(end):
        hint = f"write {_SHAPES[markup].format('end' if name == 'end' else 'begin COMMAND')} alone on its line"
        raise error("AC303", f"the line ends without {quote(end)}", where, line.number, line.text, hint=hint)
    inner = rest.removesuffix(end).strip(" \t")
    if end and end in inner:
        hint = f"write {_SHAPES[markup].format('end' if name == 'end' else 'begin COMMAND')} alone on its line"
        raise error("AC303", "there is more on the line of a fence", where, line.number, line.text, hint=hint)
    if name == "end":
        if inner != "end":
            hint = f"write {_SHAPES[markup].format('end')}"
            raise error("AC303", "there is more on the line of a fence", where, line.number, line.text, hint=hint)
        return "end"
    if not inner.removeprefix("begin").startswith((" ", "\t")):
        hint = f"as in {_SHAPES[markup].format('begin show gpt2')}"
        raise error("AC303", "the fence names no command", where, line.number, line.text, hint=hint)
    return inner


def _split(line: _Line, words: str, where: str) -> tuple[str, str | None]:
    """Return the command of a beginning and its digest."""
    words = words.removeprefix("begin").strip(" \t")
    command, sign, written = words.rpartition("digest=")
    if not sign or command[-1:] not in ("", " ", "\t"):
        return words, None
    if not _DIGEST.fullmatch(written):
        column, width = line.text.rfind("digest="), len("digest=") + len(written)
        hint = "take it out: archcalc docs writes it, last on the line"
        raise error("AC303", "the digest cannot be read", where, line.number, line.text, column, width, hint)
    if not command:
        hint = "put a command before the digest, as in show gpt2"
        raise error("AC303", "the fence names no command", where, line.number, line.text, hint=hint)
    return command.strip(" \t"), written


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines of a text. LF ends a line, as does CR LF."""
    number = start = 0
    while start < len(text):
        stop = text.find("\n", start)
        end = len(text) if stop < 0 else stop + 1
        number += 1
        body = text[start:end].removesuffix("\n").removesuffix("\r")
        yield _Line(number, body if start else body.removeprefix("\ufeff"), start, end)
        start = end


def error(
    code: str, message: str, where: str, line: int, text: str, column: int | None = None, width: int | None = None,
    hint: str | None = None,
) -> UsageError:  # fmt: skip
    """Return an error at a line of a document; without a column its first word is marked."""
    if column is None:
        column = len(text) - len(text.lstrip())
        width = max(1, len(text.strip()))
    return UsageError(message, code, f"{where}:{line}:{column + 1}", hint, Excerpt(line, text, column, width or 1))


def is_marker(text: str, markup: Markup) -> bool:
    """Say whether a line would be read as the line of a fence."""
    return _MARKERS[markup].match(text) is not None


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")
