"""Which specs of two sides are compared with each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from costmodel.errors import ArchcalcError
from costmodel.gate.causes import ABOUT
from costmodel.gate.files import Subject
from costmodel.gate.sides import Entry, Side


def pairs(old: Side, new: Side) -> list[tuple[str, Entry | None, Entry | None]]:
    """Return what to compare with what: by path; what moved, by content, then by name; two single specs in any case."""
    if old.single and new.single:
        (one,), ((key, other),) = old.specs.values(), new.specs.items()
        return [(key, one, other)]
    before = {key: key for key in new.specs if key in old.specs}
    for same in (_named_content, _content, _name):
        gone = {same(one): key for key, one in old.specs.items() if key not in new.specs and key not in before.values()}
        for key, other in new.specs.items():
            if key not in before and (was := gone.pop(same(other), None)):
                before[key] = was
    found: list[tuple[str, Entry | None, Entry | None]] = []
    for key, other in new.specs.items():
        if key in before or old.covers(key):
            found.append((key, old.specs[before[key]] if key in before else None, other))
    if old.lock is None or new.whole:
        moved = set(before.values())
        found += [(key, one, None) for key, one in old.specs.items() if key not in moved and new.covers(key)]
    return found


def fields_of(entry: Entry) -> Mapping[str, Any]:
    """Return the fields of a spec that can be read."""
    assert not isinstance(entry, ArchcalcError)
    return entry.document.data if isinstance(entry, Subject) else entry.spec


def _name(entry: Entry) -> str:
    return "" if isinstance(entry, ArchcalcError) else entry.name


def _content(entry: Entry) -> str:
    """Return the fields of a spec as text, without what names and describes it."""
    if isinstance(entry, ArchcalcError):
        return ""
    own = {key: value for key, value in fields_of(entry).items() if key not in ABOUT}
    return json.dumps(own, sort_keys=True, default=str)


def _named_content(entry: Entry) -> str:
    return f"{_name(entry)} {_content(entry)}"
