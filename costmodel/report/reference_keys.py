"""The keys of every command's JSON: the dataclasses of the answers, each object once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

# Rooms whose dataclasses are answers; found by name, since the second is built on this one.
_ROOMS = ("costmodel.report", "costmodel.gate")


def keys() -> Iterator[tuple[str, bool, str, list[tuple[str, str]]]]:
    """Yield every object: its title, whether a command prints it, what it is, and its keys with their types.

    Commands come in alphabetical order; an object that several share comes with the first.
    """
    objects, pages = _objects()
    shown: dict[str, None] = {}

    def walk(name: str) -> None:
        if name in shown:
            return
        shown[name] = None
        for one in _public(objects[name]):
            for word in re.findall(r"[A-Z]\w+", str(one.type)):
                if word in objects:
                    walk(word)

    for name in sorted(pages, key=lambda one: pages[one]):
        walk(name)
    for name in shown:
        text = " ".join((objects[name].__doc__ or "").split()).replace("``", "`")
        rows = [(one.name, str(one.type).replace("|", "or")) for one in _public(objects[name])]
        yield (f"archcalc {pages[name]}" if name in pages else name), name in pages, text, rows


def _objects() -> tuple[dict[str, type], dict[str, str]]:
    """Return the dataclasses by name, and the commands of those that are whole answers."""
    objects: dict[str, type] = {}
    pages: dict[str, str] = {}
    for room in _ROOMS:
        for info in iter_modules(import_module(room).__path__):
            for name, found in vars(import_module(f"{room}.{info.name}")).items():
                if is_dataclass(found) and isinstance(found, type):
                    objects[name] = found
                    command = next((one.default for one in fields(found) if one.name == "command"), None)
                    if isinstance(command, str):
                        pages[name] = command
    return objects, pages


def _public(kind: type) -> list[Field[Any]]:
    return [one for one in fields(kind) if not one.metadata.get("private")]
