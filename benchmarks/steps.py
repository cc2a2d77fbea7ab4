"""Compare expected decode steps with measured ones, and fit the overhead that an engine adds to its kernels.

    python benchmarks/steps.py

Reads the rows of ``benchmarks/measured/endtoend.csv`` whose phase is ``serving agg`` and whose metric is
TPOT: the mean time between two tokens of a sequence, at a constant number of sequences. One pair of
numbers, microseconds a step and a layer, is fitted for all of them on half of the conditions and
judged on the other half. Nothing else is fitted to these rows: kernels have their own measurements.
"""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import md5
from pathlib import Path

from costmodel.catalog import load
from costmodel.dtypes import Recipe
from costmodel.mix import mixed_step
from costmodel.plan import resolve
from costmodel.profiles import StepOverhead, load_hardware
from costmodel.times import Roofline
from costmodel.workload import Workload

MEASURED = Path(__file__).parent / "measured" / "endtoend.csv"
ARCHITECTURES = {
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
}
# The label of products -> weights. Both released FP8 models are scaled by blocks, whatever the label.
WEIGHTS = {"nan": "bf16", "fp8": "weights=fp8-block", "fp8_block": "weights=fp8-block"}
# Caches are bf16, the engines' default, but for DeepSeek-R1 with TensorRT-LLM: the launch script of that
# benchmark says fp8, and with bf16 caches two rows would be faster than their floor.
CACHES = {("deepseek-r1", "trtllm"): ",kv=fp8"}
PLAN = re.compile(
    r"TP(?P<tp>[\d.]+) PP(?P<pp>[\d.]+) DP(?P<dp>[\d.]+|nan) moeTP(?P<moe_tp>[\d.]+) moeEP(?P<moe_ep>[\d.]+)"
)
NODE = 8  # devices that any of these runs had at most


@dataclass(slots=True, frozen=True)
class Run:
    """One measured row: conditions, milliseconds between two tokens."""

    architecture: str
    hardware: str
    engine: str
    tp: int
    dp: int
    ep: int
    dtype: str
    batch: int
    prompt: int
    output: int
    measured_ms: float

    @property
    def held_out(self) -> bool:
        """Say whether the row is judged, not fitted to: by a digest of its conditions."""
        digest = md5(",".join(map(str, self.conditions)).encode(), usedforsecurity=False).digest()
        return digest[-1] % 2 == 1

    @property
    def conditions(self) -> tuple[str | int, ...]:
        """Return everything but what was measured and the engine's version."""
        name = self.engine.partition(" ")[0]
        plan = (self.tp, self.dp, self.ep)
        return (self.architecture, self.hardware, name, *plan, self.batch, self.prompt, self.output)


@dataclass(slots=True, frozen=True)
class Timed:
    """A run beside its times in milliseconds: ``kernels`` of the mean step, ``decode`` without prompts."""

    run: Run
    floor_ms: float
    kernels_ms: float
    decode_ms: float
    layers: int

    def expected_ms(self, overhead: StepOverhead) -> float:
        """Return the kernels of the mean step and the overhead."""
        return self.kernels_ms + (overhead.step_us + overhead.layer_us * self.layers) / 1e3


@dataclass(slots=True, frozen=True)
class Row:
    """A line of the table: errors of held-out rows, the rest of all rows.

    ``bias`` is the median of expected / measured, ``over_floor`` of measured / floor, ``decode_error`` the
    median error where prompts are left out and the overhead stays.
    """

    model: str
    hardware: str
    engine: str
    plan: str
    rows: int
    held_out: int
    median_error: float | None
    p90_error: float | None
    decode_error: float | None
    bias: float
    below_floor: int
    over_floor: float


def runs() -> list[Run]:
    """Return the measured rows, each run once: two exports of the source share runs under two labels.

    ``batch_or_concurrency`` is that of one data-parallel group. Where experts are spread over more devices
    than TP x DP says, the rest is data-parallel; experts cut by columns over it (vLLM) are
    spread here, which moves the same bytes. Where TP or DP is 64, an export multiplied TP by EP: the other
    has the same values under 8 devices.
    """
    found: dict[tuple[str | int | float, ...], Run] = {}
    with MEASURED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["phase"] == "serving agg" and row["metric"] == "TPOT":
                run = _run(row)
                found.setdefault((*run.conditions, run.measured_ms), run)
    return list(found.values())


def _run(row: dict[str, str]) -> Run:
    match = PLAN.fullmatch(row["parallelism"])
    if match is None or match["pp"] != "1.0":
        raise ValueError(f"{row['source']}: there is no reading for the plan {row['parallelism']}")
    tp, dp, moe_tp, moe_ep = (
        1 if match[name] == "nan" else int(float(match[name])) for name in ("tp", "dp", "moe_tp", "moe_ep")
    )
    batch = int(float(row["batch_or_concurrency"])) * dp
    if tp * dp > NODE:
        tp, dp, moe_tp = min(tp, NODE), min(dp, NODE), 1
    elif moe_tp * moe_ep > tp * dp:
        dp = moe_tp * moe_ep // tp
        batch *= dp
    ep = moe_tp * moe_ep if dp > 1 else moe_ep
    name, engine = ARCHITECTURES[row["model"]], row["conditions"].partition(";")[0]
    weights = WEIGHTS[row["dtype_weights"].partition("/")[0]]
    return Run(
        architecture=name,
        hardware=row["hardware"].replace("_", "-"),
        engine=engine.replace(" nan", ""),
        tp=tp,
        dp=dp,
        ep=ep,
        dtype=weights + CACHES.get((name, engine.partition(" ")[0]), ""),
        batch=batch,
        prompt=int(row["input_len"]),
        output=int(row["output_len"]),
        measured_ms=round(float(row["value"]), 6),  # the exports differ in the last digits
    )


