"""How lock and budget files call a spec, wherever the command is run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from costmodel import catalog


def key_of(path: Path, folder: Path) -> str:
    """Return how a lock file names a spec: its path from the file's folder, with ``/``; what ships by its name."""
    whole, start = path.resolve(), folder.resolve()
    if not whole.is_relative_to(start) and whole == shipped(whole.stem):
        return whole.stem  # a path ends in .yaml, so that no file is called so
    return key_within(whole, start)


def key_within(path: Path, folder: Path) -> str:
    """Return how patterns of budgets call a spec: from a folder, or where specs ship. The paths are resolved."""
    for start in (folder, _ships()):
        if path.is_relative_to(start):
            return path.relative_to(start).as_posix()
    return Path(os.path.relpath(path, folder)).as_posix()


def shipped(key: str) -> Path | None:
    """Return the file of a spec that ships by the name that a lock file has for it; None for a path."""
    if "/" in key:
        return None
    found = (_ships() / folder / f"{key}.yaml" for folder in catalog.ARCHITECTURES.ships)
    return next((path for path in found if path.is_file()), None)


@cache
def _ships() -> Path:
    return catalog.spec_root().resolve()
