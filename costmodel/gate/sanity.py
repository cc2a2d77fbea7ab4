"""Rules that need no budget: what is unwise, or not what it seems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from costmodel import figures
from costmodel.amounts import bytes_text, fixed
from costmodel.errors import UsageError, quote
from costmodel.gate.files import Subject
from costmodel.gate.workloads import Load
from costmodel.report.claims import check_all
from costmodel.schedule import turns
from costmodel.units import context_text, count_text

if TYPE_CHECKING:
    from costmodel.profiles import Hardware

HARDWARE = "8x h200-sxm"
_TP = 8  # devices that share a node's fast links
_TILE = 64  # values of 16 bits: 128 bytes
_ROW = 8  # values of 16 bits: 16 bytes
_PROMPT = Load(context=8192, phase="prefill", logits="last")  # what engines compute at once by default
_WIDTHS = ("d_model", "d_ff", "d_inner", "kv_lora_rank", "q_lora_rank")
_HEADS = ("head_dim", "v_head_dim", "qk_nope_head_dim", "qk_rope_head_dim")

DataPath = tuple[str | int, ...]


@dataclass(slots=True, frozen=True)
class Odd:
    """What a rule sees: a sentence, the way out, and the fields that it is about (the first is marked)."""

    message: str
    fields: tuple[DataPath, ...]
    hint: str = ""
    severity: str | None = None  # other than the rule's own


@dataclass(frozen=True)
class Reference:
    """The machine that rules about memory and speed think of."""

    devices: int
    profile: Hardware

    @classmethod
    def of(cls, text: str) -> Reference:
        """Read ``8x h200-sxm``. Raises UnknownSpecError for a device that does not exist."""
        from costmodel.profiles import load_hardware

        machines = Load(hardware=text).machines
        if machines is None:
            raise UsageError(f"--hardware {quote(text)} names no device", hint=f'--hardware "{HARDWARE}"')
        profile = load_hardware(machines[1])
        if "bf16" not in profile.dense_peak:
            raise UsageError(f"--hardware: {profile.name} has no bf16 matmul", hint="the rules think of bf16")
        return cls(machines[0], profile)

    @cached_property
    def ridge(self) -> Fraction:
        """FLOPs of bf16 a byte where compute and memory take as long."""
        peak = self.profile.dense_peak["bf16"].amount
        return Fraction(peak) / Fraction(self.profile.memory_bandwidth.amount)

    @cached_property
    def memory(self) -> Fraction:
        """Bytes of all devices."""
        return self.devices * Fraction(self.profile.memory_capacity.amount)

    @property
    def text(self) -> str:
        """Return ``8 x h200-sxm``."""
        return f"{self.devices} x {self.profile.name}" if self.devices > 1 else self.profile.name


@cache
def _sequence(tokens: int | str) -> Load:
    return Load(context=tokens)


Rule = Callable[[Subject, Reference], Iterator[Odd]]


def cut_schedules(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC150."""
    model: Any = subject.architecture
    stacks: list[tuple[DataPath, Any, int]] = [((), model, model.n_layers)]
    if model.encoder is not None:
        stacks.append((("encoder",), model.encoder, model.encoder.n_layers))
    if model.patches is not None:
        stacks.append((("patches",), model.patches, model.patches.n_layers))
        stacks.append((("patches", "encoder"), model.patches.encoder, model.patches.encoder.n_layers))
    for path, stack, layers in stacks:
        schedules = [((*path, field), getattr(stack, field)) for field in ("mixer", "ffn")]
        schedules += [((*path, "layer", i), one) for i, one in enumerate(stack.layer or [])]
        for field, schedule in schedules:
            cut = turns(schedule, layers) if isinstance(schedule, str) else None
            if cut:
                whole, length, last = cut
                names = ", ".join(dict.fromkeys(last))
                noun = "the last layer is" if len(last) == 1 else "the last layers are"
                message = f"{layers} = {whole} x {length} + {len(last)}: {noun} {names}"
                yield Odd(message, (field, (*path, "n_layers")))


def _with(subject: Subject, *fields: str) -> Iterator[tuple[DataPath, str, int]]:
    """Yield the whole numbers of blocks in fields of these names, shared experts included, with their paths."""
    for path, values in subject.numbers.items():
        for field in fields:
            if field in values:
                yield (*path, field), field, values[field]


