"""``archcalc schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Out


def schema(
    budgets: Annotated[bool, typer.Option("--budgets", help="That of budget files")] = False, out: Out = None
) -> None:
    """Print the JSON Schema of the spec language, for editors: completion, checks, tooltips.

    Examples:
        archcalc schema --out archcalc.schema.json
        archcalc schema --budgets --out archcalc-budgets.schema.json

    Editors find it by the first two lines that archcalc init writes.
    """
    import sys

    from costmodel.render.sink import write_file, write_text

    if budgets:
        from costmodel.gate.budget_schema import budget_schema_text as made
    else:
        from costmodel.schema import schema_text as made
    text = made()
    if out is None:
        write_text(text, sys.stdout)
    else:
        write_file(text, out)
