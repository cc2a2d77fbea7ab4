"""``archcalc show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.options import (
    CONTEXTS,
    Arch,
    Ascii,
    Attention,
    Context,
    Dtype,
    Format,
    Logits,
    Mla,
    Out,
    Page,
    Quiet,
    Source,
    Specs,
    Units,
    Verbose,
    With,
    asked,
)

if TYPE_CHECKING:
    from costmodel.render.output import Output

Style = Annotated[str, typer.Option("--style", metavar="full|card", help="card: the table of a model card")]


def show(
    architecture: Arch,
    context: Context = CONTEXTS,
    dtype: Dtype = "bf16",
    style: Style = "full",
    include: With = None,
    attention: Attention = "causal",
    logits: Logits = "all",
    mla: Mla = "auto",
    source: Source = None,
    page: Page = "16",
    units: Units = "si",
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    ascii_only: Ascii = False,
) -> None:
    """One architecture on one screen: layers, parameters, work, memory, sources.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml.

    Examples:
        archcalc show deepseek-v3
        archcalc show gemma-3-27b --context 8Ki,1Mi --dtype kv=fp8
        archcalc show ./my-model.yaml -v
        archcalc show deepseek-v3 --style card --format markdown

    active: what one token passes through. Listed below: what is not in total.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.show import show as answer

    choices = asked(
        context=context, dtype=dtype, include=include, attention=attention, logits=logits, mla=mla,
        source=source, page=page, specs=specs,
    )  # fmt: skip
    output = Output(output_format, out, quiet, verbose, units, ascii_only)
    if style != "full":
        card(architecture, choices, style, output)
        return
    found = answer(architecture, weights=bool(verbose), **choices)
    deliver(found, PageRenderer(found, "show"), output)


def card(architecture: str, choices: dict[str, Any], style: str, output: Output) -> None:
    """Write the figures of one model as a comparison has them, in two columns."""
    from costmodel.render.comparison import Comparison, check_style
    from costmodel.render.output import deliver
    from costmodel.report.compare import one

    check_style(style, output.format, ("full", "card"))
    found = one(architecture, **choices)
    deliver(found, Comparison(found, style, form=output.format), output)
