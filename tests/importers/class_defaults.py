"""What the configuration classes of transformers say: every key that may matter, and its default.

    python -m tests.importers.class_defaults        writes costmodel/importers/defaults.jsonl

One line a model type. ``keys`` are fields of the class with their defaults, without those that change
no figure; ``also`` are other names under which the class reads a field; ``inside`` says of which
model type a configuration inside is, and what it has where it is missing.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from costmodel.importers.defaults import PATH
from costmodel.importers.harmless import is_harmless

MODELS = Path(transformers.__file__).parent / "models"


def classes() -> Iterator[tuple[str, type[PreTrainedConfig]]]:
    """Yield every configuration class with its model type, sorted by folder and name.

    A part that has no model type is called by its folder and the key where it stands: dbrx.ffn_config.
    """
    for path in sorted(MODELS.glob("*/configuration_*.py")):
        module = importlib.import_module(f"transformers.models.{path.parent.name}.{path.stem}")
        for _, found in sorted(vars(module).items()):
            own = inspect.isclass(found) and found.__module__ == module.__name__
            if own and issubclass(found, PreTrainedConfig) and (name := found.model_type or _place(found)):
                yield name, found


def _place(found: type[PreTrainedConfig]) -> str:
    return f"{found.__module__.split('.')[-2]}.{found.base_config_key}" if found.base_config_key else ""


def plain(value: Any) -> Any:
    """Return a default as JSON has it."""
    if isinstance(value, (tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if isinstance(value, (list, str, int, float, bool, type(None))) else str(value)


def fields(found: type[PreTrainedConfig]) -> dict[str, Any]:
    """Return the keys of one class with their defaults; those without one are None."""
    keys = {}
    for field in dataclasses.fields(found):
        if is_harmless(field.name):
            continue
        missing = field.default is dataclasses.MISSING
        made = None if field.default_factory is dataclasses.MISSING else field.default_factory()
        keys[field.name] = plain(made if missing else field.default)
    return keys


def part(specs: SubConfigSpec) -> dict[str, Any]:
    """Return what a class does about a configuration inside it."""
    chosen = issubclass(specs.config_class, PreTrainedConfig)
    row: dict[str, Any] = {"only" if chosen else "type": specs.model_type}
    missing = {key: plain(value) for key, value in specs.init_kwargs.items() if not is_harmless(key)}
    return row | ({"missing": missing} if missing else {}) | ({"optional": True} if specs.optional else {})


def _fixed(found: type[PreTrainedConfig], name: str) -> bool:
    """Say whether an attribute is computed, so that no file can set it."""
    return isinstance(inspect.getattr_static(found, name, None), property)


def line(model_type: str, found: type[PreTrainedConfig]) -> str:
    """Return the line of one class."""
    row: dict[str, Any] = {"model_type": model_type, "keys": fields(found)}
    # An attribute map leads from one name of an attribute to another; either may be the field.
    names = (found.attribute_map or {}).items()
    also = {new: old for new, old in names if old in row["keys"]}
    also |= {old: new for new, old in names if new in row["keys"] and old not in row["keys"] and not _fixed(found, old)}
    if also:
        row["also"] = also
    nameless = (pair for pair in found.sub_configs.items() if not getattr(pair[1], "model_type", "auto"))
    inside = {key: {"only": _place(cls)} for key, cls in nameless if _place(cls)}
    if inside := inside | {key: part(specs) for key, specs in found.sub_configs_defaults.items()}:
        row["inside"] = inside
    return json.dumps(row, separators=(",", ":"))


def text() -> str:
    """Return the whole file."""
    rows = {model_type: line(model_type, found) for model_type, found in classes()}
    return "".join(f"{rows[name]}\n" for name in sorted(rows))


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
