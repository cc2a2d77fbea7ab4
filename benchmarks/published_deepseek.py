"""DeepSeek's serving of V3 and R1 on H800 nodes: production means, and the batches that they do not print.

Conditions as published (open-infra-index, day 6): decode units of 18 nodes with EP144, prefill units of 4
nodes with EP32, attention and shared expert data-parallel, 32 redundant experts, dispatch in FP8, combine
and core attention in BF16, two micro-batches that hide communication. Neither batch nor prompt length
nor MTP is printed: times are without MTP. profile-data prints a profiled batch, and no times.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from published_row import Found, Published, of_phase, roofline

from costmodel import memory
from costmodel.timed import Step
from costmodel.times import Roofline
from costmodel.workload import Workload

MODEL, DEVICE, DTYPE = "deepseek-v3", "h800-sxm", "weights=fp8-block"
NODE = 8
CONTEXT = 4989  # "average kvcache length per output token"
SPEED = 21.0  # tokens/s of one sequence: "20-22"
HITS = Fraction(342, 608)  # of the input tokens, read from the cache on disk
PROMPT, CHUNK = 4096, 16384  # tokens of a prompt, and of a device's step, in profile-data
BATCHES = (16, 32, 64, 88, 96, 128)  # sequences a device; 128 as in profile-data


@dataclass(slots=True, frozen=True)
class Batch:
    """A batch of one device in tokens/s a node: the floor, and expected with communication in turn or hidden."""

    unit: str
    sequences: int
    bound: float
    in_turn: float
    hidden: float


def unit(ep: int, redundant: int, overlap: int) -> Roofline:
    """Return a deployment unit of so many devices; ``overlap`` 1 hides communication behind computation."""
    plan = (
        ("ep", ep), ("redundant_experts", redundant), ("dispatch", "fp8"), ("combine", "bf16"),
        ("overlap", Fraction(overlap)),
    )  # fmt: skip
    return roofline(MODEL, DEVICE, DTYPE, plan)


def decode(ep: int, redundant: int, context: int, sequences: int) -> Batch:
    """Return decoding with so many sequences a device."""
    load = Workload(batch=sequences * ep, cached_tokens=context - 1, logits="last")
    return _batch(f"decode EP{ep}", ep, redundant, load, sequences)


def prefill(cached: int) -> Batch:
    """Return reading prompts of which ``cached`` tokens are there already: rates of the tokens that are computed."""
    new = PROMPT - cached
    load = Workload(batch=CHUNK // new * 32, new_tokens=new, cached_tokens=cached, logits="last")
    return _batch(f"prefill EP32, {new:,} of {PROMPT:,} new", 32, 32, load, CHUNK // new)


def _batch(name: str, ep: int, redundant: int, load: Workload, sequences: int) -> Batch:
    in_turn, hidden = (unit(ep, redundant, overlap).step(load) for overlap in (0, 1))
    tokens = load.batch * load.new_tokens / (ep / NODE)
    return Batch(name, sequences, tokens / in_turn.floor_s, tokens / _time(in_turn), tokens / _time(hidden))


def _time(step: Step) -> float:
    if step.expected_s is None:
        raise ValueError(f"{DEVICE} has no coefficients for a kernel of {MODEL}")
    return float(step.expected_s)


def largest() -> int:
    """Return the sequences of the mean context that fit a device of a decode unit, with nothing held back."""
    load = Workload(batch=1, cached_tokens=CONTEXT - 1, logits="last")
    found = unit(144, 32, 1)
    held = memory.held(found.architecture, found.device, found.lower(load), 0)
    return memory.Room(tuple(held), found.machine.capacity, 0).sequences


def batches() -> list[Batch]:
    """Return decode at growing batches, of the production unit and of the profiled one, then prefill."""
    return [
        *(decode(144, 32, CONTEXT, n) for n in (*BATCHES, largest())),
        decode(128, 0, PROMPT, 128),
        prefill(0),
        prefill(round(PROMPT * HITS)),
    ]


def same_rate(rate: float) -> int:
    """Return the fewest sequences a device that are expected to give a rate, communication hidden."""
    return next(n for n in range(1, largest() + 1) if decode(144, 32, CONTEXT, n).hidden >= rate)


def rows() -> Found:
    """Return the two published means.

    Decode: the bound is that of the largest batch that fits, the expectation that of the sequences
    which the rate and the mean speed of one imply. Prefill: cache hits are not computed, so both are of
    prompts whose cached share is that of all input, raised by the tokens that hits add.
    """
    found: Found = []
    for line in of_phase("prefill serving", "decode serving"):
        rate = float(line["value"])
        if line["phase"] == "decode serving":
            implied = round(rate / NODE / SPEED)
            ours, bound = decode(144, 32, CONTEXT, implied), decode(144, 32, CONTEXT, largest()).bound
            text, expected = f"EP144, KV {CONTEXT:,}, {implied} each", ours.hidden
        else:
            ours = prefill(round(PROMPT * HITS))
            more = PROMPT / (PROMPT - round(PROMPT * HITS))
            text, bound, expected = "EP32, 56.3 % cache hits", ours.bound * more, ours.hidden * more
        what = line["phase"].split()[0]
        unit_text = "tokens/s a node"
        found.append(
            Published("deepseek", what, DEVICE, text, rate, unit_text, bound, expected, line["source"], "h100-sxm")
        )
    return found
