"""Code blocks of Markdown, reStructuredText and LaTeX: what lies in one is text of the document."""

from __future__ import annotations

import re
from typing import Literal

Markup = Literal["markdown", "rst", "latex"]

_QUOTE = re.compile(r" {0,3}> ?")
_FENCE = re.compile(r" {0,3}(?P<ticks>`{3,}(?=[^`]*$)|~{3,})")
_COMMENT = re.compile(r" {0,3}<!--")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+) *$")
_RULE = re.compile(r" {0,3}([-*_])(?: *\1){2,} *$")
_HEADING = re.compile(r" {0,3}#{1,6}(?: |$)")
_ITEM = re.compile(r" {0,3}(?:[-*+]|(?P<number>[0-9]{1,9})[.)])(?P<gap> {1,4}(?! |$)| |$)")
_DEEPEST = 100  # quotations and items around a block
_ENVIRONMENT = re.compile(
    r"(?:[^%\\]|\\.)*?\\begin\{(?P<name>(?:verbatim|Verbatim|lstlisting|minted|comment|filecontents)\*?)\}"
)
_INLINE = re.compile(r"\\(?:verb|lstinline)\*?([^A-Za-z*\s{\[]).*?\1")
_DIRECTIVE = re.compile(r"[ \t]*\.\. (?P<name>[A-Za-z][\w:+.-]*)::")
_LITERAL = ("code", "code-block", "sourcecode", "parsed-literal", "raw", "math", "literalinclude", "highlight")


class Ticks:
    """Fenced code blocks of Markdown, as CommonMark has them: each ends with what holds it.

    Followed are quotations and list items, paragraphs, which go on with less indent, and comments, which
    open no block; no other HTML.
    """

    def __init__(self) -> None:
        self.around: list[int] = []  # columns that an item is indented by, 0: a quotation
        self.leaf = ""  # what goes on in them: a paragraph, a comment, or the ticks of a code block
        self.empty = False  # the last item holds nothing yet

    def inside(self, text: str) -> bool:
        """Say whether a line is in a code block, or opens or closes one."""
        line, held = self._held(text.expandtabs(4))
        whole = held == len(self.around)
        if whole and self.leaf == "comment":
            self.leaf = "" if "-->" in line else "comment"
            return False
        if whole and self.leaf[:1] in ("`", "~"):
            bare = line.strip(" ")
            if len(bare) >= len(self.leaf) and not bare.strip(self.leaf[0]) and not _is_indented(line):
                self.leaf = ""
            return True
        return self._opens(line, held)

    def _held(self, line: str) -> tuple[str, int]:
        """Return what of a line lies in the quotations and items that hold it, and how many these are."""
        for depth, width in enumerate(self.around):
            if width == 0:
                quote = _QUOTE.match(line)
                if quote is None:
                    return line, depth
                line = line[quote.end() :]
            elif line.strip(" "):
                if not line.startswith(" " * width):
                    return line, depth
                line = line[width:]
            elif self.empty and depth == len(self.around) - 1:
                return line, depth
        return line, len(self.around)

    def _opens(self, line: str, held: int) -> bool:
        """Say whether a line opens a code block, after the quotations and items that it opens itself."""
        around, self.empty = self.around[:held], False
        paragraph = self.leaf == "paragraph"
        goes_on = paragraph and held == len(self.around)  # without being lazy
        if goes_on and _UNDERLINE.match(line):
            self.leaf = ""
            return False
        while len(around) < _DEEPEST and not _RULE.match(line):
            quote, item = _QUOTE.match(line), _ITEM.match(line)
            if quote:
                around.append(0)
                line = line[quote.end() :]
            elif item and not (goes_on and _is_text(item)):
                around.append(item.end() + (not item["gap"]))
                line = line[item.end() :]
                self.empty = not line.strip(" ")
            else:
                break
            paragraph = goes_on = False
        fence, comment = _FENCE.match(line), _COMMENT.match(line)
        starts = fence or comment or _RULE.match(line) or _HEADING.match(line)
        if paragraph and line.strip(" ") and not starts:
            return False
        self.around, self.leaf = around, ""
        if fence:
            self.leaf = fence["ticks"]
        elif comment:
            self.leaf = "" if "-->" in line else "comment"
        elif line.strip(" ") and not starts and not _is_indented(line):
            self.leaf = "paragraph"
        return fence is not None


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
        match = _ENVIRONMENT.match(_INLINE.sub("", text))
        if match is None:
            return False
        end = f"\\end{{{match['name']}}}"
        self.end = "" if end in text else end
        return True


CODE: dict[Markup, type[Ticks | Indented | Verbatim]] = {"markdown": Ticks, "rst": Indented, "latex": Verbatim}


def _is_indented(line: str) -> bool:
    """Say whether a line is code by its indent."""
    return line.startswith("    ")


def _is_text(item: re.Match[str]) -> bool:
    """Say whether what begins an item is text where a paragraph goes on: it is empty, or does not count from 1."""
    return not item.string[item.end() :].strip(" ") or int(item["number"] or 1) != 1
