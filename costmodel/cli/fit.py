"""``archcalc fit``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import Arch, Ascii, Batch, Format, Mla, OneContext, Out, Quiet, Source, Specs, Units, With
from costmodel.cli.times import Cp, Dp, Emulate, Ep, HardwareName, Overhead, PlanFile, Pp, Tp, on_hardware


def fit(
    architecture: Arch,
    hardware: HardwareName,
    context: OneContext = None,
    batch: Batch = "1",
    dtype: Annotated[
        str | None, typer.Option("--dtype", metavar="RECIPE", help="This one only  [default: bf16, fp8, int4]")
    ] = None,
    tp: Tp = None,
    pp: Pp = None,
    ep: Ep = None,
    dp: Dp = None,
    cp: Cp = None,
    plan: PlanFile = None,
    emulate: Emulate = None,
    overhead: Overhead = "5 GB",
    chunk: Annotated[str, typer.Option("--chunk", metavar="N", help="Most tokens that a step computes")] = "8192",
    mla: Mla = "auto",
    include: With = None,
    source: Source = None,
    units: Units = "si",
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    ascii_only: Ascii = False,
) -> None:
    """Does it fit, and on how many devices: weights, cache, activations, declared reserve.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml.

    Examples:
        archcalc fit llama-3.1-405b --hardware h100-sxm --context 128Ki
        archcalc fit deepseek-v3 -H h200-sxm --context 32Ki --batch 64 --dtype fp8
        archcalc fit llama-3.1-70b -H h100-sxm --tp 4 --context 8Ki --format json

    With --tp, --pp, --ep, --dp or --cp that plan is judged; without them plans are tried.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.fit import fit as answer

    choices = on_hardware(
        context=context, batch=batch, tp=tp, pp=pp, ep=ep, dp=dp, cp=cp, plan=plan, dtype=dtype, emulate=emulate,
        overhead=overhead, mla=mla, include=include, source=source, specs=specs,
    )  # fmt: skip
    found = answer(architecture, hardware, chunk=chunk, **choices)
    deliver(found, PageRenderer(found, "fit"), Output(output_format, out, quiet, 0, units, ascii_only))
