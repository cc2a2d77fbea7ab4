"""The small language of assertions: figures, numbers with units, arithmetic, comparisons.

    params.active / params.total < 0.1
    cache.bytes@long <= 10 GB and params.active <= 1.03 * deepseek-v3:params.active

``NAME@WORKLOAD`` is a figure at a workload, ``SPEC:NAME`` the figure of another spec; a name with
other characters stands in double quotes. There are ``+ - * /``, ``< <= > >= == !=``, ``and or
not``, ``min max abs`` and parentheses, and nothing else: no attribute, no call, no loop. A text
has at most 400 characters and 200 terms. Numbers are exact fractions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from costmodel.errors import quote
from costmodel.gate.numbers import LONGEST, NUMBER, ExpressionError, measured, scaled
from costmodel.gate.terms import COMPARE, FUNCTIONS, WORDS, Expression, Node, Reference

MOST_TERMS = 200
_DEEPEST = 30  # parentheses, nots and minus signs within each other
_REFERENCE = (
    r"(?:(?P<spec>[A-Za-z0-9][A-Za-z0-9._+-]{0,63}):)?(?P<name>[A-Za-z_]\w*(?:\.\w+)*)"
    r"(?:@(?P<at>[A-Za-z0-9][A-Za-z0-9._+-]*))?"
)
_TOKEN = re.compile(
    rf' *(?:(?P<quoted>"[^"]*")|(?P<reference>{_REFERENCE})|{NUMBER}|(?P<sign><=|>=|==|!=|[-+*/<>(),]))', re.ASCII
)
_QUOTED = re.compile(r"(?:(?P<spec>[^:@]+):)?(?P<name>[^:@]+)(?:@(?P<at>[^:@]+))?")


def parse(text: str) -> Expression:
    """Read an assertion: something that is true or false.

    Raises:
        ExpressionError: it cannot be read, or is a number.
    """
    found = read(text)
    if not found.root.is_truth:
        raise ExpressionError("an assertion compares something", 0, "as in  params.active / params.total < 0.1")
    return found


def read(text: str) -> Expression:
    """Read an expression of either sort. Raises ExpressionError where it cannot be read."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, not {len(text):,}", 0)
    return Expression(text, _Parser(text).whole())


class _Token(NamedTuple):
    kind: str  # number, reference, word, sign, end
    text: str
    start: int
    end: int
    match: re.Match[str] | None


