"""Every family of transformers: default and random configurations, imported by us and built by its class.

    python -m tests.importers.zoo llama qwen2 --variations 40 --seed 1

Prints for each model type how many configurations are equal, refused by us, wrong, or no model at
all (the class itself fails).
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any
from unittest.mock import patch

import torch
import transformers
from transformers import CONFIG_MAPPING, PreTrainedConfig
from transformers.models.auto import modeling_auto

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import ArchcalcError, InvalidSpec
from costmodel.importers import import_text
from costmodel.importers.defaults import class_of
from costmodel.validation import parse

MAPPINGS = (
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
)
WITH_ENCODER = (MAPPINGS[1], MAPPINGS[4])
TOP_K = (
    "num_experts_per_tok", "num_experts_per_token", "moe_k", "top_k_experts", "moe_topk", "moe_top_k",
    "num_selected_experts", "experts_per_token", "top_k", "num_experts_per_topk",
)  # fmt: skip
# Families that choose a number of experts which no key gives.
CHOSEN = {"nllb-moe": 2}
# Experts that do nothing, where no key says how many: they are counted as if the choice were uniform.
ZERO_EXPERTS = {"zaya": 1}
# Classes that write text, or sound, and stand in no mapping of those; or a class that is only a part does.
CLASSES = {
    "flaubert": "FlaubertWithLMHeadModel",
    "moshi": "MoshiForConditionalGeneration",
    "musicgen": "MusicgenForConditionalGeneration",
    "musicgen_melody": "MusicgenMelodyForConditionalGeneration",
}
LISTS = ("layer_types", "mlp_layer_types", "layers_block_type", "per_layer_config")
QSA = {
    "indexer_n_heads": 16, "indexer_kv_heads": 1, "indexer_head_dim": 256, "indexer_budget": 2048,
    "indexer_compress_ratio": 16, "ple_layer_ids": [1, 3], "ngram_vocab_size_base": 20_000, "eos_token_id": 5,
}  # fmt: skip
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "depth")

LANGUAGE_MODELS = ("text_config", "thinker_config")
DECODERS = ("decoder", "decoder_config")  # of sound, inside; their keys are varied like those of a language model
ONLY = {
    # the classes of the whole read keys that their own configurations lack (5.23), or have no embedding
    "qwen2_5_omni": "thinker_config",
    "qwen3_omni_moe": "thinker_config",
}
NO_HEAD = {"vision_use_head": False}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
NEEDS: dict[str, dict[str, Any]] = {
    # what the configuration class lacks for its own model class to be built (5.23)
    "dbrx": {"attn_config": {"kv_n_heads": 4, "clip_qkv": 8, "rope_theta": 500000.0}},
    "deepseek_v2": {"num_experts_per_tok": 6},
    "diffllama": {"head_dim": 64, "num_key_value_heads": 32},
    "dots1": {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6, "first_k_dense_replace": 1},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128, "num_experts": 8, "moe_topk": 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 16},
    "ministral": {"head_dim": 128},
    "moonshine_streaming": {"num_key_value_heads": 8},
    "moshi": {"audio_vocab_size": 2048},
    "nemotron": {"head_dim": 128, "num_key_value_heads": 8},
    "aya_vision": {"vision_config": {"model_type": "siglip_vision_model", **NO_HEAD}},
    "chameleon": {"vocabulary_map": {"<image>": 1}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": ROPE, "sliding_attention": None}},
    "cohere_compass": {
        "text_config": {"rope_parameters": {"full_attention": ROPE, "sliding_attention": None}},
        "vision_config": {"out_hidden_size": 8192},
    },
    "deepseek_ocr2": {"text_config": {"mlp_layer_types": ["dense"] + ["sparse"] * 31, "num_experts_per_tok": 6}},
    "dots3_note": {"pad_token_id": 1},
    "emu3": {"pad_token_id": 1, "vocabulary_map": {"<image>": 1}},
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}},
    "granite4_vision": {"deepstack_layer_map": [], "downsample_rate": "1/4"},
    "hunyuan_vl": {"text_config": {"head_dim": 128}, "vision_config": {"text_hidden_size": 4096}},
    "ovis2": {"text_config": {"model_type": "qwen2", "hidden_size": 1536}},
    "perception_lm": {"vision_config": {"model_type": "timm_wrapper", "model_args": {"embed_dim": 64}}},
    "qwen4_exp": {"text_config": {"model_type": "qwen4_exp_text", **QSA}, "vision_config": {"out_hidden_size": 2048}},
    # sizes with which a tower that the class builds can also run, before the language model of its defaults
    "cohere2_vision": {"vision_config": {"model_type": "siglip_vision_model", **NO_HEAD}},
    "cosmos3_omni": {"vision_config": {"model_type": "qwen3_vl_vision", "out_hidden_size": 4096}},
    "deepseek_vl": {"vision_config": {"model_type": "siglip_vision_model", **NO_HEAD}},
    "exaone4_5": {"vision_config": {"out_hidden_size": 4096}},
    "gemma4": {"vision_config": {"model_type": "gemma4_vision"}},
    "gemma4_unified": {"vision_config": {"model_type": "gemma4_unified_vision"}},
    "gemma3": {"vision_config": {"model_type": "siglip_vision_model", "image_size": 256, **NO_HEAD}},
    "glm5_next": {"vision_config": {"out_hidden_size": 4096}},
    "glm_ocr": {"vision_config": {"out_hidden_size": 1024}},
    "idefics3": {"vision_config": {"image_size": 256}},
    "lfm2_vl": {"vision_config": {"model_type": "siglip2_vision_model", **NO_HEAD}},
    "llama4": {"vision_config": {"hidden_size": 1408, "vision_output_dim": 4096}},
    "qwen2_5_vl": {"vision_config": {"out_hidden_size": 8192}},
    "qwen2_vl": {"vision_config": {"hidden_size": 8192}},
    "qwen3_5": {"vision_config": {"out_hidden_size": 4096}},
    "qwen3_5_moe": {"vision_config": {"out_hidden_size": 2048}},
    "qwen3_asr": {"audio_config": {"model_type": "qwen3_asr_encoder", "output_dim": 2048}},
    "qwen3_omni_moe": {
        "thinker_config": {"vision_config": {"out_hidden_size": 2048}, "audio_config": {"output_dim": 2048}}
    },
    "qwen3_omni_moe_thinker": {"vision_config": {"out_hidden_size": 2048}, "audio_config": {"output_dim": 2048}},
    "qwen3_vl": {"vision_config": {"out_hidden_size": 4096}},
    "qwen3_vl_moe": {"vision_config": {"out_hidden_size": 2048}},
    "t5gemma2": {"encoder": {"vision_config": {"image_size": 256, **NO_HEAD}}},
    "shieldgemma2": {"vision_config": {"model_type": "siglip_vision_model", "image_size": 256, **NO_HEAD}},
    "smolvlm": {"vision_config": {"image_size": 256}},
    "qwen4_exp_text": QSA,
}
PER_LAYER = {"deepseek_ocr2_text": ("mlp_layer_types", ("dense", "sparse"))}  # a list that the class does not make up
# Drafters that read their host's cache in every layer, which 5.23 refuses when it builds one: with the check lifted.
DRAFTERS = ("gemma4_assistant", "gemma4_unified_assistant")
UNVARIED = {"inkling_vision": ("patch_size", "temporal_patch_size")}  # of 0 the class counts factors without end
TIMM = ("timm_wrapper", "gemma3n_vision")
WITHIN = {"chameleon": "vqmodel", "phi4_multimodal": "embed_tokens_extend"}  # towers within the decoder's module


def model_class(model_type: str) -> type[torch.nn.Module] | None:
    """Return the class that generates text for a model type: with its encoder, where it has one."""
    if part := ONLY.get(model_type):
        model_type = class_of(model_type).inside[part]["only"]
    mappings = sorted(MAPPINGS, key=lambda m: m not in WITH_ENCODER) if _has_encoder(model_type) else MAPPINGS
    found = []
    for mapping in (CLASSES, *mappings):
        name = mapping.get(model_type)
        if name is not None:
            found.append(getattr(transformers, name if isinstance(name, str) else name[0]))
    config = CONFIG_MAPPING[model_type]
    exact = [cls for cls in found if cls.config_class is config]  # a mapping may name the language model's class
    if found:
        return (exact or found)[0]
    module = importlib.import_module(config.__module__.replace(".configuration_", ".modeling_"))
    named = [cls for name, cls in vars(module).items() if name.endswith(("ForConditionalGeneration", "ForCausalLM"))]
    return next((cls for cls in named if cls.config_class is config), None)


def without_frozen(model: torch.nn.Module) -> None:
    """Take away parameters that are not trained: correction biases of routers, buffers in other families and here."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if not parameter.requires_grad:
                delattr(module, name)


