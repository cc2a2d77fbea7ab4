"""One side of a comparison: specs from files, a folder, a lock file or a revision."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from costmodel.errors import ArchcalcError, UnknownSpecError, UsageError, quote
from costmodel.gate import revisions
from costmodel.gate.files import Copy, Subject, find, read, shown
from costmodel.gate.keys import key_of, shipped
from costmodel.gate.lock_file import Lock, Locked, read_lock

Entry = Subject | Locked | ArchcalcError


@dataclass(slots=True)
class Side:
    """Specs by the path that both sides call them by; what cannot be read is its error.

    ``whole``: the side holds everything that there is ``within`` a folder, so that what it lacks was
    removed. ``paths``: those asked for that are there. ``single``: one spec that was named, not found.
    """

    label: str
    specs: dict[str, Entry] = field(default_factory=dict)
    lock: Lock | None = None
    whole: bool = False
    single: bool = False
    within: str | None = None
    paths: list[str] = field(default_factory=list)

    @property
    def error(self) -> ArchcalcError | None:
        """Return the first error of what cannot be read."""
        return next((one for one in self.specs.values() if isinstance(one, ArchcalcError)), None)

    def covers(self, key: str) -> bool:
        """Say whether the side would hold a spec, if there were one: it is not elsewhere, and does not ship."""
        if self.within is None:
            return True
        return key.startswith(f"{self.within}/") if self.within else not (key.startswith("../") or shipped(key))

    @classmethod
    def at(cls, revision: str, paths: Sequence[str], folders: Sequence[Path], stack: ExitStack, *, label: str) -> Side:
        """Return the specs of a revision. Raises UsageError where there is none."""
        copy = stack.enter_context(revisions.copied(revision, paths, folders))
        side = cls(label, whole=True)
        side.paths = [path for path in paths if (copy.here / path).exists()]
        there = [str(copy.here / path) for path in side.paths]
        side.add(there, [revisions.folder_there(folder, copy.here) for folder in folders], copied=copy)
        return side

    @classmethod
    def here(cls, paths: Sequence[str], folders: Sequence[Path]) -> Side:
        """Return the specs of the working tree; of folders, without what git ignores."""
        side = cls("the working tree", whole=True)
        side.paths = [path for path in paths if Path(path).exists()]
        found = [path for path in side.paths if Path(path).is_dir()]
        ignored = revisions.ignored(find(found, folders).files)
        side.add(side.paths, folders, but=ignored - set(map(Path, side.paths)))
        return side

    def add(
        self,
        paths: Sequence[str],
        folders: Sequence[Path],
        *,
        copied: Copy | None = None,
        called: Callable[[Path], str] | None = None,
        but: Set[Path] = frozenset(),
    ) -> None:
        """Read specs; ``called`` says how both sides call a file."""
        for path in find(paths, folders).files:
            if path in but:
                continue
            try:
                found: Entry = read(path, folders, copied)
            except ArchcalcError as error:
                if copied is not None and error.where and error.where.startswith(str(copied.root)):
                    file, *place = error.where.split(":")  # a name of a temporary folder has no colon; a file may
                    error.where = ":".join([shown(file, copied), *place])
                found = error
            self.specs[called(path) if called else shown(str(path), copied)] = found


def side_of(text: str, folders: Sequence[Path], stack: ExitStack, called: Callable[[Path], str] | None = None) -> Side:
    """Return what one argument names: a folder, a lock file, ``REV:PATH``, a file or a name.

    ``called`` says how the other side calls a file, where that is not its path in the folder.

    Raises:
        UnknownSpecError: it is none of these.
        SpecError: the one spec that it names says something impossible.
        UsageError: a revision that does not exist.
    """
    path = Path(text)
    side = Side(text, whole=path.is_dir() or _is_lock(path))
    if _is_lock(path):
        side.lock = read_lock(path)
        side.specs |= side.lock.specs
    elif path.is_dir():
        if called:
            inside = called(path)
            side.within = "" if inside == "." else inside
        side.add([text], folders, called=called or (lambda file: file.relative_to(path).as_posix()))
    elif ":" in text and not path.exists() and revisions.is_revision(text.partition(":")[0]):
        revision, _, inside = text.partition(":")
        side = Side.at(revision, [revisions.from_here(inside)], folders, stack, label=text)
        if not side.specs:
            raise UsageError(f"{quote(revision)} has no spec {quote(inside)}")
        side.single = inside.endswith((".yaml", ".yml"))
        if not side.single:
            within = Path(revisions.from_here(inside))
            side.specs = {os.path.relpath(key, within): one for key, one in side.specs.items()}
    else:
        (file,) = find([text], folders).files
        found = read(file, folders)
        side.label, side.single = found.key if path.exists() else found.name, True
        side.specs[called(file) if called else found.key] = found
    return side


def two(base: str, head: str, folders: Sequence[Path], stack: ExitStack) -> tuple[Side, Side]:
    """Return both sides of a comparison of two things that are named.

    Raises:
        UnknownSpecError: one of them is nothing.
        SpecError: one says something impossible.
        UsageError: they are two revisions, which are one word.
    """
    try:
        lock = next((Path(one) for one in (base, head) if _is_lock(Path(one))), None)
        called = partial(key_of, folder=lock.parent) if lock else None  # as the lock file calls them
        return side_of(base, folders, stack, called), side_of(head, folders, stack, called)
    except UnknownSpecError:
        if revisions.is_revision(base) and revisions.is_revision(head):
            hint = f"archcalc diff {base}...{head} -- PATHS"
            raise UsageError("two revisions are compared as one word", hint=hint) from None
        if revisions.is_revision(base) and Path(head).exists():
            hint = f"archcalc diff {base} -- {head}"
            raise UsageError(f"{quote(base)} is a revision, and paths stand behind --", hint=hint) from None
        raise


def between(
    base: str, head: str | None, paths: Sequence[str] | None, folders: Sequence[Path], stack: ExitStack
) -> tuple[Side, Side, str]:
    """Return both sides of a comparison of revisions, and what is compared.

    Raises:
        UsageError: a revision or path that does not exist.
    """
    named, paths = paths or ["."], [_from_here(path) for path in paths or ["."]]
    if head is None and ".." not in base and not revisions.is_revision(base):
        revisions.repository()  # where there is none, that is what is wrong
        raise UsageError(f"there is no revision {quote(base)}", hint="diff takes two specs, or a revision before --")
    if not base.strip("."):
        raise UsageError(
            f"{quote(base)} names no revision", hint="an empty variable? archcalc diff main...HEAD -- designs"
        )
    first, dots, last = base.partition("...")
    if dots:
        first, last = first or "HEAD", last or "HEAD"
        first, label = revisions.common_ancestor(first, last), first
    else:
        first, dots, last = base.partition("..")
        label = first = first or "HEAD"
        last = (last or "HEAD") if dots else (head or "")
    for revision in filter(None, (first, last)):
        for path in (*named, *map(str, folders)):
            revisions.check_link(revision, path)
    old = Side.at(first, paths, folders, stack, label=label)
    new = Side.at(last, paths, folders, stack, label=last) if last else Side.here(paths, folders)
    missing = [path for path in paths if path not in {*old.paths, *new.paths}]
    if missing:
        hint = "options stand before --" if missing[0].startswith("-") else None
        raise UsageError(f"{quote(missing[0])} is in neither revision", hint=hint)
    return old, new, " ".join(paths)


def _is_lock(path: Path) -> bool:
    return path.suffix == ".json" and path.is_file()


def _from_here(path: str) -> str:
    """Return a path from the current folder, links followed: revisions hold links as links."""
    return os.path.relpath(os.path.realpath(path), os.path.realpath(os.curdir))
