"""``archcalc check``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Ascii, Out, Quiet, Specs, names

Wanted = Annotated[list[str] | None, typer.Argument(metavar="SPEC", show_default=False)]


def check(
    wanted: Wanted = None,
    budgets: Annotated[
        str | None, typer.Option("--budgets", metavar="FILE", help="Limits  [default: archcalc.budgets.yaml]")
    ] = None,
    lock: Annotated[
        str | None, typer.Option("--lock", metavar="FILE", help="Baseline  [default: archcalc.lock.json]")
    ] = None,
    hardware: Annotated[
        str, typer.Option("--hardware", "-H", metavar="NAME", help="For rules about memory and speed")
    ] = "8x h200-sxm",
    fail_on: Annotated[str, typer.Option("--fail-on", metavar="LEVEL", help="error, warning, note or never")] = "error",
    select: Annotated[str | None, typer.Option("--select", metavar="ID,...", help="Only these rules")] = None,
    ignore: Annotated[str | None, typer.Option("--ignore", metavar="ID,...", help="Not these rules")] = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="table, json, markdown, github, gitlab, sarif, junit", show_default=False
        ),
    ] = "table",
    output: Annotated[
        list[str] | None, typer.Option("--output", metavar="FORMAT:FILE", help="Also write this (repeatable)")
    ] = None,
    skip_others: Annotated[bool, typer.Option("--skip-others", help="Pass over named files that are no specs")] = False,
    specs: Specs = None,
    out: Out = None,
    quiet: Quiet = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Notes and what is waived, too")] = 0,
    ascii_only: Ascii = False,
) -> int:
    """Budgets, assertions and rules over specs; exit status 1 where one fails.

    SPEC is a file, a folder (every spec in it) or a catalog name; without any, the budget file's folder.

    Examples:
        archcalc check deepseek-v3
        archcalc check designs --budgets archcalc.budgets.yaml
        archcalc check designs --format github --output sarif:archcalc.sarif

    The exit status never depends on the format. Nothing to check is a mistake (2), not a success,
    unless --skip-others left out all that was named: so hooks pass every YAML file that changed.
    """
    from costmodel.gate.check import check as answer
    from costmodel.reading import recorded
    from costmodel.render.findings import deliver_check

    with recorded() as files:
        found = answer(
            *wanted or [], budgets=budgets, lock=lock, hardware=hardware, fail_on=fail_on, select=names(select),
            ignore=names(ignore), specs=specs or [], skip_others=skip_others,
        )  # fmt: skip
    deliver_check(
        found, output_format, output or [], files, out=out, quiet=quiet, verbose=verbose, ascii_only=ascii_only
    )
    return int(found.failed)