def without_experts_of_images(model: torch.nn.Module) -> None:
    """Take away experts that text does not meet, which an import leaves out with the tower."""
    without_frozen(model)
    for module in model.modules():
        if hasattr(module, "vision_moe"):
            del module.vision_moe


def without_zero_experts(model: torch.nn.Module) -> None:
    """Take away the first matrices of experts that pass their input on; their last matrices do not exist either."""
    for module in model.modules():
        if getattr(module, "zero_expert_num", 0):
            module.gate_up_proj = torch.nn.Parameter(module.gate_up_proj[: module.num_routed_experts])


def _has_encoder(model_type: str) -> bool:
    return model_type in CONFIG_MAPPING and bool(class_of(model_type).keys.get("is_encoder_decoder"))


def without_unread_bias(model: torch.nn.Module) -> None:
    """Take away the bias that stands beside the head's own one where that is not tied to it: nothing reads it."""
    head = (model.text_decoder if hasattr(model, "text_decoder") else model).get_output_embeddings()
    for module in model.modules():
        beside = getattr(module, "bias", None)
        if getattr(module, "decoder", None) is head and beside is not None and beside is not head.bias:
            del module.bias


def without_sines(model: torch.nn.Module) -> None:
    """Take away the sines of a rotation, which are parameters that are not trained; and the bias as above."""
    model.roformer.encoder.embed_positions = None
    without_unread_bias(model)


