"""``archcalc hardware``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Ascii, Format, Out, Quiet, Specs


def hardware(
    action: Annotated[str, typer.Argument(metavar="ACTION", show_default=False)] = "list",
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", show_default=False)] = None,
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="show: also coefficients and addresses of sources")
    ] = 0,
    ascii_only: Ascii = False,
) -> None:
    """Accelerators: what their sources say, and what was measured on them.

    ACTION is list (one line each; NAME filters them), show (one device: every figure with its
    basis, source and note, then its calibration) or compare (two or more side by side).

    NAME is a name or alias of archcalc hardware list, its beginning, or a path to a profile.yaml.

    Examples:
        archcalc hardware list nvidia
        archcalc hardware show h200-sxm
        archcalc hardware compare h100-sxm h200-sxm b200-sxm
        archcalc hardware show mi300x --format json

    --specs FOLDER looks in FOLDER/hardware. unverified: no source confirms the figure.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.hardware import hardware as answer

    found = answer(action, names or (), specs=specs or [])
    deliver(found, PageRenderer(found, "hardware"), Output(output_format, out, quiet, verbose, ascii=ascii_only))
