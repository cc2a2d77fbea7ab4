"""Serving by others' engines: throughput of a full machine, and times of tokens at a number of sequences."""

from __future__ import annotations

from dataclasses import replace

import steps
from published_row import Found, Line, Published, hardware, of_phase, roofline, unstated

from costmodel import memory
from costmodel.mix import Mixed, mixed_step
from costmodel.report.setup import RESERVE
from costmodel.times import Roofline
from costmodel.units import parse_amount
from costmodel.workload import Workload

# Llama 3.3 70B has the shape of Llama 3.1 70B. FP8 checkpoints of this publisher name FP8 for the cache, too.
ARCHITECTURES = {"Llama 3.3 70B": "llama-3.1-70b", "Llama 3.1 8B": "llama-3.1-8b"}
DEVICES = {"H100": "h100-sxm", "H200": "h200-sxm"}
DTYPE = "weights=fp8,kv=fp8"
SHARE = 0.9  # of the memory left beside the weights, given to the cache: "0.95 ... fall back to 0.90"
_CHUNK = 8192  # tokens of a step, the engine's default
# (input, output) -> requests of a run, from the table "num_requests" of the same page.
REQUESTS = {
    (128, 128): 30000, (128, 2048): 3000, (128, 4096): 1500, (500, 2000): 3000, (1000, 1000): 3000,
    (1000, 2000): 1500, (2048, 128): 3000, (2048, 2048): 1500, (5000, 500): 1500, (20000, 2000): 1000,
}  # fmt: skip


def throughput() -> Found:
    """Return the runs with every request queued at once.

    The bound is of the largest mean batch: sequences of the mean context in all memory beside the weights,
    or every request. Expected: as many whole sequences as the declared share of the free memory holds.
    """
    found: Found = []
    for line in of_phase("serving max-throughput"):
        prompt, output = int(line["input_len"]), int(line["output_len"])
        device = DEVICES[line["hardware"]]
        tp = int(line["n_devices"])
        own = roofline(ARCHITECTURES[line["model"]], device, DTYPE, (("tp", tp),))
        requests = REQUESTS[prompt, output]
        most = min(requests, _fits(own, prompt + (output + 1) // 2, 0, 0, 1.0))
        steady = min(requests, _fits(own, prompt + output, _CHUNK, int(parse_amount(RESERVE, "B")), SHARE))
        at_most, expected = (mixed_step(own, batch, prompt, output) for batch in (most, steady))
        found.append(
            Published(
                "serving", line["model"], device, f"tp {tp}, {prompt}/{output}, {steady}",
                float(line["value"]), "tokens/s", most / float(at_most.floor_s), steady / _expected(expected),
                line["source"],
            )
        )  # fmt: skip
    return found


def _fits(own: Roofline, context: int, chunk: int, reserve: int, part: float) -> int:
    """Return how many sequences of a context a part of the free memory holds."""
    load = Workload(batch=1, cached_tokens=context - 1, logits="last")
    step = own.lower(replace(load, new_tokens=chunk, cached_tokens=0)) if chunk else []
    held = memory.held(own.architecture, own.device, own.lower(load), memory.operands(own.device.kernels(step, 1)))
    room = memory.Room(tuple(held), own.machine.capacity, reserve)
    return min(int(part * room.free(stage) // stage.cache) for stage in held)


def _expected(mixed: Mixed) -> float:
    if mixed.expected_s is None:
        raise ValueError("a kernel has no coefficients")
    return float(mixed.expected_s)


def latency() -> Found:
    """Return the mean times between tokens and to the first one, at a constant number of sequences.

    Between tokens: the mean step of continuous batching, as ``benchmarks/steps.py`` compares it. To the
    first: the floor of the prompt alone on its devices; how long it waited is not modelled. Two
    exports of the source share runs, which count once.
    """
    between = {(one.run.conditions, one.run.measured_ms): one for one in steps.timed()}
    seen: set[tuple[object, ...]] = set()
    found: Found = []
    for line in of_phase("serving agg"):
        run = steps._run(line)
        key = (line["metric"], *run.conditions, run.measured_ms)
        if key in seen:
            found.append(unstated(line, "the same run in another export of the source"))
            continue
        seen.add(key)
        if line["metric"] == "TPOT":
            one = between[run.conditions, run.measured_ms]
            overhead, _ = hardware(run.hardware).step_from()
            floor, expected = one.floor_ms, one.expected_ms(overhead) if overhead else None
        else:
            floor, expected = _first_ms(run), None
        found.append(_latency(line, run, floor, expected))
    return found


def _latency(line: Line, run: steps.Run, floor: float, expected: float | None) -> Published:
    plan = f"tp {run.tp} dp {run.dp} ep {run.ep}"
    text = f"{run.engine}, {plan}, {run.batch} x {run.prompt}/{run.output}"
    what = f"{line['metric']} {run.architecture}"
    return Published("latency", what, run.hardware, text, run.measured_ms, "ms", floor, expected, line["source"])


def _first_ms(run: steps.Run) -> float:
    own = roofline(run.architecture, run.hardware, run.dtype, (("tp", run.tp), ("dp", run.dp), ("ep", run.ep)))
    return 1e3 * float(own.step(Workload(batch=1, new_tokens=run.prompt, logits="last")).floor_s)
