"""Time: the product's floor lies below real forwards, and the listed products are what takes their time.

A CPU cannot confirm the time of an accelerator. What it can confirm: with this core's own measured
ceilings, ``Roofline`` gives a bound that no forward breaks (floor), and the listed products alone take
about as long as the forward (replay). There is a model for every kind of mixer, compressed and cross
attention included. One thread, its CPU time, ceilings and forwards in one alternating loop, minima; a
run that breaks a limit is repeated, three times as long, and then fails with all its figures. Each
claim has a control: a model twice the size, a list with everything twice, experts that are not read.

Inequalities are weak: a decode step takes 4 to 25 times its floor, so bytes that are several times
too many pass. What proves the counts are equalities (``test_operands``, and here before a model
is timed); these tests prove that a floor made of right counts is one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from costmodel.architecture import Architecture
from costmodel.dtypes import Recipe
from costmodel.kernels import Kernel
from costmodel.plan import Plan
from costmodel.profiles import Hardware
from costmodel.timed import Step as Estimate
from costmodel.times import Roofline

from .clock import PHASES, SIZE, Forwards, Times, listed, measure, replay
from .families import Family
from .families.timed import GEMMA3, GPT_OSS, LLAMA, T5, TIMED, UNREAD
from .families.timed_recurrent import JAMBA, LFM2, TIMED_RECURRENT
from .models import Step, expert_count, not_chosen, routing
from .runs import workload

pytestmark = [pytest.mark.oracle, pytest.mark.timing]

Note = Callable[[str, Any], None]

ROUNDS, AGAIN = 8, 24
# The fastest single products came out 2 % below their floor; the margin is for the peak's own noise.
BOUND = 0.85
# A correct list took 0.76 to 1.00 of a prefill and a doubled one 1.5 to 2.0. In decode, where much of the
# time is calls, a doubled list may pass: there the limit is a bound and no test of counts.
LEAST, MOST = 0.5, 1.15

FAMILIES = {family.name: family for family in (*TIMED, *TIMED_RECURRENT)}
PROMPT, SHORT = 192, 64  # tokens; short where a scan goes token by token, or only decode matters
REPLAYED = (LLAMA, GEMMA3, GPT_OSS)
# Their prefill takes 1.2 to 1.4 times its floor, so twice the floor is well above it. State spaces and delta
# rules take 1.6 to 3.0 times theirs: eager chunks multiply more than the recurrence needs, and scans more often.
DOUBLED = (LLAMA, GEMMA3, LFM2, T5)

# Every role: ``build`` makes all tensors fp32, and torch multiplies them as such.
FP32 = Recipe.parse("fp32,embed=fp32,head=fp32,router=fp32,norm=fp32,state=fp32,compute=fp32")


def hardware(peak: float, bandwidth: float) -> Hardware:
    """Return a profile with two measured ceilings, in FLOP/s and bytes/s."""
    known = {"basis": "measured", "source": "loop"}
    return Hardware.model_validate(
        {
            "name": "this-core",
            "title": "One core of this machine",
            "vendor": "local",
            "generation": "cpu",
            "sources": {"loop": {"title": "the loop that times the forwards"}},
            "memory_capacity": {"value": "1 TB", "basis": "unverified"},  # no time depends on it
            "memory_bandwidth": {"value": f"{bandwidth:.0f} B/s", **known},
            "dense_peak": {"fp32": {"value": f"{peak:.0f} FLOP/s", **known}},
        }
    )


def estimate(architecture: Architecture, step: Step, peak: float, bandwidth: float) -> Estimate:
    """Return the product's times of a step.

    ``workload`` asks for full attention, since eager attention multiplies every query with every key
    in memory and masks afterwards; and for expanded latents, since eager latent attention turns those
    of the whole context into keys and values at every step. Causal pairs or absorbed latents would be
    the floor of another program than the one that is timed.
    """
    return Roofline(architecture, hardware(peak, bandwidth), Plan(), FP32).step(workload(step))


def twice(family: Family) -> Architecture:
    """Return an architecture with twice the layers, and twice the columns of the head."""
    text = re.sub(r"(n_layers|vocab_size): (\d+)", lambda found: f"{found[1]}: {2 * int(found[2])}", family.spec)
    return replace(family, spec=text).architecture


def unread_bytes(found: Estimate) -> float:
    """Return the bytes of the experts that a step does not read, from its own kernels."""
    kernels = [row.work for row in found.rows if isinstance(row.work, Kernel) and row.work.family == "moe"]
    return float(sum(k.weight_bytes * (k.sizes["local"] / k.sizes["touched"] - 1) for k in kernels))


def everyone(forwards: Forwards) -> Step:
    """Return the decode step as if every expert had been sent a row."""
    step, modules = forwards.steps["decode"], routing(forwards.model)
    routed = [(name, Counter(dict.fromkeys(range(expert_count(modules[name])), 1))) for name, _ in step.routed]
    return replace(step, routed=routed)


@dataclass(frozen=True)
class Claim:
    """A ratio and the limits that it must keep."""

    ratio: float
    least: float = -math.inf
    most: float = math.inf

    @property
    def holds(self) -> bool:
        """Say whether it does."""
        return self.least <= self.ratio <= self.most


def claims_of(forwards: Forwards, times: Times) -> dict[str, Claim]:
    """Return the claims about both forwards of a model, and their controls."""
    family = forwards.family
    claims: dict[str, Claim] = {}
    for phase in PHASES:
        step, seconds = forwards.steps[phase], times.best[phase]
        found = estimate(family.architecture, step, times.peak, times.bandwidth)
        assert found.floor_s <= found.serial_s * (1 + 1e-12)
        claims[f"{phase} / floor"] = Claim(seconds / found.floor_s, least=BOUND)
        # Eager kernels run one after another and nearly all of them write something: at the bandwidth
        # of copies their sum, which is no less than the floor, is a bound as well.
        serial = estimate(family.architecture, step, times.peak, times.copies).serial_s
        assert found.serial_s <= serial
        claims[f"{phase} / serial"] = Claim(seconds / serial, least=BOUND)
        if family in REPLAYED:
            share = times.best[f"{phase} replayed"] / seconds
            claims[f"{phase} replayed"] = Claim(share, LEAST if phase == "prefill" else -math.inf, MOST)
    if family in REPLAYED:
        share = times.best["replayed twice"] / times.best["prefill"]
        claims["control: prefill replayed twice"] = Claim(share, least=MOST)
    if family in DOUBLED:
        step = forwards.steps["prefill"]
        once, more = (estimate(a, step, times.peak, times.bandwidth) for a in (family.architecture, twice(family)))
        assert more.compute_s == pytest.approx(2 * once.compute_s, rel=1e-12)
        claims["control: prefill / floor of a model twice the size"] = Claim(
            times.best["prefill"] / more.floor_s, most=BOUND
        )
    return claims


def check(forwards: Forwards, judge: Callable[[int], tuple[Times, dict[str, Claim]]], note: Note) -> None:
    """Assert every claim, of a second and longer run where the first one breaks any."""
    for rounds in (ROUNDS, AGAIN):
        times, claims = judge(rounds)
        ratios = "; ".join(f"{name} {claim.ratio:.2f}" for name, claim in claims.items())
        broken = [name for name, claim in claims.items() if not claim.holds]
        text = f"{forwards.family.name}, {rounds} rounds: {ratios}; {times}"
        note(f"{rounds} rounds", text)
        if not broken:
            return
    pytest.fail(f"broken: {', '.join(broken)}\n{text}")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_floor_is_below_real_forwards_and_the_list_explains_them(name: str, record_property: Note) -> None:
    forwards = Forwards(FAMILIES[name], SHORT if name == JAMBA.name else PROMPT)
    replays: dict[str, Callable[[], object]] = {}
    if forwards.family in REPLAYED:
        replays = {f"{phase} replayed": replay(forwards.lists[phase]) for phase in PHASES}
        replays["replayed twice"] = replay(forwards.lists["prefill"], 2)

    def judge(rounds: int) -> tuple[Times, dict[str, Claim]]:
        times = measure(forwards, rounds, **replays)
        return times, claims_of(forwards, times)

    check(forwards, judge, record_property)


def test_experts_that_are_not_read_would_be_seen(record_property: Note) -> None:
    """The floor that reads all 96 experts is above a decode step that reads one of them.

    The model is made for that. At the bandwidth of a cache, which alone is safe, 8 experts where 2 are read
    leave a floor that is still below: the step takes 14 times the right one.
    """
    forwards = Forwards(UNREAD, SHORT)
    step = forwards.steps["decode"]

    def judge(rounds: int) -> tuple[Times, dict[str, Claim]]:
        times = measure(forwards, rounds, ("decode",))
        found = estimate(UNREAD.architecture, step, times.peak, times.bandwidth)
        assert found.floor_s == found.memory_s
        seconds, unread = times.best["decode"], unread_bytes(found) / times.bandwidth
        return times, {
            "decode / floor": Claim(seconds / found.floor_s, least=BOUND),
            "control: decode / floor of all experts": Claim(seconds / (found.floor_s + unread), most=BOUND),
        }

    check(forwards, judge, record_property)


@pytest.mark.parametrize("name", [n for n, family in FAMILIES.items() if "moe" in family.kinds])
def test_the_floor_reads_the_experts_that_are_hit(name: str) -> None:
    """By equality: what is left out are the experts that a token is not sent to, as tensors of the model."""
    forwards = Forwards(FAMILIES[name], SHORT)
    step, architecture = forwards.steps["decode"], FAMILIES[name].architecture
    found = estimate(architecture, step, 1e11, 1e11)
    assert unread_bytes(found) == pytest.approx(SIZE * not_chosen(forwards.model), rel=1e-12)
    assert listed(FAMILIES[name], step) == step.products
    assert listed(FAMILIES[name], everyone(forwards)) != step.products
