"""Options that commands with times share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from costmodel.cli.options import asked

HardwareName = Annotated[
    str, typer.Option("--hardware", "-H", metavar="NAME", show_default=False, help="archcalc hardware list, or a file")
]
Tp = Annotated[str | None, typer.Option("--tp", metavar="N", help="Devices that share each matrix")]
Pp = Annotated[str | None, typer.Option("--pp", metavar="N", help="Pipeline stages")]
Ep = Annotated[str | None, typer.Option("--ep", metavar="N", help="Devices that share the experts")]
Dp = Annotated[str | None, typer.Option("--dp", metavar="N", help="Groups with sequences of their own")]
Cp = Annotated[str | None, typer.Option("--cp", metavar="N", help="Devices that share each sequence")]
PlanFile = Annotated[str | None, typer.Option("--plan", metavar="FILE", help="A plan in YAML, options over it")]
Emulate = Annotated[
    str | None, typer.Option("--emulate", metavar="DTYPE,...", help="Store these, compute as activations")
]
Overhead = Annotated[str, typer.Option("--overhead", metavar="SIZE", help="Memory of a device that the engine takes")]
Skew = Annotated[str | None, typer.Option("--skew", metavar="SHAPE", help="Unequal experts: 1.3 mild, 0.8 strong")]
Overlap = Annotated[
    str | None, typer.Option("--overlap", metavar="SHARE", help="Of communication beside computation: 0.5")
]


def on_hardware(**options: Any) -> dict[str, Any]:
    """Return keywords of a function with times; lists are read."""
    found = asked(**options)
    if "emulate" in found:
        found["emulate"] = [part.strip() for part in (found["emulate"] or "").split(",") if part.strip()]
    return found
