"""Towers of wrappers: one small adapter for each type of tower, one for each kind of projector.

What is read becomes the component ``vision`` or ``audio`` of the spec. Where the tower or the projector
is not understood, or a key of either, the tower is left out as a whole, by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from costmodel.errors import InvalidSpec, SpecError, quote
from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.towers import (
    audio,
    audio_projectors,
    convolved,
    gemma4,
    glm,
    intern,
    llama4,
    minicpm,
    minimax,
    muse,
    note,
    ovis,
    patches,
    projectors,
    qwen,
    resampled,
)
from costmodel.validation import parse

Tower: TypeAlias = Callable[[Config], Draft]
# Reads the keys of the wrapper, and adds to the tower what leads to the width of the language model.
Projector: TypeAlias = Callable[[Config, Draft, int], None]

TOWERS: Mapping[str, Tower] = {
    "blip_2_vision_model": resampled.blip2,
    "blip_vision_model": resampled.blip,
    "clip_vision_model": patches.clip,
    "cohere_compass_vision": qwen.qwen3,
    "cosmos3_edge_vision": patches.siglip2,
    "dots3_note_vision_encoder": note.dots3,
    "ernie4_5_vl_moe_vision": qwen.ernie,
    "exaone4_5_vision": qwen.windowed,
    "gemma4_unified_vision": gemma4.gemma4_unified,
    "gemma4_vision": gemma4.gemma4,
    "git_vision_model": resampled.kosmos2,
    "glm4v_moe_vision": glm.glm4v,
    "glm4v_vision": glm.glm4v,
    "glm5_next_vision": glm.glm5_next,
    "glm_ocr_vision": glm.glm_ocr,
    "hunyuan_vl_vision": convolved.hunyuan,
    "idefics2_vision": patches.siglip,
    "idefics3_vision": patches.siglip,
    "internvl_vision": intern.internvl,
    "kimi_k25_vision": patches.kimi,
    "kosmos_2_5_vision_model": resampled.kosmos2_5,
    "kosmos_2_vision_model": resampled.kosmos2,
    "lfm3_vl_vision": convolved.lfm3,
    "llama4_vision_model": llama4.llama4,
    "minicpm_ocr_vision": minicpm.minicpm,
    "minicpmv4_6_vision": minicpm.minicpm,
    "minicpmv4_7_vision": minicpm.minicpm,
    "minimax_m3_vl_vision": minimax.minimax_m3,
    "muse_glimmer_vision": muse.muse,
    "muse_spark_vision": muse.muse,
    "ovis2_vision": ovis.ovis2,
    "paddleocr_vl_vision": patches.paddle,
    "phi4_multimodal_vision": patches.phi4,
    "pixtral": patches.pixtral,
    "qianfan_ocr_vision": intern.internvl,
    "qwen2_5_omni_vision_encoder": qwen.windowed,
    "qwen2_5_vl_vision": qwen.windowed,
    "qwen2_vl_vision": qwen.qwen2,
    "qwen3_5_moe_vision": qwen.qwen3,
    "qwen3_5_vision": qwen.qwen3,
    "qwen3_omni_moe_vision_encoder": qwen.qwen3,
    "qwen3_vl_moe_vision": qwen.qwen3,
    "qwen3_vl_vision": qwen.qwen3,
    "qwen4_exp_vision": qwen.qwen3,
    "siglip2_vision_model": patches.siglip2,
    "siglip_vision_model": patches.siglip_with_head,
    "smolvlm_vision": patches.siglip,
    "step3p5_vision": convolved.step3,
    "video_llama_3_vision": patches.video_llama3,
}

PROJECTORS: Mapping[str, Projector] = {
    "aya_vision": projectors.aya_vision,
    "blip": projectors.nothing,
    "blip-2": resampled.q_former,
    "cohere2_vision": projectors.cohere2_vision,
    "cohere_compass": projectors.merged,
    "cosmos3_edge": projectors.cosmos3_edge,
    "cosmos3_omni": projectors.merged,
    "deepseek_vl": projectors.plain,
    "dots3_note": projectors.merged,
    "ernie4_5_vl_moe": projectors.ernie,
    "exaone4_5": projectors.merged,
    "gemma3": projectors.pooled,
    "gemma4": gemma4.projector,
    "gemma4_unified": gemma4.projector,
    "git": projectors.git,
    "glm46v": projectors.merged,
    "glm4v": projectors.merged,
    "glm4v_moe": projectors.merged,
    "glm5_next": projectors.merged,
    "glm_ocr": projectors.merged,
    "glmga": projectors.merged,
    "hunyuan_vl": projectors.merged,
    "hyperclovax_vision_v2": projectors.hyperclovax,
    "idefics2": resampled.perceiver,
    "idefics3": projectors.shuffled,
    "internvl": projectors.internvl,
    "kimi_k25": projectors.kimi,
    "kosmos-2": resampled.latent_queries,
    "kosmos-2.5": resampled.latent_queries,
    "lfm2_vl": projectors.lfm2_vl,
    "lfm3_vl": convolved.lfm3_projector,
    "lighton_ocr": projectors.lighton_ocr,
    "llama4": projectors.linear,
    "llava": projectors.llava,
    "llava_next": projectors.llava_next,
    "llava_next_video": projectors.llava_next_video,
    "llava_onevision": projectors.llava_next,
    "minicpm_ocr": minicpm.projector,
    "minicpmv4_6": minicpm.projector,
    "minicpmv4_7": minicpm.projector,
    "minimax_m3_vl": minimax.projector,
    "mistral3": projectors.mistral3,
    "mistral_large4": projectors.mistral3,
    "muse_glimmer": muse.projector,
    "muse_spark": muse.projector,
    "ovis2": ovis.table,
    "paddleocr_vl": projectors.paddle,
    "paligemma": projectors.paligemma,
    "phi4_multimodal": projectors.phi4,
    "qianfan_ocr": projectors.internvl,
    "qwen2_5_omni_thinker": projectors.omni,
    "qwen2_5_vl": projectors.merged,
    "qwen2_vl": projectors.merged,
    "qwen3_5": projectors.merged,
    "qwen3_5_moe": projectors.merged,
    "qwen3_omni_moe_thinker": projectors.omni,
    "qwen3_vl": projectors.merged,
    "qwen3_vl_moe": projectors.merged,
    "qwen4_exp": projectors.merged,
    "shieldgemma2": projectors.pooled,
    "smolvlm": projectors.shuffled,
    "step3p7": convolved.step3_projector,
    "t5gemma2_encoder": projectors.pooled,
    "video_llama_3": projectors.plain,
    "vipllava": projectors.vipllava,
}

AUDIO_TOWERS: Mapping[str, Tower] = {
    "audioflamingo3_encoder": audio.pooled,
    "glmasr_encoder": audio.glmasr,
    "moss_transcribe_diarize_audio": audio.whisper,
    "qwen2_5_omni_audio_encoder": audio.qwen2_omni,
    "qwen2_audio_encoder": audio.pooled,
    "qwen3_asr_encoder": audio.qwen3_asr,
    "qwen3_omni_moe_audio_encoder": audio.qwen3_omni,
    "voxtral_encoder": audio.whisper,
    "voxtral_realtime_encoder": audio.voxtral_realtime,
}

AUDIO_PROJECTORS: Mapping[str, Projector] = {
    "audioflamingo3": audio_projectors.flamingo,
    "glmasr": audio_projectors.glmasr,
    "moss_transcribe_diarize": audio_projectors.moss,
    "musicflamingo": audio_projectors.flamingo,
    "qwen2_5_omni_thinker": audio_projectors.omni,
    "qwen2_audio": audio_projectors.qwen2_audio,
    "qwen3_asr": audio_projectors.qwen3_asr,
    "qwen3_omni_moe_thinker": audio_projectors.omni,
    "voxtral": audio_projectors.voxtral,
    "voxtral_realtime": audio_projectors.voxtral_realtime,
}


class Sense(NamedTuple):
    """A component of the spec, and how its tower is read."""

    component: str
    towers: Mapping[str, Tower]
    projectors: Mapping[str, Projector]


# Key of the tower in a wrapper -> what it becomes.
SENSES: Mapping[str, Sense] = {
    "vision_config": Sense("vision", TOWERS, PROJECTORS),
    "audio_config": Sense("audio", AUDIO_TOWERS, AUDIO_PROJECTORS),
}


def add_towers(c: Config, draft: Draft, keys: Iterable[str]) -> list[str]:
    """Add the towers of a wrapper to its language model; return the keys of those that are not understood.

    To be called when everything that belongs to the language model has been read: a key of the
    wrapper that is then left is a tower's.
    """
    left = list(keys)
    for key in SENSES:
        if key in left:
            understood = _add(c, draft, key)
            left = [one for one in left if one not in understood]
    return left


def _add(c: Config, draft: Draft, key: str) -> set[str]:
    """Add a tower, and return the keys that are understood with it and its projector: none, or its own too."""
    sense = SENSES[key]
    if c.model_type not in sense.projectors:
        return _left(draft, key, "what leads from it to the language model is not read")
    width, parts = draft.fields["d_model"], list(c.parts)
    for known in ("ignore_index", "vocab_size", "quantization_config"):  # what others read, or nobody needs
        c.get(known)
    try:
        config = c.sub(key)
        if config.model_type not in sense.towers:
            raise KeyError(config.model_type)
        config.get("quantization_config")
        tower = sense.towers[config.model_type](config)
        sense.projectors[c.model_type](c, tower, width)
        document = tower.document()
        _check(document, width)
    except (SpecError, InvalidSpec, KeyError, ZeroDivisionError, IndexError) as error:
        c.parts[:] = parts
        return _left(draft, key, _why(error))
    read = c.parts[len(parts) :]
    c.parts[:] = []  # for what is left of the wrapper's own keys
    unread = [name for name, _ in c.unread() if name.rpartition(".")[2] not in c.inside]
    c.parts[:] = parts
    unread += [name for part in read for name, _ in part.unread()]
    if unread:
        return _left(draft, key, f"{quote(unread[0])} is not understood")
    c.parts += read
    draft.more["components"] = {**draft.more.get("components", {}), sense.component: document}
    draft.remarks = [*draft.remarks, *tower.remarks]
    return {str(part.path[-1]) for part in read}


def _left(draft: Draft, key: str, why: str) -> set[str]:
    """Let the source of the spec say why a tower is left out; return the keys that are understood: none."""
    draft.remarks = [*draft.remarks, f"{key} left out, {why}"]
    return set()


def _why(error: Exception) -> str:
    if isinstance(error, InvalidSpec):
        return error.problems[0].message
    if isinstance(error, SpecError):
        return error.message
    return f"no tower of type {error} is read" if isinstance(error, KeyError) else f"its numbers contradict: {error}"


def _check(document: dict[str, Any], width: int) -> None:
    """Raise InvalidSpec where numbers of the tower do not fit each other, or the language model."""
    text = {"d_model": width, "vocab_size": 1, "n_layers": 1, "blocks": {"mlp": {"kind": "ffn", "d_ff": 1}}}
    parse({"name": "tower", **text, "ffn": "mlp", "components": {"tower": document}})
