"""Training: tokens/s and model FLOP/s of a device against the floor of the arithmetic alone.

A step multiplies at least three times the forward FLOPs (LoRA: twice, its frozen weights have no
gradient), whatever it recomputes; the bound divides them by the dense peaks: projections and
experts in the format of the run, attention and LM head in bf16. Nothing is expected:
no backward kernel has coefficients.
"""

from __future__ import annotations

from published_row import Found, Line, Published, of_phase, roofline, texts, unstated

from costmodel.catalog import load
from costmodel.figures import flops
from costmodel.workload import Workload

ARCHITECTURES = {
    "LLAMA3-8B": "llama-3-8b",
    "Llama 3 8B": "llama-3-8b",
    "Llama 3.1 8B": "llama-3.1-8b",
    "LLAMA3-70B": "llama-3-70b",
    "LLAMA3_70B": "llama-3-70b",
    "Llama 3 70B": "llama-3-70b",
    "Llama 3.1 70B": "llama-3.1-70b",
    "LLAMA3-405B": "llama-3.1-405b",
    "LLAMA3.1_405B": "llama-3.1-405b",
    "Llama 3.1 405B": "llama-3.1-405b",
    "Qwen3_30B_a3B": "qwen3-30b-a3b",
    "Qwen3_235B_a22B": "qwen3-235b-a22b",
    "Nemotron_3_Nano": "nemotron-3-nano",
    "GPT OSS 120B": "gpt-oss-120b",
    "Mixtral 8x7B": "mixtral-8x7b",
}
# The variant with slower memory and 500 W has the matrix units of an H100 SXM, at no higher clock.
DEVICES = {
    "H100": "h100-sxm",
    "H100 SXM 96GB HBM2e 2.4TB/s 500W (Meta Grand Teton)": "h100-sxm",
    "H200": "h200-sxm",
    "TPU v5p-128": "tpu-v5p",
}


def rows() -> Found:
    """Return every line that prints tokens or model FLOPs a second."""
    return [
        unstated(line, "an MFU alone: the bound is 100 % whatever the model")
        if line["metric"] == "MFU"
        else _tokens(line)
        if line["metric"] == "train_throughput"
        else _flops(line)
        for line in of_phase("training")
    ]


def _format(line: Line) -> str:
    return line["dtype_weights"].split()[0]


def _tokens(line: Line) -> Published:
    device, tokens = DEVICES[line["hardware"]], int(line["input_len"])
    dtype = "weights=fp8" if _format(line) == "fp8" else "bf16"
    forward = roofline(ARCHITECTURES[line["model"]], device, dtype).step(Workload(batch=1, new_tokens=tokens))
    passes = 2 if "LoRA" in line["phase"] else 3
    return _row(line, "tokens/s", tokens / (passes * float(forward.compute_s)), "")


def _flops(line: Line) -> Published:
    """Return a rate of model FLOPs beside the peak; the source's count of a token as a multiple of ours."""
    peak = roofline(ARCHITECTURES[line["model"]], DEVICES[line["hardware"]], "bf16").machine.peak(_format(line))
    return _row(line, "TFLOP/s", peak / 1e12, _count(line))


def _count(line: Line) -> str:
    """Return FLOPs of a token as the source counts them over ours, where the same run has tokens/s."""
    same = ("source", "model", "n_devices", "parallelism", "phase")
    for other in of_phase("training"):
        if other["metric"] == "train_throughput" and all(other[name] == line[name] for name in same):
            theirs = 1e12 * float(line["value"]) / float(other["value"])
            tokens = int(line["input_len"])
            ours = 3 * flops(load(ARCHITECTURES[line["model"]]).lower(Workload(new_tokens=tokens))).forward / tokens
            return f"counts {theirs / ours:.2f}"
    return ""


def _row(line: Line, unit: str, bound: float, more: str) -> Published:
    device = DEVICES[line["hardware"]]
    length = f"{int(line['input_len']) // 1024}Ki" if line["input_len"] else ""
    kind = line["phase"].partition(": ")[2].split()[0]
    words = [line["dtype_weights"], "" if kind in ("pretrain", "Pre-Training") else kind, f"{line['n_devices']}x"]
    words += [word for word in line["parallelism"].split() if word not in ("VPn/a", "EPn/a", "FSDP0", "CP1")]
    text = texts(" ".join(filter(None, (*words, length))), more)
    return Published("training", line["model"], device, text, float(line["value"]), unit, bound, None, line["source"])
