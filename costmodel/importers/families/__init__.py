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
        "aria": "wrappers:wrapper",
        "aria_text": "multimodal:aria",
        "audioflamingo3": "wrappers:wrapper",
        "aya_vision": "wrappers:wrapper",
        "blip-2": "wrappers:wrapper",
        "chameleon": "multimodal:chameleon",
        "cohere2_vision": "wrappers:wrapper",
        "cohere_compass": "wrappers:wrapper",
        "cohere_compass_text": "multimodal:cohere_compass",
        "cosmos3_edge": "wrappers:wrapper",
        "cosmos3_edge_text": "multimodal:cosmos3_edge",
        "cosmos3_omni": "wrappers:wrapper",
        "deepseek_ocr2": "wrappers:wrapper",
        "deepseek_ocr2_text": "ocr:deepseek_ocr2",
        "deepseek_v3": "deepseek:deepseek_v3",
        "deepseek_vl": "wrappers:wrapper",
        "deepseek_vl_hybrid": "wrappers:wrapper",
        "dots3_note": "wrappers:wrapper",
        "dots3_note_text": "mixed_heads:dots3_note",
        "emu3": "wrappers:wrapper",
        "emu3_text_model": "llama:llama",
        "exaone4_5": "wrappers:wrapper",
        "fast_vlm": "wrappers:wrapper",
        "florence2": "wrappers:wrapper",
        "fun_asr_nano": "wrappers:wrapper",
        "fuyu": "wrappers:wrapper",
        "glm46v": "wrappers:wrapper",
        "glm4v": "wrappers:wrapper",
        "glm4v_moe": "wrappers:wrapper",
        "glm4v_moe_text": "glm_vl:glm4v_moe",
        "glm4v_text": "glm_vl:glm4v",
        "glm_image": "wrappers:wrapper",
        "glm_image_text": "glm_vl:glm_image",
        "glm_ocr": "wrappers:wrapper",
        "glm_ocr_text": "glm_vl:glm_ocr",
        "glmasr": "wrappers:wrapper",
        "glmga": "wrappers:wrapper",
        "got_ocr2": "wrappers:wrapper",
        "granite4_vision": "wrappers:wrapper",
        "granite4_vision_text": "llama:llama",
        "granite_docling": "wrappers:wrapper",
        "granite_docling_text": "llama:llama",
        "granite_speech": "wrappers:wrapper",
        "granite_speech_plus": "wrappers:wrapper",
        "hunyuan_vl": "wrappers:wrapper",
        "hunyuan_vl_text": "ocr:hunyuan_vl",
        "hyperclovax_vision_v2": "wrappers:wrapper",
        "idefics2": "wrappers:wrapper",
        "idefics3": "wrappers:wrapper",
        "instructblip": "wrappers:wrapper",
        "instructblipvideo": "wrappers:wrapper",
        "internvl": "wrappers:wrapper",
        "janus": "wrappers:wrapper",
        "lighton_ocr": "wrappers:wrapper",
        "llama": "llama:llama",
        "llava": "wrappers:wrapper",
        "llava_next": "wrappers:wrapper",
        "llava_next_video": "wrappers:wrapper",
        "llava_onevision": "wrappers:wrapper",
        "mistral": "llama:mistral",
        "mistral3": "wrappers:wrapper",
        "molmo2": "wrappers:wrapper",
        "molmo2_text": "multimodal:molmo2",
        "moss_transcribe_diarize": "wrappers:wrapper",
        "musicflamingo": "wrappers:wrapper",
        "ovis2": "wrappers:ovis2",
        "paddleocr_vl": "wrappers:wrapper",
        "paddleocr_vl_text": "ocr:paddleocr_vl",
        "paligemma": "wrappers:paligemma",
        "perception_lm": "wrappers:wrapper",
        "phi4_multimodal": "multimodal:phi4_multimodal",
        "pp_chart2table": "wrappers:wrapper",
        "qianfan_ocr": "wrappers:wrapper",
        "qwen2": "llama:qwen2",
        "qwen2_5_omni": "wrappers:wrapper",
        "qwen2_5_omni_text": "qwen_vl:qwen2_vl",
        "qwen2_5_omni_thinker": "wrappers:wrapper",
        "qwen2_5_vl": "wrappers:wrapper",
        "qwen2_5_vl_text": "qwen_vl:qwen2_vl",
        "qwen2_audio": "wrappers:wrapper",
        "qwen2_vl": "wrappers:wrapper",
        "qwen2_vl_text": "qwen_vl:qwen2_vl",
        "qwen3": "llama:qwen3",
        "qwen3_asr": "wrappers:wrapper",
        "qwen3_omni_moe": "wrappers:wrapper",
        "qwen3_omni_moe_text": "qwen_vl:qwen3_vl_moe",
        "qwen3_omni_moe_thinker": "wrappers:wrapper",
        "qwen3_vl": "wrappers:wrapper",
        "qwen3_vl_moe": "wrappers:wrapper",
        "qwen3_vl_moe_text": "qwen_vl:qwen3_vl_moe",
        "qwen3_vl_text": "qwen_vl:qwen3_vl",
        "shieldgemma2": "wrappers:wrapper",
        "smolvlm": "wrappers:wrapper",
        "step3p5": "mixed_heads:step3p5",
        "step3p7": "wrappers:wrapper",
        "vibevoice": "wrappers:wrapper",
        "vibevoice_asr": "wrappers:wrapper",
        "video_llama_3": "wrappers:wrapper",
        "video_llava": "wrappers:wrapper",
        "vipllava": "wrappers:wrapper",
        "voxtral": "wrappers:wrapper",
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
