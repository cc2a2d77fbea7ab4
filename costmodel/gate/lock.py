"""``archcalc lock``: writing the baseline that is committed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from costmodel import FORMULAS, __version__
from costmodel.catalog import asked_folders
from costmodel.errors import SpecError, UsageError
from costmodel.gate.budgets import read_budgets
from costmodel.gate.causes import ABOUT
from costmodel.gate.files import Subject, Targets, find, read, shown
from costmodel.gate.keys import key_of, shipped
from costmodel.gate.limits import Budgets
from costmodel.gate.lock_file import FORM, NAME, Lock, Locked, digest_of, is_ours, json_line, read_lock
from costmodel.gate.workloads import Load
from costmodel.report.choices import CONTEXTS
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.units import context_text

# What is locked of every spec; those at contexts at each of the default ones.
PLAIN = ("params.total", "params.active", "params.active_without_lookup", "growth.bytes_per_token", "n_layers")
AT_CONTEXTS = ("cache.bytes", "cache.one_pool_bytes", "flops.prefill", "flops.decode")


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
    adds = bool(old and wanted)
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
    if old and adds:
        _keep(old, entries, workloads)
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


def _keep(old: Lock, entries: dict[str, Locked], workloads: dict[str, Load]) -> None:
    """Add what a lock file has of other specs, whose files are still there.

    Raises:
        UsageError: it is of formulas or workloads that are others now, and one file has one of each.
    """
    kept = {key: one for key, one in old.specs.items() if key not in entries and _file_of(key, old.path.parent)}
    names = {name.partition("@")[2] for one in kept.values() for name in one.figures}
    loads = {at: load for at, load in old.workloads.items() if at in names}
    if kept and (old.formulas != FORMULAS or workloads | loads != loads | workloads):
        message = "the others of the lock file are of other formulas or workloads"
        raise UsageError(message, hint="archcalc lock, without names, locks all of it again: do that first")
    entries |= kept
    workloads |= loads


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
        if anew and is_ours(path):
            return None
        raise


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
    data = json.loads(json_line(own))
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
    lines = ["{", *(f" {json.dumps(key)}: {json_line(value)}," for key, value in head.items()), ' "specs": {']
    last = len(entries) - 1
    for index, (key, one) in enumerate(sorted(entries.items())):
        figures = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in one.figures.items())
        lines += [
            f"  {json.dumps(key)}: {{",
            f'   "name": {json.dumps(one.name)}, "digest": {json.dumps(one.digest)},',
            f'   "spec": {json_line(one.spec)},',
            f'   "figures": {{\n{figures}\n   }}',
            "  }" if index == last else "  },",
        ]
    return "\n".join([*lines, " }", "}"]) + "\n"
