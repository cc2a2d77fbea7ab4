"""``archcalc verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Archs, Ascii, Format, Out, Quiet, Specs, Verbose


def verify(
    architectures: Archs,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Draws weights and steps")] = 0,
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    ascii_only: Ascii = False,
) -> int:
    """Prove a spec: a small PyTorch model built from it holds and computes what archcalc says.

    ARCH is a catalog name, a spec or a config.json. Sizes are scaled down; mechanisms, options and
    kinds of layers stay. The parameters of a config.json are also compared at full size, with the
    class of transformers. Needs PyTorch: pip install "archcalc[verify]"

    Examples:
        archcalc verify my-model.yaml
        archcalc verify specs/proposals/*.yaml
        archcalc verify deepseek-v3 -v
        archcalc verify config.json

    Exit status 1 at the first figure that differs, with the term that does.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.verify import verify_ as answer

    found = answer(*architectures, specs=specs or [], seed=seed)
    deliver(found, PageRenderer(found, "verify"), Output(output_format, out, quiet, verbose, ascii=ascii_only))
    return int(not found.proved)
