"""Find specs by name or path and load them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.errors import InvalidSpec, UnknownSpecError, UsageError, plain, quote
from costmodel.loader import Document, locate, read_document, resolve

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.document import Unpublished

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_ALIASES = re.compile(r"^aliases: *\[([^\]\n]*)\]", re.MULTILINE)
_HEAD = 4096  # bytes at the start of a file that hold its aliases
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Specs of one sort: what one is called, where they ship, and where in a user's folder they lie."""

    noun: str
    ships: tuple[str, ...]
    inside: str
    command: str  # what is typed before list and show


ARCHITECTURES = Shelf("architecture", ("architectures", "proposals"), "", "archcalc")


@cache
def spec_root() -> Path:
    """Return the folder of the specs that ship: in the installed package, else in the checkout."""
    here = Path(__file__).parent
    return here / "specs" if (here / "specs").is_dir() else here.parent / "specs"


def folders(more: Sequence[Path] = (), shelf: Shelf = ARCHITECTURES) -> list[Path]:
    """Return where names are looked up: asked for, in ARCHCALC_SPECS, what ships."""
    asked = [*more, *folders_of_environment()]
    return [*(folder / shelf.inside for folder in asked), *(spec_root() / name for name in shelf.ships)]


def folders_of_environment() -> list[Path]:
    """Return the folders of ARCHCALC_SPECS."""
    return [Path(part) for part in os.environ.get("ARCHCALC_SPECS", "").split(os.pathsep) if part]


def asked_folders(specs: Iterable[str | Path]) -> tuple[Path, ...]:
    """Return the folders of ``--specs``.

    Raises:
        UsageError: one of them is no folder.
    """
    found = tuple(Path(folder) for folder in specs)
    for folder in found:
        if not folder.is_dir():
            raise UsageError(f"--specs {quote(str(folder))} is not a folder", hint="name the folder of your spec files")
    return found


def names(more: Sequence[Path] = (), shelf: Shelf = ARCHITECTURES) -> list[str]:
    """Return the names of all specs, sorted; a name that occurs twice is listed once."""
    return sorted(_files(tuple(folders(more, shelf))))


def _files(where: tuple[Path, ...]) -> dict[str, Path]:
    """Map names to files; earlier folders win."""
    return _listed(where, _here())


def _here() -> str:
    """Return the current folder, to which relative ones belong; nothing where it was deleted."""
    try:
        return os.getcwd()  # noqa: PTH109  (on the path of every command)
    except OSError:
        return ""


@cache
def _listed(where: tuple[Path, ...], _here: str) -> dict[str, Path]:
    """Return the same for folders beside ``_here``, listed once."""
    found: dict[str, Path] = {}
    for folder in where:
        try:
            with os.scandir(folder) as entries:
                files = sorted(entry.name for entry in entries if entry.is_file())
        except OSError:
            continue
        for name in files:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122  (a Path for each file costs more)
            if suffix in _SUFFIXES and _NAME.fullmatch(stem):
                found.setdefault(stem, folder / name)
    return found


def aliases(more: tuple[Path, ...] = (), shelf: Shelf = ARCHITECTURES) -> dict[str, str]:
    """Map aliases, in lower case, to names.

    Read from the one line of each file that declares them, without parsing the file: a test checks
    that this equals what parsing gives.
    """
    return _aliases(more, shelf, _here())


@cache
def _aliases(more: tuple[Path, ...], shelf: Shelf, _from: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, path in _files(tuple(folders(more, shelf))).items():
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD).decode("utf-8", "replace")
        except OSError:  # asked for by name, reading it says why
            continue
        match = _ALIASES.search(head)
        for alias in match[1].split(",") if match else ():
            found.setdefault(alias.strip().strip("\"'").lower(), name)
    return found


def forget() -> None:
    """Look for files again: folders with relative names may be others now."""
    _listed.cache_clear()
    _aliases.cache_clear()


