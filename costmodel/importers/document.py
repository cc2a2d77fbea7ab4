"""A configuration as a document: the spec's data, every value with its place in the configuration."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from costmodel.importers import Imported
from costmodel.importers.config import Read
from costmodel.importers.json_text import MAX_BYTES, places
from costmodel.loader import Document, read_bytes
from costmodel.nodes import Mapping, Node, Scalar, Sequence, Source


class ImportedDocument(Document):
    """The spec that a configuration gives.

    A number that was read from a key has that key's place; what was worked out has the first line.
    """

    def __init__(self, imported: Imported, text: str, where: str) -> None:
        self.imported, self.text, self.where = imported, text, where
        self.resolved, self.bases = True, ()

    @cached_property
    def data(self) -> dict[str, Any]:
        """The fields as plain data."""
        return self.imported.document

    @cached_property
    def root(self) -> Mapping:  # type: ignore[override]
        """The fields with places; made only where somebody asks for one."""
        source, found = Source(self.where, self.text), places(self.text)

        def node(value: object) -> Node:
            place = found.get(value.path) if isinstance(value, Read) else None
            line, column, end = place or found[()]
            if isinstance(value, dict):
                mapping = Mapping(source, line, column)
                for key, item in value.items():
                    child = node(item)
                    mapping.add(key, Scalar(source, child.line, child.column, child.end, key), child)
                return mapping
            if isinstance(value, (list, tuple)):
                sequence = Sequence(source, line, column)
                for item in value:
                    sequence.add(node(item))
                return sequence
            plain = int(value) if isinstance(value, Read) else value
            assert plain is None or isinstance(plain, (str, int, float, bool))
            return Scalar(source, line, column, end, plain)

        root = node(self.data)
        assert isinstance(root, Mapping)
        return root


def is_config(path: Path) -> bool:
    """Say whether a file is a configuration, not a spec written as JSON: whether it names a model type."""
    if path.suffix != ".json":
        return False
    return path.name == "config.json" or b'"model_type"' in read_bytes(path, most=MAX_BYTES)
