"""``archcalc import``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli import say
from costmodel.cli.options import Quiet

Lenient = Annotated[bool, typer.Option("--lenient", help="Leave out keys that are not understood, and list them")]


def import_(
    config: Annotated[str, typer.Argument(metavar="CONFIG.json", show_default=False)],
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="FILE", help="Write the spec there")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there")] = False,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The spec's name")] = None,
    lenient: Lenient = False,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="yaml or json")] = "yaml",
    quiet: Quiet = False,
) -> None:
    """Turn the config.json of a published model into a spec, exactly or not at all.

    Examples:
        archcalc import config.json
        archcalc import config.json -o specs/my-model.yaml
        archcalc show config.json

    A key that could change a figure and is not understood is an error that names it.
    """
    import sys
    from pathlib import Path

    from costmodel.amounts import params_text, params_unit
    from costmodel.cli.init import write_new
    from costmodel.errors import UsageError, plain, quote
    from costmodel.render.output import json_text
    from costmodel.render.sink import write_text
    from costmodel.report.import_ import import_ as answer

    if output_format not in ("yaml", "json"):
        raise UsageError(f"--format {quote(output_format)}", hint="formats: yaml, json")
    if force and out is None:
        raise UsageError("--force overwrites a file, and none is written", hint="add --out FILE")
    found = answer(config, lenient=lenient, name=name)
    text = found.yaml if output_format == "yaml" else json_text(found)
    if out is None:
        write_text(text, sys.stdout)
    else:
        write_new(Path(out), text, force=force)
    if quiet:
        return
    unit = params_unit(found.total)
    both = f"{params_text(found.total, unit)} total, {params_text(found.active, unit)} active"
    rest = f", {found.keys_without_effect} have no effect on counts" if found.keys_without_effect else ""
    say(f"{both}; {found.keys_read} keys read{rest}")
    if found.ignored:
        say(f"ignored: {', '.join(found.ignored)}")
    if found.left_out:
        say(f"left out, counted nowhere: {', '.join(found.left_out)}")
    if out is not None:
        shown = plain(out)
        say(f"wrote {shown}\nnext: archcalc show {shown if Path(out).parent.name else f'./{shown}'}")
