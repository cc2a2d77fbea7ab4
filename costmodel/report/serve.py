"""``archcalc serve``: steady decoding at growing batches, its limits, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Unpack

from costmodel import figures, memory
from costmodel.errors import ArchcalcError, UsageError, quote
from costmodel.kernels import Kernel
from costmodel.mix import mixed_step
from costmodel.report.choices import CONTEXTS, natural, tokens
from costmodel.report.conventions import Conventions, conventions
from costmodel.report.data import OPTIONAL, PRIVATE, SCHEMA
from costmodel.report.roofline import errors
from costmodel.report.setup import OnHardware, PlanRow, Setup, hardware_source, setup
from costmodel.report.source import SourceRow, Wanted, source_of
from costmodel.roofline import Roofline, Step
from costmodel.units import parse_fraction

if TYPE_CHECKING:
    from costmodel.workload import Workload

_ROWS = 6
_CHUNK = 8192  # tokens of a prompt that a step reads at once


@dataclass(slots=True)
class ServeMemory:
    """Bytes of the fullest device; ``cache_bytes`` is of one sequence at the context."""

    capacity_bytes: int
    weights_bytes: int
    cache_bytes: int
    activation_bytes: int
    reserve_bytes: int
    cache_room_bytes: int


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
class Limits:
    """What the memory allows, and how soon a prompt of the context can give its first token.

    ``bound_by``: what keeps the batch from growing: cache memory, or nothing that grows.
    """

    largest_batch: int
    bound_by: str
    cache_room_tokens: int | None
    longest_context: int | None
    prompt: int
    first_token_floor_s: float
    first_token_expected_s: float | None


@dataclass(slots=True)
class Speculation:
    """Drafting ``draft`` tokens that are each accepted with ``accept``, and verifying them in one step."""

    draft: int
    accept: float
    tokens_per_step: float
    drafter: str


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
    prefill = found.roofline.step(first)
    room = _room(found, context, first, prefill)
    largest = room.sequences * found.plan.dp
    if room.sequences < 1:
        raise UsageError(
            f"{found.architecture.name} does not fit on {found.plan.devices} x {found.hardware.name}: "
            f"{room.used / 1e9:,.1f} GB a device of {room.capacity / 1e9:,.1f}",
            hint=f"archcalc fit {found.architecture.name} --hardware {found.hardware.name} finds a plan",
        )
    guess = _speculation(found, draft, accept, draft_model)
    server = _Server(found, context, mix, guess, draft_model)
    rows = server.rows(_batches(batches, largest, found.plan.dp))
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
        memory=ServeMemory(room.capacity, room.weights, room.cache, room.activations, room.reserve, max(0, room.free)),
        rows=rows,
        limits=_limits(found, context, room, largest, first, prefill),
        power_w=server.power,
        usd_per_hour=None if server.price is None else float(server.price),
        errors=errors(server.last.rows if server.last else [], found.hardware.name),
        step_error=_step_error(found),
        overhead_from=overhead_from if step else None,
        speculation=guess,
        source=source,
        sources=[*([source] if source else []), *hardware_source(found.hardware)],
        conventions=conventions(found.choices, not_counted=figures.params(found.architecture).not_in_total),
        setup=found,
    )


def _context(found: Setup, prompt: int | str | None, output: int | str | None) -> tuple[int, tuple[int, int] | None]:
    """Return the context that sequences reach, and (prompt, output) where prompts are read beside."""
    if (prompt is None) is not (output is None):
        raise UsageError("--prompt and --output are given together", hint="--prompt 2048 --output 512")
    if prompt is not None and output is not None:
        mix = tokens(prompt, "prompt"), tokens(output, "output")
        return sum(mix), mix
    contexts = found.choices.contexts
    if found.choices.given and len(contexts) > 1:
        raise UsageError("serve takes one context", hint=f"--context {contexts[0]}")
    return (contexts[0] if found.choices.given else CONTEXTS[0]), None


def _room(found: Setup, context: int, first: Workload, prefill: Step) -> memory.Room:
    """Return what fits; a prompt longer than a step's budget is read in parts, whose operands count."""
    decode = found.choices.decode(found.architecture, context)
    chunk: Workload | int = replace(first, new_tokens=min(first.new_tokens, _CHUNK))
    if first.new_tokens <= _CHUNK and found.plan.pp == 1:
        chunk = memory.activation_bytes(row.work for row in prefill.rows if isinstance(row.work, Kernel))
    each = memory.held(found.architecture, found.roofline.device, decode, chunk, found.choices.include)
    return memory.room(each, found.roofline.machine.capacity, found.reserve)


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
        draft_model: Wanted | None,
    ) -> None:
        self.found, self.context, self.mix, self.guess = found, context, mix, guess
        self.drafter = _drafter(found, draft_model) if guess and draft_model is not None else None
        watts = found.hardware.power
        self.power = float(watts.amount) if watts else None
        self.price = _price(found)
        self.last: Step | None = None

    def rows(self, batches: Sequence[int]) -> list[ServeRow]:
        """Return a row for each batch."""
        if self.mix is not None:
            mixed = [mixed_step(self.found.roofline, batch, *self.mix) for batch in batches]
            pairs = zip(batches, mixed, strict=True)
            return [self._row(n, float(m.floor_s), float(m.serial_s), m.expected_s, None) for n, m in pairs]
        load = self._decode()
        found = []
        for batch, step in zip(batches, self.found.roofline.steps(load, batches), strict=True):
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


