"""Rates of single kernels: attention, matrix products, expert exchange.

The bound is the roofline of the kernel's own sizes; where no sizes are printed ("up to"), the peak or the
bandwidth itself. Expected are the device's coefficients on those sizes.
"""

from __future__ import annotations

import re
from math import inf

from published_row import Found, Line, Published, hardware, of_phase

from costmodel.machine import Machine
from costmodel.measured import ceilings
from costmodel.profiles import Hardware
from costmodel.sizes import Size
from costmodel.spans import causal_pairs
from costmodel.timing.attention import AttentionShape
from costmodel.timing.collective import Exchange, ExchangeTime, copies
from costmodel.timing.fit import Shape, floor_us
from costmodel.timing.gemm import GemmShape

DEVICES = {
    "H800": "h800-sxm",
    "B200": "b200-sxm",
    "B200 CX7": "b200-sxm",
    "H100/H800 CX7": "h100-sxm",  # the fabric between nodes is the same
    "H100": "h100-sxm",
    "H100 SXM5 80GB": "h100-sxm",
    "Intel Gaudi 2": "gaudi-2",
    "Intel Gaudi 3": "gaudi-3",
    "NVIDIA A100 SXM": "a100-sxm-80gb",
    "NVIDIA A100 PCIe": "a100-pcie-80gb",
    "NVIDIA GH200 SXM": "gh200",
    "NVIDIA H100 SXM": "h100-sxm",
    "NVIDIA H200 SXM": "h200-sxm",
    "NVIDIA B200 SXM": "b200-sxm",
    "NVIDIA B300 SXM": "b300-sxm",
    "NVIDIA GB200 SXM": "gb200",
    "AMD MI300X": "mi300x",
    "AMD MI325X": "mi325x",
    "AMD MI355X": "mi355x",
}
_HIDDEN = 2048  # heads x their dim in the FlashAttention figures
_SIZES = re.compile(r"(\d+)x(\d+)x(\d+)")
_TOPOLOGY = re.compile(r"EP8(?:x(\d))?")
# DeepEP's conditions: tokens of a device, width, experts a token, and bytes a value: FP8 out, BF16 back.
_TOKENS, _WIDTH, _CHOSEN = 8192, 7168, 8
_SENT = {"MoE dispatch": 1.0, "MoE combine": 2.0}


def rows() -> Found:
    """Return every kernel of the tables."""
    read = {
        "attn_tflops": _attention,
        "attn_peak": _ceiling,
        "gemm_tflops": _ceiling,
        "max_achievable_matmul": _product,
        "a2a_bandwidth": _exchange,
    }
    return [read[line["metric"]](line) for line in of_phase("kernel")]


def _attention(line: Line) -> Published:
    """Return FlashAttention-3 forward on 16Ki tokens, the causal half counted as the kernel's own FLOPs."""
    length = int(line["input_len"])
    batch = int(line["batch_or_concurrency"])
    head = int(line["model"].partition("hd")[2].split()[0])
    causal = " causal" in line["model"]
    heads = _HIDDEN // head
    pairs = causal_pairs(length, 0) if causal else length * length
    shape = AttentionShape(batch, length, length, pairs, heads, heads, head, head, 2.0, 2.0)
    return _timed(line, "attention_prefill", "bf16", shape, f"{batch} x {length:,}")


def _product(line: Line) -> Published:
    """Return the best of many matrix products."""
    found = _SIZES.search(line["model"])
    if found is None:
        raise ValueError(f"{line['source']}: no sizes in {line['model']}")
    m, n, k = map(int, found.groups())
    form = line["dtype_weights"]
    width = 2.0 if form == "bf16" else 1.0
    return _timed(line, "gemm", form, GemmShape(m, n, k, width, width), f"{form}, {m}x{n}x{k}")


def _timed(line: Line, family: str, form: str, shape: Shape, conditions: str) -> Published:
    """Return a kernel with known sizes, in TFLOP/s."""
    device = hardware(DEVICES[line["hardware"]])
    rates = ceilings(Machine.of(device), form)
    found = device.fit_from(family, form)
    expected = None if found is None else shape.flops / found[0].expected_us(shape, rates) / 1e6
    bound = shape.flops / floor_us(shape, rates) / 1e6
    name = "GEMM" if family == "gemm" else line["model"]
    return _row(line, device, name, conditions, bound, expected, found[1] if found else None)


def _ceiling(line: Line) -> Published:
    """Return a kernel without sizes beside the peak that it multiplies at, or the memory."""
    device = hardware(DEVICES[line["hardware"]])
    machine = Machine.of(device)
    form = "fp8" if line["dtype_weights"].startswith("fp8") else "bf16"
    bound = machine.bandwidth / 1e9 if line["unit"] == "GB/s" else machine.peak(form) / 1e12
    return _row(line, device, line["model"], form, bound, None, None)


def _exchange(line: Line) -> Published:
    """Return a dispatch or combine as the logical bandwidth that its source counts.

    Logical bytes include those that stay: of n nodes' (or devices') shares one needs no wire, so that
    the bound is the link times n / (n - 1). Between nodes a token goes once to each node; the model sends it
    once to each device, and expects nothing here.
    """
    device = hardware(DEVICES[line["hardware"]])
    machine = Machine.of(device)
    found = _TOPOLOGY.search(line["parallelism"])
    nodes = int(found[1]) if found and found[1] else 1
    text = f"{line['parallelism']}, {line['conditions']}"
    if nodes > 1:
        link = machine.scale_out.bandwidth if machine.scale_out else inf
        return _row(line, device, line["model"], text, link / 1e9 * nodes / (nodes - 1), None, None)
    link = machine.scale_up.bandwidth if machine.scale_up else inf
    kind = line["model"].partition(" ")[2]
    known = device.fit_from("moe_a2a", f"{kind}-throughput")
    expected = None
    if known is not None and isinstance(known[0], ExchangeTime):
        value = _SENT[line["model"]] * _TOKENS * _WIDTH
        sent: Size = value * copies(8, _CHOSEN)
        logical = value * 8 * (1 - (1 - 1 / 8) ** _CHOSEN)
        us = known[0].expected_us(Exchange(sent, 8, sent, sent, _TOKENS), ceilings(machine, ""))
        expected = logical / us / 1e3
    return _row(line, device, line["model"], text, link / 1e9 * 8 / 7, expected, known[1] if known else None)


def _row(
    line: Line, device: Hardware, what: str, conditions: str, bound: float, expected: float | None, like: str | None
) -> Published:
    unit = line["unit"].split()[0]
    return Published(
        "kernels", what, device.name, conditions, float(line["value"]), unit, float(bound),
        None if expected is None else float(expected), line["source"], None if like == device.name else like,
    )  # fmt: skip
