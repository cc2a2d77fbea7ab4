"""``archcalc serve``: steady decoding at growing batches, its limits, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Unpack

from costmodel import memory
from costmodel.errors import UsageError
from costmodel.mix import steady
from costmodel.report.choices import tokens
from costmodel.report.conventions import Conventions, conventions, not_counted
from costmodel.report.data import OPTIONAL, PRIVATE, SCHEMA
from costmodel.report.device import WIDER
from costmodel.report.limits import CHUNK, Limits, ServeMemory, limits, room_of
from costmodel.report.roofline import errors
from costmodel.report.setup import OnHardware, PlanRow, Setup, hardware_source, setup
from costmodel.report.source import SourceRow, Wanted, source_of
from costmodel.report.speculation import Speculation, beside, drafter, speculation
from costmodel.timed import Step
from costmodel.times import Roofline

if TYPE_CHECKING:
    from costmodel.ops import Op
    from costmodel.workload import Workload

_ROWS = 6


@dataclass(slots=True)
class ServeRow:
    """A batch of the whole deployment. ``floor_s serial_s expected_s``: between two tokens of a sequence.

    Rates are of expected times, and where nothing was measured None. ``bound`` is the floor's.
    """

    batch: int
    floor_s: float
    serial_s: float
    expected_s: float | None
    bound: str | None
    tokens_per_s_per_user: float | None
    tokens_per_s_per_device: float | None
    joule_per_token: float | None
    usd_per_million_tokens: float | None


@dataclass(slots=True)
class ServePage:
    """What ``archcalc serve`` prints."""

    name: str
    title: str | None
    confidence: str
    hardware: str
    context: int
    prompt: int | None
    output: int | None
    plan: PlanRow
    dtype: str
    memory: ServeMemory
    rows: list[ServeRow]
    limits: Limits
    power_w: float | None
    usd_per_hour: float | None
    errors: dict[str, float]
    step_error: float | None
    step_error_p90: float | None
    overhead_from: str | None
    speculation: Speculation | None = field(default=None, metadata=OPTIONAL)
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    conventions: Conventions = field(default_factory=Conventions)
    setup: Setup | None = field(default=None, metadata=PRIVATE)
    command: str = "serve"
    schema: str = SCHEMA


def serve(
    architecture: Wanted,
    hardware: str,
    *,
    batches: Sequence[int | str] | None = None,
    prompt: int | str | None = None,
    output: int | str | None = None,
    draft: int | str | None = None,
    accept: str | float | None = None,
    draft_model: Wanted | None = None,
    **asked: Unpack[OnHardware],
) -> ServePage:
    """Return steady serving of sequences at one context.

    Each row is a batch of the whole deployment, up to the largest that fits. With ``prompt`` and
    ``output`` tokens, prompts are read beside decoding, as many as sequences end. ``draft`` tokens
    are guessed a step, by ``draft_model`` or the model's own MTP layers, and accepted with
    probability ``accept`` each.

    Raises:
        UnknownSpecError: there is no such model or device.
        SpecError: a file says something impossible.
        UsageError: a choice or a plan cannot be, or not even one sequence fits.
    """
    asked.setdefault("logits", "last")
    found = setup(architecture, hardware, **asked)
    context, mix = _context(found, prompt, output)
    first = replace(found.choices.prefill(found.architecture, mix[0] if mix else context), batch=1)
    prompt_ops = found.roofline.lower(first)
    prefill = found.roofline.step(first, prompt_ops)
    in_parts = first.new_tokens > CHUNK
    if in_parts:
        prompt_ops = found.roofline.lower(replace(first, new_tokens=CHUNK))
    decode = found.choices.decode(found.architecture, context)
    one = found.roofline.lower(decode)
    guess = speculation(found, draft, accept, draft_model)
    if guess and mix:
        raise UsageError("drafting is not timed beside prompts that are read", hint="leave --prompt and --output out")
    drafting = drafter(found, draft_model) if guess and draft_model is not None else None
    drafted = beside(found, decode, drafting) if guess else ()
    room = room_of(found, one, prompt_ops, None if in_parts else prefill, drafted)
    largest = room.sequences * found.plan.dp
    if room.sequences < 1:
        raise UsageError(
            f"{found.architecture.name} does not fit on {found.plan.devices} x {found.hardware.name}: "
            f"{room.used(room.fullest(1), 1) / 1e9:,.1f} GB a device of {room.capacity / 1e9:,.1f}",
            hint=f"archcalc fit {found.options(context)} finds a plan",
        )
    server = _Server(found, context, mix, guess, drafting)
    rows = server.rows(_batches(batches, largest, found.plan.dp), one)
    step, overhead_from = found.roofline.overhead()
    source = source_of(found.architecture)
    return ServePage(
        name=found.architecture.name,
        title=found.architecture.title,
        confidence=found.architecture.confidence,
        hardware=found.hardware.name,
        context=context,
        prompt=mix[0] if mix else None,
        output=mix[1] if mix else None,
        plan=found.plan_row,
        dtype=found.choices.recipe.text,
        memory=_memory(room, room.sequences),
        rows=rows,
        limits=limits(found, context, room, largest, first.new_tokens, prefill, drafted=guess is not None),
        power_w=server.power,
        usd_per_hour=None if server.price is None else float(server.price),
        errors=errors(server.last.rows if server.last else [], found.hardware.name),
        step_error=_widened(found, step.median_error if step else None),
        step_error_p90=_widened(found, step.p90_error if step else None),
        overhead_from=overhead_from if step else None,
        speculation=guess,
        source=source,
        sources=[*([source] if source else []), *hardware_source(found.hardware)],
        conventions=conventions(found.choices, without=not_counted(found.architecture)),
        setup=found,
    )


def _memory(room: memory.Room, sequences: int) -> ServeMemory:
    """Return what the fullest device holds at the largest batch."""
    full = room.fullest(sequences)
    active = max(full.activations, full.logits * sequences)
    return ServeMemory(room.capacity, full.weights, full.cache, active, room.reserve, max(0, room.free(full)))


def _context(found: Setup, prompt: int | str | None, output: int | str | None) -> tuple[int, tuple[int, int] | None]:
    """Return the context that sequences reach, and (prompt, output) where prompts are read beside."""
    if (prompt is None) is not (output is None):
        raise UsageError("--prompt and --output are given together", hint="--prompt 2048 --output 512")
    if prompt is not None and output is not None:
        if found.choices.given:
            raise UsageError("--prompt and --output say how long sequences get", hint="leave --context out")
        mix = tokens(prompt, "prompt"), tokens(output, "output")
        return sum(mix), mix
    return found.context("serve"), None


def _batches(asked: Sequence[int | str] | None, largest: int, dp: int) -> list[int]:
    """Return the batches of the rows: those asked for, else a ladder up to the largest that fits."""
    if asked:
        found = [tokens(one, "batch") for one in asked]
        for one in found:
            if one > largest:
                raise UsageError(f"{one:,} sequences do not fit: at most {largest:,}", hint="archcalc fit says why")
        return found
    ladder, step = [largest], dp
    while step < largest and len(ladder) < _ROWS:
        ladder.append(step)
        step *= 4
    return sorted(ladder)


class _Server:
    """Times steady steps of growing batches."""

    def __init__(
        self,
        found: Setup,
        context: int,
        mix: tuple[int, int] | None,
        guess: Speculation | None,
        drafting: Roofline | None,
    ) -> None:
        self.found, self.context, self.mix, self.guess = found, context, mix, guess
        self.drafter = drafting
        watts = found.hardware.power
        self.power = float(watts.amount) if watts else None
        self.price = _price(found)
        self.last: Step | None = None

    def rows(self, batches: Sequence[int], one: list[Op]) -> list[ServeRow]:
        """Return a row for each batch; ``one`` is a sequence's step without speculation."""
        if self.mix is not None:
            choices, model = self.found.choices, self.found.architecture
            middle = self.mix[0] + (self.mix[1] + 1) // 2  # sequences are spread over their output
            decode, reading = choices.decode(model, middle), choices.prefill(model, self.mix[0])
            mixed = [steady(self.found.roofline, batch, decode, reading, self.mix[1]) for batch in batches]
            pairs = zip(batches, mixed, strict=True)
            return [self._row(n, float(m.floor_s), float(m.serial_s), m.expected_s, None) for n, m in pairs]
        load = self._decode()
        found = []
        for batch, step in zip(
            batches, self.found.roofline.steps(load, batches, None if self.guess else one), strict=True
        ):
            self.last = step
            drafted = self._drafted(replace(load, batch=batch)) if self.guess else _NOTHING
            expected = step.expected_s
            if expected is not None:
                expected = None if drafted[2] is None else expected + drafted[2]
            floor, serial = float(step.floor_s) + drafted[0], float(step.serial_s) + drafted[1]
            found.append(self._row(batch, floor, serial, expected, step.bound))
        return found

    def _decode(self) -> Workload:
        """Return the step that gives every sequence its next token, or verifies what was drafted."""
        load = self.found.choices.decode(self.found.architecture, self.context)
        if self.guess is None:
            return load
        new = 1 + self.guess.draft
        return replace(load, new_tokens=new, cached_tokens=max(0, self.context - new), logits="all")

    def _drafted(self, load: Workload) -> tuple[float, float, float | None]:
        """Return floor, serial and expected time of drafting a step's guesses, one after another."""
        assert self.guess is not None
        one = replace(load, new_tokens=1, logits="last")
        step = self.drafter.step(one) if self.drafter else self.found.roofline.component("mtp", one)
        count = self.guess.draft
        expected = None if step.expected_s is None else count * float(step.expected_s)
        return count * float(step.floor_s), count * float(step.serial_s), expected

    def _row(self, batch: int, floor: float, serial: float, expected: float | None, bound: str | None) -> ServeRow:
        """Return a row; the times are of one step, which gives more than one token where guesses are accepted."""
        each = self.guess.tokens_per_step if self.guess else 1.0
        expected = None if expected is None else float(expected) / each
        rate = batch / expected / self.found.plan.devices if expected else None
        priced = self.price is not None and rate
        return ServeRow(
            batch=batch,
            floor_s=floor / each,
            serial_s=serial / each,
            expected_s=expected,
            bound=bound,
            tokens_per_s_per_user=1 / expected if expected else None,
            tokens_per_s_per_device=rate,
            joule_per_token=self.power / rate if self.power and rate else None,
            usd_per_million_tokens=float(self.price or 0) / 3600 / (rate or 1.0) * 1e6 if priced else None,
        )


_NOTHING = 0.0, 0.0, 0.0


def _price(found: Setup) -> Fraction | None:
    if found.price is not None:
        return found.price
    return found.hardware.price.amount if found.hardware.price else None


def _widened(found: Setup, error: float | None) -> float | None:
    """Return an error of whole steps, twice as wide where another device's overhead serves."""
    if error is None:
        return None
    return error * (1 if found.roofline.overhead()[1] == found.hardware.name else WIDER)
