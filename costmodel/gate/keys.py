"""How lock and budget files call a spec, wherever the command is run."""

from __future__ import annotations

import os
from pathlib import Path

from costmodel import catalog


def key_of(path: Path, folder: Path) -> str:
    """Return how a file names a spec: its path from the file's folder, with ``/``; what ships has one of its own."""
    whole, start, ships = path.resolve(), folder.resolve(), catalog.spec_root().resolve()
    if whole.is_relative_to(ships) and not whole.is_relative_to(start):
        return whole.relative_to(ships).as_posix()
    return Path(os.path.relpath(whole, start)).as_posix()
