"""The mechanisms in PyTorch: one file each, named after its kind, as in ``costmodel.blocks``.

Each is written from its source, which its docstring names with the equation; shapes are those of
(B, S, width): sequences, new tokens, values.
"""

from __future__ import annotations

from typing import Any

from costmodel import room
from costmodel.verify.reference.parts import Block


def kinds() -> list[str]:
    """Return every kind of block that has a reference."""
    return room.names(__path__)


def block_class(kind: str) -> type[Any]:
    """Return the module of a kind, one of ``kinds()``."""
    return room.only_class(__name__, kind, Block)
