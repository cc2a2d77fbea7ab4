"""Time: the product's floor lies below real forwards, and the listed products are what takes their time.

A CPU cannot confirm the time of an accelerator. What it can confirm: with this machine's own measured
ceilings, ``Roofline`` gives a bound that no forward breaks (floor), and the listed products alone take
about as long as the forward (replay). One of every kind of mixer, compressed attention too. One
thread, its CPU time, ceilings and forwards in one alternating loop, minima; a run that
breaks a limit is measured once more, three times as long, and then fails with all its figures. Each
claim has a control: a model twice the size, a list with everything twice, experts that are not
read must break it.

These are inequalities and weak: a decode step takes 3 to 11 times its floor, so bytes that are twice
too many pass. Equality of the products (``test_operands``, and here for each of these models) is what
proves the counts; times only show that they are used the right way round.
"""

from __future__ import annotations

import copy
import inspect
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.dtypes import Recipe
from costmodel.hardware import Hardware
from costmodel.plan import Plan
from costmodel.roofline import Roofline
from costmodel.roofline import Step as Estimate

from .families import Family
from .families.timed import GEMMA3, GPT_OSS, LLAMA, T5, TIMED, UNREAD
from .families.timed_recurrent import JAMBA, LFM2, TIMED_RECURRENT
from .models import SEED, Products, Step, build, distinct, expert_count, not_chosen, routing, steps
from .operands import difference, expected
from .runs import workload

pytestmark = [pytest.mark.oracle, pytest.mark.timing]

ROUNDS, AGAIN = 8, 24
FAMILIES = {family.name: family for family in (*TIMED, *TIMED_RECURRENT)}
PROMPT = {family.name: 192 for family in FAMILIES.values()} | {
    JAMBA.name: 64,  # its scan goes token by token
    UNREAD.name: 16,  # only a token after it is timed
}
PHASES = ("prefill", "decode")
# The fastest single products came out 2 % below their floor; the margin is for the peak's own noise.
BOUND = 0.85
# A correct list took 0.83 to 0.97 of a prefill, a doubled one twice that.
LEAST, MOST = 0.5, 1.15
REPLAYED = (LLAMA, GEMMA3, GPT_OSS)
# Prefills within 1.4 times their floor: twice the floor is above them, with room for the peak's noise.
DOUBLED = (LLAMA, GEMMA3, LFM2, T5)

# A format for every role: build() makes a model of fp32 alone, and torch multiplies fp32.
FP32 = Recipe.parse("fp32,embed=fp32,head=fp32,router=fp32,norm=fp32,state=fp32,compute=fp32")
SIZE = 4

SQUARES = (512, 1024)  # where products of fp32 reach their peak; 2048 is no faster and takes long
CACHED_MIB = (1, 2, 4, 8, 16)


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

    ``workload`` asks for full attention, since eager attention multiplies every query with every
    key that is in memory and masks afterwards, and for expanded latents, since eager latent attention
    turns the latents of the whole context into keys and values at every step. With less than that
    the bound would hold too, and say less.
    """
    return Roofline(architecture, hardware(peak, bandwidth), Plan(), FP32).step(workload(step))


def twice(family: Family) -> Architecture:
    """Return an architecture with twice the layers and twice the columns of the head."""
    text = re.sub(r"(n_layers|vocab_size): (\d+)", lambda found: f"{found[1]}: {2 * int(found[2])}", family.spec)
    return replace(family, spec=text).architecture


def listed(family: Family, step: Step) -> Counter[tuple[int, ...]]:
    """Return our products of a step, (batch, m, k, n, bytes) and how often: those that torch ran."""
    ours = expected(family, step, family.architecture.lower(workload(step)), SIZE)
    assert ours == step.products, "\n".join([family.name, str(step), *difference(ours, step.products)])
    return ours


def replay(found: Counter[tuple[int, ...]], times: int = 1) -> Callable[[], object]:
    """Return a function that runs these products and nothing else, each with its own memory."""
    shapes = list(found.elements()) * times
    pairs = [(torch.randn(b, m, k).squeeze(0), torch.randn(b, n, k).squeeze(0).mT) for b, m, k, n, _ in shapes]
    return lambda: [left @ right for left, right in pairs]


class Forwards:
    """A family's model and its two timed forwards: a prompt, and one token after it."""

    def __init__(self, family: Family) -> None:
        self.family, self.model = family, build(family.config)
        total = sum(parameter.numel() for parameter in distinct(self.model))
        assert figures.params(family.architecture).total == total
        prompt = PROMPT[family.name]
        self.steps = dict(zip(PHASES, steps(self.model, (prompt, 1), source=family.source, count=False), strict=True))
        self.lists = {phase: listed(family, step) for phase, step in self.steps.items()}
        forward = inspect.signature(self.model.forward).parameters
        self.key = "cache_params" if "cache_params" in forward else "past_key_values"
        # The tokens that ``steps`` drew, in its order: which experts they are sent to depends on them.
        draw = partial(torch.randint, 2, family.config["vocab_size"], generator=torch.Generator().manual_seed(SEED))
        self.tokens = draw((1, prompt))
        self.source = {"input_ids": draw((1, family.source))} if family.source else {}
        self.next = draw((1, 1))
        out = self.same("prefill", self.prefill)
        self.past = out[self.key]
        if self.source:
            self.source = {"encoder_outputs": (out.encoder_last_hidden_state,)}
        self.same("decode", self.decode())
        if self.source:
            self.source = {"input_ids": draw((1, family.source))}
