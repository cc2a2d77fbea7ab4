"""``archcalc compare``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.options import (
    CONTEXTS,
    Archs,
    Ascii,
    Attention,
    Batch,
    Context,
    Dtype,
    Format,
    Logits,
    Mla,
    Out,
    Quiet,
    Source,
    Specs,
    Units,
    With,
    asked,
)

Style = Annotated[str, typer.Option("--style", metavar="STYLE", help="full, paper, card, gallery")]
Digits = Annotated[str | None, typer.Option("--digits", metavar="N", help="Significant digits, of columns and styles")]
Sort = Annotated[str | None, typer.Option("--sort", metavar="KEY", help="Order of the models: total, cache@128Ki, ...")]
Columns = Annotated[str | None, typer.Option("--columns", metavar="KEY,...", help="These figures only")]
Transpose = Annotated[bool, typer.Option("--transpose", help="Models as rows in place of columns, and the reverse")]


def compare(
    architectures: Archs,
    context: Context = CONTEXTS,
    dtype: Dtype = "bf16",
    style: Style = "full",
    sort: Sort = None,
    columns: Columns = None,
    digits: Digits = None,
    transpose: Transpose = False,
    include: With = None,
    attention: Attention = "causal",
    logits: Logits = "all",
    mla: Mla = "auto",
    source: Source = None,
    hardware: Annotated[
        list[str] | None, typer.Option("--hardware", "-H", metavar="NAME", help="Also decode times on it (repeatable)")
    ] = None,
    devices: Annotated[str, typer.Option("--devices", metavar="N", help="Of them, for each model")] = "1",
    batch: Batch = "1",
    units: Units = "si",
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    ascii_only: Ascii = False,
) -> None:
    """Architectures side by side: parameters, shape, cache, work; differences marked.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml; two or more.

    Examples:
        archcalc compare deepseek-v3 llama4
        archcalc compare deepseek-v3 llama4 kimi-k2 gemma-3-27b --sort cache@128Ki
        archcalc compare deepseek-v3 kimi-k2 --style paper --format latex
        archcalc compare deepseek-v3 kimi-k2 --style gallery --units iec
        archcalc compare deepseek-v3 llama4 -H h200-sxm --devices 8 --dtype fp8

    ratio is last / first. * marks the lowest of a cost, never of a size.
    """
    from costmodel.render.comparison import Comparison, ask, digits_of
    from costmodel.render.output import Output, deliver

    choices = asked(
        context=context, dtype=dtype, include=include, attention=attention, logits=logits, mla=mla,
        source=source, specs=specs, hardware=hardware or None, devices=devices, batch=batch,
    )  # fmt: skip
    found = ask(architectures, choices, columns=columns, sort=sort)
    renderer = Comparison(found, style, columns, transpose, digits_of(digits), output_format)
    deliver(found, renderer, Output(output_format, out, quiet, 0, units, ascii_only))
