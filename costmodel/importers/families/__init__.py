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
        "bart": "bart:bart",
        "bert": "bert:bert",
        "bert-generation": "bert:bert_generation",
        "big_bird": "bert:big_bird",
        "bigbird_pegasus": "bart:bigbird_pegasus",
        "biogpt": "gpt:biogpt",
        "bitnet": "llama_like:bitnet",
        "blenderbot": "bart:blenderbot",
        "blenderbot-small": "bart:blenderbot_small",
        "bloom": "gpt:bloom",
        "camembert": "bert:roberta",
        "codegen": "layer_norms:codegen",
        "cohere": "cohere:cohere",
        "cohere2": "cohere:cohere2",
        "ctrl": "gpt:ctrl",
        "cwm": "llama_like:cwm",
        "data2vec-text": "bert:roberta",
        "deepseek_v3": "deepseek:deepseek_v3",
        "diffllama": "llama_like:diffllama",
        "electra": "bert:electra",
        "ernie": "bert:ernie",
        "ernie4_5": "llama_like:ernie4_5",
        "exaone4": "llama_like:exaone4",
        "falcon": "layer_norms:falcon",
        "flaubert": "masked:flaubert",
        "fsmt": "bart:fsmt",
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
        "git": "bert:git",
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
        "m2m_100": "bart:m2m",
        "marian": "bart:marian",
        "mbart": "bart:mbart",
        "megatron-bert": "bert:megatron_bert",
        "minimax": "linear:minimax",
        "ministral": "llama_like:ministral",
        "ministral3": "llama:mistral",
        "mistral": "llama:mistral",
        "modernbert-decoder": "masked:modernbert_decoder",
        "moshi": "llama_like:moshi",
        "mpt": "gpt:mpt",
        "mt5": "t5:t5",
        "mvp": "bart:mvp",
        "nanochat": "llama_like:nanochat",
        "nemotron": "layer_norms:nemotron",
        "nllb-moe": "bart:nllb_moe",
        "olmo": "olmo:olmo",
        "olmo2": "olmo:olmo2",
        "olmo3": "olmo:olmo3",
        "openai-gpt": "gpt:openai",
        "opt": "gpt:opt",
        "pegasus": "bart:blenderbot",
        "persimmon": "layer_norms:persimmon",
        "phi": "layer_norms:phi",
        "phi3": "llama_like:phi3",
        "plbart": "bart:bart",
        "qwen2": "llama:qwen2",
        "qwen3": "llama:qwen3",
        "recurrent_gemma": "linear:recurrent_gemma",
        "roberta": "bert:roberta",
        "roberta-prelayernorm": "bert:roberta_prelayernorm",
        "roformer": "bert:roformer",
        "rwkv": "linear:rwkv",
        "seamless_m4t": "bart:seamless",
        "seamless_m4t_v2": "bart:seamless",
        "seed_oss": "llama_like:seed_oss",
        "smollm3": "llama_like:smollm3",
        "stablelm": "layer_norms:stablelm",
        "starcoder2": "layer_norms:starcoder2",
        "switch_transformers": "t5:switch",
        "t5": "t5:t5",
        "t5gemma": "t5gemma:t5gemma",
        "umt5": "t5:umt5",
        "vaultgemma": "gemma:vaultgemma",
        "xglm": "gpt:xglm",
        "xlm": "masked:xlm",
        "xlm-roberta": "bert:roberta",
        "xlm-roberta-xl": "bert:xlm_roberta_xl",
        "xlstm": "linear:xlstm",
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
