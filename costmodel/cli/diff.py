"""``archcalc diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.app import DASHES
from costmodel.cli.options import CONTEXTS, Ascii, Context, Dtype, Out, Quiet, Specs, contexts


def diff(
    wanted: Annotated[list[str], typer.Argument(metavar="BASE [HEAD]", show_default=False)],
    context: Context = CONTEXTS,
    dtype: Dtype = "bf16",
    fail_if: Annotated[
        list[str] | None, typer.Option("--fail-if", metavar="CONDITION", help="Status 1 where true (repeatable)")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Status 1 where a figure differs")] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, markdown (for a comment) or json")
    ] = "table",
    specs: Specs = None,
    out: Out = None,
    quiet: Quiet = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Every figure that differs")] = 0,
    ascii_only: Ascii = False,
) -> int:
    """What changed between two specs, folders or revisions, and which lines did it.

    BASE and HEAD are files, folders, catalog names, a lock file, or REV:PATH. A...B -- PATHS compares
    two revisions of git, REV -- PATHS a revision with the working tree.

    Examples:
        archcalc diff deepseek-v3 kimi-k2
        archcalc diff gemma-3-27b gemma-3-12b --fail-if 'cache.bytes@128Ki > +1%'
        archcalc diff gemma-3-27b gemma-3-12b --format markdown

    A cause is applied after those on the lines above it: together they add up to the change.
    """
    from costmodel.cli import say
    from costmodel.errors import UsageError
    from costmodel.gate.diff import diff as answer
    from costmodel.render.changes import deliver_diff

    at = wanted.index(DASHES) if DASHES in wanted else None
    first, paths = (wanted, None) if at is None else (wanted[:at], wanted[at + 1 :])
    if not 1 <= len(first) <= (1 if paths is not None else 2):
        raise UsageError(
            f"diff takes BASE and HEAD, or one revision before --, not {len(first)}",
            hint="archcalc diff deepseek-v3 kimi-k2   or  archcalc diff main...HEAD -- designs",
        )
    found = answer(
        first[0], first[1] if len(first) > 1 else None, paths=paths, context=contexts(context), dtype=dtype,
        fail_if=fail_if or (), specs=specs or (),
    )  # fmt: skip
    deliver_diff(found, output_format, out=out, quiet=quiet, verbose=verbose, ascii_only=ascii_only)
    for text in found.unknown:
        say(f"error: {text} cannot be told: the base cannot be read")
    if found.broken or found.unknown:  # the others are compared
        return 2
    return int(bool(found.failed) or (exit_code and found.differs))


diff.keeps_dashes = True  # type: ignore[attr-defined]
