"""The JSON Schema of the spec language, generated from the models that read it.

Draft 7, which editors' YAML servers read. A schema knows one file, so what a ``base`` or ``like``
provides cannot be required: for such files and blocks there is a second set of definitions,
``...-derived``, in which nothing is required and ~ restores a default.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
_COUNT_TEXT = r"^[0-9]+(_[0-9]+)*$"
_SHARE = {"description": "an exact share or number: 0.125 or 1/8", "type": ["number", "string"]}


def spec_schema() -> Schema:
    """Return the schema of an architecture file."""
    from costmodel.architecture import Architecture
    from costmodel.audio_tower import AudioTower
    from costmodel.blocks import block_class, kinds
    from costmodel.document import Unpublished
    from costmodel.patcher import Patcher
    from costmodel.residual import feature_class, features
    from costmodel.shared_block import SharedBlock
    from costmodel.tower import Tower
    from costmodel.validation import PARTS, part_class

    definitions: dict[str, Schema] = {}
    top = model_schema(Architecture, definitions)
    blocks = {kind: model_schema(block_class(kind), definitions) for kind in kinds()}
    for kind, schema in blocks.items():
        definitions[f"block-{kind}"] = schema
    definitions["block-any"] = _any_block(blocks)
    definitions["block"] = _block(list(blocks))
    definitions["shared-block"] = model_schema(SharedBlock, definitions)
    definitions["shared-block"]["properties"].pop("kind")
    for name, cls in (("vision-tower", Tower), ("audio-tower", AudioTower), ("patcher", Patcher)):
        definitions[name] = model_schema(cls, definitions)
        definitions[name]["properties"]["blocks"] = _named("block")
    definitions["tower"] = {
        "if": {"required": ["input"]},
        "then": reference("audio-tower"),
        "else": {
            "if": {"required": ["vocab_size"]},
            "then": reference("patcher"),
            "else": reference("vision-tower"),
        },
    }
    properties = top["properties"]
    properties.pop("features")
    for field in features():
        definitions[f"feature-{field}"] = model_schema(feature_class(field), definitions)
        properties[field] = reference(f"feature-{field}")
    for field, name in PARTS.items():
        definitions[name] = model_schema(part_class(field), definitions)
        properties[field] = {"anyOf": [reference(name), {"type": "null"}], "default": None}
    properties |= {"blocks": _named("block"), "shared": _named("shared-block"), "components": _named("tower")}
    properties["base"] = {"type": "string", "description": "the spec that this one changes"}
    words = model_schema(Unpublished, definitions)["properties"]["confidence"]["enum"]
    rumour = {
        "properties": {"confidence": {"enum": words}},
        "required": ["confidence"],
        "not": {"required": ["blocks"]},
    }
    definitions["file"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": ["name"],
        "if": {"not": rumour},  # what nobody published has no layers
        "then": {"required": sorted(top["required"])},
    }
    definitions |= {f"{name}-derived": _derived(schema) for name, schema in definitions.items()}
    definitions["block-derived"] = reference("block-any-derived")
    kinds_of_tower = [reference(f"{name}-derived") for name in ("vision-tower", "audio-tower", "patcher")]
    definitions["tower-derived"] = {"anyOf": [*kinds_of_tower, {"type": "null"}]}
    return {
        "$schema": DRAFT,
        "title": "archcalc architecture",
        "description": _sentence(Architecture),
        "type": "object",
        "required": ["name"],
        "if": {"required": ["base"]},
        "then": reference("file-derived"),
        "else": reference("file"),
        "definitions": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """Return the schema as the file that is committed."""
    import json

    return json.dumps(spec_schema(), indent=1, ensure_ascii=False) + "\n"


def model_schema(cls: type[BaseModel], definitions: dict[str, Schema]) -> Schema:
    """Return the schema of one model; the models inside it go to ``definitions``."""
    found = cls.model_json_schema(ref_template="#/definitions/{model}")
    for name, inner in found.pop("$defs", {}).items():
        definitions[name] = _tidy(inner)
    tidy: Schema = _tidy(found)
    tidy["description"] = _sentence(cls)
    return tidy


def _sentence(cls: type[BaseModel]) -> str:
    """Return the docstring of a model on one line, for an editor's tooltip."""
    return " ".join((cls.__doc__ or cls.__name__).replace("``", "").split())


def _tidy(schema: Any) -> Any:
    """Return a schema as our language reads it.

    Titles that only repeat a name go. Whole numbers may have ``_`` between digits, which YAML 1.2
    reads as text. Fractions are numbers or text.
    """
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "fraction" or _is_fraction(schema):
        return {**_SHARE, **({"default": schema["default"]} if schema.get("default") is not None else {})}
    found: Schema = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in ("properties", "$defs", "definitions"):
            found[key] = {name: _tidy(item) for name, item in value.items()}
        else:
            found[key] = _tidy(value) if key != "default" else value
    if found.get("description"):
        found["description"] = " ".join(re.sub("``", "", found["description"]).split())
    if found.get("type") == "integer":
        rest = {key: found.pop(key) for key in ("default", "description") if key in found}
        return {"anyOf": [found, {"type": "string", "pattern": _COUNT_TEXT}], **rest}
    return found


def _is_fraction(schema: Schema) -> bool:
    """Say whether pydantic wrote an exact fraction: text with a bound on its value."""
    return schema.get("type") == "string" and ("exclusiveMinimum" in schema or "maximum" in schema)


def reference(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def _named(name: str) -> Schema:
    """Return a mapping from names to things of one kind."""
    pattern = "^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"
    return {"type": "object", "propertyNames": {"pattern": pattern}, "additionalProperties": reference(name)}


def _derived(schema: Any, *, field: bool = False) -> Any:
    """Return a schema of something that changes another: nothing is required, ~ is a default."""
    if isinstance(schema, list):
        return [_derived(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _derived(item, field=name != "kind") for name, item in value.items()}
        elif key == "$ref":
            found[key] = value if value.endswith("-derived") else f"{value}-derived"
        elif key not in ("required", "if", "then"):
            found[key] = _derived(value)
    for key in ("description", "default"):  # told once, where the thing itself is defined
        found.pop(key, None)
    return {"anyOf": [found, {"type": "null"}]} if field else found


def _block(kinds: list[str]) -> Schema:
    """Return a block: of the kind it states, or derived from the block that ``like`` names."""
    stated: list[Schema] = [
        {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": reference(f"block-{kind}")}
        for kind in kinds
    ]
    return {
        "type": "object",
        "properties": {"kind": {"enum": kinds}},
        "oneOf": [{"required": ["kind"]}, {"required": ["like"]}],
        "allOf": [*stated, {"if": {"required": ["like"]}, "then": reference("block-any-derived")}],
    }


def _any_block(kinds: dict[str, Schema]) -> Schema:
    """Return a block whose kind another states: any field of any kind."""
    fields: dict[str, list[Schema]] = {}
    for schema in kinds.values():
        for name, field in schema["properties"].items():
            options = fields.setdefault(name, [])
            bare = {key: value for key, value in field.items() if key not in ("default", "description")}
            if name != "kind" and bare not in options:
                options.append(bare)
    properties: dict[str, Schema] = {name: {"anyOf": options} for name, options in fields.items() if name != "kind"}
    properties["kind"] = {"enum": list(kinds)}
    properties["like"] = {"type": "string", "description": "the block that this one changes"}
    return {
        "description": "A block that changes another: like: NAME, or the block of this name in the base.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
