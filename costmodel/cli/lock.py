"""``archcalc lock``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Quiet, Specs


def lock(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="SPEC", show_default=False)] = None,
    file: Annotated[str, typer.Option("--lock", metavar="FILE", help="The lock file")] = "archcalc.lock.json",
    budgets: Annotated[
        str | None,
        typer.Option("--budgets", metavar="FILE", help="Lock its relative limits  [default: archcalc.budgets.yaml]"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; status 1 where the file is stale")] = False,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table or json")] = "table",
    specs: Specs = None,
    quiet: Quiet = False,
) -> int:
    """Write the baseline that relative limits and diff compare with: specs and their figures.

    SPEC is a file, a folder or a catalog name: locked beside what the lock file holds. Without any, the
    specs that it holds are locked again, or those of the current folder.

    Examples:
        archcalc lock designs
        archcalc lock --check

    Commit the file. It holds the formulas' version, so that a changed formula is told from a changed spec.
    """
    from costmodel.gate.lock import lock as answer
    from costmodel.render.lock import deliver_lock

    found = answer(*wanted or [], file=file, budgets=budgets, check=check, specs=specs or [])
    deliver_lock(found, output_format, check=check, quiet=quiet)
    return int(check and found.stale)
