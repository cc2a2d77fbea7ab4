"""llama.cpp on single devices and on several that each hold a part of the layers.

``tg N``: N tokens from an empty cache, one sequence; the mean step is the one at the mean context. ``pp N``:
one prompt of N tokens. Several devices take turns in decoding; a prompt passes through them in parts,
at best as fast as on one device over their number.
"""

from __future__ import annotations

from published_row import Found, Line, Published, of_phase, roofline, unstated

from costmodel.times import Roofline
from costmodel.workload import Workload

DEVICES = {
    "3090 24GB": "rtx-3090",
    "L40S 48GB": "l40s",
    "A100 PCIe 80GB": "a100-pcie-80gb",
    "A100 SXM 80GB": "a100-sxm-80gb",
}
ARCHITECTURES = {"Llama 3 8B": "llama-3-8b", "Llama 3 70B": "llama-3-70b"}
# Q4_K stores 4.5 bits a weight, as nvfp4 does; the other tensors of Q4_K_M (Q6_K) have 6.56, so that its mean is
# 4.9: bytes are counted 8 % too few, which a floor may. Its kernels multiply int8, or fp16 after expansion:
# the floor takes the faster.
DTYPES = {"F16": "bf16", "Q4_K_M": "weights=nvfp4,head=nvfp4,embed=nvfp4,compute=int8"}
_PART = 512  # tokens of a prompt that llama.cpp computes at once


def rows() -> Found:
    """Return every line of the tables whose device has a profile."""
    found: Found = []
    for line in of_phase("decode bs1", "prefill"):
        if line["phase"] == "prefill serving":
            continue
        device = DEVICES.get(line["hardware"])
        if device is None:
            found.append(unstated(line, "the device has no profile"))
            continue
        own = roofline(ARCHITECTURES[line["model"]], device, DTYPES[line["dtype_weights"]])
        found.append(_decode(line, own) if line["phase"] == "decode bs1" else _prefill(line, own))
    return found


def _decode(line: Line, own: Roofline) -> Published:
    tokens, count = int(line["output_len"]), int(line["n_devices"])
    step = own.step(Workload(batch=1, cached_tokens=(tokens - 1) // 2, logits="last"))
    known = line["dtype_weights"] == "F16" and count == 1 and step.expected_s is not None
    return _row(line, own, f"tg {tokens}", 1 / float(step.floor_s), 1 / float(step.expected_s) if known else None)


def _prefill(line: Line, own: Roofline) -> Published:
    tokens, count = int(line["input_len"]), int(line["n_devices"])
    floor = float(own.step(Workload(batch=1, new_tokens=tokens, logits="last")).floor_s) / count
    expected = None
    if line["dtype_weights"] == "F16" and count == 1:
        parts = (Workload(batch=1, new_tokens=_PART, cached_tokens=at, logits="last") for at in range(0, tokens, _PART))
        times = [own.step(part).expected_s for part in parts]
        expected = None if None in times else tokens / sum(map(float, times))
    return _row(line, own, f"pp {tokens}", tokens / floor, expected)


def _row(line: Line, own: Roofline, what: str, bound: float, expected: float | None) -> Published:
    count = int(line["n_devices"])
    name = f"{line['model']} {line['dtype_weights']}"
    device = own.hardware.name if count == 1 else f"{count} {own.hardware.name}"
    likely = own.hardware.fit_from("gemm", "bf16")
    like = likely[1] if expected and likely and likely[1] != own.hardware.name else None
    return Published(
        "local", name, device, what, float(line["value"]), "tokens/s", bound, expected, line["source"], like
    )
