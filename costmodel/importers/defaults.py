"""What the classes of transformers do when a key is missing: data, generated from the classes.

``defaults.jsonl`` has a line for each model type; it is written and checked by
tests/importers/class_defaults.py against the transformers of the test extra.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

# Model types that share the class of another, and those of code on the hub that transformers reads with one of its own.
SAME_KEYS = {
    "gpt-sw3": "gpt2",
    "kimi_k2": "deepseek_v3",
    "minimax_m1": "minimax",
    "minimax_m3": "minimax_m3_vl_text",
    "minimax_text_01": "minimax",
}

PATH = Path(__file__).with_suffix(".jsonl")


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
        raise KeyError(model_type)
    row = json.loads(_lines()[start : _lines().index(b"\n", start)])
    return Class(row["keys"], row.get("also", {}), row.get("inside", {}))
