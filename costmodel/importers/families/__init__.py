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
        "bailing_hybrid": "delta:bailing_hybrid",
        "bamba": "state_space:bamba",
        "deepseek_v3": "deepseek:deepseek_v3",
        "falcon_h1": "state_space:falcon_h1",
        "falcon_mamba": "state_space:falcon_mamba",
        "glm5_next": "hybrid_wrappers:wrapper",
        "glm5_next_text": "next_generation:glm5_next_text",
        "granitemoehybrid": "state_space:granitemoehybrid",
        "hrm_text": "hrm:hrm_text",
        "jamba": "state_space:jamba",
        "kimi_linear": "delta:kimi_linear",
        "lfm2": "short_conv:lfm2",
        "lfm2_moe": "short_conv:lfm2_moe",
        "lfm2_vl": "hybrid_wrappers:wrapper",
        "lfm3": "short_conv:lfm3",
        "lfm3_vl": "hybrid_wrappers:wrapper",
        "llama": "llama:llama",
        "llava": "wrappers:llava",
        "mamba": "state_space:mamba",
        "mamba2": "state_space:mamba2",
        "minicpm_ocr": "hybrid_wrappers:wrapper",
        "minicpmv4_6": "hybrid_wrappers:wrapper",
        "minicpmv4_7": "hybrid_wrappers:wrapper",
        "mistral": "llama:mistral",
        "muse_glimmer": "hybrid_wrappers:wrapper",
        "muse_glimmer_text": "muse:muse_glimmer_text",
        "muse_spark": "hybrid_wrappers:wrapper",
        "muse_spark_text": "muse:muse_spark_text",
        "nemo_speechlm": "hybrid_wrappers:wrapper",
        "nemotron_h": "state_space:nemotron_h",
        "olmo_hybrid": "delta:olmo_hybrid",
        "qwen2": "llama:qwen2",
        "qwen3": "llama:qwen3",
        "qwen3_5": "hybrid_wrappers:wrapper",
        "qwen3_5_moe": "hybrid_wrappers:wrapper",
        "qwen3_5_moe_text": "delta:qwen3_5_moe_text",
        "qwen3_5_text": "delta:qwen3_5_text",
        "qwen3_next": "delta:qwen3_next",
        "qwen4_exp": "hybrid_wrappers:wrapper",
        "qwen4_exp_text": "next_generation:qwen4_exp_text",
        "zamba": "zamba:zamba",
        "zamba2": "zamba:zamba2",
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
