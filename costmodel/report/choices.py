"""What a page is asked for: contexts, dtypes, what to count. One record for all commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, get_args

from costmodel.dtypes import BF16, Recipe
from costmodel.errors import ArchcalcError, UsageError, one_of, quote
from costmodel.workload import Attention, LatentMode, Logits, Workload

if TYPE_CHECKING:
    from costmodel.architecture import Architecture

CONTEXTS = (4 * 1024, 32 * 1024, 128 * 1024)
_WORDS = {"attention": get_args(Attention), "logits": get_args(Logits), "mla": get_args(LatentMode)}
_MOST = 2**60  # tokens; beyond it a context is a typing mistake


class Asked(TypedDict, total=False):
    """Keywords that every command's function takes; all have defaults.

    ``context``: total tokens, ints or texts such as "128Ki". ``dtype``: "bf16" or
    "weights=fp8,kv=fp8". ``page``: tokens in a page of a paged cache. ``batch``: sequences.
    ``attention``: causal or full pairs. ``logits``: head at all positions or the last. ``mla``:
    auto, absorbed, expanded or expanded-cached. ``include``: components to add to the total.
    ``source``: tokens of an encoder's input (default: the context). ``prefix``: the first tokens of a
    sequence that a block sees otherwise, such as a prompt (default: all). ``specs``: further folders
    of specs.
    """

    context: Sequence[int | str]
    dtype: str
    page: int | str
    batch: int | str
    attention: str
    logits: str
    mla: str
    include: Sequence[str]
    source: int | str | None
    prefix: int | str | None
    specs: Sequence[str | Path]


@dataclass(slots=True, frozen=True)
class Choices:
    """The same, read and checked. ``given``: contexts were asked for, not the default ones."""

    contexts: tuple[int, ...] = CONTEXTS
    given: bool = False
    recipe: Recipe = BF16
    page: int = 16
    batch: int = 1
    attention: Attention = "causal"
    logits: Logits = "all"
    mla: LatentMode = "auto"
    include: tuple[str, ...] = ()
    source: int | None = None
    prefix: int | None = None
    specs: tuple[Path, ...] = ()

    @classmethod
    def of(cls, **asked: Any) -> Choices:
        """Read the keywords of ``Asked``.

        Raises:
            UsageError: one of them says something impossible; the message names the option.
        """
        for name in asked:
            if name not in Asked.__annotations__:
                raise UsageError(f'there is no choice "{name}"', hint="choices: " + ", ".join(Asked.__annotations__))
        contexts = asked.get("context")
        found: dict[str, Any] = {"recipe": Recipe.parse(asked["dtype"])} if asked.get("dtype") else {}
        if contexts is not None:
            each = [contexts] if isinstance(contexts, (str, int)) else list(contexts)
            found["contexts"] = tuple(dict.fromkeys(tokens(value, "context") for value in each))
            found["given"] = True
            if not found["contexts"]:
                raise UsageError("there is no context", hint="--context 4Ki,32Ki,128Ki")
        for name in ("page", "batch", "source"):
            if asked.get(name) is not None:
                found[name] = tokens(asked[name], name)
        if asked.get("prefix") is not None:
            found["prefix"] = natural(asked["prefix"], "prefix")
        for name, words in _WORDS.items():
            if asked.get(name) is not None:
                found[name] = _word(asked[name], name, words)
        found["include"] = tuple(dict.fromkeys(asked.get("include") or ()))
        if asked.get("specs"):
            from costmodel.catalog import asked_folders

            found["specs"] = asked_folders(asked["specs"])
        return cls(**found)

    def prefill(self, architecture: Architecture, context: int) -> Workload:
        """Return the step that reads a whole prompt."""
        return self._load(new_tokens=context, source_new=self._source(architecture, context))

    def decode(self, architecture: Architecture, context: int) -> Workload:
        """Return the step that adds the last token of a context."""
        source = self._source(architecture, context)
        return self._load(new_tokens=1, cached_tokens=context - 1, source_cached=source)

    def step(self, new: int, cached: int, source_new: int, source_cached: int) -> Workload:
        """Return any other step, over the whole batch."""
        return self._load(
            batch=self.batch, new_tokens=new, cached_tokens=cached, source_new=source_new, source_cached=source_cached
        )

    def _load(self, **sizes: int) -> Workload:
        return Workload(
            attention=self.attention, logits=self.logits, mla=self.mla, page=self.page, prefix=self.prefix, **sizes
        )

    def check(self, architecture: Architecture) -> None:
        """Raise UsageError where a choice is about something that an architecture does not have."""
        if self.prefix is not None and not architecture.has_prefix:
            raise UsageError(
                f"--prefix says how long a prefix is, and no block of {architecture.name} has one",
                hint="leave it out, or give a block prefix: bidirectional",
            )

    def _source(self, architecture: Architecture, context: int) -> int:
        if not architecture.reads_source:
            return 0
        return context if self.source is None else self.source


def tokens(value: int | str, name: str) -> int:
    """Read a positive count such as 4096 or "128Ki". Raises UsageError that names the option."""
    number = _count(value, name)
    if not 0 < number <= _MOST:
        raise UsageError(f"--{name} {quote(value)} is not a number from 1 to 2^60", hint=f"--{name} 1")
    return number


def natural(value: int | str, name: str) -> int:
    """Read a count that may be 0. Raises UsageError that names the option."""
    number = _count(value, name)
    if not 0 <= number <= _MOST:
        raise UsageError(f"--{name} {quote(value)} is not a number from 0 to 2^60")
    return number


def _count(value: int | str, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    from costmodel.units import parse_count

    if not isinstance(value, str):
        raise UsageError(f"--{name} takes a count, not {quote(value)}")
    try:
        return parse_count(value)
    except ArchcalcError as error:
        raise UsageError(f"--{name}: {error.message}", hint=error.hint) from None


def _word(value: str, name: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise UsageError(f"--{name} is {one_of(words)}, not {quote(value)}")
    return value