def without_pooler(model: torch.nn.Module) -> None:
    """Take away a pooler that this class builds and does not use; and the bias as above."""
    model.bert.pooler = None
    without_unread_bias(model)


def without_what_is_passed_by(model: torch.nn.Module) -> None:
    """Take away what merges patches in the middle of a tower where the configuration passes it by."""
    if model.config.downsample_mode == "4x":
        model.model.vision_tower.vit_merger = None


BERTS = (
    "bert", "bert-generation", "blip_text_model", "camembert", "data2vec-text", "ernie", "megatron-bert", "roberta",
    "roberta-prelayernorm", "roc_bert", "xlm-roberta", "xlm-roberta-xl", "xmod",
)  # fmt: skip
# What a class allocates besides what the architecture has.
BESIDE: Mapping[str, Callable[[torch.nn.Module], None]] = {
    **dict.fromkeys(BERTS, without_unread_bias),
    "afmoe": without_frozen,
    "big_bird": without_pooler,
    "ernie4_5_moe": without_frozen,
    "ernie4_5_vl_moe_text": without_experts_of_images,
    "laguna": without_frozen,
    **dict.fromkeys(("minicpm_ocr", "minicpmv4_6", "minicpmv4_7"), without_what_is_passed_by),
    "longcat_flash": without_zero_experts,
    "roformer": without_sines,
}
ROWS_OF_EXPERTS = ("down_embed", "up_embed")  # of doge: experts that are rows of two tables
INNER = {"pi0": "model.vlm.language_model"}  # language models that the class does not call its decoder
WHOLE = ("pix2struct",)  # whose tower is the encoder, which an import reads
# Parts of every layer that tokens of another kind pass through.
OTHER_KIND = {"higgs_audio_v2": ("mlp", "input_layernorm", "post_attention_layernorm")}
# Towers of classes whose language model has no module of its own that holds all of it.
VECTORS = ("flow_head", "loss_weighting", "audio_prompt_proj", "audio_latent_proj", "bos_latent")  # frames of sound
TOWERS = {
    "blt": ("model.patcher",),
    "clvp": ("conditioning_encoder", "text_encoder_model", "speech_encoder_model", "logit_scale"),
    "csm": ("depth_decoder", "codec_model"),
    "gradium_phonon_tts": (*VECTORS, "num_speakers_embed", "num_speakers_proj", "duration_delta_proj"),
    "git": ("image_encoder", "visual_projection", "img_temporal_embedding"),
    "kyutai_speech_to_text": ("codec_model",),
    "moshi": ("depth_decoder", "audio_encoder"),
    "musicgen": ("audio_encoder",),
    "pocket_tts": VECTORS,
    "t5gemma2": ("model.encoder.vision_tower", "model.encoder.multi_modal_projector"),
    "musicgen_melody": ("text_encoder", "audio_encoder", "enc_to_dec_proj", "audio_enc_to_dec_proj"),
}


