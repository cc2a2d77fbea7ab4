"""Documents with fences: which files they are, how they are read, and what their commands may reach."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from costmodel.documents.fences import MARKUPS, Fence, parse
from costmodel.errors import UsageError, one_of, quote

LIMIT = 4 * 2**20  # bytes of a document
_LONGEST = 400  # characters of a word
_SKIPPED = ("node_modules",)
_SPECS = (".yaml", ".yml")


@dataclass(slots=True)
class Document:
    """A file with fences: ``name`` as messages show it, ``root`` what its commands may read."""

    path: Path
    name: str
    root: Path
    text: str
    fences: list[Fence]


def documents(paths: Iterable[str]) -> list[Document]:
    """Return the files that have fences, of files and folders, each once.

    Raises:
        UsageError: AC307: there is no such file or folder, or a file cannot be read; AC302, AC303:
            a fence is wrong; AC308: no file has a fence.
    """
    given = list(paths)
    found: dict[Path, Document] = {}
    for path, name in _files(given):
        target = path.resolve()
        if target not in found:
            text = _text(target, name)
            fences = parse(text, MARKUPS[path.suffix.lower()], name)
            found[target] = Document(target, name, root_of(target), text, fences)
    kept = [one for one in found.values() if one.fences]
    if not kept:
        where = quote(given[0]) if len(given) == 1 else f"{len(given)} paths"
        hint = "<!-- archcalc:begin show gpt2 --> and <!-- archcalc:end -->, each on a line, make one"
        raise UsageError(f"no document has a fence: nothing was checked in {where}", "AC308", hint=hint)
    return kept


def root_of(document: Path) -> Path:
    """Return the folder that commands of a document run in: the nearest above it with ``.git``, or the current one."""
    return next((one for one in document.parents if (one / ".git").exists()), Path.cwd().resolve())


def leaves(word: str, root: Path) -> bool:
    """Say whether a word of a command, or a part of it, is a path that leaves a folder.

    Every word is read as a path, and each part behind ``=``, a comma or a short option too: a word
    that is none stays inside. Links are followed, also those of the specs in a folder that is named.
    """
    parts = {word, *word.split(","), *word.split("="), *word.split(), word.partition("=")[2]}
    if word.startswith("-") and not word.startswith("--"):  # any number of flags may stand before a value
        parts |= {word[at:] for at in range(2, min(len(word), _LONGEST))}
    named = filter(None, parts)
    return len(word) > _LONGEST or any(
        part.startswith("~") or not all(_within(path, root) for path in _reached(root / part)) for part in named
    )


def _reached(path: Path) -> Iterator[Path]:
    """Yield a path and, of a folder of specs, the links that a command would follow in it."""
    yield path
    for folder in (path, path / "hardware"):
        try:
            entries = list(folder.iterdir()) if folder.is_dir() else []
        except (OSError, ValueError):  # the command will say why
            entries = []
        yield from (one for one in entries if one.is_symlink() and (one.suffix in _SPECS or one.name == "hardware"))


def _within(path: Path, root: Path) -> bool:
    """Say whether a path lies in a folder and outside of its ``.git``, wherever links lead."""
    try:
        found = path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL
        return False
    return found.is_relative_to(root) and ".git" not in map(str.lower, found.relative_to(root).parts)


def _files(paths: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield documents and their names, in the order of the paths; those of a folder sorted."""
    for given in paths:
        path = Path(given)
        try:
            folder, file, there = path.is_dir(), path.is_file(), path.exists()
        except OSError as failed:  # a name that is too long
            raise _unreadable(failed, given) from None
        if folder:
            yield from ((one, one.as_posix()) for one in _below(path))
        elif not file:
            what = "is no regular file" if there else "is missing"
            raise UsageError(f"{quote(given)} {what}", "AC307", hint="name a document, or a folder of them")
        elif path.suffix.lower() not in MARKUPS:
            message = f"{quote(given)} has no markup with fences"
            raise UsageError(message, "AC307", hint=f"documents end in {one_of(MARKUPS)}")
        else:
            yield path, path.as_posix()


def _below(folder: Path) -> Iterator[Path]:
    """Yield the documents of a folder and of those in it; links lead nowhere outside of its root."""
    root = root_of(folder.resolve() / "document")

    def failed(error: OSError) -> None:
        raise _unreadable(error, error.filename)

    for place, folders, files in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix.lower() not in MARKUPS or name.startswith(".") or not path.is_file():
                continue
            if not path.is_symlink() or _within(path, root):
                yield path


def _unreadable(error: OSError, name: str) -> UsageError:
    reason = (error.strerror or "it cannot be read").lower()
    return UsageError(f"{quote(name)}: {reason}", "AC307", hint="nothing was written")


def _text(path: Path, name: str) -> str:
    """Return a document as it is, byte order mark and line breaks included."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as failed:
        raise _unreadable(failed, name) from None
    if len(content) > LIMIT:
        raise UsageError(f"{quote(name)} has more than 4 MiB", "AC307", hint="name the documents that have fences")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as failed:
        line = content.count(b"\n", 0, failed.start) + 1
        column = failed.start - content.rfind(b"\n", 0, failed.start)
        message = f"byte 0x{content[failed.start]:02x} is not UTF-8"
        raise UsageError(message, "AC307", f"{name}:{line}:{column}", "save the document as UTF-8") from None
