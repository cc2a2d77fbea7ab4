"""From the plain data of a spec to its model: every problem with its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from pydantic import BaseModel, ValidationError

from costmodel.architecture import Architecture
from costmodel.block import Block
from costmodel.blocks import block_class, kinds
from costmodel.document import Unpublished
from costmodel.errors import ArchcalcError, InvalidSpec, Problem, did_you_mean, quote
from costmodel.residual import feature_class, features
from costmodel.units import parse_count

Path = tuple[str | int, ...]
_BLOCK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
PARTS = {"encoder": "Encoder", "patches": "Patches"}  # the modules of these names, and their classes
_RESERVED = frozenset(("then", "repeat", "none", "x"))


def parse(spec: Mapping[str, Any]) -> Architecture | Unpublished:
    """Return the model of a spec's plain data.

    Raises:
        InvalidSpec: every problem found, each with its path in the data.
    """
    data = dict(spec)
    problems: list[Problem] = []
    if data.get("confidence") in ("rumour", "unverified") and "blocks" not in data:
        return cast("Unpublished", _model(Unpublished, data, (), problems) or _fail(problems))
    fields = [*(set(Architecture.model_fields) - {"features"}), *features(), "shared"]
    for key in data:
        if key not in fields:
            hint = did_you_mean(key, fields)
            problems.append(Problem((key,), f"there is no field {quote(key)}", "AC102", hint, on_key=True))
    blocks = _blocks(data.get("blocks"), ("blocks",), problems)
    _shared(data.pop("shared", None), blocks, problems)
    found = {}
    for field in features():
        if (value := data.pop(field, None)) is not None:
            found[field] = _model(feature_class(field), value, (field,), problems)
    for field in PARTS:
        if data.get(field) is not None:
            data[field] = _model(part_class(field), data[field], (field,), problems)
    components = _components(data.pop("components", None), problems)
    _units(data, problems)
    if problems:
        _fail(problems)
    if "blocks" in data:
        data["blocks"] = blocks
    data |= {"features": found, "components": components}
    return cast("Architecture", _model(Architecture, data, (), problems) or _fail(problems))


def part_class(field: str) -> type[BaseModel]:
    """Return the class of a part that few specs have; it is imported with the first of them."""
    from importlib import import_module

    found: type[BaseModel] = getattr(import_module(f"costmodel.{field}"), PARTS[field])
    return found


def _fail(problems: list[Problem]) -> NoReturn:
    raise InvalidSpec(problems)


def _blocks(raw: object, section: Path, problems: list[Problem]) -> dict[str, Block]:
    """Return the blocks of one section, each of the class that its kind names."""
    blocks: dict[str, Block] = {}
    if raw is not None and not isinstance(raw, dict):
        problems.append(Problem(section, "blocks must map names to blocks", "AC103", "as in  mlp: {kind: ffn, ...}"))
        return blocks
    known = kinds()
    listed = "kinds: " + ", ".join(known)
    for name, value in (raw or {}).items():
        path: Path = (*section, name)
        if not isinstance(name, str) or not _BLOCK_NAME.fullmatch(name) or name in _RESERVED:
            hint = "it is a word of schedules" if name in _RESERVED else "letters, digits and . _ + -"
            problems.append(Problem(path, f'"{str(name)[:64]}" is no name for a block', "AC104", hint, True))
            continue
        if not isinstance(value, dict):
            problems.append(Problem(path, f'block "{name}" must be a mapping with a kind', "AC103"))
            continue
        kind = value.get("kind")
        if kind is None:
            problems.append(Problem(path, f'block "{name}" has no kind', "AC105", listed, True))
        elif not isinstance(kind, str) or kind not in known:
            problems.append(Problem((*path, "kind"), f'there is no kind "{str(kind)[:64]}"', "AC105", listed))
        elif (block := _model(block_class(kind), value, path, problems)) is not None:
            blocks[name] = block
    return blocks


def _shared(raw: object, blocks: dict[str, Block], problems: list[Problem]) -> None:
    """Add the shared blocks, whose names may stand in schedules."""
    if raw is None:
        return
    if not isinstance(raw, dict):
        problems.append(Problem(("shared",), "shared must map names to weight sets", "AC103"))
        return
    from costmodel.shared_block import SharedBlock

    for name, value in raw.items():
        path: Path = ("shared", name)
        if name in blocks:
            problems.append(Problem(path, f'"{name}" is a block already', "AC104", "choose another name", True))
        elif isinstance(value, dict):
            block = _model(SharedBlock, {"kind": "shared", **value}, path, problems)
            if block is not None:
                blocks[name] = block
        else:
            problems.append(Problem(path, f'shared "{name}" must be a mapping', "AC103"))


def _components(raw: object, problems: list[Problem]) -> dict[str, BaseModel]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        problems.append(Problem(("components",), "components must map names to towers", "AC103"))
        return {}
    components: dict[str, BaseModel] = {}
    for name, value in raw.items():
        path: Path = ("components", name)
        if not isinstance(value, dict):
            problems.append(Problem(path, f'component "{name}" must be a mapping', "AC103"))
            continue
        own = _blocks(value.get("blocks"), (*path, "blocks"), problems)
        tower = _model(_component_class(value), {**value, "blocks": own}, path, problems)
        if tower is not None:
            components[name] = tower
    return components


def _component_class(fields: Mapping[str, Any]) -> type[BaseModel]:
    """Return what a component is by its fields: what hears, finds patches of bytes, or sees."""
    if "input" in fields:
        from costmodel.audio_tower import AudioTower

        return AudioTower
    if "vocab_size" in fields:
        from costmodel.patcher import Patcher

        return Patcher
    from costmodel.tower import Tower

    return Tower


def _units(data: dict[str, Any], problems: list[Problem]) -> None:
    """Read counts that may carry a unit."""
    value = data.get("max_context")
    if isinstance(value, str):
        try:
            data["max_context"] = parse_count(value)
        except ArchcalcError as error:
            problems.append(Problem(("max_context",), error.message, "AC106", error.hint))


def _model(cls: type[Any], value: object, path: Path, problems: list[Problem]) -> Any:
    """Validate one model; add its problems and return None where there are any."""
    try:
        return cls.model_validate(value)
    except ValidationError as error:
        from costmodel.problems import from_pydantic

        problems.extend(from_pydantic(error, path, data=value, allowed=cls))
        return None
