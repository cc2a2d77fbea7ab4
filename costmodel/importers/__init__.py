"""Configurations of published models -> specs in our language, one small adapter a family."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel.errors import SpecError, count_of, did_you_mean, quote
from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families import TABLE, adapter
from costmodel.importers.json_text import error_at, read
from costmodel.importers.quantization import recipe
from costmodel.nodes import Source

__all__ = ["Imported", "import_text"]


@dataclass(frozen=True)
class Imported:
    """A configuration in our language.

    ``dtype`` is the recipe that stores weights as the configuration says they are; None where it
    says nothing that has a name here. ``ignored`` are keys that could change a figure and were left
    out because that was asked for; ``left_out`` are towers beside the language model that are not
    read. ``keys`` are how many keys were read, and how many change nothing.
    """

    document: dict[str, Any]
    model_type: str
    dtype: str | None = None
    ignored: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    keys: tuple[int, int] = (0, 0)


def import_text(text: str, where: str, *, lenient: bool = False) -> Imported:
    """Return the spec of a ``config.json``. ``where`` is its path, from which the spec has its name.

    Raises:
        SpecError: no JSON, an unknown model type, or a key that could change a figure and is not
            understood; with its line. ``lenient`` lists such keys instead.
    """
    source = Source(where, text)
    data = read(source)
    draft, config = _adapt(data, source)
    # How weights are stored, not how many there are: a wrapper may say it of its language model.
    quantized = [part.get("quantization_config") for part in (config, *config.parts)]
    unread = list(config.unread())
    if unread and not lenient:
        _, error = unread[0]
        if len(unread) > 1:
            others = [name for name, _ in unread[1:7]] + (["..."] if len(unread) > 7 else [])
            error.note = f"{count_of(len(unread) - 1, 'more key')} like it: {', '.join(others)}"
        raise error
    head = {"name": spec_name(where, data), "source": _source(where, data, draft)}
    left_out = {"left_out": list(draft.left_out)} if draft.left_out else {}
    document = draft.document()
    document["n_layers"] = config.depth(document["n_layers"])
    n_read, n_others = config.tally()
    return Imported(
        head | left_out | document,
        str(data["model_type"]),
        recipe(next(filter(None, quantized), None)),
        [name for name, _ in unread],
        list(draft.left_out),
        (n_read, n_others - len(unread)),
    )


def _adapt(data: Mapping[str, Any], source: Source) -> tuple[Draft, Config]:
    """Return what the adapter of the model type makes of a configuration."""
    kind = data.get("model_type")
    if not isinstance(kind, str):
        raise error_at(source, ("model_type",), "AC404", "the configuration has no model_type")
    if kind not in TABLE:
        hint = did_you_mean(kind, TABLE) or "write a spec: archcalc init"
        raise error_at(source, ("model_type",), "AC404", f"the model type {quote(kind)} is not covered", hint)
    read_family = adapter(kind)
    config = Config(data, kind, source)
    try:
        return read_family(config), config
    except (ZeroDivisionError, IndexError) as error:  # numbers that no model has
        message = f"the numbers of the configuration contradict each other: {error}"
        raise SpecError(message, "AC401", source.name) from None


_NO_NAME = re.compile(r"[^A-Za-z0-9._+-]+")


def spec_name(where: str, data: Mapping[str, Any]) -> str:
    """Return a name for the spec: the file's, or its folder's where the file is called config."""
    path = Path(where)
    stem = path.stem if path.stem.lower() not in ("config", "-", "stdin") else path.absolute().parent.name
    name = _NO_NAME.sub("-", stem).strip("-._+").lower()[:64]
    return name or str(data["model_type"])


_OTHER_HEAD = re.compile(r"[A-Za-z0-9_]{1,64}(?:For\w*Classification|ForQuestionAnswering|(?<!LMHead)Model)")


def _other_head(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a remark where the file is of a model that ends in something else than a language model's head."""
    names = data.get("architectures")
    for name in names[:1] if isinstance(names, list) else ():
        if isinstance(name, str) and _OTHER_HEAD.fullmatch(name):
            yield f"the file is of {name}, and the language model with its head is counted"


def _source(where: str, data: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    origin = data.get("_name_or_path")
    title = Path(where).name
    if isinstance(origin, str) and 0 < len(origin) <= 128 and origin.isprintable():
        title = f"{origin} {title}"
    note = f"imported, model type {data['model_type']}"
    note = "; ".join([note, *draft.remarks, *_other_head(data)])
    return {"title": title, "note": note}
