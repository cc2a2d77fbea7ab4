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
        "bart": "bart:bart",
        "blenderbot": "bart:blenderbot",
        "blenderbot-small": "bart:blenderbot_small",
        "deepseek_v3": "deepseek:deepseek_v3",
        "fsmt": "bart:fsmt",
        "llama": "llama:llama",
        "llava": "wrappers:llava",
        "m2m_100": "bart:m2m",
        "marian": "bart:marian",
        "mbart": "bart:mbart",
        "mistral": "llama:mistral",
        "mt5": "t5:t5",
        "mvp": "bart:mvp",
        "nllb-moe": "bart:nllb_moe",
        "pegasus": "bart:blenderbot",
        "plbart": "bart:bart",
        "qwen2": "llama:qwen2",
        "qwen3": "llama:qwen3",
        "switch_transformers": "t5:switch",
        "t5": "t5:t5",
        "umt5": "t5:umt5",
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
