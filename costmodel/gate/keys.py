"""How lock and budget files call a spec, wherever the command is run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from costmodel import catalog


def key_of(path: Path, folder: Path) -> str:
    """Return how a file names a spec: its path from the file's folder, with ``/``; what ships has one of its own."""
    return key_within(path.resolve(), folder.resolve())


def key_within(path: Path, folder: Path) -> str:
    """Return the same of paths that are resolved."""
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    ships = _ships()
    return (
        path.relative_to(ships).as_posix()
        if path.is_relative_to(ships)
        else Path(os.path.relpath(path, folder)).as_posix()
    )


def ships(key: str) -> bool:
    """Say whether a name is that of a spec that ships."""
    return key.partition("/")[0] in catalog.ARCHITECTURES.ships and (_ships() / key).is_file()


@cache
def _ships() -> Path:
    return catalog.spec_root().resolve()
