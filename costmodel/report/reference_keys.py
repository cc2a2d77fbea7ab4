"""The keys of every command's JSON: the dataclasses of the answers, each object once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

# Rooms whose dataclasses are answers; found by name, since the second is built on this one.
_ROOMS = ("costmodel.report", "costmodel.gate", "costmodel.documents")


def keys() -> Iterator[tuple[str, bool, str, list[tuple[str, str]]]]:
    """Yield every object: its title, whether a command prints it, what it is, and its keys with their types.

    Commands come in alphabetical order; an object that several share comes with the first.
    """
    objects = _objects()
    commands = {one: command for one in objects if (command := _command(one)) is not None}
    shown: dict[type, None] = {}

    def walk(kind: type) -> None:
        if kind in shown:
            return
        shown[kind] = None
        for one in _public(kind):
            for word in re.findall(r"[A-Z]\w+", str(one.type)):
                found = _named(word, kind, objects)
                if found is not None:
                    walk(found)

    for kind in sorted(commands, key=lambda one: commands[one]):
        walk(kind)
    for kind in shown:
        text = " ".join((kind.__doc__ or "").split()).replace("``", "`")
        rows = [(one.name, str(one.type).replace("|", "or")) for one in _public(kind)]
        title = f"archcalc {commands[kind]}" if kind in commands else kind.__name__
        yield title, kind in commands, text, rows


def _objects() -> list[type]:
    """Return the dataclasses of the rooms, in the order in which their modules name them."""
    found: dict[type, None] = {}
    for room in _ROOMS:
        for info in iter_modules(import_module(room).__path__):
            for one in vars(import_module(f"{room}.{info.name}")).values():
                if isinstance(one, type) and is_dataclass(one):
                    found.setdefault(one)
    return list(found)


def _command(kind: type) -> str | None:
    """Return the command that prints an object, None for a part of one."""
    default = next((one.default for one in fields(kind) if one.name == "command"), None)
    return default if isinstance(default, str) else None


def _named(word: str, by: type, objects: list[type]) -> type | None:
    """Return the object that a type of another calls so; modules may use one name for two."""
    found = [one for one in objects if one.__name__ == word]
    if len(found) > 1:
        known = vars(import_module(by.__module__)).get(word)
        room = by.__module__.rpartition(".")[0]
        found = [known] if known in found else [one for one in found if one.__module__.startswith(f"{room}.")]
        if len(found) != 1:
            raise AssertionError(f"{by.__module__} does not say which {word} it means")  # a bug of ours
    return found[0] if found else None


def _public(kind: type) -> list[Field[Any]]:
    return [one for one in fields(kind) if not one.metadata.get("private")]
