"""The arguments and options that commands share, and how their texts are read."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from costmodel.cli import say

CONTEXTS = "4Ki,32Ki,128Ki"

Arch = Annotated[str, typer.Argument(metavar="ARCH", show_default=False)]
Archs = Annotated[list[str], typer.Argument(metavar="ARCH", show_default=False)]
Context = Annotated[str, typer.Option("--context", metavar="N,...", help="Tokens in the sequence")]
OneContext = Annotated[
    str | None, typer.Option("--context", metavar="N", help="Tokens of a sequence  [default: 4Ki or its longest]")
]
Dtype = Annotated[str, typer.Option("--dtype", metavar="RECIPE", help="bf16, or roles: kv=fp8,state=fp32")]
Page = Annotated[str, typer.Option("--page", metavar="N", help="Also round up to pages of N tokens")]
Batch = Annotated[str, typer.Option("--batch", metavar="N", help="Sequences")]
Units = Annotated[str, typer.Option("--units", metavar="si|iec", help="GB (10^9) or GiB (2^30)")]
Format = Annotated[
    str,
    typer.Option("--format", metavar="FORMAT", help="table, json, markdown, csv, latex, html", show_default=False),
]
Out = Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write there instead of the terminal")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Figures only: no notes, no tips")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Also every weight, and the source")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Only ASCII characters")]
Specs = Annotated[
    list[str] | None, typer.Option("--specs", metavar="FOLDER", help="Look for specs there too (repeatable)")
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="N", help="Tokens of an encoder's source  [default: context]")
]
Prefix = Annotated[
    str | None, typer.Option("--prefix", metavar="N", help="First tokens that a block sees otherwise  [default: all]")
]
Attention = Annotated[str, typer.Option("--attention", metavar="causal|full", help="Pairs that are counted")]
Logits = Annotated[str, typer.Option("--logits", metavar="all|last", help="Positions of the LM head")]
Mla = Annotated[
    str, typer.Option("--mla", metavar="MODE", show_default=False, help="auto, absorbed, expanded, expanded-cached")
]
With = Annotated[str | None, typer.Option("--with", metavar="NAME,...", help="Count components too: mtp, vision")]


def contexts(text: str | None, option: str = "context") -> list[str] | None:
    """Return the contexts of an option, None for the default ones; warn where k may mean Ki."""
    if text is None or text == CONTEXTS:
        return None
    found = [part.strip() for part in text.split(",") if part.strip()]
    for part in found:
        if part.isascii() and part.isdigit() and part.startswith("0") and part.strip("0"):
            from costmodel.errors import UsageError, quote

            raise UsageError(
                f"--{option}: {quote(part)} starts with 0",
                hint="a comma separates contexts: 131072 or 128Ki, not 131,072",
            )
        warn_decimal(part, option)
    return found


def warn_decimal(text: str, option: str) -> None:
    """Say on stderr that 128k is 128,000 tokens and what 128Ki would be."""
    number = text[:-1].strip()
    if text[-1:] in ("k", "M") and number.isascii() and number.isdigit():
        from costmodel.units import COUNT_SCALE

        own, binary = (int(number) * COUNT_SCALE[unit] for unit in (text[-1], f"{text[-1].upper()}i"))
        say(
            f"warning AC110: --{option} {number}{text[-1]} is {own:,} tokens; {number}{text[-1].upper()}i is {binary:,}"
        )


def names(text: str | None) -> list[str]:
    """Return the names of a list with commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def asked(**options: Any) -> dict[str, Any]:
    """Return keywords of a command's function; the context may warn."""
    found = dict(options)
    if "context" in found:
        found["context"] = contexts(found["context"])
    if found.get("source") is not None:
        warn_decimal(found["source"], "source")
    if found.get("prefix") is not None:
        warn_decimal(found["prefix"], "prefix")
    if "include" in found:
        found["include"] = names(found["include"])
    found["specs"] = found.get("specs") or []
    return found