@dataclass(frozen=True)
class Counts:
    """Parameters of a model that transformers built: of its language model and of everything."""

    total: int
    active: int | Fraction
    everything: int


def size(*modules: torch.nn.Module | None, without: str = "\0") -> int:
    """Count the parameters of modules, tied ones once."""
    found = {id(p): p for m in modules if m is not None for n, p in m.named_parameters() if without not in n}
    return sum(p.numel() for p in found.values())


def take_away(model: torch.nn.Module, names: Iterable[str]) -> None:
    """Take away parts of a model; what they share with the rest stays there."""
    for path in names:
        inside, _, name = path.rpartition(".")
        place = model.get_submodule(inside)
        owner = place if hasattr(place, name) else model.base_model
        if hasattr(owner, name):
            setattr(owner, name, None)


def build(data: Mapping[str, Any], cls: type[torch.nn.Module]) -> torch.nn.Module:
    """Build the model of a configuration, with shapes and no memory."""
    config = CONFIG_MAPPING[data["model_type"]](**{k: v for k, v in data.items() if k != "model_type"})
    if part := ONLY.get(data["model_type"]):
        config = getattr(config, part)
    real = transformers.AutoModel.from_config
    stand_in = torch.nn.Identity()  # timm is not installed, and its towers are not read

    def part_of(config: PreTrainedConfig, **more: Any) -> torch.nn.Module:
        return stand_in if config.model_type in TIMM else real(config, **more)

    with ExitStack() as lifted:
        lifted.enter_context(torch.device("meta"))
        lifted.enter_context(patch.object(transformers.AutoModel, "from_config", part_of))
        text = config.text_config if config.model_type in DRAFTERS else None
        if text is not None and text.num_kv_shared_layers == text.num_hidden_layers:
            reuse = property(lambda self: ["reuse"] * self.num_hidden_layers)
            lifted.enter_context(patch.object(type(text), "kv_sharing_modes", reuse))
        make = getattr(cls, "_from_config", cls)
        return make(config)