class _Parser:
    """Recursive descent, one method a level of precedence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def whole(self) -> Node:
        node = self._or()
        if self.next.kind != "end":
            raise self._unexpected("an operator")
        return node

    def _or(self) -> Node:
        return self._joined("or", self._and)

    def _and(self) -> Node:
        return self._joined("and", self._not)

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self.next.kind == "word" and self.next.text == word:
            self._truth(parts[-1])
            self.take()
            parts.append(self._truth(part()))
        return parts[0] if len(parts) == 1 else Node(word, tuple(parts), parts[0].start, parts[-1].end)

    def _not(self) -> Node:
        if self.next.kind == "word" and self.next.text == "not":
            start = self.take().start
            part = self._truth(self._deeper(self._not))
            return Node("not", (part,), start, part.end)
        return self._comparison()

    def _comparison(self) -> Node:
        parts, signs = [self._sum()], []
        while self.next.kind == "sign" and self.next.text in COMPARE:
            self._plain(parts[-1])
            signs.append(self.take().text)
            parts.append(self._plain(self._sum()))
        pairs = [
            Node(sign, (left, right), left.start, right.end)
            for sign, left, right in zip(signs, parts, parts[1:], strict=False)
        ]
        if len(pairs) < 2:
            return pairs[0] if pairs else parts[0]
        return Node("and", tuple(pairs), parts[0].start, parts[-1].end)  # 1 < x < 2

    def _sum(self) -> Node:
        return self._chain("+-", self._product)

    def _product(self) -> Node:
        return self._chain("*/", self._signed)

    def _chain(self, signs: str, part: Callable[[], Node]) -> Node:
        node = part()
        while self.next.kind == "sign" and self.next.text in signs:
            self._plain(node)
            sign = self.take().text
            right = self._plain(part())
            node = Node(sign, (node, right), node.start, right.end)
        return node

    def _signed(self) -> Node:
        if self.next.kind == "sign" and self.next.text in "+-":
            token = self.take()
            part = self._plain(self._deeper(self._signed))
            return part if token.text == "+" else Node("negate", (part,), token.start, part.end)
        return self._atom()

    def _atom(self) -> Node:
        token = self.next
        if token.kind == "number" and token.match:
            self.take()
            what = measured(token.match) if token.match["unit"] else None
            what = None if what == "share" else what
            return Node("number", (), token.start, token.end, number=scaled(token.match), measures=what)
        if token.kind == "reference" and token.match:
            self.take()
            if self.next.text == "(":
                return self._call(token)
            match = token.match
            return Node(
                "reference", (), token.start, token.end, reference=Reference(*match.group("spec", "name", "at"))
            )
        if token.text == "(":
            self.take()
            inner = self._deeper(self._or)
            end = self._close(token)
            return replace(inner, start=token.start, end=end)
        raise self._unexpected("a figure or number")

    def _call(self, name: _Token) -> Node:
        if name.text not in FUNCTIONS:
            raise ExpressionError(
                f"there is no function {quote(name.text)}", name.start, f"functions: {', '.join(FUNCTIONS)}"
            )
        opened = self.take()
        parts = [self._plain(self._deeper(self._sum))]
        while self.next.text == ",":
            self.take()
            parts.append(self._plain(self._deeper(self._sum)))
        end = self._close(opened)
        if (len(parts) == 1) != (name.text == "abs"):
            wanted = "one number" if name.text == "abs" else "two numbers or more"
            raise ExpressionError(f"{name.text} takes {wanted}", name.start)
        return Node("call", tuple(parts), name.start, end, function=name.text)

    def _close(self, opened: _Token) -> int:
        if self.next.text != ")":
            raise ExpressionError('this "(" is not closed', opened.start)
        return self.take().end

    def _deeper(self, part: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError(f"more than {_DEEPEST} levels", self.next.start)
        node = part()
        self.depth -= 1
        return node

    def _truth(self, node: Node) -> Node:
        if not node.is_truth:
            raise ExpressionError(
                f"{quote(self.text[node.start : node.end])} is a number, not true or false", node.start
            )
        return node

    def _plain(self, node: Node) -> Node:
        if node.is_truth:
            raise ExpressionError(
                f"{quote(self.text[node.start : node.end])} is true or false, not a number", node.start
            )
        return node

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self.next
        found = quote(token.text) if token.text else "the end"
        return ExpressionError(f"expected {wanted}, not {found}", token.start)


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of a text, the end last."""
    at, count = 0, 0
    rest = len(text.rstrip(" "))
    while at < rest:
        match = _TOKEN.match(text, at)
        count += 1
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip(" "))
            hint = "operators: + - * /  < <= > >= == !=  and or not"
            raise ExpressionError(f"{quote(text[at])} is nothing that an expression may hold", at, hint)
        if count > MOST_TERMS:
            raise ExpressionError(f"an expression has at most {MOST_TERMS} terms", at)
        kind = next(name for name in ("quoted", "reference", "number", "sign") if match[name] is not None)
        start, end = match.start(kind), match.end()
        found: re.Match[str] | None = match
        if kind == "quoted":
            kind, found = "reference", _QUOTED.fullmatch(match["quoted"][1:-1])
            if found is None:
                raise ExpressionError(f"{match['quoted']} is no name of a figure", start)
        elif kind == "reference" and match[kind] in WORDS:
            kind = "word"
        yield _Token(kind, text[start:end], start, end, found)
        at = end
    yield _Token("end", "", rest, rest, None)
