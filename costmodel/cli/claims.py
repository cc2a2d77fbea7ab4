"""``archcalc claims``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Ascii, Format, Out, Quiet, Specs

Wanted = Annotated[list[str] | None, typer.Argument(metavar="CLAIM", show_default=False)]


def claims(
    wanted: Wanted = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="PATH", help="A file or folder of claims  [default: what ships]")
    ] = None,
    output_format: Format = "table",
    out: Out = None,
    specs: Specs = None,
    quiet: Quiet = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Also every check")] = 0,
    ascii_only: Ascii = False,
) -> int:
    """What is said about architectures, beside what archcalc computes: holds, does not hold, not decidable.

    CLAIM is an id, a number (12 is 12a, 12b, ...), a subject or the name of a spec; without any, every
    statement and the claims of every spec in the catalog.

    Examples:
        archcalc claims 12
        archcalc claims experts
        archcalc claims deepseek-v3 --format json

    Exit status 1 where a verdict is not the one that the file of claims expects.
    """
    from costmodel.gate.claims import claims as answer
    from costmodel.render.claims import ClaimsRenderer
    from costmodel.render.output import Output, deliver

    found = answer(*wanted or [], source=source, specs=specs or [])
    deliver(found, ClaimsRenderer(found), Output(output_format, out, quiet, verbose, ascii=ascii_only))
    return int(found.unexpected > 0)
