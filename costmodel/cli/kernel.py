"""``archcalc kernel``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from costmodel.cli.options import Ascii, Format, Out, Quiet, Specs
from costmodel.cli.times import HardwareName


def _size(option: str, text: str) -> Any:
    return typer.Option(option, metavar="N", help=text, show_default=False)


Kernel = Annotated[str, typer.Argument(metavar="KERNEL", show_default=False)]
Size = str | None


def kernel(
    kernel: Kernel,
    hardware: HardwareName,
    m: Annotated[Size, _size("--m", "gemm: rows (tokens) of (m, k) by (k, n)")] = None,
    n: Annotated[Size, _size("--n", "gemm: columns of the weights")] = None,
    k: Annotated[Size, _size("--k", "gemm: the inner dimension")] = None,
    batch: Annotated[Size, _size("--batch", "attention, mla: sequences")] = None,
    new: Annotated[Size, _size("--new", "attention, mla: new tokens of each (1: decode)")] = None,
    cached: Annotated[Size, _size("--cached", "attention, mla: tokens cached before")] = None,
    heads: Annotated[Size, _size("--heads", "attention, mla: query heads of the device")] = None,
    kv_heads: Annotated[Size, _size("--kv-heads", "attention: its key heads  [default: heads]")] = None,
    head_dim: Annotated[Size, _size("--head-dim", "attention: values of a head  [default: 128]")] = None,
    window: Annotated[Size, _size("--window", "attention: tokens a query sees  [default: all]")] = None,
    tokens: Annotated[Size, _size("--tokens", "moe: tokens of the step")] = None,
    d_model: Annotated[Size, _size("--d-model", "moe: width of the residual stream")] = None,
    d_ff: Annotated[Size, _size("--d-ff", "moe: width of one expert")] = None,
    experts: Annotated[Size, _size("--experts", "moe: experts of the layer")] = None,
    top_k: Annotated[Size, _size("--top-k", "moe: experts of a token")] = None,
    tp: Annotated[Size, _size("--tp", "moe: devices that share each expert")] = None,
    ep: Annotated[Size, _size("--ep", "moe: devices that share the experts")] = None,
    bytes_: Annotated[Size, _size("--bytes", "collective: the whole result, or what is sent")] = None,
    devices: Annotated[Size, _size("--devices", "collective: devices that take part")] = None,
    kind: Annotated[
        Size,
        typer.Option(
            "--kind", metavar="KIND", show_default=False, help="all_reduce, all_gather, reduce_scatter, alltoall"
        ),
    ] = None,
    dtype: Annotated[
        Size, typer.Option("--dtype", metavar="DTYPE", show_default=False, help="bf16, fp8, fp8-block, nvfp4, ...")
    ] = None,
    kv: Annotated[
        Size, typer.Option("--kv", metavar="DTYPE", show_default=False, help="attention, mla: the cache's, bf16 or fp8")
    ] = None,
    file: Annotated[Size, typer.Option("--from", metavar="FILE", help="Every row of a CSV, plain or gzipped")] = None,
    specs: Specs = None,
    output_format: Format = "table",
    out: Out = None,
    quiet: Quiet = False,
    ascii_only: Ascii = False,
) -> None:
    """One kernel on a device: FLOPs, bytes, intensity, floor and expected time.

    KERNEL is gemm, attention, mla, moe or collective; each takes the sizes that name it.

    Examples:
        archcalc kernel gemm -H h200-sxm --m 128 --n 8192 --k 4096 --dtype fp8
        archcalc kernel attention -H l40s --batch 32 --cached 4095 --heads 32
        archcalc kernel mla -H b200-sxm --batch 64 --cached 8Ki --kv fp8
        archcalc kernel collective -H h100-sxm --kind all_gather --bytes 64Mi --devices 8

    --from FILE --format csv adds floor_us and expected_us as the last columns; the table shows how
    far off they are where the file has latency_us. Columns: as in benchmarks/measured.
    """
    from costmodel.render.output import Output, PageRenderer, deliver

    sizes = {
        "m": m, "n": n, "k": k, "batch": batch, "new": new, "cached": cached, "heads": heads, "kv_heads": kv_heads,
        "head_dim": head_dim, "window": window, "tokens": tokens, "d_model": d_model, "d_ff": d_ff,
        "experts": experts, "top_k": top_k, "tp": tp, "ep": ep, "bytes": bytes_, "devices": devices, "kind": kind,
        "dtype": dtype, "kv": kv,
    }  # fmt: skip
    output = Output(output_format, out, quiet, ascii=ascii_only)
    if file is not None:
        _file(kernel, hardware, file, [name for name, value in sizes.items() if value is not None], specs or [], output)
        return
    from costmodel.report.kernel import kernel as answer

    found = answer(kernel, hardware=hardware, specs=specs or [], **sizes)
    deliver(found, PageRenderer(found, "kernel"), output)


def _file(kernel: str, hardware: str, file: str, given: list[str], specs: list[str], output: Any) -> None:
    """Write a file's rows with their times, or how far off these are."""
    import gc
    import sys

    from costmodel.errors import UsageError
    from costmodel.render.kernel_file import csv_text
    from costmodel.render.output import PageRenderer, deliver
    from costmodel.render.sink import write_file, write_text
    from costmodel.report.kernel_file import kernel_file

    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise UsageError(f"{option} stands beside --from, and the file has the sizes", hint=f"take {option} out")
    output.check()
    gc.disable()  # a value for every field and no cycles: to look for them takes a third of the time
    try:
        found = kernel_file(kernel, file, hardware=hardware, specs=specs, errors=output.format != "csv")
        if output.format != "csv":
            deliver(found, PageRenderer(found, "kernel_file"), output)
        elif output.out is None:
            write_text(csv_text(found), sys.stdout)
        else:
            write_file(csv_text(found), output.out)
    finally:
        gc.enable()