def find(wanted: str, more: Sequence[Path] = (), shelf: Shelf = ARCHITECTURES) -> Path:
    """Return the file of a spec: a path, an exact name, an alias, or a prefix of one name alone.

    Raises:
        UnknownSpecError: nothing is called so, or more than one thing is.
    """
    files = _files(tuple(folders(more, shelf)))
    if wanted in files:
        return files[wanted]
    if os.sep in wanted or wanted.endswith((*_SUFFIXES, ".json", ".safetensors", ".gguf")):
        return _path(Path(wanted), files)
    low = wanted.lower()
    known = aliases(tuple(more), shelf)
    if low in known or low in files:
        return files[known.get(low, low)]
    matches = sorted({name for name in files if low and name.lower().startswith(low)})
    matches = matches or sorted({name for alias, name in known.items() if low and alias.startswith(low)})
    if len(matches) == 1:
        return files[matches[0]]
    shown = plain(wanted)[:64]
    if _NAME.fullmatch(wanted) and Path(f"{wanted}.yaml").is_file():
        raise UnknownSpecError(
            f'no {shelf.noun} "{shown}"', hint=f"did you mean the file? {shelf.command} show ./{wanted}.yaml"
        )
    if matches:
        raise UnknownSpecError(
            f'"{shown}" is the beginning of {len(matches)} names',
            hint=f"{_first(matches)}. All names: {shelf.command} list",
        )
    import difflib

    near = difflib.get_close_matches(low, [*files, *known], n=6, cutoff=0.6)
    offered = list(dict.fromkeys(known.get(name, name) for name in near))[:3]
    meant = f"did you mean {', '.join(offered)}? " if offered else ""
    raise UnknownSpecError(f'no {shelf.noun} "{shown}"', hint=f"{meant}All names: {shelf.command} list")


def _path(path: Path, names: Iterable[str]) -> Path:
    """Return a path; where nothing is there, but a name says the same, raise UnknownSpecError with it."""
    near = next((name for name in (path.name, path.stem) if name in names), None)
    if near and not path.exists():
        raise UnknownSpecError("there is no such file", "AC001", str(path), f"did you mean {near} of the catalog?")
    return path


def _first(matches: list[str]) -> str:
    return ", ".join(matches[:4]) + (", ..." if len(matches) > 4 else "")


def document(wanted: str, more: Sequence[Path] = (), shelf: Shelf = ARCHITECTURES) -> Document:
    """Return a spec as plain data with places, its bases merged.

    ``hf:org/name`` asks a hub of models.
    """
    if wanted.startswith("hf:") and shelf is ARCHITECTURES:
        from costmodel.importers.published import document_of, published

        return document_of(published(wanted))
    return document_at(find(wanted, more, shelf), more, shelf)


def document_at(path: Path, more: Sequence[Path] = (), shelf: Shelf = ARCHITECTURES) -> Document:
    """Return the spec in a file as plain data with places, its bases merged.

    It may be the ``config.json`` of a published model, its folder, its weights beside one, or a GGUF file.
    """
    if path.suffix not in _SUFFIXES:
        from costmodel.importers.published import document_of, is_published, published_at

        if is_published(path):
            return document_of(published_at(path))

    def read_base(name: str) -> Document:
        return read_document(find_base(name, path, more, shelf), follow=False)

    return resolve(read_document(path), read_base)


def find_base(name: str, path: Path, more: Sequence[Path] = (), shelf: Shelf = ARCHITECTURES) -> Path:
    """Return the file of a base: beside the file that names it, in the folders asked for, in the catalog.

    Raises:
        UnknownSpecError: it is nowhere there.
    """
    files = _files((path.parent, *folders(more, shelf)))
    known = aliases((path.parent, *more), shelf)
    wanted = name if name in files else known.get(name.lower(), name)
    if wanted not in files:
        raise UnknownSpecError(f'base "{plain(name)[:64]}" is not in the catalog or here', hint=_near(name, files))
    return files[wanted]


def _near(name: str, files: Iterable[str]) -> str | None:
    import difflib

    close = difflib.get_close_matches(name, list(files), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else None


def load(wanted: str, more: Sequence[Path] = ()) -> Architecture | Unpublished:
    """Load a spec by name or path.

    Raises:
        UnknownSpecError: there is none of that name.
        SpecError: it says something impossible; the message has file, line and column.
    """
    from costmodel.validation import parse

    found = document(wanted, more)
    try:
        return parse(found.data)
    except InvalidSpec as error:
        raise locate(error, found) from None


def load_all(more: Sequence[Path] = ()) -> Iterator[Architecture | Unpublished]:
    """Load every spec there is, by name."""
    for name in names(more):
        yield load(name, more)
