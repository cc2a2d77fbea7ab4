"""What each family's model did, run once a session: every test reads the same forwards."""

from __future__ import annotations

from functools import cache

import torch

from costmodel.ops import Op
from costmodel.workload import Workload

from .families import FAMILIES, Family
from .models import Step, build, steps

# Sequences of steps on one cache: (new tokens of each step, batch). Windows and chunks are 24 long,
# compression ratios 4 and 13, scan chunks 16 and 64. So there are first steps below and above every
# span, chunked prefills that cross it, and decode steps on both sides of it.
CHAINS = (((5, 1, 1), 1), ((23, 1, 1, 1), 1), ((70, 1, 30, 1), 1), ((9, 40, 1), 2))
SHORT_CHAIN = (30, 1)
# transformers' RWKV adds (sequences, width) to (sequences, 1, width) where a step has one token, which makes every
# sequence one of all sequences: steps of several sequences have two.
NEVER_ONE_OF_SEVERAL = ("rwkv",)

BY_NAME = {family.name: family for family in FAMILIES}
IDS = tuple(BY_NAME)


@cache
def model(name: str, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """Return a family's small model."""
    return build(BY_NAME[name].config, dtype=dtype)


@cache
def forwards(name: str) -> tuple[Step, ...]:
    """Return every step of the chains, in fp32."""
    family = BY_NAME[name]
    made = model(name)
    found: list[Step] = []
    for chain, batch in CHAINS:
        if batch > 1 and name in NEVER_ONE_OF_SEVERAL:
            chain = tuple(max(2, new) for new in chain)
        found += steps(made, chain, batch=batch, source=family.source)
    return tuple(found)


@cache
def bf16_forwards(name: str) -> tuple[Step, ...]:
    """Return one prefill and one decode step of the same model in bf16."""
    family = BY_NAME[name]
    return tuple(steps(build(family.config, dtype=torch.bfloat16), SHORT_CHAIN, source=family.source, count=False))


def workload(step: Step) -> Workload:
    """Return what a step ran, in our words: every query against every key that is in memory."""
    first = not step.cached
    return Workload(
        batch=step.batch,
        new_tokens=step.new,
        cached_tokens=step.cached,
        source_new=step.source if first else 0,
        source_cached=0 if first else step.source,
        attention="full",
        mla="expanded",
    )


def lowered(family: Family, step: Step) -> list[Op]:
    """Return our operations of a step."""
    return family.architecture.lower(workload(step))
