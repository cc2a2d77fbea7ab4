"""``archcalc calibrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.options import Ascii, Quiet, Specs

if TYPE_CHECKING:
    from costmodel.report.calibrate import CalibrationPage
    from costmodel.report.local import LocalPage


def calibrate(
    hardware: Annotated[
        str | None,
        typer.Option("--hardware", "-H", metavar="NAME", help="The device that the kernels were measured on"),
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("--from", metavar="FILE", help="Measured kernels, CSV (repeatable)")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Measure one core of this machine instead")] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Write the profile there, as YAML; the table is printed")
    ] = None,
    date: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="The day its source says  [default with --local: today]")
    ] = None,
    specs: Specs = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="table, json, markdown, csv, latex, html, yaml", show_default=False
        ),
    ] = "table",
    quiet: Quiet = False,
    ascii_only: Ascii = False,
) -> None:
    """Fit a device's coefficients to measured kernels; or measure this machine.

    FILE has the columns of archcalc kernel --from and latency_us. Coefficients are fitted to half
    of the shapes, and their errors are those on the other half.

    Examples:
        archcalc calibrate -H h200-sxm --from nccl.csv --out my-h200.yaml
        archcalc calibrate --local --out local-cpu.yaml

    --hardware FILE takes the profile that --out writes. A file local-cpu.yaml in FOLDER/hardware
    replaces the one that ships, with --specs FOLDER.
    """
    from costmodel.errors import UsageError, one_of, quote
    from costmodel.render.calibrate import yaml_text
    from costmodel.render.output import Output, PageRenderer, deliver
    from costmodel.render.sink import FORMATS, write_file, write_text

    known = (*FORMATS, "yaml")
    if output_format not in known:
        raise UsageError(f"--format is {one_of(known)}, not {quote(output_format)}")
    found: CalibrationPage | LocalPage
    if local:
        if hardware is not None or files:
            given = "--hardware" if hardware is not None else "--from"
            raise UsageError(f"{given} stands beside --local, which measures this machine", hint=f"take {given} out")
        found = _local(out, date)
    else:
        if hardware is None or not files:
            missing = "--from FILE" if hardware is not None else "--hardware NAME"
            raise UsageError(f"calibrate needs {missing}, or --local", hint="archcalc calibrate --help shows examples")
        found = _fitted(files, hardware, specs or [], out, date)
    text = yaml_text(found)
    if out is not None:
        write_file(text, out)
    if output_format == "yaml":
        import sys

        if out is None:
            write_text(text, sys.stdout)
        return
    deliver(found, PageRenderer(found, "calibrate"), Output(output_format, None, quiet, ascii=ascii_only))


def _local(out: str | None, date: str | None) -> LocalPage:
    from costmodel.report.calibrate import name_of
    from costmodel.report.local import calibrate_local

    return calibrate_local(name=name_of(out) or "local-cpu", date=date)


def _fitted(files: list[str], hardware: str, specs: list[str], out: str | None, date: str | None) -> CalibrationPage:
    from costmodel.report.calibrate import calibrate, name_of

    return calibrate(files, hardware=hardware, specs=specs, name=name_of(out), date=date)
