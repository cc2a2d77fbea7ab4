"""``archcalc serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import (
    Arch,
    Ascii,
    Dtype,
    Format,
    Mla,
    OneContext,
    Out,
    Quiet,
    Source,
    Specs,
    Units,
    names,
    warn_decimal,
)
from costmodel.cli.times import (
    Cp,
    Dp,
    Emulate,
    Ep,
    HardwareName,
    Overhead,
    Overlap,
    PlanFile,
    Pp,
    Skew,
    Tp,
    on_hardware,
)


def serve(
    architecture: Arch,
    hardware: HardwareName,
    context: OneContext = None,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="N,...", help="Sequences  [default: up to what fits]")
    ] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="N", help="Prompts read beside decoding")] = None,
    output: Annotated[str | None, typer.Option("--output", metavar="N", help="Tokens that each sequence gives")] = None,
    tp: Tp = None,
    pp: Pp = None,
    ep: Ep = None,
    dp: Dp = None,
    cp: Cp = None,
    plan: PlanFile = None,
    dtype: Dtype = "bf16",
    emulate: Emulate = None,
    overhead: Overhead = "5 GB",
    price: Annotated[str | None, typer.Option("--price", metavar="USD", help="Dollars a device and hour")] = None,
    draft: Annotated[str | None, typer.Option("--draft", metavar="N", help="Tokens guessed a step")] = None,
    accept: Annotated[str | None, typer.Option("--accept", metavar="SHARE", help="Of them accepted: 0.8")] = None,
    draft_model: Annotated[
        str | None, typer.Option("--draft-model", metavar="ARCH", help="What guesses  [default: its MTP layers]")
    ] = None,
    skew: Skew = None,
    overlap: Overlap = None,
    mla: Mla = "auto",
    source: Source = None,
    units: Units = "si",
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    ascii_only: Ascii = False,
) -> None:
    """Steady serving: time between tokens, tokens/s, energy, cost, limits of batch and context.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml.

    Examples:
        archcalc serve deepseek-v3 -H h200-sxm --ep 8 --context 8Ki --dtype fp8
        archcalc serve llama-3.1-70b -H h100-sxm --tp 4 --prompt 2048 --output 512
        archcalc serve deepseek-v3 -H h200-sxm --ep 16 --draft 1 --accept 0.85

    --batch is the whole deployment's. Without --prompt nothing is read beside decoding.
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.serve import serve as answer

    for name, text in (("prompt", prompt), ("output", output)):
        if text is not None:
            warn_decimal(text, name)
    choices = on_hardware(
        context=context, tp=tp, pp=pp, ep=ep, dp=dp, cp=cp, plan=plan, dtype=dtype, emulate=emulate,
        overhead=overhead, price=price, skew=skew, overlap=overlap, mla=mla, source=source, specs=specs,
    )  # fmt: skip
    found = answer(
        architecture, hardware, batches=names(batch) or None, prompt=prompt, output=output, draft=draft, accept=accept,
        draft_model=draft_model, **choices,
    )  # fmt: skip
    deliver(found, PageRenderer(found, "serve"), Output(output_format, out, quiet, 0, units, ascii_only))
