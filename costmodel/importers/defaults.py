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

PATH = Path(__file__).with_suffix(".jsonl")
SAME = {"gpt-sw3": "gpt2"}  # model types that share the class of another


class Class(NamedTuple):
    """One configuration class: its keys with defaults, and other names of some keys."""

    keys: Mapping[str, Any]
    also: Mapping[str, str]


@cache
def _text() -> str:
    return PATH.read_text(encoding="utf-8")


@cache
def class_of(model_type: str) -> Class:
    """Return the class of a model type.

    Raises:
        KeyError: no class has this type.
    """
    model_type = SAME.get(model_type, model_type)
    # One line is parsed, not all: a command reads one or two classes.
    start = _text().find(f'{{"model_type":"{model_type}",')
    if start < 0:
        raise KeyError(model_type)
    row = json.loads(_text()[start : _text().index("\n", start)])
    return Class(row["keys"], row.get("also", {}))
