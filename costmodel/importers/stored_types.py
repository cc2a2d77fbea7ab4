"""How a file stores its tensors, type by type: what an import says of a GGUF file."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class StoredType:
    """What is stored in one type of ggml."""

    tensors: int = 0
    values: int = 0
    bytes: int = 0


@dataclass(slots=True)
class StoredTypes:
    """The tensors of a file, by type, largest first. ``bytes`` are of tensors, without header and padding."""

    tensors: int
    values: int
    bytes: int
    types: dict[str, StoredType] = field(default_factory=dict)
