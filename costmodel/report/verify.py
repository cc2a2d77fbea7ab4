"""The proof of a spec: a small PyTorch model built from it, and every figure of both beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.catalog import asked_folders, document
from costmodel.errors import InvalidSpec, UnknownSpecError, UsageError
from costmodel.loader import locate
from costmodel.report.data import SCHEMA

if TYPE_CHECKING:
    from costmodel.architecture import Architecture


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
class Verified:
    """One spec: the size it was scaled down to, and the comparisons up to the first that fails."""

    name: str
    n_layers: int
    d_model: int
    parameters: int
    equal: int
    differs: FigureRow | None
    figures: list[FigureRow]


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
    steps and weights. ``skipped`` are entries of the catalog whose architecture nobody published.

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
    from costmodel.architecture import Architecture
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
    comparison = Comparison(architecture, small, seed)
    rows: list[FigureRow] = []
    for row in comparison.run():
        rows.append(FigureRow(row.figure, row.at, row.archcalc, row.reference, row.equal, list(row.terms)))
        if not row.equal:
            break
    return _summed(large, architecture, rows)


def _summed(large: Architecture, small: Architecture, rows: list[FigureRow]) -> Verified:
    from costmodel import figures

    differs = next((row for row in rows if not row.equal), None)
    equal = sum(row.equal for row in rows)
    return Verified(large.name, small.n_layers, small.d_model, figures.params(small).total, equal, differs, rows)
