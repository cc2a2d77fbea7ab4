"""GGUF files, as llama.cpp runs them -> specs.

``GgufFile`` puts together what the other modules do: the header (``header``), the configuration that
it means (``table``, ``translate``), the family's adapter, and the comparison of every tensor with
the weights of the spec.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costmodel.architecture import Architecture
from costmodel.errors import SpecError, plain
from costmodel.importers import Imported, spec_name
from costmodel.importers.config import Config
from costmodel.importers.document import ImportedDocument
from costmodel.importers.draft import Draft
from costmodel.importers.families import adapter
from costmodel.importers.gguf.facts import Facts
from costmodel.importers.gguf.header import read_model
from costmodel.importers.gguf.stored import recipe, stored
from costmodel.importers.gguf.translate import configuration, settled
from costmodel.importers.stored_types import StoredTypes
from costmodel.importers.tensors import Checked, Tensor, check
from costmodel.nodes import Source

# Tensors that are no parameters of ours, and why.
BESIDE = {
    r"blk\.\d+\.exp_probs_b(?:\.bias)?": "corrections of a choice of experts, which no gradient moves: a buffer",
    r"blk\.\d+\.layer_output_scale\.weight": "a factor of a layer, which the family's class has as a buffer",
    r"(?:blk\.\d+\.)?rope_freqs\.weight": "factors of a rotation, made by the converter from its configuration",
    r"(?:blk\.\d+\.)?rope_factors_(?:long|short)\.weight": "factors of a rotation, from the configuration",
}
_BESIDE = re.compile("|".join(BESIDE))
_PART = re.compile(r"-\d{5}-of-\d{5}$")


class GgufFile:
    """A file whose keys say what the model is, and whose tensors are its weights.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it is no GGUF file of a kind that is read, or a part of the model is missing.
    """

    named = True  # it is its tensors that the user named

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, plain(str(path))
        self.header = read_model(path)
        self.facts = Facts(self.header, self.where)

    @property
    def stored(self) -> StoredTypes:
        """How it stores its tensors."""
        return stored(self.header.tensors)

    def imported(self, *, lenient: bool = False, name: str | None = None) -> ImportedDocument:
        """Return the spec. ``lenient`` leaves out keys of the architecture that are not understood, and lists them.

        Raises:
            SpecError: an architecture that is not covered, or a key that could change a figure and is not
                understood.
        """
        facts = self.facts
        data, row, ignored = configuration(facts, lenient)
        config = Config(data, row.model_type, Source(self.where, ""))
        draft = _adapted(config)
        settled(config, row, facts, data)
        data["_name_or_path"] = facts.metadata.get("general.name")
        document: dict[str, Any] = {
            "name": name or spec_name(_PART.sub("", self.path.stem) + ".gguf", data),
            "source": _source(self.path, facts, row.model_type),
            **draft.document(),
        }
        keys_read = 1 + sum(key in facts.seen for key in facts.given)  # the name of the architecture is one
        keys = keys_read, len(facts.metadata) - keys_read - len(ignored)
        imported = Imported(document, row.model_type, recipe(self.header.tensors), ignored, keys=keys)
        return ImportedDocument(imported, "", self.where)

    def checked(self, document: ImportedDocument, architecture: Architecture) -> Checked:  # noqa: ARG002
        """Return how the tensors hold what the spec says.

        Raises:
            SpecError: they do not.
        """
        hint = "the file's keys and tensors contradict each other"
        return check(_tensors(self.facts), architecture, self.where, hint=hint)


def _adapted(config: Config) -> Draft:
    """Return what the family's adapter makes of a configuration."""
    try:
        return adapter(config.model_type)(config)
    except (ZeroDivisionError, IndexError) as error:  # numbers that no model has
        message = f"the numbers of the file contradict each other: {error}"
        raise SpecError(message, "AC423", config.source.name) from None


def _source(path: Path, facts: Facts, model_type: str) -> dict[str, Any]:
    title, origin = path.name, facts.metadata.get("general.name")
    if isinstance(origin, str) and 0 < len(origin) <= 128 and origin.isprintable():
        title = f"{origin}, {title}"
    return {"title": title, "note": f"imported, GGUF architecture {facts.name}, model type {model_type}"}


def _tensors(facts: Facts) -> Iterator[Tensor]:
    """Yield the tensors that hold parameters; those of layers that predict further tokens under a name that says so.

    xIELU learns two numbers a layer, which the file has among its keys.
    """
    for name, info in facts.tensors.items():
        if _BESIDE.fullmatch(name):
            continue
        layer = re.match(r"blk\.(\d+)\.", name)
        is_further = layer is not None and facts.layers <= int(layer[1]) < facts.layers + facts.further
        yield Tensor(f"mtp.{name}" if is_further else name, info.shape, info.values)
    for key in ("xielu.alpha_p", "xielu.alpha_n"):
        if isinstance(values := facts.metadata.get(key), list):
            for index, _ in enumerate(values):
                yield Tensor(f"blk.{index}.{key}", (1,), 1)
