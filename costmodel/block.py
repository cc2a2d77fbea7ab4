"""What every block shares: closed, strict models with a few fields and a ``lower()``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from costmodel.errors import FieldError
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.steps import STEPS
from costmodel.units import count_text, parse_fraction

# A dimension beyond 2^40 is a typing mistake; it also keeps every product printable.
Count = Annotated[int, Field(gt=0, le=2**40)]
# Beyond any network, and small enough that unrolling a schedule takes no time.
Layers = Annotated[int, Field(gt=0, le=10_000)]
Natural = Annotated[int, Field(ge=0, le=2**40)]


def _fraction(value: object, *, share: bool = True) -> object:
    """Read an exact share such as "1/8", or any such number."""
    if isinstance(value, str):
        return parse_fraction(value, share=share)
    if isinstance(value, float):
        return Fraction(str(value))  # the decimal that was written, not its binary neighbour
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    return value


Share = Annotated[Fraction, BeforeValidator(_fraction), Field(gt=0, le=1)]
# A positive number that may be an expectation: 8, 1.25 or "5/4".
Expected = Annotated[Fraction, BeforeValidator(lambda value: _fraction(value, share=False)), Field(gt=0)]


class Impossible(FieldError):  # noqa: N818  (reads as what it says: these fields are impossible)
    """Fields that contradict each other: what is wrong, where, and the way out.

    ``field`` is a path from the model that raises, as ``indexer`` or ``encoder.layer[1]``.
    """

    def __init__(self, message: str, field: str, hint: str | None = None, code: str = "AC120") -> None:
        super().__init__(message, code=code, hint=hint, path=_path(field))


@contextmanager
def within(*path: str | int) -> Iterator[None]:
    """Put the path of a part before that of what is impossible in it."""
    try:
        yield
    except Impossible as error:
        error.path = (*path, *error.path)
        raise


def _path(field: str) -> tuple[str | int, ...]:
    parts = re.findall(r"[^.\[\]]+", field)
    return tuple(int(part) if part.isdigit() else part for part in parts)


class Model(BaseModel):
    """A closed, strict, frozen model: unknown fields and loose types are errors."""

    model_config = ConfigDict(defer_build=True, strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Block(Model):
    """A mechanism at some places of a stack.

    ``keep`` is the share of tokens that enter the block at all (Mixture of Depths,
    arXiv:2404.02258; token merging); ``keep_router`` adds the d_model -> 1 router that picks them.
    ``extra_norm``: norms of the block's own, of the stack's kind, beside those of its sublayer: one
    before it (``pre``), one after it (``post``), both (``sandwich``), or one after it that has no
    weights (``plain``). ``input_gate``: the input is multiplied by a sigmoid that comes from it
    through a bottleneck of that width (transformers' axk2).
    """

    component: ClassVar[str]  # the line of a report that its weights belong to
    role: ClassVar[str]  # the dtype role of its weights: attention, ffn
    section: ClassVar[str] = "blocks"  # the field of a spec that declares it
    own_norms: ClassVar[bool] = False  # True where the block brings the norms of its sublayer
    reads_source: ClassVar[bool] = False  # True where it reads the tokens of an encoder
    source_as_wide: ClassVar[bool] = False  # True where those tokens must be as wide as its own
    reads_host: ClassVar[bool] = False  # True where it reads the cache of another model

    kind: str
    keep: Share | None = None
    keep_router: bool = False
    extra_norm: Literal["pre", "post", "sandwich", "plain"] | None = None
    input_gate: Count | None = None

    @model_validator(mode="after")
    def _keeps_some(self) -> Self:
        if self.keep_router and self.keep is None:
            raise Impossible("keep_router picks the tokens to keep, and all are kept", "keep_router", "add keep")
        if self.input_gate and self.keep is not None:
            raise Impossible("input_gate works on all tokens, and some are kept", "input_gate", "leave keep out")
        return self

    def lower(self, at: Site) -> Iterator[Op]:
        """Yield the operations of the block at all its places."""
        raise NotImplementedError

    def check(self, blocks: Mapping[str, Block]) -> None:
        """Raise Impossible where the block contradicts others that it names."""

    def reads(self) -> tuple[str, ...]:
        """Return the blocks whose cache or choice of keys this one uses, which must stand before it."""
        return ()

    def reach(self) -> int | None:
        """Return over how many tokens one layer moves information back; None for any number."""
        return None

    def of_decoder(self) -> str | None:
        """Return a field that was set and means something in the layers of a decoder alone."""
        return next((name for name in ("prefix", "separate_inputs") if getattr(self, name, None)), None)

    def describe(self) -> str:
        """Return the block in a few words for tables, as ``moe 8/256+1``."""
        return self.kind

    def details(self) -> str:
        """Return the sizes of the block on one line: the fields that were set, unless told otherwise."""
        return ", ".join(
            f"{name} {count_text(value)}"
            for name, value in self
            if isinstance(value, int) and not isinstance(value, bool) and value != type(self).model_fields[name].default
        )


def lower_block(block: Block, at: Site) -> Iterator[Op]:
    """Yield what a block does at a site, with the share of tokens that enter it."""
    if block.input_gate:
        yield from _gated_input(at.sub("input_gate"), block.input_gate)
    if block.keep is None:
        yield from block.lower(at)
        return
    if block.keep_router:
        yield at.project("keep_router", router=1, role="router")
    yield from block.lower(at.kept_share(block.keep))


def _gated_input(at: Site, rank: int) -> Iterator[Op]:
    """Yield a gate on the input: down, an activation, up, a sigmoid, a product."""
    yield at.project("down", down=rank)
    yield at.vector("activation", rank, STEPS["activation"])
    yield at.project("up", d_in=rank, up=at.width)
    yield at.vector("gated", at.width, STEPS["activation"] + STEPS["gate"], inputs=2)


def require_multiple(model: Any, field: str, of: str) -> None:
    """Raise Impossible unless one field is a multiple of another, with near values that work."""
    value, divisor = getattr(model, field), getattr(model, of)
    if value % divisor:
        below, above = value // divisor * divisor, -(-value // divisor) * divisor
        near = ", ".join(str(n) for n in (below, above) if n)
        divisors = [n for n in range(1, min(value, 4096) + 1) if value % n == 0]
        closest = sorted(sorted(divisors, key=lambda n: abs(n - divisor))[:3])
        raise Impossible(
            f"{field} {value} is not a multiple of {of} {divisor}",
            field,
            f"{near}; or {of} {', '.join(map(str, closest))}",
        )


def require_known(names: Iterable[str], known: Iterable[str], field: str) -> None:
    """Raise Impossible where a list names something unknown."""
    allowed = list(known)
    for name in names:
        if name not in allowed:
            raise Impossible(f'{field} knows no "{name}"', field, "it may list " + ", ".join(allowed), "AC103")
