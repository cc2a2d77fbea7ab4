"""Where the sizes of a spec are written: block, file and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from costmodel.errors import dotted

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.loader import Document
    from costmodel.report.source import Wanted
    from costmodel.symbols import Path as DataPath


class Places:
    """The marks of a spec's file. What came from no file has paths only."""

    def __init__(self, wanted: Wanted, architecture: Architecture, specs: Sequence[Path] = ()) -> None:
        self.architecture = architecture
        self.document: Document | None = None
        if isinstance(wanted, str):
            from costmodel import catalog

            self.document = catalog.document(wanted, specs)

    def of(self, paths: Sequence[DataPath]) -> str:
        """Return ``blocks.local, gemma-3-27b.yaml:14`` for a size of one block, lines for more."""
        written = [self._as_written(path) for path in paths]
        lines: dict[str, list[int]] = {}
        for path in written:
            mark = self.document.mark(path) if self.document else None
            if mark is not None and mark.line not in lines.setdefault(PurePath(mark.file).name, []):
                lines[PurePath(mark.file).name].append(mark.line)
        if not lines:
            return ", ".join(dotted(path) for path in written)
        files = ", ".join(f"{file}:{', :'.join(map(str, sorted(found)))}" for file, found in lines.items())
        return f"{dotted(written[0][:-1])}, {files}" if len(written) == 1 and len(written[0]) > 1 else files

    def _as_written(self, path: DataPath) -> DataPath:
        """Return a path of the model as the file has it: shared blocks and features lie elsewhere."""
        if path[0] == "blocks":
            return (self.architecture.blocks[str(path[1])].section, *path[1:])
        return path[1:] if path[0] == "features" else path
