"""The mean step of continuous batching: sequences that decode, and prompts read beside them in the same step.

Engines keep a batch full: whenever a sequence ends, the prompt of the next one is read in one of
the steps that follow, together with everybody's next token. Weights are then read once for both, and
products see the rows of both; attention runs a kernel for each.

A batch of B sequences with O output tokens each begins B/O prompts a step. Steps differ by a whole
prompt: where B/O is below one, most steps read none and the others one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from costmodel.errors import UsageError
from costmodel.ops import Experts, Lookup, Op, Project, Vector
from costmodel.sizes import Size, ceil_div, maximum
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.timed import Step
    from costmodel.times import Roofline


@dataclass(slots=True, frozen=True, kw_only=True)
class Mixed:
    """Times of the mean step, in seconds: every sequence of the batch gains one token in it.

    ``prompts``: how many prompts one group of devices reads in a step, the batch over the output's
    length. ``overhead_s`` is the part of ``expected_s`` that is no kernel: the engine's.
    """

    floor_s: Size
    serial_s: Size
    expected_s: Size | None
    overhead_s: float
    prompts: Fraction


def mixed_step(roofline: Roofline, batch: int, prompt_tokens: int, output_tokens: int) -> Mixed:
    """Return the mean step of ``batch`` sequences that each read a prompt and then give their output.

    Sequences are spread over all stages of their output, so the mean context is the prompt and half
    of the output. Serial and expected are means over the steps with and without prompts. A prompt is
    read whole, all groups of a data-parallel plan read theirs in the same step, and a step may have
    any number of tokens. The floor holds for every schedule: it has all the FLOPs and all the bytes on
    the wire, but of the bytes in memory only what decoding alone reads, because prompts read together
    share their weights.

    Raises:
        UsageError: the batch, the prompt or the output is empty.
    """
    for name, value in (("batch", batch), ("prompt", prompt_tokens), ("output", output_tokens)):
        if value < 1:
            raise UsageError(f"a {name} of {value} is no step of continuous batching", hint=f"a {name} of 1 or more")
    context = prompt_tokens + (output_tokens + 1) // 2
    decode = Workload(cached_tokens=context - 1, logits="last")
    reading = replace(decode, new_tokens=prompt_tokens, cached_tokens=0)
    return steady(roofline, batch, decode, reading, output_tokens)


def steady(roofline: Roofline, batch: int, decode: Workload, reading: Workload, output_tokens: int) -> Mixed:
    """Return the same of any two steps: one that decodes in the middle of an output, one that reads a prompt."""
    if roofline.plan.cp > 1:
        raise UsageError("prompts beside decoding are not timed with --cp", hint="leave --cp out")
    load = replace(decode, batch=batch)
    mine, micro = roofline.local(load)
    prompts = Fraction(mine.batch, output_tokens)
    fewest, more = divmod(mine.batch, output_tokens)
    part = more / output_tokens  # of the steps read one prompt more
    without = roofline.step(load)
    few = _fused(roofline, mine, micro, fewest, reading) if fewest else without
    many = _fused(roofline, mine, micro, fewest + 1, reading) if more else few

    def mean(what: Callable[[Step], Size]) -> Size:
        return (1 - part) * what(few) + part * what(many)

    expected = None
    if few.expected_s is not None and many.expected_s is not None:
        expected = mean(lambda step: step.expected_s)

    def side(name: str) -> Size:
        """Return one side of the floor. A prompt's own step gives its first token: of O tokens, O - 1 are decoded."""
        return mean(lambda step: getattr(step, name)) - getattr(without, name) / output_tokens

    if roofline.plan.pp > 1:
        floor = _floor(roofline, load, reading, output_tokens, without)
    else:
        memory = without.memory_s * (1 - 1 / output_tokens)
        floor = maximum(maximum(side("compute_s"), side("network_s")), memory)
    return Mixed(
        floor_s=floor,
        serial_s=mean(lambda step: step.serial_s),
        expected_s=expected,
        overhead_s=without.overhead_s,
        prompts=prompts * micro,
    )


def _floor(roofline: Roofline, load: Workload, reading: Workload, output_tokens: int, without: Step) -> Size:
    """Return the floor of a pipeline, whatever its micro-batches: a token's way, and the slowest stage's whole work."""
    pp, dp, decoded = roofline.plan.pp, roofline.plan.dp, 1 - 1 / output_tokens
    batch = ceil_div(load.batch, dp)
    # Of as many sequences as there are stages, the slowest stage takes no less than one takes through all.
    decode, read = (roofline.step(replace(one, batch=pp * dp)) for one in (load, reading))

    def work(side: str) -> Size:
        each, prompt = getattr(decode, side) / pp, getattr(read, side) / pp
        return batch * (each * decoded + prompt / output_tokens)

    return maximum(decoded * without.floor_s, maximum(work("compute_s"), work("network_s")))


def _fused(roofline: Roofline, mine: Workload, micro: Size, prompts: int, reading: Workload) -> Step:
    """Return one step of a micro-batch's next tokens and of so many whole prompts."""
    both, decoding, reads = _joined(roofline.lower(mine), roofline.lower(replace(reading, batch=prompts)))
    timed = [
        *roofline.rows(both, mine.batch + prompts, [*both, *decoding]),
        *roofline.rows(decoding, mine.batch, []),
        *roofline.rows(reads, prompts),
    ]
    rows = replace(mine, batch=mine.batch + prompts * reading.new_tokens)  # what stages send on
    return roofline.total(timed, micro, mine if roofline.plan.pp == 1 else rows)


def _joined(decoding: list[Op], reading: list[Op]) -> tuple[list[Op], list[Op], list[Op]]:
    """Return the operations that both loads share with the rows of both, and what is left of each.

    Work on rows is shared: the same weights, whatever sequence a row is of. Work on what a sequence
    keeps is not, nor what only one of them does: latent attention absorbs its matrices for few new
    tokens and expands the latents of a prompt.
    """
    own: list[Op] = []
    rows: dict[str, Op] = {}
    for op in decoding:
        if _on_rows(op):
            rows[op.path] = op
        else:
            own.append(op)
    both: list[Op] = []
    reads: list[Op] = []
    for op in reading:
        same = rows.get(op.path)
        if same is not None and _alike(op, same):
            both.append(_sum(op, rows.pop(op.path)))
        else:
            reads.append(op)
    return both, [*rows.values(), *own], reads


def _alike(one: Op, other: Op) -> bool:
    """Say whether two operations are one but for their rows: a bias of positions has another width."""
    if isinstance(one, Experts) and isinstance(other, Experts):
        return replace(other, tokens=one.tokens, slots=one.slots) == one
    return replace(other, tokens=one.tokens) == one


def _sum(one: Op, other: Op) -> Op:
    tokens = one.tokens + other.tokens
    if isinstance(one, Experts) and isinstance(other, Experts) and one.slots is not None:
        return replace(one, tokens=tokens, slots=one.slots + other.slots)
    return replace(one, tokens=tokens)


def _on_rows(op: Op) -> bool:
    return isinstance(op, Project | Experts | Lookup | Vector) and not op.states
