"""The proof of a spec: a small PyTorch model built from it, and every figure of both beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.catalog import asked_folders, document
from costmodel.errors import InvalidSpec, UnknownSpecError, UsageError
from costmodel.loader import locate
from costmodel.report.data import SCHEMA

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.importers.document import ImportedDocument
    from costmodel.verify.equality import Equality


@dataclass(slots=True)
class FigureRow:
    """One figure at one step: ours and PyTorch's, and the terms that differ where the figure does."""

    figure: str
    at: str
    archcalc: int
    pytorch: int
    equal: bool
    terms: list[str]


@dataclass(slots=True)
class FullSize:
    """What an imported configuration was compared with at full size, or why it was not: ``note``."""

    by: str | None
    model: str | None
    note: str


@dataclass(slots=True)
class Verified:
    """One spec: the size it was scaled down to, and the comparisons up to the first that fails.

    ``full_size`` is for imported configurations, which have a published class.
    """

    name: str
    n_layers: int
    d_model: int
    parameters: int
    equal: int
    differs: FigureRow | None
    figures: list[FigureRow]
    full_size: FullSize | None = None


@dataclass(slots=True)
class Verify:
    """What ``archcalc verify`` prints. ``proved``: every figure of every spec was the same integer."""

    proved: bool
    specs: list[Verified]
    torch: str
    schema: str = SCHEMA
    command: str = "verify"
    skipped: list[str] = field(default_factory=list)


def verify_(*wanted: str, specs: Sequence[str | Path] = (), seed: int = 0) -> Verify:
    """Prove specs by running small models built from them.

    Each is scaled down with all its mechanisms, options and kinds of layers; ``seed`` draws the
    steps and weights. Parameters of a ``config.json`` are also those of transformers' class at full
    size. ``skipped`` are entries of the catalog whose architecture nobody published.

    Raises:
        UnknownSpecError, SpecError: a spec is not there, or says something impossible.
        UsageError: PyTorch is not installed, or no spec is named.
    """
    if not wanted:
        raise UsageError("verify needs a spec", hint="archcalc verify my-model.yaml")
    try:
        from costmodel.verify import compare
    except ModuleNotFoundError:
        raise UsageError("verify runs PyTorch, which is not installed", hint='pip install "archcalc[verify]"') from None
    folders = asked_folders(specs)
    compare.on_one_thread()
    found, skipped = [], []
    for name in wanted:
        one = _verified(name, folders, seed)
        if one is None:
            skipped.append(name)
        else:
            found.append(one)
    if not found:
        raise UnknownSpecError("nothing is published that could be verified", hint=f"skipped: {', '.join(skipped)}")
    return Verify(all(one.differs is None for one in found), found, compare.version(), skipped=skipped)


def _verified(name: str, folders: Sequence[Path], seed: int) -> Verified | None:
    from costmodel import figures
    from costmodel.architecture import Architecture
    from costmodel.importers.document import ImportedDocument
    from costmodel.validation import parse
    from costmodel.verify.compare import Comparison
    from costmodel.verify.scaling import scaled

    whole = document(name, folders)
    try:
        large = parse(whole.data)
    except InvalidSpec as error:
        raise locate(error, whole) from None
    if not isinstance(large, Architecture):
        return None
    small = scaled(whole.data)
    architecture = parse(small)
    assert isinstance(architecture, Architecture)
    rows, differs = _up_to_a_difference(Comparison(architecture, small, seed).run())
    summed = Verified(large.name, architecture.n_layers, architecture.d_model, 0, 0, differs, rows)
    summed.parameters = figures.params(architecture).total
    if isinstance(whole, ImportedDocument):
        _at_full_size(summed, large, whole)
    summed.equal = sum(row.equal for row in rows)
    return summed


def _at_full_size(found: Verified, architecture: Architecture, whole: ImportedDocument) -> None:
    """Add the parameters at full size, where transformers has a class of the configuration."""
    from costmodel.importers.json_text import read
    from costmodel.nodes import Source

    data = read(Source(whole.where, whole.text)) if whole.text else {}
    if "model_type" not in data:  # not a configuration of transformers
        return
    found.full_size = FullSize(None, None, "not compared after a figure that differs")
    if found.differs is not None:
        return
    try:
        from costmodel.verify import full_size
    except ModuleNotFoundError:
        found.full_size.note = 'transformers is not installed: pip install "archcalc[verify]"'
        return
    found.full_size.by = full_size.by()
    try:
        built = full_size.FullSize(data, architecture.n_layers)
    except full_size.NotBuilt as error:
        found.full_size.note = str(error)
        return
    found.full_size.model, found.full_size.note = built.name, ""
    rows, found.differs = _up_to_a_difference(built.compare(architecture, towers=not whole.imported.left_out))
    found.figures += rows


def _up_to_a_difference(compared: Iterable[Equality]) -> tuple[list[FigureRow], FigureRow | None]:
    rows = []
    for row in compared:
        rows.append(FigureRow(row.figure, row.at, row.archcalc, row.reference, row.equal, list(row.terms)))
        if not row.equal:
            return rows, rows[-1]
    return rows, None
