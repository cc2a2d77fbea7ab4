"""Spec files -> plain data in which every value knows its file, line and column.

Reading is bounded (``yaml_events``), ``base`` and ``like`` are merged (``merging``), and what a
model finds wrong gets its place here. No model is known to this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from costmodel.errors import (
    InvalidSpec,
    Problem,
    SpecError,
    UnknownSpecError,
    count_of,
    one_of,
    quote,
)
from costmodel.merging import NAMED, derive_blocks, inherit
from costmodel.nodes import Mapping, Node, Scalar, Sequence, is_null, to_data
from costmodel.problems import from_pydantic
from costmodel.reading import check_confined, confined, read_bytes, to_text
from costmodel.yaml_events import parse

__all__ = [
    "Document",
    "Mark",
    "check_confined",
    "confined",
    "from_pydantic",
    "locate",
    "read_bytes",
    "read_document",
    "read_model",
    "resolve",
    "to_text",
]

if TYPE_CHECKING:
    from pydantic import BaseModel

DataPath = tuple[str | int, ...]
AnyModel = TypeVar("AnyModel", bound="BaseModel")


class Mark(NamedTuple):
    """A place in a file: line and columns from 1, ``end`` behind the last character."""

    file: str
    line: int
    column: int
    end: int


class Document:
    """A file's fields. ``where`` names the file in errors; ``bases`` what it was merged over.

    ``data`` are plain dicts, lists and values. As read, null is None; once resolved, a null has
    restored its default, so its key is not there.
    """

    def __init__(self, root: Mapping, where: str, bases: tuple[str, ...] | None = None) -> None:
        self.root, self.where = root, where
        self.resolved = bases is not None
        self.bases = bases or ()

    @cached_property
    def data(self) -> dict[str, Any]:
        """The fields as plain data."""
        data = to_data(self.root, keep_nulls=not self.resolved)
        assert isinstance(data, dict)
        return data

    def mark(self, path: DataPath, *, on_key: bool = False) -> Mark | None:
        """Return where the value at a path is written, or its key; None where there is none."""
        place = _walk(self.root, path)
        node = place.key if on_key else place.node
        return _mark(node) if place.whole and node is not None else None

    @property
    def base_mark(self) -> Mark | None:
        """Where the base is named; None where there is none."""
        return None if self.root.via is None else _mark(self.root.via)

    @cached_property
    def marks(self) -> dict[DataPath, tuple[Mark | None, Mark]]:
        """Every path with the marks of its key (None in a list) and of its value."""
        return dict(_all_marks((), None, self.root))


def read_document(source: str | bytes | Path, where: str | None = None, *, follow: bool = True) -> Document:
    """Read a file (a Path) or a text of YAML. ``where`` names it in errors.

    ``follow=False`` refuses a symbolic link: for names that a spec gives.

    Raises:
        UnknownSpecError: no such file.
        SpecError: it cannot be read, is not YAML, or is beyond a limit.
    """
    where = where or (str(source) if isinstance(source, Path) else "spec")
    if isinstance(source, Path):
        source = read_bytes(source, where, follow=follow)
    text = to_text(source, where) if isinstance(source, bytes) else source
    return Document(parse(text, where), where)


def resolve(document: Document, find_base: Callable[[str], Document]) -> Document:
    """Merge a document over its ``base``, then derive its ``like`` blocks.

    ``find_base`` returns a base's document as it was read (not resolved), and raises
    UnknownSpecError where there is none.

    Raises:
        SpecError: a base or like that is unknown, circular or too deep.
    """
    root, bases = inherit(document.root, lambda name: find_base(name).root)
    return Document(derive_blocks(root), document.where, tuple(bases))


def read_model(path: Path, model: type[AnyModel], noun: str) -> tuple[AnyModel, Document]:
    """Return a file that has no base, as its model, with the places of its values. ``noun``: what it is.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it says something impossible; the message has file, line and column.
    """
    from pydantic import ValidationError

    def no_base(name: str) -> Document:
        raise UnknownSpecError(f"{noun} has no base, and this one names {quote(name)}")

    document = resolve(read_document(path), no_base)
    try:
        return model.model_validate(document.data), document
    except ValidationError as error:
        raise locate(InvalidSpec(from_pydantic(error, data=document.data, allowed=model)), document) from None


def locate(invalid: InvalidSpec, document: Document) -> SpecError:
    """Return what a model found wrong as an error with its place.

    The first problem is told in full, unknown fields before all others; of the rest, how many.
    """
    walked = [(problem, _walk(document.root, problem.path)) for problem in invalid.problems]
    walked.sort(key=lambda pair: (pair[0].code != "AC102", pair[1].derived is not None))
    problem, place = walked[0]
    notes = [place.note] if place.note else []
    told = {(problem.message, id(place.shown(problem)))}
    lines: set[int] = set()
    for other, at in walked[1:]:
        told.add((other.message, id(at.shown(other))))
        lines.add(at.shown(other).line + 1)
    if len(told) > 1:
        lines.discard(place.shown(problem).line + 1)
        noun = "line" if len(lines) == 1 else "lines"
        on = f", on {noun} {one_of(map(str, sorted(lines)), 'and')}" if 0 < len(lines) <= 4 else ""
        notes.append(count_of(len(told) - 1, "more problem") + on)
    return place.error(problem, "; ".join(notes) or None)


class _Place:
    """Where a path leads: the value, its key, and what it was inherited through."""

    def __init__(self, root: Mapping) -> None:
        self.root = root
        self.node: Node = root
        self.key: Scalar | None = None
        self.whole = True  # the path leads to a value; else to what would hold it
        self.derived: Node | None = None  # what inherits the value, where it is inherited
        self.merged: Mapping | None = None  # the innermost mapping that was merged

    def shown(self, problem: Problem) -> Node:
        """Return the node that the caret marks."""
        if self.derived is not None:
            return self.derived
        if self.key is not None and (problem.on_key or not isinstance(self.node, Scalar)):
            return self.key
        return self.key if self.key is not None and is_null(self.node) else self.node

    @property
    def note(self) -> str | None:
        """The other place of a value in something derived."""
        if self.derived is not None:
            return f"inherited from {(self.key or self.node).place}"
        if self.merged is not None and self.merged.other is not None:
            return f"the rest is inherited from {self.merged.other.place}"
        return None

    def error(self, problem: Problem, note: str | None) -> SpecError:
        """Return the problem as an error here."""
        shown, hint = self.shown(problem), problem.hint
        if self.whole and is_null(self.node) and hint is None:
            hint = "it has no value"
        error = shown.error(problem.code or "AC120", problem.message, hint, note)
        if shown is self.root:  # it misses something: no line shows that
            error.excerpt = None
        return error


def _walk(root: Mapping, path: DataPath) -> _Place:
    """Follow a path as far as it goes."""
    place = _Place(root)
    for depth, part in enumerate(path):
        node = place.node
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            if node.own is not None:
                # The top and the lists of names inherit through base; what is in them by itself.
                of_top = depth == 0 or (depth == 1 and path[0] in NAMED)
                place.merged = place.merged if of_top else node
                if place.derived is None and part not in node.own.entries:
                    place.derived = root.via if of_top else place.key
            place.key, place.node = node.entries[part]
        elif isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
            place.key, place.node = None, node.items[part]
        else:
            place.whole = False
            break
    return place


def _mark(node: Node) -> Mark:
    """Return a node's mark, from 1."""
    end = len(node.source.lines[node.line]) if node.end is None else node.end
    return Mark(node.source.name, node.line + 1, node.column + 1, end + 1)


def _all_marks(path: DataPath, key: Scalar | None, node: Node) -> Iterator[tuple[DataPath, tuple[Mark | None, Mark]]]:
    """Yield the marks of a value and of all below it."""
    yield path, (_mark(key) if key else None, _mark(node))
    if isinstance(node, Mapping):
        for name, (child_key, child) in node.entries.items():
            yield from _all_marks((*path, name), child_key, child)
    elif isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            yield from _all_marks((*path, index), None, child)
