"""``archcalc show``: one architecture on one screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from costmodel import figures
from costmodel.report import points
from costmodel.report.choices import Asked, Choices
from costmodel.report.claims import Verdict, check_all
from costmodel.report.conventions import Conventions, conventions, not_counted
from costmodel.report.data import OPTIONAL, PRIVATE, SCHEMA
from costmodel.report.shape import Shape, describe
from costmodel.report.source import SourceRow, Wanted, check_components, entry_of, source_of

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.document import Unpublished


@dataclass(slots=True)
class WeightRow:
    """A tensor: ``shape`` of one copy, ``stored`` copies, ``values`` of all, ``active`` of them."""

    group: str
    operation: str
    name: str
    shape: list[int]
    stored: int
    values: int
    active: int
    role: str
    component: str


@dataclass(slots=True)
class Show:
    """What ``archcalc show`` prints; ``params`` and all below are None where nothing is published.

    ``patch_size``: bytes of a patch in the mean, where tokens are bytes.
    """

    name: str
    title: str | None
    aliases: list[str]
    confidence: str
    model: str  # decoder, encoder-decoder, or not published
    n_layers: int | None = None
    encoder_layers: int | None = None
    loops: int | None = None
    d_model: int | None = None
    vocab_size: int | None = None
    max_context: int | None = None
    tied: bool | None = None
    shape: Shape | None = None
    params: figures.Params | None = None
    cache: list[points.CachePoint] = field(default_factory=list)
    flops: list[points.FlopsPoint] = field(default_factory=list)
    growth: points.Growth | None = None
    receptive_field: int | None = None
    left_out: list[str] = field(default_factory=list)
    claims: list[Verdict] = field(default_factory=list)
    source: SourceRow | None = None
    sources: list[SourceRow] = field(default_factory=list)
    patch_size: int | None = field(default=None, metadata=OPTIONAL)
    weights: list[WeightRow] | None = field(default=None, metadata=OPTIONAL)
    conventions: Conventions = field(default_factory=Conventions)
    choices: Choices = field(default_factory=Choices, metadata=PRIVATE)
    command: str = "show"
    schema: str = SCHEMA


def show(architecture: Wanted, *, weights: bool = False, **asked: Unpack[Asked]) -> Show:
    """Return a model: shape, parameters, work and memory at each context, claims with verdicts.

    ``weights`` adds every tensor. A model whose architecture nobody published has claims only.

    Raises:
        UnknownSpecError: there is none of that name.
        SpecError: its spec says something impossible.
        UsageError: a choice cannot be.
    """
    from costmodel.architecture import Architecture

    choices = Choices.of(**asked)
    found = entry_of(architecture, choices.specs)
    page = _identity(found, choices)
    if not isinstance(found, Architecture):
        return page
    check_components(found, choices.include)
    page.shape = describe(found)
    page.params = figures.params(found, choices.include)
    page.cache, page.flops = points.points(found, choices)
    page.growth = points.growth(found, choices)
    page.receptive_field = figures.reach(found)
    page.conventions = conventions(choices, mla=points.ways(page.flops), without=not_counted(found, choices.include))
    if weights:
        page.weights = weight_rows(found)
    return page


def _identity(entry: Architecture | Unpublished, choices: Choices) -> Show:
    from costmodel.architecture import Architecture

    source = source_of(entry)
    page = Show(
        name=entry.name,
        title=entry.title,
        aliases=list(entry.aliases),
        confidence=entry.confidence,
        model="not published",
        max_context=entry.max_context,  # type: ignore[arg-type]  # read as a count by validation
        left_out=list(entry.left_out),
        claims=check_all(entry),
        source=source,
        sources=[source] if source else [],
        conventions=conventions(choices),
        choices=choices,
    )
    if isinstance(entry, Architecture):
        page.model = entry.sort
        page.n_layers, page.loops = entry.n_layers, entry.loops
        page.encoder_layers = entry.encoder.n_layers if entry.encoder else None
        page.patch_size = entry.patches.size if entry.patches else None
        page.d_model, page.vocab_size, page.tied = entry.d_model, entry.vocab_size, entry.tied
    return page


def weight_rows(architecture: Architecture) -> list[WeightRow]:
    """Return every stored tensor, in the order of the operations that use it."""
    from costmodel.workload import Workload

    rows = []
    for op, weight in figures.weights(architecture.lower(Workload())):
        if weight.stored:
            group, _, operation = op.path.rpartition(".")
            rows.append(
                WeightRow(
                    group or op.path,
                    operation,
                    weight.name,
                    list(weight.shape),
                    weight.stored,
                    weight.total,
                    weight.active,
                    weight.role,
                    op.component,
                )
            )
    return rows
