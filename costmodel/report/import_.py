"""The spec of somebody else's configuration, what was not taken over, and what its weights say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import InvalidSpec, UsageError
from costmodel.importers.published import published
from costmodel.importers.spec_text import to_yaml
from costmodel.importers.stored_types import StoredTypes
from costmodel.loader import locate
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.validation import parse

if TYPE_CHECKING:
    from costmodel.importers.tensors import Checked, Held


@dataclass(slots=True)
class HeldTensors:
    """Tensors that belong together; ``parameters`` is 0 where only their names are known."""

    name: str
    tensors: int
    parameters: int


@dataclass(slots=True)
class CheckedTensors:
    """The tensors of the weights, which hold what the spec says.

    ``language_model`` has the spec's total, ``components`` what stands beside it and is equal too.
    ``left_out``: by the beginning of their names, tensors that no figure counts; ``copies`` tied
    tables that are written once more; ``buffers`` what is not learned. ``unchecked`` says what could
    not be compared.
    """

    language_model: HeldTensors
    components: list[HeldTensors]
    left_out: list[HeldTensors]
    copies: HeldTensors
    buffers: HeldTensors
    unchecked: list[str]


@dataclass(slots=True)
class Import:
    """A configuration in the spec language.

    ``dtype`` is the recipe that stores weights as the configuration says (None: bf16, or a format
    that has no name here); ``ignored`` are keys that could change a figure and were left out as
    asked; ``left_out`` are towers beside the language model whose parameters are in no figure.
    ``keys_without_effect`` were not read, and change nothing that is counted. ``tensors`` is None
    where no weights were compared with the spec; ``stored`` is how a GGUF file stores its own.
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
    tensors: CheckedTensors | None = None
    stored: StoredTypes | None = None
    schema: str = SCHEMA
    command: str = "import"


def import_(wanted: str, *, lenient: bool = False, name: str | None = None, check_tensors: bool = False) -> Import:
    """Return the spec of a published model: a ``config.json``, its folder or weights, a GGUF file, ``hf:org/name``.

    ``lenient`` leaves out keys that are not understood and lists them; ``name`` is the spec's.
    Weights that are named are compared with the spec; ``check_tensors`` looks for them.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it is no configuration, of an unknown family, has keys that are not understood, or
            the weights are not those of the spec.
        UsageError: ``name`` cannot be the name of a spec, or a repository cannot be read.
    """
    model = published(wanted)
    document = model.imported(lenient=lenient, name=name)
    found = document.imported
    try:
        architecture = parse(found.document)
    except InvalidSpec as error:
        if name is not None and error.problems[0].path[:1] == ("name",):
            raise UsageError(f"--name: {error.problems[0].message}") from None
        raise locate(error, document) from None
    assert isinstance(architecture, Architecture)  # a configuration has layers
    checked = model.checked(document, architecture) if check_tensors or model.named else None
    stored, params = model.stored, figures.params(architecture)
    comments = [f"# stored as: --dtype {found.dtype}\n"] if found.dtype else []
    comments += [f"# in the file: {_types(stored)}\n"] if stored else []
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
        None if checked is None else _rows(checked),
        stored,
    )


def _rows(checked: Checked) -> CheckedTensors:
    def row(name: str, held: Held) -> HeldTensors:
        return HeldTensors(name, held.tensors, held.values)

    return CheckedTensors(
        row("language model", checked.language_model),
        [row(name, held) for name, held in checked.components.items()],
        [row(name, held) for name, held in checked.left_out.items()],
        row("copies", checked.copies),
        row("buffers", checked.buffers),
        checked.unchecked,
    )


def _types(stored: StoredTypes) -> str:
    """Return the bytes of every type in words."""
    types = ", ".join(f"{name} {row.bytes:,}" for name, row in stored.types.items())
    return f"{stored.bytes:,} bytes in {stored.tensors:,} tensors: {types}"
