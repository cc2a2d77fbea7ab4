"""A device's ceilings as numbers, and which format it multiplies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costmodel.dtypes import FORMATS, Recipe
from costmodel.errors import UsageError

if TYPE_CHECKING:
    from costmodel.profiles import Fabric, Hardware


@dataclass(slots=True, frozen=True)
class Link:
    """A fabric: bytes/s of one device in one direction, seconds of a message, devices it joins."""

    name: str
    bandwidth: float
    latency_s: float
    domain: int


@dataclass(slots=True)
class Machine:
    """Ceilings in FLOP/s and bytes/s. ``emulated`` formats are stored, and computed as ``activations`` are."""

    name: str
    peaks: dict[str, float]
    bandwidth: float
    capacity: int
    compute_units: int | None = None
    on_chip: float | None = None
    scale_up: Link | None = None
    scale_out: Link | None = None
    emulated: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, hardware: Hardware, emulated: frozenset[str] = frozenset()) -> Machine:
        """Return the machine that a profile describes."""
        units, memory = hardware.compute_units, hardware.on_chip_memory
        return cls(
            hardware.name,
            {name: float(rate.amount) for name, rate in hardware.dense_peak.items()},
            float(hardware.memory_bandwidth.amount),
            int(hardware.memory_capacity.amount),
            int(units.amount) if units else None,
            float(memory.amount) if memory else None,
            _link(hardware.scale_up, 1),
            _link(hardware.scale_out, 2**30),
            emulated,
        )

    @property
    def linked(self) -> int:
        """Return how many devices its links join."""
        return max(link.domain if link else 1 for link in (self.scale_up, self.scale_out))

    def check_links(self, devices: int) -> None:
        """Raise UsageError where so many devices must talk and no link between them is known."""
        if devices <= self.linked:
            return
        known, missing = f"links {self.linked} devices", "scale_out"
        if self.linked == 1:
            known = f"has {self.scale_up.name} to an unknown number of devices" if self.scale_up else "has no link"
            missing = "domain to scale_up" if self.scale_up else "scale_up or scale_out"
        raise UsageError(f"{self.name} {known}, and {devices} are asked for", hint=f"add {missing} in its profile")

    def computes(self, recipe: Recipe, role: str) -> str:
        """Return the format in which weights of a role are multiplied; ``compute`` for attention.

        Raises:
            UsageError: the device multiplies no such format, and nobody asked to emulate it.
        """
        asked = recipe.compute
        name = asked or ("bf16" if role == "compute" else FORMATS[recipe.format(role).name].multiplied)
        if name in self.emulated and name not in self.peaks:
            name = "bf16"
        if name not in self.peaks and not asked and (role == "compute" or name == "bf16"):
            name = next((one for one in ("fp16", "fp32") if one in self.peaks), name)
        if name not in self.peaks:
            raise UsageError(
                f"{self.name} has no {name} matmul (it has {', '.join(self.peaks)})",
                hint=f"--emulate {name} stores {name} and computes in bf16",
            )
        return name

    def peak(self, dtype: str) -> float:
        """Return the dense FLOP/s of a format."""
        return self.peaks[dtype]


def _link(fabric: Fabric | None, domain: int) -> Link | None:
    if fabric is None:
        return None
    latency = float(fabric.latency.amount) / 1e9 if fabric.latency else 0.0
    return Link(
        fabric.name, float(fabric.bandwidth.amount), latency, int(fabric.domain.amount) if fabric.domain else domain
    )
