"""``archcalc roofline``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import (
    Arch,
    Ascii,
    Attention,
    Batch,
    Dtype,
    Format,
    Mla,
    Out,
    Prefix,
    Quiet,
    Source,
    Specs,
    With,
    warn_decimal,
)
from costmodel.cli.times import (
    Cp,
    Dp,
    Emulate,
    Ep,
    HardwareName,
    Overlap,
    PlanFile,
    Pp,
    Skew,
    Tp,
    on_hardware,
)


def roofline(
    architecture: Arch,
    hardware: HardwareName,
    new: Annotated[str, typer.Option("--new", metavar="N", help="New tokens of each sequence")] = "1",
    cached: Annotated[str, typer.Option("--cached", metavar="N", help="Tokens cached before")] = "0",
    batch: Batch = "1",
    tp: Tp = None,
    pp: Pp = None,
    ep: Ep = None,
    dp: Dp = None,
    cp: Cp = None,
    plan: PlanFile = None,
    dtype: Dtype = "bf16",
    emulate: Emulate = None,
    kernels: Annotated[
        str, typer.Option("--kernels", metavar="fused|naive", help="naive: scores through memory")
    ] = "fused",
    skew: Skew = None,
    overlap: Overlap = None,
    logits: Annotated[str, typer.Option("--logits", metavar="all|last", help="Positions of the LM head")] = "last",
    attention: Attention = "causal",
    mla: Mla = "auto",
    include: With = None,
    source: Source = None,
    prefix: Prefix = None,
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Also every kernel")] = 0,
    ascii_only: Ascii = False,
) -> None:
    """One step on a device: floor, serial sum of kernels, expected time, and what binds.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml.

    Examples:
        archcalc roofline deepseek-v3 -H h200-sxm --ep 8 --batch 128 --cached 8192
        archcalc roofline llama-3.1-8b -H l40s --new 2048
        archcalc roofline llama-3.1-70b -H h100-sxm --tp 4 --cached 4095 --dtype fp8

    --batch is the whole deployment's; --ep 8 alone means attention data-parallel over the same 8.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.roofline import roofline as answer

    for name, text in (("new", new), ("cached", cached)):
        warn_decimal(text, name)
    choices = on_hardware(
        batch=batch, tp=tp, pp=pp, ep=ep, dp=dp, cp=cp, plan=plan, dtype=dtype, emulate=emulate, kernels=kernels,
        skew=skew, overlap=overlap, logits=logits, attention=attention, mla=mla, include=include, source=source,
        prefix=prefix, specs=specs,
    )  # fmt: skip
    found = answer(architecture, hardware, new=new, cached=cached, **choices)
    deliver(found, PageRenderer(found, "roofline"), Output(output_format, out, quiet, verbose, ascii=ascii_only))
