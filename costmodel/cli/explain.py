"""``archcalc explain``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from costmodel.cli.options import (
    Ascii,
    Attention,
    Batch,
    Dtype,
    Format,
    Logits,
    Mla,
    Out,
    Prefix,
    Quiet,
    Source,
    Specs,
    Units,
    With,
    asked,
    warn_decimal,
)


def explain(
    architecture: Annotated[str | None, typer.Argument(metavar="ARCH|WORD", show_default=False)] = None,
    figure: Annotated[str | None, typer.Argument(metavar="FIGURE", show_default=False)] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", metavar="N", help="Tokens in the sequence  [default: 128Ki, or max_context]"),
    ] = None,
    new: Annotated[str | None, typer.Option("--new", metavar="N", help="Of FLOPs: new tokens  [default: 1]")] = None,
    cached: Annotated[
        str | None, typer.Option("--cached", metavar="N", help="Of FLOPs: tokens cached before  [default: 0]")
    ] = None,
    batch: Batch = "1",
    dtype: Dtype = "bf16",
    attention: Attention = "causal",
    logits: Logits = "all",
    mla: Mla = "auto",
    include: With = None,
    page: Annotated[str | None, typer.Option("--page", metavar="N", help="Also as allocated in pages")] = None,
    source: Source = None,
    prefix: Prefix = None,
    units: Units = "si",
    words: Annotated[bool, typer.Option("--words", help="Every word and what it means")] = False,
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Also every symbol")] = 0,
    ascii_only: Ascii = False,
) -> None:
    """How a figure came about: formula, symbols and their lines, terms, other countings.

    FIGURE is params.total, params.active, params.active_without_lookup, cache, cache.values,
    state_bytes, flops, flops.attention, flops.executed, flops.elementwise, flops.training or
    receptive_field. A WORD alone is defined.

    Examples:
        archcalc explain gemma-3-27b cache --context 128Ki
        archcalc explain deepseek-v3 params.active
        archcalc explain llama-3.1-8b flops --new 4Ki
        archcalc explain active

    Terms are exact and sum to the figure; text with numbers is arithmetic that you can check.
    """
    from costmodel.render.output import Output, PageRenderer, deliver

    output = Output(output_format, out, quiet, verbose, units, ascii_only)
    found: Any
    if words or figure is None:
        found = _defined(None if words else architecture)
        deliver(found, PageRenderer(found, "words"), output)
        return
    from costmodel.report.explain import explain as answer

    for name, text in (("context", context), ("new", new), ("cached", cached)):
        warn_decimal(text or "", name)
    choices = asked(
        dtype=dtype, batch=batch, attention=attention, logits=logits, mla=mla, include=include, page=page,
        source=source, prefix=prefix, specs=specs,
    )  # fmt: skip
    choices["context"] = context.split(",") if context else None
    found = answer(architecture or "", figure, new=new, cached=cached, **choices)
    deliver(found, PageRenderer(found, "explain"), output)


def _defined(word: str | None) -> Any:
    """Return a definition, all of them for None. Raises UsageError for what is no word."""
    from costmodel.errors import UsageError
    from costmodel.report.words import words

    try:
        return words(word)
    except UsageError as error:
        if word is not None and _is_model(word):
            hint = f"as in archcalc explain {word} cache. All: archcalc explain --help"
            raise UsageError("a figure of the model is missing", hint=hint) from None
        raise error


def _is_model(name: str) -> bool:
    from costmodel.catalog import find
    from costmodel.errors import UnknownSpecError

    try:
        return name.startswith("hf:") or find(name).exists()
    except UnknownSpecError:
        return False
