"""The catalog's models as transformers builds them at their published size, and where both differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

_RUN = re.compile(r"(\d+) (\w+)")

# Specs of models that transformers has no class for, or that nobody published.
NO_CLASS: Mapping[str, str] = MappingProxyType(
    {
        "gpt-4": "unpublished: claims only, nothing is computed",
        "grok-1": "no class in transformers",
        "gshard-600b": "no class in transformers",
        "kimi-k3": "no class in transformers",
        "ling-lite-1.5": "no class in transformers",
        "llama-3.3-nemotron-super-49b": "no class in transformers",
        "mimo-v2.5-pro": "no class in transformers",
    }
)

# Parameters that transformers allocates beside the architecture's own, by reason.
_T5_HEAD = "T5's class ties the head; T5 1.1 and Flan-T5 have one of their own"
_BIAS = "correction biases of routers: parameters that are not trained, buffers in other families"
_HEAD = "the class of the language model has no head, only the one with the vision tower"
BESIDE: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "ernie-4.5-21b-a3b": {_BIAS: 27 * 64},
        "ernie-4.5-300b-a47b": {_BIAS: 51 * 64},
        "flan-t5-base": {_T5_HEAD: -768 * 32_128},
        "flan-t5-xxl": {_T5_HEAD: -4096 * 32_128},
        "longcat-flash": {"gate and up of the zero experts, which nothing reads": 28 * 256 * 2 * 2048 * 6144},
        "mistral-large-4": {_HEAD: -6144 * 204_800},
        "step-3.5-flash": {_HEAD: -4096 * 128_896},
        "step-3.7-flash": {_HEAD: -4096 * 128_896},
    }
)

# Real experts that a token uses on average, where a router may also choose zero experts: 8 of the
# 12 that are chosen (arXiv:2509.01322, 27B active on average).
REAL_EXPERTS: Mapping[str, int] = MappingProxyType({"longcat-flash": 8})

# Models counted at two small numbers of experts, and extended: a module for each of the 61,440
# experts takes half a minute to make.
BY_EXPERTS = frozenset({"switch-c-2048"})


def _spread(value: Any) -> Any:
    """Return a list that is written as runs and periods, in full; other mappings as they are."""
    if isinstance(value, dict) and "of" in value:
        period = _spread(value["of"])
        return [*_spread(value.get("start", [])), *period * value["times"], *_spread(value.get("then", []))]
    if not isinstance(value, list):
        return value
    found: list[Any] = []
    for item in value:
        run = _RUN.fullmatch(item) if isinstance(item, str) else None
        found += [run[2]] * int(run[1]) if run else [item]
    return found


def configs() -> dict[str, dict[str, Any]]:
    """Return the configuration of every model, by the name of its spec."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    read = yaml.safe_load(text)
    return {str(name): {key: _spread(value) for key, value in fields.items()} for name, fields in read.items()}
