"""``archcalc docs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.options import Quiet

if TYPE_CHECKING:
    from costmodel.documents.docs import Docs, Filled


def docs(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 where a table is stale")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; print the changes as patch reads them")] = False,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json")] = "table",
    quiet: Quiet = False,
) -> int:
    """Fill the fences of documents: tables that stay true, in Markdown, reStructuredText and LaTeX.

    PATH is a document or a folder, searched for .md, .markdown, .rst and .tex. A fence is two
    comment lines, archcalc:begin COMMAND and archcalc:end; what the command prints stands between.

    Examples:
        archcalc docs README.md docs
        archcalc docs --check README.md docs

    Only commands that read are run, and only files of the document's repository are read. Hand
    edits inside a fence are reported, and lost when it is written: change its command instead.
    """
    import sys

    from costmodel.cli.fenced import Runner
    from costmodel.documents.docs import docs as answer
    from costmodel.documents.docs import patch
    from costmodel.documents.documents import documents
    from costmodel.errors import UsageError, quote
    from costmodel.render.docs import patch_text
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.render.sink import write_text

    if output_format not in ("table", "json"):
        raise UsageError(f"--format is table or json, not {quote(output_format)}")
    filled = Runner().filled(documents(paths))
    found = answer(filled, checked=check or diff)
    if not found.checked:
        _write(found, filled)
    if diff and output_format == "table":
        write_text(patch_text(patch(filled), terminal=sys.stdout.isatty()), sys.stdout)
    else:
        deliver(found, PageRenderer(found, "docs"), Output(output_format, None, quiet))
    return 1 if check and found.stale else 0


def _write(found: Docs, filled: list[Filled]) -> None:
    """Write the documents with stale tables; all commands have run, so that one that fails changes nothing."""
    from costmodel.cli import say
    from costmodel.documents.blocks import rewritten
    from costmodel.render.sink import write_file

    for document, blocks in filled:
        if document.name in found.written:
            write_file(rewritten(document.text, document.fences, blocks), str(document.path), document.name)
    for one in filter(lambda stale: stale.loses, found.stale):
        what = "edited by hand: the table was written again, the edit is lost"
        if one.reason == "new":
            what = "written by hand: the text that stood there is lost"
        say(f"{one.file}:{one.line}: warning AC301 {what}")
