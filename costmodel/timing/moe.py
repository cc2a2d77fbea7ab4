"""Expert layers: the grouped products of the chosen experts, with what gathers and combines their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from costmodel.routing import busiest_share, touched_skewed
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


@dataclass(slots=True)
class MoeShape(Shape):
    """One device's experts: ``matrices`` of (inner, d_model) each, ``rows`` routed to ``touched`` of ``local``.

    ``tokens`` are distinct input rows; ``width`` bytes a weight.
    """

    rows: Size
    touched: Size
    local: Size
    tokens: Size
    d_model: Size
    inner: Size
    matrices: Size
    width: float

    @property
    def flops(self) -> Size:
        """Return 2 FLOPs a routed row and weight of one expert."""
        return 2.0 * self.rows * self.matrices * self.d_model * self.inner

    @property
    def bytes(self) -> Size:
        """Return the weights of the touched experts, and input and output rows of two bytes a value."""
        weights = self.touched * self.matrices * self.d_model * self.inner * self.width
        return weights + 4.0 * minimum(self.tokens, self.rows) * self.d_model


class MoeTime(Fit):
    """fixed + local x E + each x D + both(F / (compute P), B / (memory W)) + permute x R d / W.

    E experts lie on the device, D of them are touched by R routed rows. ``both`` is the 1.5-norm.
    ``permute``: bytes a value of a routed row for gathering, quantising, the activation and the
    weighted sum.
    """

    family: ClassVar[str] = "moe"
    start: ClassVar[Mapping[str, float]] = {
        "fixed_us": 30.0, "compute": 0.8, "memory": 0.9, "permute": 15.0, "local_us": 0.02, "touched_us": 0.05,
    }  # fmt: skip
    most: ClassVar[Mapping[str, float]] = {"compute": 1.0, "memory": 1.0}

    fixed_us: Positive
    compute: Share
    memory: Share
    permute: NonNegative = 0.0
    local_us: NonNegative = 0.0
    touched_us: NonNegative = 0.0

    def time_us(self, shape: MoeShape, ceilings: Ceilings) -> Size:
        """Return the time of one expert layer."""
        compute = shape.flops / (self.compute * ceilings.flop_per_us)
        memory = shape.bytes / (self.memory * ceilings.bytes_per_us)
        experts = self.fixed_us + self.local_us * shape.local + self.touched_us * shape.touched
        return experts + both(compute, memory, 1.5) + self.permute * shape.rows * shape.d_model / ceilings.bytes_per_us


# Label in a file -> key, format that is multiplied, bytes a weight, scale factors included.
LABELS: Mapping[str, tuple[str, str, float]] = {
    "bfloat16": ("bf16", "bf16", 2.0),
    "float16": ("bf16", "fp16", 2.0),
    "fp8": ("fp8", "fp8", 1.0),
    "fp8_block": ("fp8-block", "fp8", 1.0),
    "nvfp4": ("nvfp4", "nvfp4", 0.5625),
    "w4a16_mxfp4": ("mxfp4-weights", "bf16", 0.53125),
    "w4a8_mxfp4_mxfp8": ("mxfp4", "fp8", 0.53125),
    "int4_wo": ("int4-weights", "bf16", 0.5),
    "w4afp8": ("int4-fp8", "fp8", 0.5),
}
# Kernels of one format that differ by more than their sizes explain have coefficients of their own.
KERNELS = ("min_latency",)
SKEW: Mapping[str, float | None] = {"balanced": None, "uniform": None, "power_law_1.01": 1.34, "power_law_1.2": 0.83}


def measured(texts: Texts, n: Numbers) -> Measured:
    """Return rows of a file.

    Balanced rows reach their experts in turn; skewed ones as ``costmodel.routing`` says. Judged:
    balanced, no expert parallelism, experts at least 256 wide on a device.
    """
    key, multiplies, width = known(LABELS, texts["moe_dtype"], "moe_dtype")
    source, load = texts.get("kernel_source", ""), texts.get("distribution", "balanced")
    kernel = next((name for name in KERNELS if name in source), None)
    skew = known(SKEW, load, "distribution")
    tokens, ep = n["num_tokens"], n["moe_ep_size"]
    local = n["num_experts"] / ep
    routed = maximum(tokens * n["topk"] / ep, 1.0)
    if skew is None:
        touched = minimum(local, routed)
    else:
        most = tokens * minimum(n["topk"], local)
        routed = maximum(minimum(routed * busiest_share(local, ep, skew), most), 1.0)
        touched = minimum(maximum(touched_skewed(local, routed, skew), 1.0), routed)
    inner = n["inter_size"] / n["moe_tp_size"]
    matrices = 2 if "nongated" in source else 3
    shape = MoeShape(routed, touched, local, tokens, n["hidden_size"], inner, matrices, width)
    judged = (ep == 1) & (inner >= 256) & (skew is None)
    return Measured(f"{key}-{kernel.replace('_', '-')}" if kernel else key, multiplies, shape, judged, skew is None)