def count(model: torch.nn.Module) -> Counts:
    """Count a model's parameters."""
    config = model.config.get_text_config(decoder=True)
    for name in {config.model_type, model.config.model_type}:
        BESIDE.get(name, lambda _: None)(model)
    everything = size(model)
    take_away(model, TOWERS.get(model.config.model_type, ()))
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    if path := INNER.get(model.config.model_type):
        decoder = model.get_submodule(path)
        config = decoder.config
    total = whole = size(model)
    kind = model.config.model_type
    wraps = kind not in WHOLE and any(key in LANGUAGE_MODELS for key in class_of(kind).inside)
    if decoder is not None and decoder is not model and (wraps or not model.config.is_encoder_decoder):
        total = size(decoder, model.get_output_embeddings(), without=WITHIN.get(config.model_type, "\0"))
        if (config is model.config and config.model_type not in WITHIN) or model.config.model_type in DRAFTERS:
            total = whole
    places = (config, getattr(config, "ffn_config", None))
    chosen: int | Fraction = CHOSEN.get(model.config.model_type) or next(
        (int(k) for at in places for name in TOP_K if (k := getattr(at, name, None))), 1
    )
    if zero := getattr(config, "zero_expert_num", None):  # as if the choice were uniform
        chosen = Fraction(chosen * config.n_routed_experts, config.n_routed_experts + zero)
    if zero := ZERO_EXPERTS.get(config.model_type):
        chosen = Fraction(chosen * config.num_experts, config.num_experts + zero)
    other = OTHER_KIND.get(model.config.model_type, ())
    idle: int | Fraction = sum(size(m) for name, m in model.named_modules() if name.rpartition(".")[2] in other)
    for name, module in (model if total == whole else torch.nn.ModuleList([decoder])).named_modules():
        if not type(module).__name__.endswith("Experts") or "shared" in name:
            continue
        if isinstance(module, (torch.nn.ModuleDict, torch.nn.ModuleList)):
            each = [one for one in module.children() if size(one)]  # not a dropout beside them
            idle += (len(each) - chosen) * size(each[0])
        else:
            held = next(p for n, p in module.named_parameters() if p.dim() >= 2).shape[0]
            experts = getattr(module, "num_experts", held)  # a matrix may hold all of them, one below the other
            stacked = [p for p in module.parameters() if p.dim() >= 2]  # a norm beside them serves all
            idle += (experts - chosen) * sum(p.numel() // experts for p in stacked)
    for module in model.modules():
        for name in ROWS_OF_EXPERTS if config.model_type == "doge" else ():
            if (table := getattr(module, name, None)) is not None:
                idle += (table.num_embeddings - chosen) * table.embedding_dim
    return Counts(total, total - idle, everything)


@dataclass
class Tally:
    """What came of the configurations of one model type."""

    equal: int = 0
    towers: int = 0  # of those: with everything that stands beside the language model
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    no_model: Counter[str] = field(default_factory=Counter)
    default: str = ""
    refused_default: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)  # of the default: random numbers may fit no tower

    def line(self, name: str) -> str:
        """Return one line of a table."""
        return (
            f"{name:28} default {self.default:8} equal {self.equal:4} ({self.towers:4} whole)"
            f"  refused {self.refused.total():4}  wrong {len(self.wrong):4}  no model {self.no_model.total():4}"
        )


def examine(data: dict[str, Any], cls: type[torch.nn.Module], tally: Tally) -> str:
    """Compare one configuration; return equal, refused, wrong or no model."""
    try:
        theirs = count(build(data, cls))
    except Exception as error:
        tally.no_model[f"{type(error).__name__}: {str(error)[:100]}"] += 1
        return "no model"
    try:
        imported = import_text(json.dumps(data), "config.json")
        found = parse(imported.document)
        assert isinstance(found, Architecture)
        ours = figures.params(found)
        towers = [name for name in found.extra_components if name != "mtp"]
        components = figures.params(found, towers).total - ours.total
    except (ArchcalcError, InvalidSpec) as error:
        problems = getattr(error, "problems", None)
        tally.refused[str(problems[0].message if problems else error.message)[:120]] += 1
        return "refused"
    got = [ours.total, ours.active, ours.total + components]
    want = [theirs.total, theirs.active, theirs.everything]
    if imported.left_out:  # towers that are not read yet: the language model alone
        got, want = got[:2], want[:2]
    if isinstance(want[1], Fraction) and 0 <= want[1] - got[1] < 6:
        want[1] = got[1]  # expected experts: ours rounds down each of gate, up and down, zaya's in two kinds of layers
    if got == want:
        tally.equal += 1
        tally.towers += not imported.left_out
        tally.left_out |= set(imported.left_out)
        return "equal"
    difference = [a - b for a, b in zip(got, want, strict=True)]
    tally.wrong.append(f"{json.dumps(data)[:1500]}\n      ours {got} theirs {want} difference {difference}")
    return "wrong"


def flat(config: PreTrainedConfig) -> dict[str, Any]:
    """Return a configuration as a file would hold it.

    Without an endless ``time_step_limit``, which the classes write as a list and accept only as a tuple.
    """
    found: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    for part in (found, *(value for value in found.values() if isinstance(value, dict))):
        part.pop("time_step_limit", None)
    return found


@cache
def default(model_type: str) -> dict[str, Any]:
    """Return the default configuration of a class in full."""
    return flat(CONFIG_MAPPING[model_type](**NEEDS.get(model_type, {})))


def variation(data: Mapping[str, Any], model_type: str, random: Random) -> dict[str, Any]:
    """Return a configuration with a few keys changed: numbers, flags, nulls, lists."""
    changed = copy.deepcopy(dict(data))
    _vary(changed, model_type, random, random.choice((1, 1, 2, 3, 5)))
    return changed


