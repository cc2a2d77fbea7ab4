"""What a user names as a published model: a config.json, its folder, its weights, a GGUF file, a repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from costmodel.errors import InvalidSpec, SpecError, UnknownSpecError, plain
from costmodel.importers import Imported, import_text
from costmodel.importers.document import ImportedDocument, is_config
from costmodel.importers.json_text import MAX_BYTES, read
from costmodel.loader import locate, read_bytes, to_text
from costmodel.nodes import Source
from costmodel.reading import is_file, is_folder

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.importers.stored_types import StoredTypes
    from costmodel.importers.tensors import Checked
    from costmodel.importers.weights import Weights

CONFIG = "config.json"
REPOSITORY = "hf:"
ADAPTER = "adapter_config.json"  # as peft names it
GGUF = ".gguf"
_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


class Model(Protocol):
    """A published model."""

    @property
    def named(self) -> bool:
        """Whether it was weights that the user named, so that they are checked unasked."""

    @property
    def stored(self) -> StoredTypes | None:
        """How its tensors are stored, where the file says it of each."""

    def imported(self, *, lenient: bool = False, name: str | None = None) -> ImportedDocument:
        """Return the spec, called ``name``. Raises what ``import_text`` raises."""

    def checked(self, document: ImportedDocument, architecture: Architecture) -> Checked:
        """Return how the weights hold what the spec says; raises SpecError where they do not, or are not there."""


@dataclass(frozen=True)
class Published:
    """A configuration and where its weights are. ``where`` names the configuration in errors.

    ``weights`` reads their headers; None where there are none. ``source``: fields of the spec's source.
    """

    text: str
    where: str
    weights: Callable[[], Weights] | None = None
    named: bool = False
    source: Mapping[str, Any] | None = None
    stored: None = None

    def imported(self, *, lenient: bool = False, name: str | None = None) -> ImportedDocument:
        """Return the spec. Raises what ``import_text`` raises."""
        found = import_text(self.text, self.where, lenient=lenient)
        if self.source:
            found.document["source"] = {**self.source, "note": found.document["source"]["note"]}
        if name is not None:
            found.document["name"] = name
        return ImportedDocument(found, self.text, self.where)

    def checked(self, document: ImportedDocument, architecture: Architecture) -> Checked:
        """Return how the weights hold what the spec says.

        Raises:
            SpecError: they do not hold it, or there are none.
        """
        if self.weights is None:
            hint = "they are called model.safetensors or model.safetensors.index.json"
            raise SpecError("there are no weights beside it that could be compared", "AC001", self.where, hint)
        config = read(Source(self.where, self.text))
        return _checked(self.weights(), architecture, document.imported, config)


def _checked(weights: Weights, architecture: Architecture, imported: Imported, config: Mapping[str, Any]) -> Checked:
    from costmodel.importers.packing import bits_of, unpack
    from costmodel.importers.tensor_names import UNSAVED, is_adapter
    from costmodel.importers.tensors import check, check_index

    if weights.stored is None:
        assert weights.index is not None
        return check_index(weights.index, architecture, weights.where, imported.left_out, config, weights.why)
    if all(is_adapter(tensor.name) for tensor in weights.stored):
        raise _of_an_adapter(weights.where)
    tensors = unpack(weights.stored, weights.where, bits_of(config))
    return check(tensors, architecture, weights.where, imported.left_out, UNSAVED.get(imported.model_type, ()))


def _of_an_adapter(where: str) -> SpecError:
    message = "this is an adapter, which changes a model and is none"
    return SpecError(message, "AC411", where, "import the model that it is for; adapters are in no figure")


def published(wanted: str) -> Model:
    """Return what a user names: a repository, or a path.

    Raises:
        UnknownSpecError: there is nothing of that name.
        SpecError: the configuration cannot be read.
        UsageError: the repository cannot be read, or huggingface_hub is not installed.
    """
    if wanted.startswith(REPOSITORY):
        from costmodel.importers.hub import repository

        return repository(wanted)
    path = Path(wanted)
    if _NAME.fullmatch(wanted) and not is_folder(path.parent):
        hint = f"a repository of a hub is named {REPOSITORY}{wanted}"
        raise UnknownSpecError("there is no such file", "AC001", wanted, hint)
    return published_at(path)


def published_at(path: Path) -> Model:
    """Return the published model at a path; raises as ``published``."""
    from costmodel.importers.weights import beside, is_weights, read_weights

    if path.suffix == GGUF:
        from costmodel.importers.gguf import GgufFile

        return GgufFile(path)
    named, folder = is_weights(path), path.parent
    if not named and is_folder(path):
        folder = path
    config = folder / CONFIG if named or folder is path else path
    if not is_file(config) and (folder is path or is_file(path)):
        raise _without_config(path, folder)
    text = to_text(read_bytes(config if is_file(config) else path, most=MAX_BYTES), str(config))
    weights = path if named else beside(folder)
    return Published(text, str(config), (lambda: read_weights(weights)) if weights else None, named)


def _without_config(path: Path, folder: Path) -> SpecError:
    """Return what is wrong with a folder, or weights, without a configuration."""
    where = plain(str(path))
    if is_file(folder / ADAPTER):
        return _of_an_adapter(where)
    if folder is path:
        hint = "name the file itself: a spec, a configuration, a GGUF file"
        return SpecError("there is no config.json in this folder", "AC001", where, hint)
    message = "there is no config.json beside it, and tensors alone do not say what they are part of"
    return SpecError(message, "AC001", where, f"put the model's config.json into {plain(str(folder))}")


def document_of(wanted: Model) -> ImportedDocument:
    """Return the spec of a published model, checked against its weights where they were named.

    Raises:
        SpecError: the configuration is not understood, or the weights are others.
    """
    document = wanted.imported()
    if wanted.named:
        from costmodel.architecture import Architecture
        from costmodel.validation import parse

        try:
            architecture = parse(document.data)
        except InvalidSpec as error:
            raise locate(error, document) from None
        assert isinstance(architecture, Architecture)  # a configuration has layers
        wanted.checked(document, architecture)
    return document


def is_published(path: Path) -> bool:
    """Say whether a path is a published model's, and no spec: its folder, its weights, its configuration."""
    from costmodel.importers.weights import is_weights

    return path.suffix == GGUF or is_weights(path) or is_folder(path) or is_config(path)
