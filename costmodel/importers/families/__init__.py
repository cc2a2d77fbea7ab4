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
        "apertus": "llama_like:apertus",
        "arcee": "llama_like:arcee",
        "biogpt": "gpt:biogpt",
        "bitnet": "llama_like:bitnet",
        "bloom": "gpt:bloom",
        "codegen": "layer_norms:codegen",
        "cohere": "cohere:cohere",
        "cohere2": "cohere:cohere2",
        "ctrl": "gpt:ctrl",
        "cwm": "llama_like:cwm",
        "deepseek_v3": "deepseek:deepseek_v3",
        "diffllama": "llama_like:diffllama",
        "ernie4_5": "llama_like:ernie4_5",
        "exaone4": "llama_like:exaone4",
        "falcon": "layer_norms:falcon",
        "flaubert": "masked:flaubert",
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
        "glm": "llama_like:glm",
        "glm4": "llama_like:glm4",
        "gpt-sw3": "gpt:gpt2",
        "gpt2": "gpt:gpt2",
        "gpt_bigcode": "gpt:gpt_bigcode",
        "gpt_neo": "gpt:gpt_neo",
        "gpt_neox": "layer_norms:gpt_neox",
        "gpt_neox_japanese": "layer_norms:gpt_neox_japanese",
        "gptj": "layer_norms:gptj",
        "granite": "llama_like:granite",
        "granite_swa": "llama_like:granite_swa",
        "helium": "llama_like:helium",
        "hunyuan_v1_dense": "llama_like:hunyuan_v1_dense",
        "hyperclovax": "llama_like:hyperclovax",
        "internlm3": "llama:llama",
        "iquestcoder": "llama_like:iquestcoder",
        "jais2": "layer_norms:jais2",
        "llama": "llama:llama",
        "llava": "wrappers:llava",
        "ministral": "llama_like:ministral",
        "ministral3": "llama:mistral",
        "mistral": "llama:mistral",
        "modernbert-decoder": "masked:modernbert_decoder",
        "moshi": "llama_like:moshi",
        "mpt": "gpt:mpt",
        "nanochat": "llama_like:nanochat",
        "nemotron": "layer_norms:nemotron",
        "olmo": "olmo:olmo",
        "olmo2": "olmo:olmo2",
        "olmo3": "olmo:olmo3",
        "openai-gpt": "gpt:openai",
        "opt": "gpt:opt",
        "persimmon": "layer_norms:persimmon",
        "phi": "layer_norms:phi",
        "phi3": "llama_like:phi3",
        "qwen2": "llama:qwen2",
        "qwen3": "llama:qwen3",
        "seed_oss": "llama_like:seed_oss",
        "smollm3": "llama_like:smollm3",
        "stablelm": "layer_norms:stablelm",
        "starcoder2": "layer_norms:starcoder2",
        "vaultgemma": "gemma:vaultgemma",
        "xglm": "gpt:xglm",
        "xlm": "masked:xlm",
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
