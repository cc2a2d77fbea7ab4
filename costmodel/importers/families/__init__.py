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
        "bert": "bert:bert",
        "bert-generation": "bert:bert_generation",
        "big_bird": "bert:big_bird",
        "bigbird_pegasus": "bart:bigbird_pegasus",
        "blenderbot": "bart:blenderbot",
        "blenderbot-small": "bart:blenderbot_small",
        "camembert": "bert:roberta",
        "data2vec-text": "bert:roberta",
        "deepseek_v3": "deepseek:deepseek_v3",
        "electra": "bert:electra",
        "ernie": "bert:ernie",
        "fsmt": "bart:fsmt",
        "git": "bert:git",
        "llama": "llama:llama",
        "llava": "wrappers:llava",
        "m2m_100": "bart:m2m",
        "marian": "bart:marian",
        "mbart": "bart:mbart",
        "megatron-bert": "bert:megatron_bert",
        "minimax": "linear:minimax",
        "mistral": "llama:mistral",
        "mt5": "t5:t5",
        "mvp": "bart:mvp",
        "nllb-moe": "bart:nllb_moe",
        "pegasus": "bart:blenderbot",
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
        "switch_transformers": "t5:switch",
        "t5": "t5:t5",
        "t5gemma": "t5gemma:t5gemma",
        "umt5": "t5:umt5",
        "xlm-roberta": "bert:roberta",
        "xlm-roberta-xl": "bert:xlm_roberta_xl",
        "xlstm": "linear:xlstm",
        "zaya": "linear:zaya",
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
