"""``archcalc docs``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Quiet


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
    from costmodel.cli import say
    from costmodel.cli.fenced import Runner
    from costmodel.errors import UsageError, quote
    from costmodel.gate.blocks import rewritten
    from costmodel.gate.docs import Docs, patch, stale_tables
    from costmodel.gate.documents import Document, documents
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.render.sink import write_file

    if output_format not in ("table", "json"):
        raise UsageError(f"--format is table or json, not {quote(output_format)}")
    found = Docs(0, 0, [], [], checked=check or diff, shown_as_patch=diff)
    runner = Runner()
    changes: list[tuple[Document, str]] = []
    for document in documents(paths):
        blocks = runner.blocks(document)
        stale = stale_tables(document, blocks)
        found.files += 1
        found.tables += len(blocks)
        found.stale += stale
        if stale and diff:
            found.patch += patch(document, blocks)
        elif stale and not check:
            changes.append((document, rewritten(document.text, document.fences, blocks)))
            found.written.append(document.name)
    for document, text in changes:  # all commands have run: one that fails leaves every document as it is
        write_file(text, str(document.path), document.name)
    for one in found.stale if changes else ():
        if one.reason == "edited":
            say(f"{one.file}:{one.line}: warning AC301 edited by hand: the table was written again, the edit is lost")
    deliver(found, PageRenderer(found, "docs"), Output(output_format, None, quiet))
    return 1 if check and found.stale else 0
