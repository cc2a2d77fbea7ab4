"""Collectives between devices: all-reduce as engines do it, NCCL's operations, expert dispatch and combine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any, ClassVar

from costmodel.sizes import Size, minimum
from costmodel.timing.fit import Ceilings, Fit, Measured, NonNegative, Numbers, Positive, Shape, Share, Texts, known

_RAMP = 4e6  # bytes of a message at which half of the ramp is over
KINDS = ("all_reduce", "all_gather", "reduce_scatter", "alltoall")


@dataclass(slots=True)
class Message(Shape):
    """A collective of ``devices`` on ``payload`` bytes: the whole result, or what one device sends to all.

    ``wire``: bytes that one device must send, whatever the algorithm; ``ring``: what a ring sends.
    """

    payload: Size
    devices: Size
    wire: Size
    ring: Size

    @property
    def flops(self) -> Size:
        """Return 0."""
        return 0.0 * self.payload

    @property
    def bytes(self) -> Size:
        """Return the bytes on the wire."""
        return self.wire


def message(kind: str, payload: Size, devices: Size, *, in_switch: bool = False) -> Message:
    """Return a collective by its kind.

    A ring sends 2 (n-1)/n of an all-reduce's payload and (n-1)/n of the others'. Where the switch
    adds, a device sends its part once and gets the sum: (n+1)/n for more than two devices.
    """
    part = payload * (devices - 1) / devices
    ring = 2 * part if kind == "all_reduce" else part
    wire = ring
    if kind == "all_reduce" and in_switch:
        wire = minimum(ring, payload * (devices + 1) / devices)
    return Message(payload, devices, wire, ring)


class AllReduceTime(Fit):
    """min(one shot, two shots): engines' own all-reduce over peers' memory.

    One shot: fixed + hop (n-1) + (n-1) S / (one_shot L). Two shots: fixed + hop (n-1) + second x
    log2(n) + wire / (two_shots L). S is the message, L the link in one direction.
    """

    family: ClassVar[str] = "all_reduce"
    start: ClassVar[Mapping[str, float]] = {
        "fixed_us": 3.0, "hop_us": 0.1, "one_shot": 0.6, "second_us": 9.0, "two_shots": 0.6,
    }  # fmt: skip
    most: ClassVar[Mapping[str, float]] = {"one_shot": 1.0, "two_shots": 1.0}

    fixed_us: Positive
    hop_us: NonNegative = 0.0
    one_shot: Share
    second_us: NonNegative = 0.0
    two_shots: Share

    def time_us(self, shape: Message, ceilings: Ceilings) -> Size:
        """Return the time of one all-reduce."""
        n, link = shape.devices, ceilings.link_per_us
        base = self.fixed_us + self.hop_us * (n - 1)
        once = base + (n - 1) * shape.payload / (self.one_shot * link)
        twice = base + self.second_us * _log2(n) + shape.wire / (self.two_shots * link)
        return minimum(once, twice)


class NcclTime(Fit):
    """fixed + hop (n-1) + ramp x S / (S + 4 MB) + ring bytes / (link L)."""

    family: ClassVar[str] = "nccl"
    start: ClassVar[Mapping[str, float]] = {"fixed_us": 8.0, "hop_us": 1.0, "ramp_us": 10.0, "link": 0.8}
    most: ClassVar[Mapping[str, float]] = {"link": 1.0}

    fixed_us: Positive
    hop_us: NonNegative = 0.0
    ramp_us: NonNegative = 0.0
    link: Share

    def time_us(self, shape: Message, ceilings: Ceilings) -> Size:
        """Return the time of one collective."""
        ramp = self.ramp_us * shape.payload / (shape.payload + _RAMP)
        wire = shape.ring / (self.link * ceilings.link_per_us)
        return self.fixed_us + self.hop_us * (shape.devices - 1) + ramp + wire


@dataclass(slots=True)
class Exchange(Message):
    """Tokens to the devices of their experts, or back: ``rows`` tokens of one device."""

    rows: Size = 0


class ExchangeTime(Fit):
    """fixed + token x tokens + wire / (link L): one dispatch or combine."""

    family: ClassVar[str] = "moe_a2a"
    start: ClassVar[Mapping[str, float]] = {"fixed_us": 50.0, "token_ns": 50.0, "link": 0.8}
    most: ClassVar[Mapping[str, float]] = {"link": 1.0}

    fixed_us: Positive
    token_ns: NonNegative = 0.0
    link: Share

    def time_us(self, shape: Exchange, ceilings: Ceilings) -> Size:
        """Return the time of one exchange."""
        return self.fixed_us + self.token_ns * 1e-3 * shape.rows + shape.wire / (self.link * ceilings.link_per_us)


def copies(devices: Size, chosen: Size, *, per_expert: bool = False) -> Size:
    """Return how many other devices one token is sent to, in expectation.

    Once to each device that has one of its experts, which are spread evenly; ``per_expert``: once
    to each expert, as low-latency kernels do.
    """
    if per_expert:
        return chosen * (devices - 1) / devices
    return (devices - 1) * (1 - (1 - 1 / devices) ** chosen)


_WIDTH: Mapping[str, float] = {
    "bfloat16": 2.0, "half": 2.0, "float16": 2.0, "int8": 1.0, "fp8": 1.03125, "nvfp4": 0.5625, "fp4": 0.5625,
}  # fmt: skip


def measured_all_reduce(texts: Texts, n: Numbers, *, in_switch: bool) -> Measured:
    """Return rows of engines' all-reduce; ``message_size`` counts elements. All are judged."""
    devices = n["num_gpus"]
    payload = n["message_size"] * known(_WIDTH, texts["allreduce_dtype"], "allreduce_dtype")
    shape = message("all_reduce", payload, devices, in_switch=in_switch)
    return Measured("all_reduce", "", shape, devices > 0)


def measured_nccl(texts: Texts, n: Numbers, *, in_switch: bool) -> Measured:
    """Return rows of NCCL's operations."""
    devices = n["num_gpus"]
    payload = n["message_size"] * known(_WIDTH, texts["nccl_dtype"], "nccl_dtype")
    kind = texts["op_name"]
    return Measured(kind, "", message(kind, payload, devices, in_switch=in_switch), devices > 0)


def measured_exchange(texts: Texts, n: Numbers) -> Measured:
    """Return rows of dispatch and combine: ``ll`` kernels send a copy to every expert, ``ht`` one a device."""
    low = "_ll" in texts["comm_backend"]
    phase = texts["phase"]
    key = f"{phase}-{'low-latency' if low else 'throughput'}"
    tokens, devices = n["num_tokens"], n["ep_size"]
    values = copies(devices, n["topk"], per_expert=low) * tokens * n["hidden_size"]
    sent = values * _sent(phase, texts["comm_dtype"], low=low)
    return Measured(key, "", Exchange(sent, devices, sent, sent, tokens), devices > 0)


def _sent(phase: str, dtype: str, *, low: bool) -> float:
    """Return the bytes a value: results come back in bf16 unless the low-latency kernel says fp4."""
    if phase == "combine" and not (low and dtype in ("fp4", "nvfp4")):
        return 2.0
    return float(known(_WIDTH, dtype, "comm_dtype"))


def _log2(n: Any) -> Any:
    if hasattr(n, "shape"):
        import numpy as np

        return np.log2(n)
    return log2(n)
