"""Models as transformers builds them from a configuration, with shapes and no memory: their parameters.

What a class holds besides its language model is told apart, and what it allocates and never uses is
taken away, each with its reason.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import torch
import transformers
from transformers import CONFIG_MAPPING, PreTrainedConfig
from transformers.models.auto import modeling_auto

from costmodel.importers.defaults import class_of

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
LANGUAGE_MODELS = ("text_config", "thinker_config")
ONLY = {
    # the classes of the whole read keys that their own configurations lack (5.23), or have no embedding
    "qwen2_5_omni": "thinker_config",
    "qwen3_omni_moe": "thinker_config",
}
# Drafters that read their host's cache in every layer, which 5.23 refuses when it builds one: with the check lifted.
DRAFTERS = ("gemma4_assistant", "gemma4_unified_assistant")
TIMM = ("timm_wrapper", "gemma3n_vision")
WITHIN = {"chameleon": "vqmodel", "phi4_multimodal": "embed_tokens_extend"}  # towers within the decoder's module


def model_class(model_type: str) -> type[torch.nn.Module] | None:
    """Return the class that generates text for a model type: with its encoder, where it has one.

    None where transformers knows no such type, or has no class that generates text for it.
    """
    if model_type not in CONFIG_MAPPING:
        return None
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
        beside, own = (getattr(one, "bias", None) for one in (module, head))
        if getattr(module, "decoder", None) is head and beside is not None and beside is not own:
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
