"""The specs that a command is asked about: files, folders and names of the catalog."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from costmodel import catalog
from costmodel.errors import ArchcalcError, InvalidSpec, UnknownSpecError, UsageError, quote
from costmodel.loader import Document, Mark, locate, read_document

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.document import Unpublished
    from costmodel.gate.names import Figures

_MOST = 10_000  # files in a folder
_OF_SPECS = ("base", "blocks", "d_model", "mixer", "layer", "n_layers")
_OF_OTHERS = ("memory_capacity", "memory_bandwidth", "dense_peak", "vendor", "calibration")
_SNIFFED = 65_536  # bytes of a file that tell whether it is a spec
_SPEC = re.compile(rb"^(base|blocks|d_model|mixer|layer) *:", re.MULTILINE)
_OTHER = re.compile(rb"^(memory_capacity|memory_bandwidth|dense_peak|vendor|calibration) *:", re.MULTILINE)
_SKIPPED = ("node_modules", "__pycache__")


class Copy(NamedTuple):
    """Files of a revision, copied for a while: the folder of all, and the one in place of the current folder."""

    root: Path
    here: Path


@dataclass(slots=True)
class Targets:
    """The files to read, and those of the folders that are no specs."""

    files: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def find(wanted: Iterable[str], specs: Sequence[Path] = (), *, skip_others: bool = False) -> Targets:
    """Return the files of specs that are named: a folder stands for every spec in it.

    A file that is named is taken for a spec, unless ``skip_others``.

    Raises:
        UnknownSpecError: there is no such file, folder or name.
        UsageError: a folder holds too many files.
    """
    catalog.forget()  # files may be new since this process last looked
    found = Targets()
    for name in wanted:
        path = Path(name)
        if path.is_dir():
            for file in _yaml_files(path):
                (found.files if is_spec(file) else found.others).append(file)
        elif skip_others and path.is_file() and not is_spec(path):
            found.others.append(path)
        else:
            found.files.append(catalog.find(name, specs))
            if not found.files[-1].exists():
                raise UnknownSpecError("there is no such file", "AC001", str(path))
    found.files = list(dict.fromkeys(found.files))
    return found


def is_spec(path: Path) -> bool:
    """Say whether a YAML file describes an architecture, by its fields.

    Most files say so by the lines that they begin; of the others the fields are read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED)
    except OSError:
        return True  # reading it will say why
    if _SPEC.search(head):
        return not _OTHER.search(head)
    try:
        fields = read_document(path).data
    except ArchcalcError:
        return False
    return any(name in fields for name in _OF_SPECS) and not any(name in fields for name in _OF_OTHERS)


def _yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the YAML files in a folder and below, sorted; hidden folders and links are left out."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix not in (".yaml", ".yml") or name.startswith(".") or path.is_symlink():
                continue
            if path.is_file():  # a pipe would wait for its writer
                count += 1
                if count > _MOST:
                    raise UsageError(f"{quote(str(folder))} holds more than {_MOST:,} YAML files", hint="name a folder")
                yield path


@dataclass(eq=False)
class Subject:
    """One spec: its file as read, its model and its figures. ``key``: how it is named in outputs.

    ``copied``: the copy of a revision that it was read from.
    """

    path: Path
    document: Document
    model: Architecture | Unpublished
    copied: Copy | None = None

    @cached_property
    def key(self) -> str:
        """The path beside the current folder, or the name of what ships."""
        return self.shown(str(self.path))

    @property
    def name(self) -> str:
        """The name that the spec gives itself."""
        return self.model.name

    @cached_property
    def architecture(self) -> Architecture:
        """The model. Raises UnknownSpecError where its architecture is not published."""
        from costmodel.report.source import architecture_of

        try:
            return architecture_of(self.model)
        except UnknownSpecError as error:
            error.where = self.key
            raise

    @cached_property
    def figures(self) -> Figures:
        """Its figures by name."""
        from costmodel.gate.names import Figures

        return Figures(self.architecture)

    @cached_property
    def numbers(self) -> dict[tuple[str, ...], dict[str, int]]:
        """The whole numbers of every block by field, by path; those of shared experts apart."""
        found: dict[tuple[str, ...], dict[str, int]] = {}
        for name, block in self.architecture.blocks.items():
            for path, held in (
                ((block.section, name), block),
                ((block.section, name, "shared"), vars(block).get("shared")),
            ):
                if held is not None:
                    found[path] = {field: value for field, value in vars(held).items() if type(value) is int}
        return found

    def shown(self, file: str) -> str:
        """Return how a file is called: as it ships, as it lies in its revision, beside the current folder."""
        return shown(file, self.copied)

    def mark(self, path: Sequence[str | int], *, on_key: bool = False) -> Mark:
        """Return where a value stands in the spec's own file; what is inherited stands at ``base``."""
        whole = tuple(path)
        while whole:
            mark = self.document.mark(whole, on_key=on_key)
            if mark is not None and mark.file == self.document.where:
                return mark
            whole = () if mark is not None else whole[:-1]
        for found in (self.document.base_mark, self.document.mark(("name",))):
            if found is not None and found.file == self.document.where:
                return found
        return Mark(self.document.where, 1, 1, 2)

    def source(self, path: Sequence[str | int], *, on_key: bool = False) -> Mark:
        """Return where a value is written, in this file or in one that it starts from."""
        mark = self.document.mark(tuple(path), on_key=on_key)
        return self.mark(path, on_key=on_key) if mark is None else mark


def shown(file: str, copied: Copy | None = None) -> str:
    """Return a path as outputs show it: with ``/``, relative below the current folder.

    So is what ships, unless a file here is called so.
    """
    path, here = Path(file), Path.cwd()
    if copied is not None and path.is_relative_to(copied.root):
        return Path(os.path.relpath(path, copied.here)).as_posix()
    whole, ships = here / path, catalog.spec_root()
    if whole.is_relative_to(here):
        return whole.relative_to(here).as_posix()
    if whole.is_relative_to(ships) and not (here / (inside := whole.relative_to(ships))).exists():
        return inside.as_posix()
    return path.as_posix()


def read(path: Path, specs: Sequence[Path] = (), copied: Copy | None = None) -> Subject:
    """Read one spec.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it says something impossible; the message has file, line and column.
    """
    from costmodel.validation import parse

    document = catalog.document_at(path, specs)
    try:
        return Subject(path, document, parse(document.data), copied)
    except InvalidSpec as error:
        raise locate(error, document) from None


def base_of(subject: Subject, specs: Sequence[Path] = ()) -> Subject | None:
    """Return the spec that one starts from, looked for where reading it did; None where there is none."""
    if not subject.document.bases:
        return None
    return read(catalog.find_base(subject.document.bases[0], subject.path, specs), specs, subject.copied)


__all__ = ["ArchcalcError", "Subject", "Targets", "UnknownSpecError", "base_of", "find", "is_spec", "read", "shown"]