def _drafter(found: Setup, model: Wanted) -> Roofline:
    """Return the model that drafts, on the same devices and formats."""
    from costmodel.plan import check
    from costmodel.report.source import architecture_of

    drafts = architecture_of(model, found.choices.specs)
    plan = replace(found.plan, ep=1) if found.plan.ep > 1 else found.plan
    check(drafts, plan)
    old = found.roofline
    return Roofline(drafts, found.hardware, plan, old.recipe, emulated=old.machine.emulated)


def _speculation(
    found: Setup, draft: int | str | None, accept: str | float | None, draft_model: Wanted | None
) -> Speculation | None:
    """Return the speculation that was asked for: with acceptance p, (1 - p^(k+1)) / (1 - p) tokens a step."""
    if draft is None and accept is None and draft_model is None:
        return None
    count = natural(draft if draft is not None else 1, "draft")
    if accept is None:
        raise UsageError("speculation needs the share of drafted tokens that is accepted", hint="--accept 0.8")
    try:
        share = parse_fraction(str(accept))
    except ArchcalcError as error:
        raise UsageError(f"--accept {quote(str(accept))} is not a share", hint=error.hint) from None
    if draft_model is None and "mtp" not in found.architecture.extra_components:
        raise UsageError(
            f"{found.architecture.name} has no MTP layers to draft with",
            hint="a smaller model: --draft-model NAME",
        )
    if count < 1:
        raise UsageError("--draft 0 guesses nothing", hint="leave it out, or --draft 1")
    per_step = float(sum((share**i for i in range(count + 1)), Fraction(0)))
    name = "mtp" if draft_model is None else draft_model if isinstance(draft_model, str) else draft_model.name
    return Speculation(count, float(share), per_step, name)


def _price(found: Setup) -> Fraction | None:
    if found.price is not None:
        return found.price
    return found.hardware.price.amount if found.hardware.price else None


def _limits(found: Setup, context: int, room: memory.Room, largest: int, first: Workload, prefill: Step) -> Limits:
    """Return what the memory allows and the first token's time, of a prompt alone on its devices."""
    growing = room.cache > 0
    twice = found.choices.decode(found.architecture, 2 * context)
    slope = memory.cache_bytes(found.architecture, found.roofline.device, twice) - room.cache
    cached = room.free * context // slope if slope > 0 else None
    return Limits(
        largest_batch=largest,
        bound_by="cache memory" if growing else "nothing that grows with the batch",
        cache_room_tokens=cached,
        longest_context=None if slope <= 0 else max(0, (room.free - room.cache) * context // slope + context),
        prompt=first.new_tokens,
        first_token_floor_s=float(prefill.floor_s),
        first_token_expected_s=None if prefill.expected_s is None else float(prefill.expected_s),
    )


def _step_error(found: Setup) -> float | None:
    step, device = found.roofline.overhead()
    if step is None or step.median_error is None:
        return None
    return step.median_error * (1 if device == found.hardware.name else 2)
