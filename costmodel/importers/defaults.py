"""What configuration classes do when a key is missing, as data.

``defaults.jsonl`` has a line for each class of transformers; it is written and checked by
tests/importers/class_defaults.py against the transformers of the test extra. ``remote.json`` has the
types whose class stands beside the published weights, written by hand: where its code, or a copy of
it, was read (repository and path), and the keys that matter. A default is only there where it was
read; sizes have none, so that a file without them is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

# Model types that share the class of another, and those of code on the hub that transformers reads with one of its own.
SAME_KEYS = {
    "deepseek_ref": "deepseek_v4",
    "exaone4_5_text": "exaone4",
    "gpt-sw3": "gpt2",
    "kimi_k2": "deepseek_v3",
    "minimax_m1": "minimax",
    "minimax_m3": "minimax_m3_vl_text",
    "minimax_text_01": "minimax",
}

PATH = Path(__file__).with_suffix(".jsonl")
REMOTE = Path(__file__).with_name("remote.json")


class Class(NamedTuple):
    """One configuration class: its keys with defaults, other names of some keys, and what is inside.

    ``inside`` has for every configuration inside its model type (``type``, or ``only`` where the
    class reads no other) and the keys that it has where it is missing (``missing``); ``optional`` ones
    are then not there at all.
    """

    keys: Mapping[str, Any]
    also: Mapping[str, str]
    inside: Mapping[str, Mapping[str, Any]]


@cache
def _lines() -> bytes:
    return b"\n" + PATH.read_bytes()


@cache
def class_of(model_type: str) -> Class:
    """Return the class of a model type.

    Raises:
        KeyError: no class has this type.
    """
    model_type = SAME_KEYS.get(model_type, model_type)
    # One line is parsed, not all: a command reads one or two classes.
    start = _lines().find(f'\n{{"model_type":"{model_type}",'.encode()) + 1
    if not start:
        return _remote_class(model_type)
    row = json.loads(_lines()[start : _lines().index(b"\n", start)])
    return Class(row["keys"], row.get("also", {}), row.get("inside", {}))


@cache
def remote() -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of every class that stands beside published weights, by model type.

    ``models`` are those published with it, ``source`` where it was read; ``extends`` is a class that
    it adds ``keys`` to. Parts, which have neither, are types with a dot.
    """
    found: dict[str, dict[str, Any]] = json.loads(REMOTE.read_bytes())
    return found


def _remote_class(model_type: str) -> Class:
    row = remote()[model_type]
    base = class_of(row["extends"]) if "extends" in row else Class({}, {}, {})
    return Class(*({**known, **row.get(field, {})} for field, known in zip(Class._fields, base, strict=True)))
