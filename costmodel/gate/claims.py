"""``archcalc claims``: statements about architectures, checked with what archcalc computes now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from costmodel import catalog
from costmodel.amounts import fixed, ratio
from costmodel.errors import ArchcalcError, UnknownSpecError, UsageError, did_you_mean, quote
from costmodel.gate import files
from costmodel.gate.claim_file import Claim, File, Proof, Sentence, Term, read_claims
from costmodel.gate.files import Subject, shown
from costmodel.gate.findings import amount, number
from costmodel.gate.terms import Reference
from costmodel.gate.workloads import load_of
from costmodel.loader import Mark
from costmodel.report.claims import check_all
from costmodel.report.data import SCHEMA

FOLDER = "claims"  # of the specs that ship
MODELS = "models"  # small specs beside the claims, found only by them
# A figure of each dimension, so that an expression is printed as figures of its unit are.
_LIKE = {
    "count": "n_layers",
    "params": "params.total",
    "bytes": "cache.bytes",
    "seconds": "time.floor_s",
    "FLOP": "flops.forward",
}


@dataclass(slots=True)
class CheckRow:
    """A check of a statement. ``value`` is its left side or figure; ``place`` where it stands."""

    text: str
    passed: bool
    value: Fraction | None
    place: str


@dataclass(slots=True)
class FigureRow:
    """A figure of a statement, exact and as text."""

    name: str
    value: Fraction
    text: str


@dataclass(slots=True)
class ClaimRow:
    """A statement of the field and its verdict: holds, does not hold, not decidable.

    ``expected`` is what the file says of it and ``as_expected`` whether they agree. ``right`` is
    what is right instead, or what makes the statement precise. ``unverified``: a figure from
    outside was not read at its source.
    """

    id: str
    number: str
    subject: str
    statement: str
    verdict: str
    expected: str
    as_expected: bool
    checks: list[CheckRow]
    figures: list[FigureRow]
    right: str | None
    reason: str | None
    source: str | None
    unverified: bool
    place: str


@dataclass(slots=True)
class CatalogClaim:
    """A claim of a spec in the catalog beside our figure. ``verdict``: holds, does not hold, not computed."""

    spec: str
    figure: str
    at: int | None
    published: str
    computed: int | None
    verdict: str
    as_expected: bool
    reason: str | None
    source: str
    unverified: bool


@dataclass(slots=True)
class Claims:
    """What ``archcalc claims`` prints. The counts are those of ``claims``; ``unexpected`` counts ``catalog`` too."""

    claims: list[ClaimRow]
    catalog: list[CatalogClaim]
    holds: int
    does_not_hold: int
    not_decidable: int
    unexpected: int
    command: str = "claims"
    schema: str = SCHEMA


def claims(*wanted: str, source: str | Path | None = None, specs: Sequence[str | Path] = ()) -> Claims:
    """Return statements of the field and claims of the catalog with their verdicts.

    ``wanted`` are ids, numbers (12 stands for 12a, 12b, ...), subjects and names of specs; without
    any, everything. ``source`` is a file or folder of claims instead of the ones that ship.

    Raises:
        UnknownSpecError: there is no such file or folder.
        SpecError: a file of claims says something impossible; the message has its place.
        UsageError: nothing is called so.
    """
    where = Path(source) if source is not None else catalog.spec_root() / FOLDER
    run = _Run(where, catalog.asked_folders(specs))
    chosen = run.chosen(wanted)
    rows = [run.row(claim) for claim in chosen.claims]
    published = [one for spec in chosen.specs for one in _published(spec, run.folders)]
    verdicts = [row.verdict for row in rows]
    return Claims(
        claims=rows,
        catalog=published,
        holds=verdicts.count("holds"),
        does_not_hold=verdicts.count("does not hold"),
        not_decidable=verdicts.count("not decidable"),
        unexpected=sum(not row.as_expected for row in rows) + sum(not row.as_expected for row in published),
    )


def names() -> list[str]:
    """Return what may be asked for of the claims that ship: subjects, ids, and the names of specs."""
    run = _Run(catalog.spec_root() / FOLDER, ())
    return [*(file.name for file in run.files), *(claim.said.id for claim in run.claims), *catalog.names()]


@dataclass(slots=True)
class _Chosen:
    claims: list[Claim]
    specs: list[str]


class _Run:
    """One run over files of claims; every spec is read once."""

    def __init__(self, where: Path, folders: Sequence[Path]) -> None:
        models = (where if where.is_dir() else where.parent) / MODELS
        self.folders = tuple(folders)
        self.ships = where == catalog.spec_root() / FOLDER
        self.everywhere = (*folders, models) if models.is_dir() else tuple(folders)
        self.subjects: dict[str, Subject] = {}
        self.files = [read_claims(path, self.find) for path in _paths(where)]
        self.claims = [claim for file in self.files for claim in file.claims]
        self.claims.sort(key=lambda one: (one.row, one.number))
        seen: dict[str, Claim] = {}
        for claim in self.claims:
            other = seen.setdefault(claim.said.id, claim)
            if other is not claim:
                index = claim.file.claims.index(claim)
                error = UsageError(f"the id {quote(claim.said.id)} is given twice", "AC011", hint=_at(other.place))
                raise claim.file.located(("claims", index, "id"), error)

    def find(self, name: str) -> Path:
        """Return the file of a spec. Raises UnknownSpecError."""
        return catalog.find(name, self.everywhere)

    def subject(self, name: str) -> Subject:
        """Return a spec, read."""
        if name not in self.subjects:
            self.subjects[name] = files.read(self.find(name), self.everywhere)
        return self.subjects[name]

    def chosen(self, wanted: Iterable[str]) -> _Chosen:
        """Return what ids, numbers, subjects and names of specs mean. Raises UsageError."""
        asked = list(wanted)
        if not asked:
            return _Chosen(self.claims, catalog.names(self.folders) if self.ships else [])
        keep: set[str] = set()
        specs: list[str] = []
        for word in asked:
            ids = {one.said.id for one in self.claims if word in (one.said.id, one.number, one.file.name)}
            ids |= {one.said.id for one in self.claims if word == str(one.row)}
            if not ids:
                spec = self._spec(word)
                specs.append(spec.stem)
                ids = {one.said.id for one in self.claims if spec in map(self.find, _named(one))}
            keep |= ids
        return _Chosen([one for one in self.claims if one.said.id in keep], list(dict.fromkeys(specs)))

    def _spec(self, word: str) -> Path:
        try:
            return self.find(word)
        except UnknownSpecError:
            known = [*(one.said.id for one in self.claims), *(file.name for file in self.files)]
            hint = did_you_mean(word, [*known, *catalog.names(self.folders)]) or "ids and numbers: archcalc claims"
            raise UsageError(f"there is no claim, subject or spec {quote(word)}", hint=hint) from None

    def row(self, claim: Claim) -> ClaimRow:
        """Return a statement with its verdict. Raises SpecError with the place of what cannot be computed."""
        said = claim.said
        checks = [self._check(test, claim.file) for test in claim.tests]
        verdict = "not decidable"
        if checks:
            verdict = "holds" if all(check.passed for check in checks) else "does not hold"
        return ClaimRow(
            id=said.id,
            number=claim.number,
            subject=claim.file.subject,
            statement=_plain(said.statement),
            verdict=verdict,
            expected=said.verdict,
            as_expected=verdict == said.verdict,
            checks=checks,
            figures=[self._figure(term, claim.file) for term in claim.terms],
            right=self._text(claim.right, claim.file),
            reason=self._text(claim.reason, claim.file),
            source=_plain(said.source) if said.source else None,
            unverified=said.unverified,
            place=_at(claim.place),
        )

    def _look_up(self, reference: Reference, file: File) -> Fraction:
        """Return a figure; that it names its spec was seen when the file was read."""
        load = load_of(reference.at, file.workloads) if reference.at else None
        return self.subject(str(reference.spec)).figures(reference.name, load)

    def _value(self, term: Proof | Term, file: File) -> Fraction | bool:
        try:
            return term.expression.value(lambda reference: self._look_up(reference, file))
        except ArchcalcError as error:
            raise file.located(term.path, error) from None

    def _check(self, test: Proof, file: File) -> CheckRow:
        found = self._value(test, file)
        if not isinstance(found, bool):
            return CheckRow(test.text, test.holds(found), found, _at(test.place))
        sides = test.expression.sides(lambda reference: self._look_up(reference, file))
        return CheckRow(test.text, found, sides[1] if sides else None, _at(test.place))

    def _figure(self, term: Term, file: File) -> FigureRow:
        value = Fraction(self._value(term, file))
        return FigureRow(term.name, value, _said(value, term))

    def _text(self, sentence: Sentence | None, file: File) -> str | None:
        if sentence is None:
            return None
        parts = (part if isinstance(part, str) else self._figure(part, file).text for part in sentence.parts)
        return _plain("".join(parts))


def _said(value: Fraction, term: Term) -> str:
    """Return a value in the unit of its term, or as the one figure that it is."""
    if term.unit == "x":
        return ratio(value, 1)
    if term.unit == "%":
        return f"{fixed(value * 100, 1)}%"
    own = term.expression.root.reference
    if term.unit is None and own is None:
        return number(value)
    return amount(_LIKE[term.unit] if term.unit else own.name if own else "", value)


def _paths(where: Path) -> list[Path]:
    """Return the files of claims in a folder, or the one file. Raises UnknownSpecError where there is none."""
    if not where.is_dir():
        return [where]
    found = sorted(path for path in where.iterdir() if path.suffix in (".yaml", ".yml") and path.is_file())
    if not found:
        raise UnknownSpecError("the folder holds no claims", "AC001", str(where))
    return found


def _named(claim: Claim) -> Iterator[str]:
    yield from dict.fromkeys(str(reference.spec) for reference in claim.references())


def _published(spec: str, folders: Sequence[Path]) -> Iterator[CatalogClaim]:
    """Yield the claims of one spec of the catalog."""
    entry = catalog.load(spec, folders) if spec in catalog.names(folders) else None
    for one in check_all(entry) if entry else ():
        yield CatalogClaim(
            spec, one.figure, one.at, one.published, one.computed, one.verdict, one.expected, one.reason, one.source,
            one.unverified,
        )  # fmt: skip


def _at(mark: Mark) -> str:
    return f"{shown(mark.file)}:{mark.line}"


def _plain(text: str) -> str:
    return " ".join(text.split())
