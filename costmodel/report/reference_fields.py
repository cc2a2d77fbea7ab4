"""The fields of the spec language and of budget files, with their types and defaults in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_PLAIN = {int: "whole number", bool: "true or false", str: "text", float: "number", Fraction: "share or number"}
_WITH_SECTIONS = ("architecture", "encoder", "mtp", "budgets", "budget")  # whose parts are tables of their own
_BUDGETS = {
    "budgets": "File", "budget": "Budget", "limit": "Limit", "fits": "Fits", "assertion": "Assertion",
    "workload": "Load",
}  # fmt: skip
Row = tuple[str, str, str]


def owners() -> dict[str, Any]:
    """Return what has fields by its name: parts of a document, kinds of blocks, features of the residual stream.

    The parts of a budget file are found by name: the room of the gate is built on this one.
    """
    from importlib import import_module

    from costmodel import architecture, document, source_input, stack
    from costmodel.audio_tower import AudioTower
    from costmodel.blocks import block_class, kinds
    from costmodel.patcher import Patcher
    from costmodel.residual import feature_class, features
    from costmodel.shared_block import SharedBlock
    from costmodel.tower import Tower
    from costmodel.validation import PARTS, part_class

    return {
        "architecture": architecture.Architecture,
        "embedding": document.Embedding,
        "head": document.Head,
        "host": document.Host,
        **{name: part_class(name) for name in PARTS},
        "input": source_input.SourceInput,
        "mtp": document.Mtp,
        "source": document.Source,
        "claim": document.Claim,
        "norm": stack.Norm,
        "shared": SharedBlock,
        "tower": Tower,
        "audio-tower": AudioTower,
        "patcher": Patcher,
        **{kind: block_class(kind) for kind in kinds()},
        **{name: feature_class(name) for name in features()},
        **{name: getattr(import_module("costmodel.gate.budget_file"), cls) for name, cls in _BUDGETS.items()},
    }


def fields(name: str) -> tuple[str, list[Row]]:
    """Return what an owner of fields is, and its fields with type and default."""
    from costmodel.validation import PARTS, part_class

    owner = owners()[name]
    text = "\n".join(line.strip() for line in (owner.__doc__ or "").strip().splitlines()).replace("``", "`")
    rows: list[Row] = []
    late = PARTS if name == "architecture" else {}
    for field, info in owner.model_fields.items():
        if field == "features":  # in a spec each feature is a field by itself
            continue
        rows.append(_row(info.alias or field, info, part_class(field) if field in late else info.annotation))
        if name not in _WITH_SECTIONS:
            rows += _nested(field, info.annotation)
    return text, rows


def _nested(field: str, annotation: Any) -> Iterator[Row]:
    """Yield the fields of a mapping inside a field, as ``router.score``."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            for name, info in part.model_fields.items():
                yield _row(f"{field}.{info.alias or name}", info, info.annotation)


def _row(name: str, info: Any, annotation: Any) -> Row:
    return name, type_text(annotation), "required" if info.is_required() else f"`{_default(info)}`"


def _default(info: Any) -> str:
    """Return a default as YAML would write it."""
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "~"
    if isinstance(value, bool):
        return str(value).lower()
    return "{}" if hasattr(value, "model_dump") else str(value)


def type_text(annotation: Any) -> str:
    """Return a type in the words of the spec language, code in backticks."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(inner[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" if isinstance(word, str) else str(word) for word in inner)
    if origin in (Union, UnionType):
        words = dict.fromkeys(type_text(part) for part in inner if part is not NoneType)
        if "number" in words:
            words.pop("whole number", None)
        return " or ".join(words)
    if origin is list:
        return f"list of {type_text(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        what = (annotation.__doc__ or "").strip().splitlines()[0].replace("``", "`")
        return f"mapping, {what[0].lower()}{what[1:].rstrip('.')}"
    return _PLAIN.get(annotation, "mapping")
