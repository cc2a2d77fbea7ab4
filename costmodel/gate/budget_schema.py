"""The JSON Schema of budget files, from the models that read them: what editors complete and check."""

from __future__ import annotations

import json

from costmodel.gate.budget_file import File, Fits, Limit
from costmodel.gate.rules import RULES
from costmodel.schema import DRAFT, Schema, model_schema, reference


def budget_schema() -> Schema:
    """Return the schema of a budget file. The names of figures depend on the model, so that it takes any."""
    definitions: dict[str, Schema] = {}
    top = model_schema(File, definitions)
    for cls in (Limit, Fits):
        definitions[cls.__name__] = model_schema(cls, definitions)
    rules = definitions["Budget"]["properties"]["rules"]
    rules |= {"properties": {"fits": _some("Fits")}, "additionalProperties": _some("Limit")}
    top["properties"]["severity"]["propertyNames"] = {"enum": list(RULES)}
    return {"$schema": DRAFT, "title": "archcalc budgets", **top, "definitions": dict(sorted(definitions.items()))}


def budget_schema_text() -> str:
    """Return the schema as the file that is committed."""
    return json.dumps(budget_schema(), indent=1, ensure_ascii=False) + "\n"


def _some(name: str) -> Schema:
    """Return one of something, or a list of them."""
    return {"anyOf": [reference(name), {"type": "array", "items": reference(name)}]}
