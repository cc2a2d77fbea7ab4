"""``archcalc reference``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Ascii, Format, Out, Quiet


def reference(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    argument: Annotated[str | None, typer.Argument(metavar="OF", show_default=False)] = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    ascii_only: Ascii = False,
) -> None:
    """The tables of the documentation, from the code: fields, formulas, codes, words, claims.

    NAME is kinds, fields KIND, operations, codes, words, steps, dtypes, roles, keys, devices count,
    devices figures, timing, rules or claims.

    Examples:
        archcalc reference fields moe
        archcalc reference claims --format csv
        archcalc reference devices count

    fields also takes the parts of a document (architecture, norm, tower), of a budget file (budgets,
    limit, workload) and features (altup).
    """
    from costmodel.render.output import Output, deliver
    from costmodel.render.reference import ReferenceRenderer
    from costmodel.report.reference import reference as answer

    found = answer(name, argument)
    deliver(found, ReferenceRenderer(found), Output(output_format, out, quiet, ascii=ascii_only))