def undivided_heads(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC151."""
    for path, _field, heads in _with(subject, "n_heads"):
        if heads % _TP:
            near = f"{heads - heads % _TP} or {heads + _TP - heads % _TP}" if heads > _TP else str(_TP)
            yield Odd(f"{heads} query heads do not divide over {_TP} devices", (path,), f"{near} would")


def repeated_kv_heads(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC152."""
    for path, _field, heads in _with(subject, "n_kv_heads"):
        if heads % _TP:
            each = -(-_TP // heads) if heads < _TP else 0
            how = f"each is kept on {each}" if each and not _TP % heads else "some are kept twice"
            noun = "KV head" if heads == 1 else "KV heads"
            yield Odd(f"{heads} {noun} on {_TP} devices: {how}", (path,))


def unaligned(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC153."""
    encoder = subject.architecture.encoder
    own = [(("encoder", "d_model"), "d_model", encoder.d_model)] if encoder and encoder.d_model else []
    sizes: list[tuple[DataPath, str, int]] = [
        (("d_model",), "d_model", subject.architecture.d_model),
        *own,
        *_with(subject, *_WIDTHS, *_HEADS),
    ]
    for path, field, size in sizes:
        tile = _ROW if field in _HEADS else _TILE
        if size % tile:
            near = size + tile - size % tile
            severity = "warning" if size % _ROW else None
            yield Odd(
                f"{field} {count_text(size)} is no multiple of {tile}", (path,), f"{count_text(near)} is", severity
            )


def hardly_sparse(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC154."""
    experts = {path[:-1]: size for path, _field, size in _with(subject, "n_experts")}
    for path, _field, chosen in _with(subject, "top_k"):
        total = experts.get(path[:-1])
        if total and 2 * chosen > total:
            yield Odd(f"{chosen} of {total} experts work on every token", (path, (*path[:-1], "n_experts")))


def unpadded_vocabulary(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC155."""
    size = subject.architecture.vocab_size
    if size % _TILE:
        padded = size + _TILE - size % _TILE
        yield Odd(
            f"vocab_size {count_text(size)} is no multiple of {_TILE}", (("vocab_size",),), f"{count_text(padded)} is"
        )


def wide_windows(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC156."""
    longest = subject.architecture.max_context
    for path, field, size in _with(subject, "window", "chunk"):
        if isinstance(longest, int) and size >= longest:
            yield Odd(
                f"{field} {count_text(size)} is not below max_context {count_text(longest)}", (path, ("max_context",))
            )


def claims(subject: Subject, _: Reference) -> Iterator[Odd]:
    """AC157."""

    def figure(name: str, _model: object, at: int | str | None) -> int:
        return int(subject.figures(name, None if at is None else _sequence(at)))

    for index, verdict in enumerate(check_all(subject.architecture, figure)):
        if verdict.computed is None or verdict.expected:
            continue
        ours = f"{verdict.figure} is {verdict.computed:,}"
        if verdict.verdict == "holds":
            yield Odd(f"{ours}: {verdict.published} holds, and the spec says that it does not", (("claims", index),))
        else:
            yield Odd(f"{ours}, not {verdict.published} ({verdict.source})", (("claims", index, "value"),))


def idle_weights(subject: Subject, reference: Reference) -> Iterator[Odd]:
    """AC158."""
    model = subject.architecture
    params = figures.params(model)
    read = 2 * (params.total - (params.active - params.active_without_lookup))
    # Nearly every weight but the head's multiplies every token: most models need no closer look.
    least = 2 * 8192 * (params.active_without_lookup - params.components.get("lm_head", 0)) * Fraction(9, 10)
    if not model.tied and least >= reference.ridge * read:
        return
    work = subject.figures("flops.forward", _PROMPT)
    intensity = work / read
    if intensity < reference.ridge:
        yield Odd(
            f"a prompt of 8Ki tokens does {fixed(intensity, 0)} FLOP per byte of weights, "
            f"{reference.profile.name} can do {fixed(reference.ridge, 0)}",
            (("blocks",),),
        )


def oversized_cache(subject: Subject, reference: Reference) -> Iterator[Odd]:
    """AC159."""
    longest = subject.architecture.max_context
    if not isinstance(longest, int):
        return
    size = subject.figures("cache.bytes", _sequence(longest))
    if size > reference.memory:
        yield Odd(
            f"one sequence of {context_text(longest)} tokens keeps {bytes_text(size)}, "
            f"{reference.text} hold {bytes_text(reference.memory)}",
            (("max_context",),),
        )


SANITY: dict[str, Rule] = {
    "AC150": cut_schedules,
    "AC151": undivided_heads,
    "AC152": repeated_kv_heads,
    "AC153": unaligned,
    "AC154": hardly_sparse,
    "AC155": unpadded_vocabulary,
    "AC156": wide_windows,
    "AC157": claims,
    "AC158": idle_weights,
    "AC159": oversized_cache,
}
