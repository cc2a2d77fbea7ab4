"""``archcalc flops``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import (
    Arch,
    Ascii,
    Attention,
    Batch,
    Format,
    Logits,
    Mla,
    Out,
    Prefix,
    Quiet,
    Source,
    Specs,
    With,
    asked,
    warn_decimal,
)


def flops(
    architecture: Arch,
    new: Annotated[str, typer.Option("--new", metavar="N", help="New tokens of each sequence")] = "1",
    cached: Annotated[str, typer.Option("--cached", metavar="N", help="Tokens cached before")] = "0",
    batch: Batch = "1",
    attention: Attention = "causal",
    logits: Logits = "all",
    mla: Mla = "auto",
    include: With = None,
    images: Annotated[str, typer.Option("--images", metavar="N", help="Images that a vision tower sees")] = "0",
    clips: Annotated[str, typer.Option("--clips", metavar="N", help="Clips that an audio tower hears")] = "0",
    source: Source = None,
    prefix: Prefix = None,
    source_new: Annotated[
        str | None,
        typer.Option("--source-new", metavar="N", help="Of them encoded in this step  [default: all or none]"),
    ] = None,
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Also every operation")] = 0,
    ascii_only: Ascii = False,
) -> None:
    """The work of one step: forward FLOPs by part, executed, training, elementwise.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml.

    Examples:
        archcalc flops deepseek-v3 --new 4Ki
        archcalc flops llama-3.1-8b --new 1 --cached 4095 --batch 32
        archcalc flops gemma-3-27b --new 4Ki --attention full --format json

    Totals are of the step over the batch, not per token. --new 1 --cached 4095 is decode at 4Ki.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.flops import flops as answer

    for name, text in (("new", new), ("cached", cached)):
        warn_decimal(text, name)
    choices = asked(
        batch=batch,
        attention=attention,
        logits=logits,
        mla=mla,
        include=include,
        source=source,
        prefix=prefix,
        specs=specs,
    )
    found = answer(
        architecture,
        new=new,
        cached=cached,
        source_new=source_new,
        images=images,
        clips=clips,
        ops=bool(verbose),
        **choices,
    )
    deliver(found, PageRenderer(found, "flops"), Output(output_format, out, quiet, verbose, ascii=ascii_only))
