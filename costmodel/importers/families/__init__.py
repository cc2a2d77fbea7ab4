"""Adapters: which function reads which model type. A module is imported only for its own types."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import TypeAlias

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft

Adapter: TypeAlias = Callable[[Config], Draft]

# model type -> module:function
TABLE = MappingProxyType(
    {
        "bamba": "state_space:bamba",
        "deepseek_v3": "deepseek:deepseek_v3",
        "falcon_h1": "state_space:falcon_h1",
        "falcon_mamba": "state_space:falcon_mamba",
        "granitemoehybrid": "state_space:granitemoehybrid",
        "jamba": "state_space:jamba",
        "llama": "llama:llama",
        "llava": "wrappers:llava",
        "mamba": "state_space:mamba",
        "mamba2": "state_space:mamba2",
        "mistral": "llama:mistral",
        "nemotron_h": "state_space:nemotron_h",
        "qwen2": "llama:qwen2",
        "qwen3": "llama:qwen3",
    }
)


def adapter(model_type: str) -> Adapter:
    """Return the function that reads a model type.

    Raises:
        KeyError: there is none.
    """
    module, _, function = TABLE[model_type].partition(":")
    found: Adapter = getattr(import_module(f"{__name__}.{module}"), function)
    return found
