"""What stands in fences: the output of a command in the markup of its document, and documents with new blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from costmodel.documents.code_blocks import Markup
from costmodel.documents.fences import Fence, digest, is_marker


def framed(output: str, language: str, markup: Markup) -> str:
    """Return what a command prints as the text of a block: as it is, for the language ``""``, or as code."""
    body = output.strip("\n")
    if not language:
        return f"\n{body}\n\n"
    if markup == "markdown":
        ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", body))])
        return f"{ticks}{language}\n{body}\n{ticks}\n"
    if markup == "latex":
        return f"\\begin{{verbatim}}\n{body}\n\\end{{verbatim}}\n"
    inner = "".join(f"   {row}\n" if row.strip() else "\n" for row in body.split("\n"))
    return f"\n.. code-block:: {language}\n\n{inner}\n"


def block(output: str, language: str, fence: Fence) -> str:
    """Return the block of a fence for what its command prints, with LF at the ends of lines.

    Raises:
        ValueError: the output has a line that would end the fence or its code block.
    """
    rows = framed(output.replace("\r", ""), language, fence.markup).split("\n")
    indent = "" if fence.markup == "latex" else fence.indent
    rows = [indent + row if row.strip() else "" for row in rows[:-1]]
    if any(is_marker(row, fence.markup) for row in rows):
        raise ValueError("a line of it would be read as the line of a fence")
    if fence.markup == "latex" and language and sum("\\end{verbatim}" in row for row in rows) > 1:
        raise ValueError("a line of it would end its verbatim environment")
    return "".join(f"{row}\n" for row in rows)


def rewritten(text: str, fences: Sequence[Fence], blocks: Sequence[str]) -> str:
    """Return a text with new blocks; what stands outside fences, and blocks that are up to date, stay as they are.

    A new block and its first line take the line breaks of the line that was there.
    """
    out, at = [], 0
    for fence, fresh in zip(fences, blocks, strict=True):
        if is_fresh(fence, fresh):
            continue
        first = text[fence.begin_at : fence.block_at]
        bom = "\ufeff" if first.startswith("\ufeff") else ""
        end = "\r\n" if first.endswith("\r\n") else "\n"
        new = f"{fence.begin(fresh)}\n{fresh}".replace("\n", end)
        out += [text[at : fence.begin_at], bom + new]
        at = fence.end_at
    return "".join([*out, text[at:]])


def is_fresh(fence: Fence, fresh: str) -> bool:
    """Say whether a fence holds a block and its digest."""
    return fence.block == fresh and fence.digest == digest(fresh)
