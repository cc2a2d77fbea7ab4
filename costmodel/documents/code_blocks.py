"""Code blocks of Markdown, reStructuredText and LaTeX: what lies in one is text of the document."""

from __future__ import annotations

import re
from typing import Literal

Markup = Literal["markdown", "rst", "latex"]

_OPENS = re.compile(r"[ \t]*(?:>[ \t]*|(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(?P<ticks>`{3,}|~{3,})(?P<info>.*)")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]+|$)")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_CODE_INDENT = 4  # columns that make code of a line
_ENVIRONMENT = re.compile(
    r"(?:[^%\\]|\\.)*?\\begin\{(?P<name>(?:verbatim|Verbatim|lstlisting|minted|comment|filecontents)\*?)\}"
)
_DIRECTIVE = re.compile(r"[ \t]*\.\. (?P<name>[A-Za-z][\w:+.-]*)::")
_LITERAL = ("code", "code-block", "sourcecode", "parsed-literal", "raw", "math", "literalinclude", "highlight")


class Ticks:
    """Fenced code blocks of Markdown: closed by as many ticks or tildes, or more, or with what holds them.

    A block in a list item ends where a line is indented less than the item, one in a quotation where
    a line is not quoted. What lies in a comment opens no block.
    """

    def __init__(self) -> None:
        self.open = ""
        self.quoted = self.comment = self.paragraph = False
        self.item = 0  # columns that the item which holds the block is indented by
        self.items: list[int] = []  # the same of the items around the last line

    def inside(self, text: str) -> bool:
        """Say whether a line is in a code block, or opens or closes one."""
        if self.open and self._holds(text):
            bare = text.strip(" \t>" if self.quoted else " \t")
            indented = not self.quoted and _indent(text) - self.item >= _CODE_INDENT
            if len(bare) >= len(self.open) and not bare.strip(self.open[0]) and not indented:
                self.open = ""
            return True
        self.open = ""
        if self.comment or re.match(r" {0,3}<!--", text):
            self.comment = "-->" not in text
            return False
        return self._opens(text)

    def _holds(self, text: str) -> bool:
        """Say whether a line still lies in what holds the block."""
        if self.quoted:
            return text.lstrip(" ").startswith(">")
        return not text.strip() or _indent(text) >= self.item

    def _opens(self, text: str) -> bool:
        """Say whether a line opens a block; follow the list items that hold it."""
        if not text.strip():
            self.paragraph = False
            return False
        match, rule = _OPENS.match(text), _RULE.match(text)
        if match and match["ticks"][0] == "`" and "`" in match["info"]:
            match = None
        item = None if rule else _ITEM.match(text)
        starts = match or rule or item or text.lstrip().startswith(("#", ">"))
        while self.items and _indent(text) < self.items[-1] and (starts or not self.paragraph):
            self.items.pop()  # a paragraph goes on with less indent
        self.paragraph = not (match or rule)
        outer = self.items[-1] if self.items else 0
        while item:
            self.items.append(_columns(text[: item.end()]) + (item.end() == len(text) and not item[0].endswith(" ")))
            item = _ITEM.match(text, item.end()) if item.end() < len(text) else None
        if match is None:
            return False
        before = text[: match.start("ticks")]
        if not before.strip() and _indent(text) - outer >= _CODE_INDENT:
            return False  # code by its indent, which ticks do not close
        self.open, self.quoted = match["ticks"], ">" in before
        self.item = self.items[-1] if self.items else 0
        return True


class Indented:
    """Literal blocks of reStructuredText: what is indented below a line that ends in ``::``."""

    def __init__(self) -> None:
        self.indent: int | None = None

    def inside(self, text: str) -> bool:
        """Say whether a line is in a literal block."""
        if not text.strip():
            return False
        indent = len(text) - len(text.lstrip(" \t"))
        if self.indent is not None and indent > self.indent:
            return True
        directive = _DIRECTIVE.match(text)
        opens = directive["name"] in _LITERAL if directive else text.rstrip().endswith("::")
        self.indent = indent if opens else None
        return False


class Verbatim:
    """Environments of LaTeX that print what they hold."""

    def __init__(self) -> None:
        self.end = ""

    def inside(self, text: str) -> bool:
        """Say whether a line is in such an environment, or opens or closes one."""
        if self.end:
            if self.end in text:
                self.end = ""
            return True
        match = _ENVIRONMENT.match(text)
        if match is None:
            return False
        end = f"\\end{{{match['name']}}}"
        self.end = "" if end in text else end
        return True


CODE: dict[Markup, type[Ticks | Indented | Verbatim]] = {"markdown": Ticks, "rst": Indented, "latex": Verbatim}


def _indent(text: str) -> int:
    """Return the columns before the first character of a line; tabs stop at every fourth."""
    return _columns(text[: len(text) - len(text.lstrip(" \t"))])


def _columns(text: str) -> int:
    return len(text.expandtabs(4))
