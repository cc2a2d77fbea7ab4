"""The committed baseline: specs as they were, their figures, and the formulas that gave them.

A lock file holds the resolved fields of each spec, so that a later run can compute old and new by
the same formulas and tell a changed spec from a changed formula.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from costmodel import FORMULAS, __version__
from costmodel.block import Model
from costmodel.catalog import asked_folders
from costmodel.errors import ArchcalcError, SpecError, UsageError, plain, quote
from costmodel.gate.budgets import read_budgets
from costmodel.gate.causes import ABOUT
from costmodel.gate.files import Subject, Targets, find, read, shown
from costmodel.gate.keys import key_of, shipped
from costmodel.gate.limits import Budgets
from costmodel.gate.names import Figures
from costmodel.gate.workloads import Load
from costmodel.reading import read_bytes, to_text
from costmodel.report.choices import CONTEXTS, tokens
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.units import context_text
from costmodel.validation import parse

NAME = "archcalc.lock.json"
FORM = "archcalc-lock/1"
_OURS = '"archcalc-lock/'  # in the head of every lock file, also of one that cannot be read
_HEAD = 4096
_MOST = 2**26  # bytes of a lock file

# What is locked of every spec; those at contexts at each of the default ones.
PLAIN = ("params.total", "params.active", "params.active_without_lookup", "growth.bytes_per_token", "n_layers")
AT_CONTEXTS = ("cache.bytes", "cache.one_pool_bytes", "flops.prefill", "flops.decode")


class Locked(Model):
    """A spec as it was: its name, fields and figures (``NAME`` or ``NAME@WORKLOAD``); fractions as text."""

    name: str
    digest: str
    spec: dict[str, Any]
    figures: dict[str, int | Annotated[str, Field(pattern=r"^-?[0-9]{1,60}/[1-9][0-9]{0,60}$")]]


class LockFile(Model):
    """The file."""

    form: str = Field(alias="schema")
    version: str
    formulas: int
    workloads: dict[str, dict[str, Any]] = {}
    specs: dict[str, Locked]


@dataclass(slots=True)
class Lock:
    """A lock file, read. ``folder``: where the paths of its specs start."""

    path: Path
    formulas: int
    version: str
    workloads: dict[str, Load]
    specs: dict[str, Locked]
    text: str

    def of(self, subject: Subject) -> Locked | None:
        """Return what is locked of a spec: by its path beside the lock file, or its name where it ships."""
        return self.specs.get(key_of(subject.path, self.path.parent))

    def load(self, at: str) -> Load:
        """Return a workload by the name it had, or the decode step at a context."""
        return self.workloads.get(at) or Load(context=tokens(at, "at"))


@dataclass(slots=True)
class LockPage:
    """What ``archcalc lock`` prints: the file, and of each spec whether it is new, changed or as it was."""

    file: str
    version: str
    formulas: int
    specs: int
    figures: int
    stale: bool
    added: list[str]
    changed: list[str]
    removed: list[str]
    skipped: list[str]
    text: str = field(default="", metadata=PRIVATE)
    path: str = field(default="", metadata=PRIVATE)
    command: str = "lock"
    schema: str = SCHEMA


def digest_of(spec: Mapping[str, Any], figures: Mapping[str, int | str]) -> str:
    """Return what tells whether an entry is as it was written: of its fields and figures."""
    return "sha256:" + hashlib.sha256(_json([spec, figures], ordered=False).encode()).hexdigest()


def _json(value: Any, *, ordered: bool = True) -> str:
    return json.dumps(value, sort_keys=not ordered, separators=(",", ":"), ensure_ascii=False, default=str)


def lock(
    *wanted: str,
    file: str | Path = NAME,
    budgets: str | Path | None = None,
    check: bool = False,
    specs: Sequence[str | Path] = (),
) -> LockPage:
    """Return a lock file of specs (``text``) and how it differs from the one there is; the caller writes it.

    Without ``wanted``, the specs that the file holds, or those of its folder. With it, others that the
    file holds stay as they are, unless their files are gone; a lock file that cannot be read is
    written anew. The figures that relative limits of ``budgets`` are about are locked too. With
    ``check``, the file must be there.

    Raises:
        UnknownSpecError: there is no such spec.
        SpecError: one says something impossible, or the file is no lock file.
        UsageError: there is no spec to lock, or others would have to be locked with it.
    """
    path, folders = Path(file), asked_folders(specs)
    old = _old(path, anew=bool(wanted) and not check) if check or path.exists() else None
    limits = _budgets(budgets, path.parent, folders)
    kept = dict(old.specs) if old and wanted else {}
    if not wanted:
        wanted = tuple(_paths(old, path.parent)) if old else (str(path.parent),)
    targets: Targets = find(wanted, folders)
    if not targets.files and not (check and old):
        raise UsageError("there is no spec to lock", hint="name files, folders or architectures of the catalog")
    entries: dict[str, Locked] = {}
    workloads: dict[str, Load] = {}
    for target in targets.files:
        subject = read(target, folders)
        extra = _named(subject, limits)
        workloads |= {at: load for _, at, load in extra if at and load}
        entries[key_of(target, path.parent)] = entry_of(subject, extra)
    before = old.specs if old else {}
    kept = {key: one for key, one in kept.items() if key not in entries and _file_of(key, path.parent)}
    if old and kept:
        used = {name.partition("@")[2] for one in kept.values() for name in one.figures} & set(old.workloads)
        if old.formulas != FORMULAS or any(workloads.get(at, old.workloads[at]) != old.workloads[at] for at in used):
            message = "the others of the lock file are of other formulas or workloads"
            raise UsageError(message, hint="archcalc lock, without names, locks all of it again: do that first")
        workloads |= {at: old.workloads[at] for at in used}
    entries |= kept
    text = _text(entries, workloads)
    return LockPage(
        file=shown(str(path)),
        version=__version__,
        formulas=FORMULAS,
        specs=len(entries),
        figures=sum(len(one.figures) for one in entries.values()),
        stale=old is None or old.text.replace("\r\n", "\n") != text,
        added=[key for key in entries if key not in before],
        changed=[key for key, one in entries.items() if key in before and before[key] != one],
        removed=[key for key in before if key not in entries],
        skipped=[shown(str(one)) for one in targets.others],
        text=text,
        path=str(path),
    )


def _budgets(given: str | Path | None, folder: Path, folders: Sequence[Path]) -> Budgets | None:
    """Return the budget file that was given, else the one beside the lock file, if there is one."""
    usual = folder / "archcalc.budgets.yaml"
    if given is None and not usual.is_file():
        return None
    return read_budgets(Path(given) if given is not None else usual, folders)


def _old(path: Path, *, anew: bool) -> Lock | None:
    """Return the lock file there is; None for one that cannot be read and that named specs write ``anew``."""
    try:
        return read_lock(path)
    except SpecError:
        if anew and _is_ours(path):
            return None
        raise


def _is_ours(path: Path) -> bool:
    """Say whether a file that cannot be read was a lock file, and no other that --lock names by mistake."""
    try:
        return _OURS.encode() in read_bytes(path, most=_MOST)[:_HEAD]
    except ArchcalcError:
        return False


def _paths(old: Lock, folder: Path) -> Iterator[str]:
    """Yield the files of the specs that a lock file holds, those that are still there."""
    for key in old.specs:
        path = _file_of(key, folder)
        if path is not None:
            yield str(path)


def _file_of(key: str, folder: Path) -> Path | None:
    """Return the file of a spec that a lock file holds; None where it is gone."""
    path = shipped(key) or folder / key
    return path if path.is_file() else None


Named = tuple[str, str | None, Load | None]


def _named(subject: Subject, budgets: Budgets | None) -> list[Named]:
    """Return the figures that relative limits of a budget file are about, for a spec that it matches."""
    if budgets is None:
        return []
    paths = budgets.paths(subject.path)
    return [
        (rule.reference.name, rule.at, rule.load)
        for group in budgets.groups
        if group.matches(paths, subject.name)
        for rule in group.rules
        if rule.kind in ("max_increase", "max_decrease") and rule.vs == "baseline" and rule.reference
    ]


def entry_of(subject: Subject, extra: Iterable[Named] = ()) -> Locked:
    """Return what is locked of a spec."""
    own = {key: value for key, value in subject.document.data.items() if key not in ABOUT}
    data = json.loads(_json(own))
    named: list[Named] = [(name, None, None) for name in PLAIN]
    named += [(name, context_text(n), Load(context=n)) for name in AT_CONTEXTS for n in CONTEXTS]
    figures: dict[str, int | str] = {}
    for name, at, load in named:
        figures |= _figure(subject, name, at, load)
    for name, at, load in extra:
        with suppress(UsageError):  # a model without such a figure: a check says so
            figures |= _figure(subject, name, at, load)
    return Locked(name=subject.name, digest=digest_of(data, figures), spec=data, figures=figures)


def _figure(subject: Subject, name: str, at: str | None, load: Load | None) -> dict[str, int | str]:
    value = subject.figures(name, load)
    return {f"{name}@{at}" if at else name: int(value) if value.denominator == 1 else str(value)}


def _text(entries: Mapping[str, Locked], workloads: Mapping[str, Load]) -> str:
    """Return the file: one line a spec's fields and one a figure, so that differences are readable."""
    loads = {
        name: load.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name, load in sorted(workloads.items())
    }
    head = {"schema": FORM, "version": __version__, "formulas": FORMULAS, "workloads": loads}
    lines = ["{", *(f" {json.dumps(key)}: {_json(value)}," for key, value in head.items()), ' "specs": {']
    last = len(entries) - 1
    for index, (key, one) in enumerate(sorted(entries.items())):
        figures = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in one.figures.items())
        lines += [
            f"  {json.dumps(key)}: {{",
            f'   "name": {json.dumps(one.name)}, "digest": {json.dumps(one.digest)},',
            f'   "spec": {_json(one.spec)},',
            f'   "figures": {{\n{figures}\n   }}',
            "  }" if index == last else "  },",
        ]
    return "\n".join([*lines, " }", "}"]) + "\n"


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        SpecError: it cannot be read, or is none; the message has file, line and column.
    """
    where = plain(str(path))
    text = to_text(read_bytes(path, where, most=_MOST), where).removeprefix("\ufeff")
    hint = "archcalc lock SPEC ... writes it anew" if _OURS in text[:_HEAD] else "name a lock file, or remove it"
    try:
        file = LockFile.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise SpecError(
            f"this is no JSON: {error.msg.lower()}", "AC004", f"{where}:{error.lineno}:{error.colno}", hint
        ) from None
    except RecursionError:
        raise SpecError("this is nested too deeply", "AC010", where, hint) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(plain(str(part))[:64] for part in first["loc"])
        raise SpecError(
            f"this is no lock file: {place or 'it'}: {first['msg'].lower()}", "AC103", where, hint
        ) from None
    except ValueError:  # a number of thousands of digits
        raise SpecError("a number of the lock file is too long", "AC010", where, hint) from None
    if file.form != FORM:
        raise SpecError(f"the lock file is {quote(file.form)}, not {quote(FORM)}", "AC103", where, hint)
    edited = next((key for key, one in file.specs.items() if one.digest != digest_of(one.spec, one.figures)), None)
    if edited is not None:
        raise SpecError(f"{quote(edited)} was edited: it does not match its digest", "AC103", where, hint)
    try:
        loads = {name: Load.model_validate(value) for name, value in file.workloads.items()}
    except ValidationError:
        raise SpecError("a workload of the lock file cannot be read", "AC103", where, hint) from None
    return Lock(path, file.formulas, file.version, loads, file.specs, text)


def moved(locked: Locked, lock: Lock) -> dict[str, tuple[Fraction, Fraction]]:
    """Return the figures of a locked spec that today's formulas give otherwise: name -> (locked, now).

    Raises:
        ArchcalcError: the fields are no spec any more.
    """
    model = parse(dict(locked.spec) | {"name": locked.name})
    figures = Figures(model)  # type: ignore[arg-type]  # an unpublished model has no figures to lock
    found = {}
    for text, value in locked.figures.items():
        name, _, at = text.partition("@")
        try:
            now = figures(name, lock.load(at) if at else None)
        except UsageError:  # a figure that this version does not know by that name
            continue
        if now != Fraction(value):
            found[text] = (Fraction(value), now)
    return found
