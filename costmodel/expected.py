"""Expected times of kernels and collectives: whose coefficients, which formula, which sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costmodel.collectives import Collective
from costmodel.dtypes import FORMATS, Recipe
from costmodel.kernels import Kernel
from costmodel.machine import Machine
from costmodel.sizes import Size, indicator, maximum, minimum
from costmodel.timing.attention import AttentionShape
from costmodel.timing.fit import Ceilings, Fit, both
from costmodel.timing.gemm import GemmShape
from costmodel.timing.mla import AbsorbedShape
from costmodel.timing.moe import MoeShape

if TYPE_CHECKING:
    from costmodel.profiles import Hardware

_FEW = 8  # new tokens of a sequence that the kernel for one query still takes, as in verification
_BY_UNIT = ("attention_prefill", "attention_decode", "mla_absorbed", "mla_expanded")  # waves of multiprocessors
_LINK = 0.7  # of the link beyond the domain, where coefficients name no share of one


# An expected time, the coefficients it has, the device they were measured on, and whether they are another
# format's or kind's.
Found = tuple[Size, Fit, str, bool]
# What is chosen once for the kernels of a path: family, coefficients, device, rates, whether they are borrowed.
_Choice = tuple[str, Fit, str, Ceilings, bool]


class Expected:
    """A device's coefficients, or those of the devices it is like, for a recipe of formats."""

    def __init__(self, hardware: Hardware, machine: Machine, recipe: Recipe) -> None:
        self.hardware, self.machine, self.recipe = hardware, machine, recipe
        self._rates: dict[str, Ceilings] = {}
        self._fits: dict[tuple[str, str], tuple[Fit, str] | None] = {}
        self._known: dict[tuple[str, str, bool], _Choice | None] = {}

    def kernel(self, kernel: Kernel, floor_s: Size) -> Found | None:
        """Return the time of a kernel in all its runs, not below its floor; None where nothing was measured."""
        few = _few(kernel.sizes["new"]) if kernel.family == "attention" else False
        if hasattr(few, "shape"):  # in a sweep, both kernels for queries, each where it is taken
            return self._either(kernel, few, floor_s)
        known = kernel.path, kernel.family, few
        if known not in self._known:
            self._known[known] = self._choice(kernel, few=few)
        chosen = self._known[known]
        return None if chosen is None else self._timed(kernel, floor_s, *chosen)

    def _choice(self, kernel: Kernel, *, few: bool) -> _Choice | None:
        """Return family, coefficients, whose they are, the rates they divide by, and whether they are borrowed."""
        family, key = self._family(kernel, few=few)
        found = self._fit(family, key)
        if found is None or (self.machine.compute_units is None and family in _BY_UNIT):
            return None
        apart = family == "generic" or self._borrowed(kernel, family, found[0])
        rates = self._ceilings(kernel.dtype if apart else found[0].multiplies or kernel.dtype)
        other = self.recipe.format(_role(kernel)).name != "fp16" if family != "generic" else True
        return family, *found, rates, (apart and other) or self.hardware.fit_from(family, key) is None

    def _either(self, kernel: Kernel, few: Any, floor_s: Size) -> Found | None:
        import numpy as np

        times: list[Found] = []
        for which in (True, False):
            choice = self._choice(kernel, few=which)
            if choice is None:
                return None
            times.append(self._timed(kernel, floor_s, *choice))
        return np.where(few, times[0][0], times[1][0]), *times[1][1:]

    def _timed(
        self, kernel: Kernel, floor_s: Size, family: str, fit: Fit, device: str, rates: Ceilings, borrowed: bool
    ) -> Found:
        if family == "generic":
            us = kernel.runs * fit.fixed_us + both(  # type: ignore[attr-defined]
                kernel.flops / (fit.compute * rates.flop_per_us),  # type: ignore[attr-defined]
                kernel.bytes / (fit.memory * rates.bytes_per_us),  # type: ignore[attr-defined]
            )
        else:
            us = kernel.runs * fit.time_us(self._shape(kernel, family), rates)
        return maximum(us / 1e6, floor_s), fit, device, borrowed

    def _borrowed(self, kernel: Kernel, family: str, fit: Fit) -> bool:
        """Say whether a product's coefficients are another format's, whose peak is not this one's."""
        if family not in ("gemm", "moe"):
            return False
        form = self.recipe.format(_role(kernel)).name
        return self._fit(family, form) is None or fit is not self._fit(family, form)[0]  # type: ignore[index]

    def collective(self, one: Collective, floor_s: Size) -> Found | None:
        """Return the time of a collective in all its runs, not below its floor."""
        found = self._exchange(one)
        if found is None:
            return None
        us, fit, device = found
        low = self._exchange(one.low_latency) if one.low_latency is not None and _any(one.few) else None
        if low is not None:  # the faster kernel, where there is a choice
            us = us - one.few * (us - minimum(us, low[0]))
        return maximum(one.runs * us / 1e6, floor_s), fit, device, False

    def _exchange(self, one: Collective) -> tuple[Size, Fit, str] | None:
        """Return the microseconds of one run, the coefficients, and the device they were measured on."""
        others = {"moe_a2a": "alltoall", "all_reduce": "all_reduce"}
        found = self._fit(one.family, one.key)
        if found is None and one.family in others:
            found = self._fit("nccl", others[one.family])
        if found is None:
            return None
        fit, device = found
        us: Size = 0.0
        if self.machine.scale_up and one.message.devices > 1:
            us = fit.time_us(one.message, self._ceilings("link"))
        if self.machine.scale_out:
            wire = one.sent_out / (getattr(fit, "link", _LINK) * self.machine.scale_out.bandwidth)
            us = us + (wire + (self.machine.scale_out.latency_s if _any(one.sent_out) else 0.0)) * 1e6
        return us, fit, device

    def _family(self, kernel: Kernel, *, few: bool) -> tuple[str, str]:
        """Return the coefficients' family and key for a kernel."""
        if kernel.family == "gemm":
            return "gemm", self._key(kernel, "gemm")
        if kernel.family == "moe":
            return "moe", self._key(kernel, "moe")
        cached = self.recipe.format("kv").name
        fp8 = FORMATS[cached].bits <= 8
        if kernel.family == "attention":
            if few:
                return "attention_decode", "fp8" if fp8 else "bf16"
            return "attention_prefill", "fp8" if kernel.dtype == "fp8" else "bf16-fp8" if fp8 else "bf16"
        if kernel.family == "mla_decode":
            return "mla_absorbed", "fp8" if fp8 else "bf16"
        if kernel.family == "mla_prefill":
            return "mla_expanded", "fp8" if fp8 else "bf16"
        return "generic", "bf16"

    def _key(self, kernel: Kernel, family: str) -> str:
        """Return the format of a kernel's weights, marked where they are expanded before the product."""
        form = self.recipe.format(_role(kernel))
        name = "bf16" if form.name in ("fp16", "fp32") else form.name
        key = name if form.multiplied == kernel.dtype or name == "bf16" else f"{name}-weights"
        if self._fit(family, key) is None:
            bits = {8: "fp8", 4: "nvfp4"}.get(form.bits, "bf16")
            key = bits if form.multiplied == kernel.dtype and self._fit(family, bits) is not None else "bf16"
        return key

    def _fit(self, family: str, key: str) -> tuple[Fit, str] | None:
        name = "gemm" if family == "generic" else family
        if (name, key) not in self._fits:
            found = self.hardware.fit_from(name, key)
            if found is None and key != "bf16" and name not in ("gemm", "moe", "moe_a2a", "nccl", "all_reduce"):
                found = self.hardware.fit_from(name, "bf16")
            self._fits[name, key] = found
        return self._fits[name, key]

    def _ceilings(self, dtype: str) -> Ceilings:
        if dtype not in self._rates:
            machine = self.machine
            known = (
                dtype if dtype in machine.peaks else "bf16" if "bf16" in machine.peaks else next(iter(machine.peaks))
            )
            link = machine.scale_up.bandwidth / 1e6 if machine.scale_up else 0.0
            self._rates[dtype] = Ceilings(
                machine.peak(known) / 1e6, machine.bandwidth / 1e6, machine.compute_units or 1, 0.0, link
            )
        return self._rates[dtype]

    def _shape(self, kernel: Kernel, family: str) -> Any:
        sizes = kernel.sizes
        if family == "gemm":
            values = maximum(kernel.runs, 1) * sizes["batch"] * sizes["n"] * sizes["k"]
            width = FORMATS[kernel.dtype].bits / 8 if kernel.dtype in FORMATS else 4
            return GemmShape(sizes["m"], sizes["n"], sizes["k"], width, kernel.weight_bytes / values, sizes["batch"])
        if family == "moe":
            values = sizes["columns"] * sizes["d_in"] + sizes["down_in"] * sizes["d_in"]
            matrices = values / (sizes["d_in"] * sizes["down_in"])
            read = maximum(kernel.runs, 1) * sizes["touched"] * values
            width = kernel.weight_bytes / (read + indicator(read == 0))
            return MoeShape(
                sizes["rows"], sizes["likely"], sizes["local"], sizes["tokens"],
                sizes["d_in"], sizes["down_in"], matrices, width,
            )  # fmt: skip
        width = self.recipe.format("kv").bits / 8
        own = (sizes["batch"], sizes["new"], sizes["keys"], sizes["pairs"], sizes["heads"], sizes["kv_heads"])
        if family == "mla_absorbed":
            return AbsorbedShape(*own, sizes["qk"], sizes["v"], 2.0, width)
        if family == "mla_expanded":
            width = 2.0
        return AttentionShape(*own, sizes["qk"], sizes["v"], 2.0, width)


def _few(new: Size) -> Any:
    """Say whether the kernel for one query a sequence takes so many; a mask where points of a sweep differ."""
    few = new <= _FEW
    if hasattr(few, "shape"):
        return bool(few.all()) if few.all() or not few.any() else few
    return bool(few)


def _role(kernel: Kernel) -> str:
    op = kernel.op
    return op.weights[0].role if op is not None and op.weights else "weights"


def _any(size: Size) -> bool:
    return bool(size.any()) if hasattr(size, "any") else bool(size)
