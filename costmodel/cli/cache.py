"""``archcalc cache``."""

from __future__ import annotations

from costmodel.cli.options import (
    CONTEXTS,
    Arch,
    Ascii,
    Batch,
    Context,
    Dtype,
    Format,
    Mla,
    Out,
    Page,
    Prefix,
    Quiet,
    Source,
    Specs,
    Units,
    Verbose,
    asked,
)


def cache(
    architecture: Arch,
    context: Context = CONTEXTS,
    dtype: Dtype = "bf16",
    page: Page = "16",
    batch: Batch = "1",
    units: Units = "si",
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    source: Source = None,
    prefix: Prefix = None,
    mla: Mla = "auto",
    specs: Specs = None,
    verbose: Verbose = 0,
    ascii_only: Ascii = False,
) -> None:
    """Memory that one sequence keeps: KV cache and recurrent state, by layer kind.

    ARCH is a catalog name (archcalc list) or a path to a spec.yaml.

    Examples:
        archcalc cache gemma-3-27b --context 4Ki,32Ki,128Ki,1Mi
        archcalc cache deepseek-v3 --dtype kv=fp8 --format json
        archcalc cache ./my-model.yaml --context 1Mi --batch 64

    128k is 128,000 and 128Ki is 131,072. Definitions: archcalc explain cache
    """
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.report.cache import cache as answer

    choices = asked(
        context=context, dtype=dtype, page=page, batch=batch, source=source, prefix=prefix, mla=mla, specs=specs
    )
    found = answer(architecture, **choices)
    deliver(found, PageRenderer(found, "cache"), Output(output_format, out, quiet, verbose, units, ascii_only))
