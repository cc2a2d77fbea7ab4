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
        "deepseek_v3": "deepseek:deepseek_v3",
        "gemma": "gemma:gemma",
        "gemma2": "gemma:gemma2",
        "gemma3": "gemma:gemma3",
        "gemma3_text": "gemma:gemma3_text",
        "gemma3n": "gemma_n:gemma3n",
        "gemma3n_text": "gemma_n:gemma3n_text",
        "gemma4": "gemma_n:gemma4",
        "gemma4_text": "gemma_n:gemma4_text",
        "gemma4_unified": "gemma_n:gemma4_unified",
        "gemma4_unified_text": "gemma_n:gemma4_unified_text",
        "llama": "llama:llama",
        "llava": "wrappers:llava",
        "mistral": "llama:mistral",
        "olmo": "olmo:olmo",
        "olmo2": "olmo:olmo2",
        "olmo3": "olmo:olmo3",
        "qwen2": "llama:qwen2",
        "qwen3": "llama:qwen3",
        "vaultgemma": "gemma:vaultgemma",
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
