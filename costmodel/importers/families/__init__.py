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
        "afmoe": "windowed_experts:afmoe",
        "aria": "wrappers:wrapper",
        "audioflamingo3": "wrappers:wrapper",
        "axk1": "latent:axk1",
        "axk2": "latent:axk2",
        "aya_vision": "wrappers:wrapper",
        "beam": "windowed_experts:beam",
        "blip-2": "wrappers:wrapper",
        "cohere2_moe": "windowed_experts:cohere2_moe",
        "cohere2_vision": "wrappers:wrapper",
        "cohere_compass": "wrappers:wrapper",
        "cosmos3_edge": "wrappers:wrapper",
        "cosmos3_omni": "wrappers:wrapper",
        "dbrx": "experts:dbrx",
        "deepseek_ocr2": "wrappers:wrapper",
        "deepseek_v2": "latent:deepseek_v2",
        "deepseek_v3": "deepseek:deepseek_v3",
        "deepseek_v32": "latent:deepseek_v32",
        "deepseek_v4": "deepseek_v4:deepseek_v4",
        "deepseek_vl": "wrappers:wrapper",
        "deepseek_vl_hybrid": "wrappers:wrapper",
        "dots1": "sigmoid_experts:dots1",
        "emu3": "wrappers:wrapper",
        "ernie4_5_moe": "experts:ernie4_5_moe",
        "exaone4_5": "wrappers:wrapper",
        "exaone_moe": "windowed_experts:exaone_moe",
        "fast_vlm": "wrappers:wrapper",
        "flex_olmo": "experts:flex_olmo",
        "flint": "windowed_experts:flint",
        "florence2": "wrappers:wrapper",
        "fun_asr_nano": "wrappers:wrapper",
        "fuyu": "wrappers:wrapper",
        "glm46v": "wrappers:wrapper",
        "glm4_moe": "sigmoid_experts:glm4_moe",
        "glm4_moe_lite": "latent:glm4_moe_lite",
        "glm4v": "wrappers:wrapper",
        "glm4v_moe": "wrappers:wrapper",
        "glm_moe_dsa": "latent:glm_moe_dsa",
        "glm_ocr": "wrappers:wrapper",
        "glmasr": "wrappers:wrapper",
        "got_ocr2": "wrappers:wrapper",
        "gpt_oss": "experts:gpt_oss",
        "granite4_vision": "wrappers:wrapper",
        "granite_docling": "wrappers:wrapper",
        "granite_speech": "wrappers:wrapper",
        "granite_speech_plus": "wrappers:wrapper",
        "granitemoe": "experts:granitemoe",
        "granitemoe_swa": "experts:granitemoe_swa",
        "granitemoeshared": "experts:granitemoe",
        "hunyuan_v1_moe": "experts:hunyuan_v1_moe",
        "hunyuan_vl": "wrappers:wrapper",
        "hy_v3": "sigmoid_experts:hy_v3",
        "hy_v4": "latent:hy_v4",
        "hyperclovax_vision_v2": "wrappers:wrapper",
        "idefics2": "wrappers:wrapper",
        "idefics3": "wrappers:wrapper",
        "instructblip": "wrappers:wrapper",
        "instructblipvideo": "wrappers:wrapper",
        "internvl": "wrappers:wrapper",
        "janus": "wrappers:wrapper",
        "kimi_k2": "deepseek:deepseek_v3",
        "kimi_k25": "wrappers:wrapper",
        "kolibri1": "windowed_experts:kolibri1",
        "kosmos-2": "wrappers:wrapper",
        "kosmos-2.5": "wrappers:wrapper",
        "laguna": "windowed_experts:laguna",
        "lighton_ocr": "wrappers:wrapper",
        "llama": "llama:llama",
        "llama4": "wrappers:wrapper",
        "llama4_text": "windowed_experts:llama4_text",
        "llava": "wrappers:wrapper",
        "llava_next": "wrappers:wrapper",
        "llava_next_video": "wrappers:wrapper",
        "llava_onevision": "wrappers:wrapper",
        "longcat_flash": "latent:longcat_flash",
        "mellum": "windowed_experts:mellum",
        "mimo_v2_flash": "windowed_experts:mimo_v2_flash",
        "minicpm3": "latent:minicpm3",
        "minimax_m2": "sigmoid_experts:minimax_m2",
        "minimax_m3": "minimax_m3:minimax_m3",
        "minimax_m3_vl": "wrappers:wrapper",
        "minimax_m3_vl_text": "minimax_m3:minimax_m3",
        "mistral": "llama:mistral",
        "mistral3": "wrappers:wrapper",
        "mistral4": "latent:mistral4",
        "mistral_large4": "wrappers:wrapper",
        "mistral_large4_text": "latent:mistral_large4",
        "mixtral": "experts:mixtral",
        "molmo2": "wrappers:wrapper",
        "moss_transcribe_diarize": "wrappers:wrapper",
        "musicflamingo": "wrappers:wrapper",
        "olmoe": "experts:olmoe",
        "ovis2": "wrappers:wrapper",
        "paddleocr_vl": "wrappers:wrapper",
        "paligemma": "wrappers:wrapper",
        "perception_lm": "wrappers:wrapper",
        "phimoe": "experts:phimoe",
        "qianfan_ocr": "wrappers:wrapper",
        "qwen2": "llama:qwen2",
        "qwen2_5_omni": "wrappers:wrapper",
        "qwen2_5_omni_thinker": "wrappers:wrapper",
        "qwen2_5_vl": "wrappers:wrapper",
        "qwen2_audio": "wrappers:wrapper",
        "qwen2_moe": "experts:qwen2_moe",
        "qwen2_vl": "wrappers:wrapper",
        "qwen3": "llama:qwen3",
        "qwen3_asr": "wrappers:wrapper",
        "qwen3_moe": "experts:qwen3_moe",
        "qwen3_omni_moe": "wrappers:wrapper",
        "qwen3_omni_moe_thinker": "wrappers:wrapper",
        "qwen3_vl": "wrappers:wrapper",
        "qwen3_vl_moe": "wrappers:wrapper",
        "shieldgemma2": "wrappers:wrapper",
        "smolvlm": "wrappers:wrapper",
        "solar_open": "sigmoid_experts:solar_open",
        "unlimited_ocr": "wrappers:wrapper",
        "vibevoice": "wrappers:wrapper",
        "vibevoice_asr": "wrappers:wrapper",
        "video_llama_3": "wrappers:wrapper",
        "video_llava": "wrappers:wrapper",
        "vipllava": "wrappers:wrapper",
        "voxtral": "wrappers:wrapper",
        "voxtral_realtime": "wrappers:wrapper",
        "youtu": "latent:youtu",
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
