"""Matrix products: (m, k) activations by (k, n) weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from costmodel.sizes import Size, maximum, minimum
from costmodel.timing.fit import (
    Ceilings,
    Fit,
    Measured,
    NonNegative,
    Numbers,
    Positive,
    Shape,
    Share,
    Texts,
    both,
    known,
)

_RESIDENT = 0.17  # of the on-chip memory: weights below it stay there between replays, above twice it none do
_SPLIT_K = 16384  # libraries cut a longer inner dimension into pieces that run side by side


@dataclass(slots=True)
class GemmShape(Shape):
    """``batch`` products of (m, k) by (k, n); bytes a value of inputs and weights, outputs have two."""

    m: Size
    n: Size
    k: Size
    input_width: float
    weight_width: float
    batch: Size = 1

    @property
    def flops(self) -> Size:
        """Return 2 m n k."""
        return 2.0 * self.batch * self.m * self.n * self.k

    @property
    def weight_bytes(self) -> Size:
        """Return the bytes of the weights."""
        return self.weight_width * self.batch * self.n * self.k

    @property
    def moved(self) -> Size:
        """Return the bytes of inputs and outputs."""
        return self.batch * self.m * (self.input_width * self.k + 2.0 * self.n)

    @property
    def bytes(self) -> Size:
        """Return inputs, weights and outputs."""
        return self.weight_bytes + self.moved


class GemmTime(Fit):
    """fixed + step x k/1024 + both(F / (compute P), B / (memory W)) + quantise x m k / W.

    ``both`` is the root of the sum of squares. ``step_us``: every 1,024 of the inner dimension, one
    after another. ``quantise``: bytes a value for turning activations into the format, where the
    engine does that at run time. ``resident``: bandwidth, of the memory's, of weights that stay on
    the chip from one replay to the next, as in measurements that repeat one kernel.
    """

    family: ClassVar[str] = "gemm"
    start: ClassVar[Mapping[str, float]] = {
        "fixed_us": 4.0, "compute": 0.7, "memory": 0.85, "step_us": 0.3, "quantise": 4.0, "resident": 1.2,
    }  # fmt: skip
    most: ClassVar[Mapping[str, float]] = {"compute": 1.0, "memory": 1.0, "resident": 20.0}

    fixed_us: Positive
    compute: Share
    memory: Share
    step_us: NonNegative = 0.0
    quantise: NonNegative = 0.0
    resident: Positive | None = None

    def time_us(self, shape: GemmShape, ceilings: Ceilings) -> Size:
        """Return the time of one product."""
        weights = shape.weight_bytes
        if self.resident and self.resident > self.memory and ceilings.on_chip:
            cached = minimum(1.0, maximum(0.0, 2.0 - weights / (_RESIDENT * ceilings.on_chip)))
            weights = weights * (1.0 - cached * (1.0 - self.memory / self.resident))
        compute = shape.flops / (self.compute * ceilings.flop_per_us)
        memory = (weights + shape.moved) / (self.memory * ceilings.bytes_per_us)
        steps = self.fixed_us + self.step_us * minimum(shape.k, _SPLIT_K) / 1024.0
        quantised = self.quantise * shape.batch * shape.m * shape.k / ceilings.bytes_per_us
        return steps + both(compute, memory) + quantised


# Label in a file -> key, format that is multiplied, bytes a value of inputs and weights, scale factors included.
LABELS: Mapping[str, tuple[str, str, float, float]] = {
    "bfloat16": ("bf16", "bf16", 2.0, 2.0),
    "float16": ("bf16", "fp16", 2.0, 2.0),
    "fp8": ("fp8", "fp8", 1.0, 1.0),
    "fp8_static": ("fp8", "fp8", 1.0, 1.0),
    "fp8_block": ("fp8-block", "fp8", 1.0, 1.0),
    "nvfp4": ("nvfp4", "nvfp4", 0.5625, 0.5625),
    "int8_wo": ("int8-weights", "bf16", 2.0, 1.0),
    "int4_wo": ("int4-weights", "bf16", 2.0, 0.5),
    "sq": ("int8", "int8", 1.0, 1.0),
}
DYNAMIC = frozenset(("fp8", "fp8-block", "nvfp4", "int8"))  # keys whose activations are quantised at run time


def measured(texts: Texts, n: Numbers) -> Measured:
    """Return rows of a file. Judged: n, k >= 1024 and m <= 8192, the shapes that models have."""
    key, multiplies, input_width, weight_width = known(LABELS, texts["gemm_dtype"], "gemm_dtype")
    judged = (n["n"] >= 1024) & (n["k"] >= 1024) & (n["m"] <= 8192)
    return Measured(key, multiplies, GemmShape(n["m"], n["n"], n["k"], input_width, weight_width), judged)


def free(key: str) -> tuple[str, ...]:
    """Return the coefficients that are fitted for a format."""
    return tuple(name for name in GemmTime.start if name != "quantise" or key in DYNAMIC)
