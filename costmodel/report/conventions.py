"""The conventions that a page followed: the same record in every output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.report.choices import Choices


@dataclass(slots=True)
class Conventions:
    """What the words of a page meant. ``mla``: how latent attention was run, by phase."""

    parameters: str = "learnable values of the language model, tied tensors once"
    active: str = "values one token passes through, in expectation; embedding and head included"
    flop: str = "one multiply or one add"
    cache: str = "what one sequence must keep after so many tokens"
    attention: str = "causal"
    logits: str = "all"
    mla: dict[str, str] = field(default_factory=dict)
    dtype: str = "bf16"
    page: int = 16
    included: list[str] = field(default_factory=list)
    not_counted: list[str] = field(default_factory=list)


def not_counted(architecture: Architecture, include: Sequence[str] = ()) -> list[str]:
    """Return the parts of a model that are in no total: those not asked for, and those that its spec leaves out."""
    return [*figures.params(architecture, include).not_in_total, *architecture.left_out]


def conventions(
    choices: Choices, *, mla: dict[str, Iterable[str]] | None = None, without: Iterable[str] = ()
) -> Conventions:
    """Return the conventions of a page.

    ``mla`` lists the executions seen in each phase; ``without`` are parts in no total.
    """
    ways = {phase: " and ".join(dict.fromkeys(seen)) for phase, seen in (mla or {}).items()}
    return Conventions(
        attention=choices.attention,
        logits=choices.logits,
        mla={phase: seen for phase, seen in ways.items() if seen},
        dtype=choices.recipe.cache_text,
        page=choices.page,
        included=list(choices.include),
        not_counted=list(dict.fromkeys(without)),
    )
