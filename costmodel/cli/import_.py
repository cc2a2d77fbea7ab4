"""``archcalc import``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli import say
from costmodel.cli.options import Quiet

if TYPE_CHECKING:
    from costmodel.report.import_ import CheckedTensors, HeldTensors

Lenient = Annotated[bool, typer.Option("--lenient", help="Leave out keys that are not understood, and list them")]
CheckTensors = Annotated[
    bool, typer.Option("--check-tensors", help="Compare the weights beside it with the spec, by their headers")
]


def import_(
    model: Annotated[str, typer.Argument(metavar="MODEL", show_default=False)],
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="FILE", help="Write the spec there")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there")] = False,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The spec's name")] = None,
    lenient: Lenient = False,
    check_tensors: CheckTensors = False,
    output_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="yaml or json")] = "yaml",
    quiet: Quiet = False,
) -> None:
    """Turn a published model into a spec, exactly or not at all.

    MODEL is its config.json, the folder of that, weights beside it (model.safetensors,
    model.safetensors.index.json), a GGUF file, or hf:org/name for a repository, which is read over
    the network and needs pip install "archcalc[hub]"

    Examples:
        archcalc import config.json
        archcalc import config.json -o specs/my-model.yaml
        archcalc import model-Q4_K_M.gguf
        archcalc show config.json

    A key that could change a figure and is not understood is an error that names it. Weights that
    are named are compared with the spec, the parameters of every layer.
    """
    import sys
    from pathlib import Path

    from costmodel.amounts import params_text, params_unit
    from costmodel.cli.init import write_new
    from costmodel.errors import UsageError, count_of, plain, quote
    from costmodel.render.output import json_text
    from costmodel.render.sink import write_text
    from costmodel.report.import_ import import_ as answer

    if output_format not in ("yaml", "json"):
        raise UsageError(f"--format {quote(output_format)}", hint="formats: yaml, json")
    if force and out is None:
        raise UsageError("--force overwrites a file, and none is written", hint="add --out FILE")
    found = answer(model, lenient=lenient, name=name, check_tensors=check_tensors)
    text = found.yaml if output_format == "yaml" else json_text(found)
    if out is None:
        write_text(text, sys.stdout)
    else:
        write_new(Path(out), text, force=force)
    if quiet:
        return
    unit = params_unit(found.total)
    both = f"{params_text(found.total, unit)} total, {params_text(found.active, unit)} active"
    idle = found.keys_without_effect
    rest = f", {idle:,} {'has' if idle == 1 else 'have'} no effect on counts" if idle else ""
    say(f"{both}; {count_of(found.keys_read, 'key')} read{rest}")
    if found.ignored:
        say(f"ignored: {', '.join(found.ignored)}")
    if found.left_out:
        say(f"left out, counted nowhere: {', '.join(found.left_out)}")
    if found.tensors is not None:
        _say_checked(found.tensors)
    if out is not None:
        shown = plain(out)
        say(f"wrote {shown}\nnext: archcalc show {shown if Path(out).parent.name else f'./{shown}'}")


def _say_checked(checked: CheckedTensors) -> None:
    """Say what the weights hold, and what could not be compared."""
    from costmodel.errors import count_of, plain

    def held(row: HeldTensors) -> str:
        values = f" with {row.parameters:,} parameters" if row.parameters else ""
        return count_of(row.tensors, "tensor") + values

    whole = checked.language_model
    if whole.parameters:
        say(f"checked: {count_of(whole.tensors, 'tensor')} hold the spec's {whole.parameters:,} parameters")
    else:
        say(f"checked: the names of {count_of(whole.tensors, 'tensor')} are those of the spec's layers")
    for row in checked.components:
        say(f"checked: {row.name}, {held(row)}")
    for row in checked.left_out:
        say(f"not in the spec: {plain(row.name)}, {held(row)}")
    if checked.copies.tensors:
        say(f"written once more: {held(checked.copies)}")
    for sentence in checked.unchecked:
        say(f"not checked: {sentence}")