def _vary(data: dict[str, Any], model_type: str, random: Random, times: int) -> None:
    keys = class_of(model_type).keys
    for key in LAYERS:
        if isinstance(data.get(key, keys.get(key)), int) and key in keys and random.random() < 0.7:
            data[key] = random.randint(1, 7)
            for listed in LISTS:
                data.pop(listed, None)
                words = default(model_type).get(listed)
                if isinstance(words, list) and words and random.random() < 0.5:
                    data[listed] = [random.choice(sorted(set(words))) for _ in range(data[key])]
    if model_type in PER_LAYER:
        key, words = PER_LAYER[model_type]
        data[key] = [random.choice(words) for _ in range(data.get("num_hidden_layers", keys["num_hidden_layers"]) or 1)]
    inside = class_of(model_type).inside
    options = [
        key
        for key in keys
        if key not in ("model_type", "is_encoder_decoder", *UNVARIED.get(model_type, ()))
        and (key not in inside or isinstance(data.get(key), dict))
    ]
    for key in (*LANGUAGE_MODELS, *DECODERS):
        if isinstance(text := data.get(key), dict) and key in inside:
            kind = inside[key].get("only") or text.get("model_type") or inside[key]["type"]
            needed = NEEDS.get(model_type, {}).get(key, {})
            if random.random() < 0.4:
                data[key] = text = {
                    k: text[k] for k in text if k == "model_type" or k in needed or random.random() < 0.5
                }
            _vary(text, kind, random, times)
    for key in random.sample(options, min(times, len(options))):
        value = data.get(key, keys[key])
        if value is None and key.endswith("_config"):
            value = copy.deepcopy(default(model_type).get(key))
        if isinstance(value, dict) and (key.endswith("_config") or "model_type" in value):
            kind = value.get("model_type")
            if kind:
                _vary(value, kind, random, times)
                data[key] = value
            continue
        data[key] = _other(value, key, random)


def _other(value: Any, key: str, random: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((value * 2, max(1, value // 2), value + 1, max(1, value - 1), 1, 4, 8, 2, None, 0))
    if value is None and key.endswith(("_indices", "_idxs", "_layers")) and not key.startswith(("num_", "n_")):
        return random.choice(([0], [1, 2], [0, 3], []))
    if value is None:
        return random.choice((True, 1, 2, 4, 16, 64, False))
    if isinstance(value, list) and value:
        options = sorted({json.dumps(item) for item in value})
        return [json.loads(random.choice(options)) for _ in value]
    return value


def configurations(model_type: str, variations: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the default configuration, bare and in full, then random ones."""
    bare = {"model_type": model_type, **NEEDS.get(model_type, {})}
    yield bare
    full = default(model_type)
    yield full
    random = Random(f"{model_type} {seed}")
    for _ in range(variations):
        wraps = any(key in (*LANGUAGE_MODELS, *DECODERS) for key in class_of(model_type).inside)
        base = bare if random.random() < (0.1 if wraps else 0.6) else full
        yield variation(base, model_type, random)


def run(model_type: str, variations: int, seed: int) -> Tally:
    """Examine one model type."""
    tally = Tally()
    cls = model_class(model_type) if model_type in CONFIG_MAPPING else None
    if cls is None:  # code on the hub, or a part that no class generates text with
        tally.default = "no class"
        return tally
    left_out: set[str] = set()
    for index, data in enumerate(configurations(model_type, variations, seed)):
        outcome = examine(data, cls, tally)
        if index == 0:
            tally.default = outcome
            tally.refused_default = list(tally.refused)
        if index == 1:  # the default in full, as a file of the class has it
            left_out = set(tally.left_out)
    tally.left_out = left_out
    return tally


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("types", nargs="+")
    parser.add_argument("--variations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity(50)
    for name in asked.types:
        tally = run(name, asked.variations, asked.seed)
        print(tally.line(name), flush=True)
        for text in tally.wrong[: 20 if asked.v else 2]:
            print("   WRONG", text)
        if asked.v:
            for reason, times in [*tally.refused.most_common(20), *tally.no_model.most_common(6)]:
                print(f"   {times:4} {reason}")


if __name__ == "__main__":
    main()
