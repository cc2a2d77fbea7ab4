"""The spec of somebody else's configuration, and what was not taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel.errors import InvalidSpec, UsageError
from costmodel.importers import import_text
from costmodel.importers.document import ImportedDocument
from costmodel.importers.json_text import MAX_BYTES
from costmodel.importers.spec_text import to_yaml
from costmodel.importers.gguf.stored import Stored
from costmodel.loader import locate, read_bytes, to_text
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.validation import parse


@dataclass(slots=True)
class Import:
    """A configuration in the spec language.

    ``dtype`` is the recipe that stores weights as the configuration says (None: bf16, or a format
    that has no name here); ``ignored`` are keys that could change a figure and were left out as
    asked; ``left_out`` are towers beside the language model whose parameters are in no figure.
    ``stored`` is how a GGUF file stores its tensors, None for a configuration.
    """

    name: str
    model_type: str
    dtype: str | None
    ignored: list[str]
    left_out: list[str]
    stored: Stored | None
    spec: dict[str, Any]
    yaml: str = field(metadata=PRIVATE)
    schema: str = SCHEMA
    command: str = "import"


def import_(config: str, *, lenient: bool = False, name: str | None = None) -> Import:
    """Return the spec of a ``config.json`` or of a GGUF file.

    ``lenient`` leaves out keys that are not understood and lists them; ``name`` is the spec's.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it is no configuration, of an unknown family, or has keys that are not understood; or
            the tensors of a GGUF file are not what its keys say.
        UsageError: ``name`` cannot be the name of a spec.
    """
    read, stored = _read(config, lenient)
    found = read.imported
    if name is not None:
        found.document["name"] = name
    try:
        parse(found.document)
    except InvalidSpec as error:
        if name is not None and error.problems[0].path[:1] == ("name",):
            raise UsageError(f"--name: {error.problems[0].message}") from None
        raise locate(error, read) from None
    comments = [f"# stored as: --dtype {found.dtype}\n"] if found.dtype else []
    comments += [f"# in the file: {_types(stored)}\n"] if stored else []
    comments += [f"# ignored: {', '.join(found.ignored)}\n"] if found.ignored else []
    return Import(
        found.document["name"],
        found.model_type,
        found.dtype,
        found.ignored,
        found.left_out,
        stored,
        found.document,
        "".join(comments) + to_yaml(found.document),
    )


def _read(config: str, lenient: bool) -> tuple[ImportedDocument, Stored | None]:
    """Return what a file says, and how it stores weights, if it has some."""
    if config.endswith(".gguf"):
        from costmodel.importers.gguf import read

        found = read(Path(config), lenient=lenient)
        return found.document, found.stored
    text = to_text(read_bytes(Path(config), most=MAX_BYTES), config)
    return ImportedDocument(import_text(text, config, lenient=lenient), text, config), None


def _types(stored: Stored) -> str:
    """Return the bytes of every type in words."""
    types = ", ".join(f"{name} {row.bytes:,}" for name, row in stored.types.items())
    return f"{stored.bytes:,} bytes in {stored.tensors:,} tensors: {types}"
