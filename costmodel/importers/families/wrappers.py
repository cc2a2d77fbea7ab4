"""A language model with towers around it: its own configuration is inside, under ``text_config``."""

from __future__ import annotations

from typing import NamedTuple

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families import adapter


class Rule(NamedTuple):
    """What a wrapper's class does with the configuration of its language model.

    ``ties``: whose flag ties the tables, ``wrapper``, ``text``, ``either``, or ``none`` (never).
    ``key``: where the language model is. ``fill``: its defaults fill up what a file gives. ``flat``:
    older files have its keys beside the towers. ``also``: what else is left out with the towers.
    """

    ties: str = "wrapper"
    key: str = "text_config"
    fill: bool = False
    flat: bool = False
    also: tuple[str, ...] = ()


EITHER, TEXT, NEVER = Rule("either"), Rule("text"), Rule("none")
FLAT = Rule("either", flat=True)
SPEECH = Rule(also=("has_lora_adapter",))

RULES = {
    "audioflamingo3": NEVER,
    "blip-2": TEXT,
    "cosmos3_edge": NEVER,
    "fast_vlm": EITHER,
    "fuyu": Rule(flat=True),
    "glm_image": NEVER,
    "glm4v": EITHER,
    "glm4v_moe": EITHER,
    "glm_ocr": EITHER,
    "glmasr": Rule(fill=True),
    "granite_speech": SPEECH,
    "granite_speech_plus": SPEECH,
    "hunyuan_vl": FLAT,
    "instructblip": TEXT,
    "instructblipvideo": TEXT,
    "llava": EITHER,
    "llava_next_video": EITHER,
    "llava_onevision": EITHER,
    "molmo2": NEVER,
    "musicflamingo": NEVER,
    "paddleocr_vl": FLAT,
    "qwen2_5_omni": Rule(key="thinker_config"),
    "qwen2_5_vl": FLAT,
    "qwen2_audio": NEVER,
    "qwen2_vl": FLAT,
    "qwen3_omni_moe": Rule(key="thinker_config"),
    "shieldgemma2": EITHER,
    "vibevoice": TEXT,
    "vibevoice_asr": NEVER,
    "video_llama_3": EITHER,
    "voxtral": Rule("none", fill=True),
}


def wrapper(c: Config) -> Draft:
    """Read the language model of a wrapper; every other configuration inside is a tower's.

    The tables are tied by the wrapper's flag unless its rule says otherwise; where the class reads
    none, by the language model's.
    """
    rule = RULES.get(c.model_type, Rule())
    text = c.sub(rule.key, fill=rule.fill, flat=rule.flat)
    try:
        read = adapter(text.model_type)
    except KeyError:
        text.refuse("model_type", f"the model type {text.model_type} is not covered", code="AC404")
    draft = read(text)
    own, inner = c.flag("tie_word_embeddings"), "tied" in draft.fields
    nothing = c.get("tie_word_embeddings") is None
    tied = {"wrapper": inner if nothing else own, "text": inner, "either": own or inner, "none": False}[rule.ties]
    draft.fields.pop("tied", None)
    if tied:
        draft.fields["tied"] = True
    towers = [key for key in c.inside if key != rule.key]
    draft.left_out = [*draft.left_out, *c.leave_out(*towers, *(key for key in rule.also if c.get(key)))]
    return draft
