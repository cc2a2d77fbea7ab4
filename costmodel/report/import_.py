"""The spec of somebody else's configuration, and what was not taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import InvalidSpec, UsageError
from costmodel.importers import import_text
from costmodel.importers.document import ImportedDocument
from costmodel.importers.json_text import MAX_BYTES
from costmodel.importers.spec_text import to_yaml
from costmodel.loader import locate, read_bytes, to_text
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.validation import parse


@dataclass(slots=True)
class Import:
    """A configuration in the spec language.

    ``dtype`` is the recipe that stores weights as the configuration says (None: bf16, or a format
    that has no name here); ``ignored`` are keys that could change a figure and were left out as
    asked; ``left_out`` are towers beside the language model whose parameters are in no figure.
    ``keys_without_effect`` were not read, and change nothing that is counted.
    """

    name: str
    model_type: str
    total: int
    active: int
    dtype: str | None
    keys_read: int
    keys_without_effect: int
    ignored: list[str]
    left_out: list[str]
    spec: dict[str, Any]
    yaml: str = field(metadata=PRIVATE)
    schema: str = SCHEMA
    command: str = "import"


def import_(config: str, *, lenient: bool = False, name: str | None = None) -> Import:
    """Return the spec of a ``config.json``.

    ``lenient`` leaves out keys that are not understood and lists them; ``name`` is the spec's.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it is no configuration, of an unknown family, or has keys that are not understood.
        UsageError: ``name`` cannot be the name of a spec.
    """
    text = to_text(read_bytes(Path(config), most=MAX_BYTES), config)
    found = import_text(text, config, lenient=lenient)
    if name is not None:
        found.document["name"] = name
    try:
        architecture = parse(found.document)
    except InvalidSpec as error:
        if name is not None and error.problems[0].path[:1] == ("name",):
            raise UsageError(f"--name: {error.problems[0].message}") from None
        raise locate(error, ImportedDocument(found, text, config)) from None
    assert isinstance(architecture, Architecture)  # a configuration has layers
    params = figures.params(architecture)
    comments = [f"# stored as: --dtype {found.dtype}\n"] if found.dtype else []
    comments += [f"# ignored: {', '.join(found.ignored)}\n"] if found.ignored else []
    return Import(
        found.document["name"],
        found.model_type,
        params.total,
        params.active,
        found.dtype,
        *found.keys,
        found.ignored,
        found.left_out,
        found.document,
        "".join(comments) + to_yaml(found.document),
    )