@cache
def _roofline(name: str, hardware: str, tp: int, dp: int, ep: int, dtype: str) -> Roofline:
    architecture = load(name)
    plan = resolve(architecture, {"tp": tp, "dp": dp, "ep": ep})
    return Roofline(architecture, load_hardware(hardware), plan, Recipe.parse(dtype))


@cache
def timed() -> tuple[Timed, ...]:
    """Return every run beside its floor and what its kernels are expected to take."""
    found = []
    for run in runs():
        roofline = _roofline(run.architecture, run.hardware, run.tp, run.dp, run.ep, run.dtype)
        mixed = mixed_step(roofline, run.batch, run.prompt, run.output)
        context = run.prompt + (run.output + 1) // 2
        decode = roofline.step(Workload(batch=run.batch, cached_tokens=context - 1, logits="last"))
        if mixed.expected_s is None or decode.expected_s is None:
            raise ValueError(f"{run.hardware} has no coefficients for a kernel of {run.architecture}")
        found.append(
            Timed(
                run,
                1e3 * mixed.floor_s,
                1e3 * (mixed.expected_s - mixed.overhead_s),
                1e3 * (decode.expected_s - decode.overhead_s),
                roofline.architecture.n_layers,
            )
        )
    return tuple(found)


def fit() -> StepOverhead:
    """Return the overhead that minimises a robust sum of squared log ratios over the fitted half, and its errors."""
    import numpy as np
    from scipy.optimize import least_squares

    fitted = [one for one in timed() if not one.run.held_out]
    kernels = np.array([one.kernels_ms for one in fitted])
    layers = np.array([one.layers for one in fitted])
    logs = np.log([one.run.measured_ms for one in fitted])

    def residuals(x):
        return np.log(kernels + (x[0] + x[1] * layers) / 1e3) - logs

    bounds = ([0.0, 0.0], [np.inf, np.inf])
    found = least_squares(residuals, [300.0, 5.0], bounds=bounds, loss="cauchy", f_scale=0.1)
    step_us, layer_us = (float(f"{value:.3g}") if value >= 0.05 else 0.0 for value in found.x)
    overhead = StepOverhead(step_us=step_us, layer_us=layer_us)
    errors = _errors([one for one in timed() if one.run.held_out], overhead)
    declared, _ = load_hardware("h200-sxm").step_from()
    return StepOverhead(
        step_us=step_us,
        layer_us=layer_us,
        routing_shape=declared.routing_shape if declared else None,
        rows=len(timed()),
        median_error=round(statistics.median(errors), 4),
        p90_error=round(_p90(errors), 4),
    )


def _errors(found: Iterable[Timed], overhead: StepOverhead) -> list[float]:
    return [abs(one.expected_ms(overhead) / one.run.measured_ms - 1) for one in found]


def _p90(values: list[float]) -> float:
    return statistics.quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]


def compare() -> list[Row]:
    """Return the errors by model, device, engine and plan, then of all rows."""
    overhead = fit()
    groups: dict[tuple[str, str, str, str], list[Timed]] = {}
    for one in timed():
        run = one.run
        plan = _roofline(run.architecture, run.hardware, run.tp, run.dp, run.ep, run.dtype).plan.text
        groups.setdefault((run.architecture, run.hardware, run.engine, plan), []).append(one)
    rows = [_row(key, its, overhead) for key, its in sorted(groups.items())]
    return [*rows, _row(("all", "", "", ""), list(timed()), overhead)]


def _row(key: tuple[str, str, str, str], its: list[Timed], overhead: StepOverhead) -> Row:
    held = [one for one in its if one.run.held_out]
    errors = _errors(held, overhead)
    extra = [one.expected_ms(overhead) - one.kernels_ms for one in held]
    decode = [abs((one.decode_ms + more) / one.run.measured_ms - 1) for one, more in zip(held, extra, strict=True)]
    return Row(
        *key,
        rows=len(its),
        held_out=len(held),
        median_error=statistics.median(errors) if errors else None,
        p90_error=_p90(errors) if errors else None,
        decode_error=statistics.median(decode) if decode else None,
        bias=statistics.median(one.expected_ms(overhead) / one.run.measured_ms for one in its),
        below_floor=sum(one.run.measured_ms < one.floor_ms for one in its),
        over_floor=statistics.median(one.run.measured_ms / one.floor_ms for one in its),
    )


def main() -> None:
    """Print the overhead and the table."""
    overhead = fit()
    print(
        f"step_us {overhead.step_us:g}, layer_us {overhead.layer_us:g}; "
        f"{overhead.rows} rows, {sum(one.run.held_out for one in timed())} of them held out: "
        f"median error {overhead.median_error:.1%}, p90 {overhead.p90_error:.1%}"
    )
    print(
        f"{'model':15} {'device':9} {'engine':21} {'plan':16} {'rows':>4} {'held':>4} {'median':>6} {'p90':>6} "
        f"{'no prompts':>10} {'bias':>5} {'below':>5} {'x floor':>7}"
    )
    for row in compare():
        median, p90, decode = (
            "-" if value is None else f"{value:.1%}" for value in (row.median_error, row.p90_error, row.decode_error)
        )
        print(
            f"{row.model:15} {row.hardware:9} {row.engine:21} {row.plan:16} {row.rows:4} {row.held_out:4} "
            f"{median:>6} {p90:>6} {decode:>10} {row.bias:5.2f} {row.below_floor:5} {row.over_floor:7.2f}"
        )


if __name__ == "__main__":
    main()
