"""A language model with towers around it: its own configuration is inside, under ``text_config``."""

from __future__ import annotations

from typing import NamedTuple

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part, Sublayer
from costmodel.importers.families import adapter
from costmodel.importers.towers import add_towers


class Rule(NamedTuple):
    """What a wrapper's class does with the configuration of its language model.

    ``ties``: whose flag ties the tables, ``wrapper`` (or the language model's where it has none),
    ``own`` (the wrapper's alone), ``text``, ``either``, or ``none`` (never).
    ``key``: where the language model is. ``fill``: its defaults fill up what a file gives. ``flat``:
    older files have its keys beside the towers. ``also``: what else is left out with the towers.
    """

    ties: str = "wrapper"
    key: str = "text_config"
    fill: bool = False
    flat: bool = False
    also: tuple[str, ...] = ()
    older: str = ""  # an older name of the wrapper's flag, which wins
    beside: tuple[str, ...] = ()  # keys of the published language model that say something of the projector


EITHER, TEXT, NEVER = Rule("either"), Rule("text"), Rule("none")
FLAT = Rule("either", flat=True)
SPEECH = Rule(also=("has_lora_adapter",))
SHUFFLED = Rule(beside=("neftune_noise_alpha", "perceiver_config", "pixel_shuffle_factor"))

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
    "glm5_next": Rule(flat=True),
    "glmasr": Rule(fill=True),
    "granite_speech": SPEECH,
    "granite_speech_plus": SPEECH,
    "hunyuan_vl": FLAT,
    "idefics3": SHUFFLED,
    "inkling2": NEVER,
    "inkling_mm_model": Rule("none", also=("mtp_config",)),
    "instructblip": TEXT,
    "instructblipvideo": TEXT,
    "kimi_k3": TEXT,
    "kosmos-2": EITHER,
    "kosmos-2.5": TEXT,
    "lfm2_vl": Rule(older="tie_embedding"),
    "llama4": TEXT,
    "llava": EITHER,
    "llava_next_video": EITHER,
    "llava_onevision": EITHER,
    "minimax_m3_vl": EITHER,
    "molmo2": NEVER,
    "muse_glimmer": Rule("own"),
    "muse_spark": NEVER,
    "musicflamingo": NEVER,
    "nemo_speechlm": NEVER,
    "nemotron_h_omni": TEXT,
    "paddleocr_vl": FLAT,
    "qwen2_5_omni": Rule("text", key="thinker_config"),
    "qwen2_5_vl": FLAT,
    "qwen2_audio": NEVER,
    "qwen2_vl": FLAT,
    "qwen3_omni_moe": Rule("text", key="thinker_config"),
    "shieldgemma2": EITHER,
    "smolvlm": SHUFFLED,
    "step3p7": Rule("own"),
    "vibevoice": TEXT,
    "vibevoice_asr": NEVER,
    "video_llama_3": EITHER,
    "voxtral": Rule("none", fill=True),
    "voxtral_realtime": Rule(fill=True),
}


def wrapper(c: Config) -> Draft:
    """Read the language model of a wrapper; every other configuration inside is a tower's.

    The tables are tied by the wrapper's flag unless its rule says otherwise; where the class reads
    none, by the language model's.
    """
    rule = RULES.get(c.model_type, Rule())
    return _around(c, c.sub(rule.key, fill=rule.fill, flat=rule.flat), rule)


def ovis2(c: Config) -> Draft:
    """Read Ovis 2, whose head has the wrapper's sizes where the tables are not tied."""
    draft = wrapper(c)
    rows, width = c.count("vocab_size"), c.count("hidden_size")
    if "tied" not in draft.fields and width != draft.fields["d_model"]:
        c.refuse("hidden_size", f"hidden_size is {width}, and the language model's {draft.fields['d_model']}")
    if "tied" not in draft.fields and rows != draft.fields["vocab_size"]:
        draft.fields |= {"embedding": {"rows": draft.fields["vocab_size"]}, "vocab_size": rows}
    return draft


def fuyu(c: Config) -> Draft:
    """Read Fuyu, whose patches go through one matrix to the language model, and through no layers."""
    draft = wrapper(c)
    width, sizes = draft.fields["d_model"], ("image_size", "patch_size", "num_channels")
    image, patch, channels = (c.get(key) for key in sizes)
    if any(type(size) is not int or size < 1 for size in (image, patch, channels)) or patch > image:
        draft.left_out = [*draft.left_out, "patch_size"]
        return draft
    vision = {key: c.count(key) for key in sizes if key != "num_channels"}
    vision |= {"channels": c.count("num_channels")} if channels != 3 else {}
    vision |= {"d_model": width, "n_layers": 0, "norm": {"final": False}, "patch_bias": True}
    draft.more["components"] = {"vision": vision}
    return draft


def paligemma(c: Config) -> Draft:
    """Read PaliGemma: the tokens of a prompt see each other both ways, those written only what is before.

    How long the prompt is, the step says.
    """
    return _of_prompts(c, None)


def pi0(c: Config) -> Draft:
    """Read the language model of pi0, PaliGemma's without a head: its keys and values are what the actions read.

    The network that makes actions of them is left out. The class sets that tokens see each other both ways.
    """
    inner = c.sub("vlm_config")
    inner.require("model_type", "paligemma", None)
    draft = _of_prompts(inner, True)
    draft.fields.pop("tied", None)
    draft.fields["head"] = {"table": False}
    draft.left_out = [*draft.left_out, *c.leave_out("dit_config")]
    return draft


def _of_prompts(c: Config, both: bool | None) -> Draft:
    """Return the language model of PaliGemma, whose tokens see each other both ways as told, or as the file says."""
    text = c.sub("text_config")
    asked = text.flag("use_bidirectional_attention", True)
    both = asked if both is None else both
    text.get("num_image_tokens")  # written by the class, from the tower's patches
    draft = _around(c, text.overlaid({"use_bidirectional_attention": None}), Rule())
    if both:
        draft.layers = [[_both_ways(part) for part in layer] for layer in draft.layers]
    return draft


def _both_ways(part: Sublayer) -> Sublayer:
    if not isinstance(part, Part) or part.fields["kind"] != "attention":
        return part
    return Part(part.name, {**part.fields, "prefix": "bidirectional"})


def _around(c: Config, text: Config, rule: Rule) -> Draft:
    """Return the language model, with tables as the wrapper ties them and the keys of its towers."""
    try:
        read = adapter(text.model_type)
    except KeyError:
        text.refuse("model_type", f"the model type {text.model_type} is not covered", code="AC404")
    draft = read(text)
    for key in rule.beside:
        text.get(key)
    own, inner = c.flag("tie_word_embeddings"), "tied" in draft.fields
    nothing = c.get("tie_word_embeddings") is None
    if rule.older in c.given:
        own = c.flag(rule.older)
    ways = {"wrapper": inner if nothing else own, "own": own, "text": inner, "either": own or inner, "none": False}
    tied = ways[rule.ties]
    draft.fields.pop("tied", None)
    if tied:
        draft.fields["tied"] = True
    towers = [key for key, spec in c.inside.items() if key != rule.key and (c.has(key) or "optional" not in spec)]
    towers = add_towers(c, draft, towers)
    draft.left_out = [*draft.left_out, *c.leave_out(*towers, *(key for key in rule.also if c.get(key)))]
    return draft
