"""``archcalc docs``: which tables of documents are stale, and how they differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Literal

from costmodel.documents.blocks import is_fresh, rewritten
from costmodel.documents.documents import Document
from costmodel.documents.fences import Fence, digest
from costmodel.report.data import PRIVATE, SCHEMA

_CONTEXT = 2  # equal lines around a change
_MOST = 10**7  # pairs of lines that are compared


@dataclass(slots=True)
class StaleTable:
    """A table that is not what its command prints.

    ``reason``: new (never written), edited (by hand: the text does not match its digest), stale
    (the text matches its digest, and the command prints another one now). ``diff``: lines that
    begin with a blank (equal), ``-`` (in the document) or ``+`` (printed now); ``...`` stands for
    equal lines that were left out.
    """

    file: str
    line: int
    command: str
    reason: Literal["new", "edited", "stale"]
    diff: list[str]

    @property
    def loses(self) -> bool:
        """Say whether writing it loses what somebody wrote: an edit, or a text where no table was yet."""
        gone = any(row.startswith("-") and row[1:].strip() for row in self.diff)
        return self.reason == "edited" or (self.reason == "new" and gone)


@dataclass(slots=True)
class Docs:
    """What ``archcalc docs`` prints: how many documents and tables there are, what was stale, what was written."""

    files: int
    tables: int
    stale: list[StaleTable]
    written: list[str]
    checked: bool = field(default=False, metadata=PRIVATE)
    command: str = "docs"
    schema: str = SCHEMA


Filled = tuple[Document, list[str]]  # a document and what shall stand in its fences


def docs(filled: Sequence[Filled], *, checked: bool) -> Docs:
    """Return which tables are stale, and the documents to write for them: none where they are only checked."""
    stale = [one for document, blocks in filled for one in stale_tables(document, blocks)]
    files = list(dict.fromkeys(one.file for one in stale))
    tables = sum(len(blocks) for _, blocks in filled)
    return Docs(len(filled), tables, stale, [] if checked else files, checked)


def stale_tables(document: Document, blocks: Sequence[str]) -> list[StaleTable]:
    """Return the fences of a document that do not hold their block and its digest, in order."""
    return [
        StaleTable(document.name, fence.line, fence.words, reason(fence), _diff(fence, fresh))
        for fence, fresh in zip(document.fences, blocks, strict=True)
        if not is_fresh(fence, fresh)
    ]


def reason(fence: Fence) -> Literal["new", "edited", "stale"]:
    """Return why a fence is stale, known to differ from what its command prints."""
    if fence.digest is None:
        return "new"
    return "edited" if fence.edited else "stale"


def patch(filled: Sequence[Filled]) -> list[str]:
    """Return the changes of documents as ``patch`` reads them, line by line."""
    out: list[str] = []
    for document, blocks in filled:
        after = rewritten(document.text, document.fences, blocks)
        name = _patched(document)
        tab = "\t" if " " in name else ""  # which ends a name for patch
        rows = unified_diff(_rows(document.text), _rows(after), f"a/{name}{tab}", f"b/{name}{tab}")
        out += [part for row in rows for part in _marked(row)]
    return out


def _patched(document: Document) -> str:
    """Return a document's path from the current folder, or where it lies elsewhere, from the top of its repository."""
    here = Path.cwd()
    whole = Path(os.path.normpath(here / document.name))
    if whole.is_relative_to(here):
        return whole.relative_to(here).as_posix()
    top = document.root if document.path.is_relative_to(document.root) else document.path.anchor
    return document.path.relative_to(top).as_posix()


def _rows(text: str) -> list[str]:
    """Return lines with their breaks; only LF breaks a line."""
    rows = [f"{row}\n" for row in text.split("\n")]
    rows[-1] = rows[-1].removesuffix("\n")
    return rows if rows[-1] else rows[:-1]


def _marked(row: str) -> Iterable[str]:
    """Yield a line of a patch; one that ends a file without a line break says so."""
    yield row.removesuffix("\n")
    if not row.endswith("\n"):
        yield "\\ No newline at end of file"


def _diff(fence: Fence, fresh: str) -> list[str]:
    """Return the lines that differ with a few equal ones around them."""
    before, after = fence.block.split("\n")[:-1], fresh.split("\n")[:-1]
    if before == after:
        return [f"-digest={fence.digest}", f"+digest={digest(fresh)}"] if fence.digest else [f"+digest={digest(fresh)}"]
    if len(before) * len(after) > _MOST:  # finding what they share would take minutes
        return [*(f"-{row}" for row in before), *(f"+{row}" for row in after)]
    out: list[str] = []
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_CONTEXT):
        out += ["..."] if out else []
        for tag, i, j, k, m in group:
            if tag == "equal":
                out += [f" {row}" for row in before[i:j]]
                continue
            out += [f"-{row}" for row in before[i:j]]
            out += [f"+{row}" for row in after[k:m]]
    return out
