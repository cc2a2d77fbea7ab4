"""Vision towers of small wrappers: their parameters, and FLOPs of the class's own features of images."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import CONFIG_MAPPING

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.importers import Imported, import_text
from costmodel.validation import parse
from costmodel.verify.published import BESIDE, model_class, size
from costmodel.workload import Workload

pytestmark = pytest.mark.oracle

TEXT = {"hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 99}
TEXT |= {"num_key_value_heads": 2, "pad_token_id": 0}
VIT = {"hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 3, "num_attention_heads": 2}
FREE = VIT | {"patch_size": 4}
VIT |= {"image_size": 36, "patch_size": 6}
IMAGE = {"image_size": 36, "patch_size": 6}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
ERNIE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 4, 2]}
KOSMOS = {
    "vocab_size": 99, "embed_dim": 40, "layers": 2, "ffn_dim": 48, "attention_heads": 4, "max_position_embeddings": 64,
}  # fmt: skip
DELTA = {"layer_types": ["full_attention", "full_attention"], "head_dim": 20}
STEP = {"layer_types": ["full_attention", "full_attention"], "mlp_layer_types": ["dense", "dense"], "head_dim": 20}
CLIP = {"model_type": "clip_vision_model", **VIT}
SIGLIP = {"model_type": "siglip_vision_model", **VIT, "vision_use_head": False}
QWEN = {"depth": 3, "hidden_size": 24, "intermediate_size": 28, "num_heads": 2, "patch_size": 4, "out_hidden_size": 40}
QWEN3 = QWEN | {"num_position_embeddings": 64}
WINDOWED = QWEN | {"window_size": 17, "fullatt_block_indexes": [1, 7]}
GLM = QWEN | {"image_size": 24}

# Wrapper -> the keys of its tower, and its own.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "aya_vision": (SIGLIP, {"downsample_factor": 3}),
    "cohere2_vision": (SIGLIP, {"alignment_intermediate_size": 22}),
    "blip-2": (
        {"hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 2, "num_attention_heads": 3, **IMAGE},
        {
            "num_query_tokens": 5,
            "text_config": {"model_type": "llama", **TEXT},
            "qformer_config": {
                "hidden_size": 12,
                "num_hidden_layers": 3,
                "num_attention_heads": 2,
                "intermediate_size": 18,
                "encoder_hidden_size": 24,
            },
        },
    ),
    "cohere_compass": (
        QWEN3 | {"deepstack_visual_indexes": [1]},
        {"text_config": TEXT | {"rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE}}},
    ),
    "cosmos3_edge": (FREE | {"num_patches": 64}, {"projector_hidden_size": 26}),
    "deepseek_vl": (SIGLIP, {}),
    "dots3_note": (
        FREE
        | {
            "mlp_layer_types": ["dense", "sparse", "sparse"],
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 10,
            "per_layer_config": {"1": {"num_local_experts": 3}, "2": {"num_local_experts": 5}},
            "adapter_in_dim": 24,
            "adapter_out_dim": 40,
        },
        {"audio_config": {"adapter_out_dim": 40, "num_hidden_layers": 1}},
    ),
    "ernie4_5_vl_moe": (
        {"depth": 2, "hidden_size": 24, "intermediate_size": 28, "num_heads": 2, "patch_size": 4},
        {"text_config": TEXT | {"moe_intermediate_size": [12, 8], "rope_parameters": ERNIE}},
    ),
    "exaone4_5": (WINDOWED | {"num_key_value_heads": 1}, {"text_config": {"model_type": "exaone4", **TEXT}}),
    "gemma3": (SIGLIP, {"mm_tokens_per_image": 4}),
    "gemma4": (
        FREE | {"num_key_value_heads": 1, "head_dim": 8, "pooling_kernel_size": 2, "position_embedding_size": 40},
        {"text_config": TEXT | {"num_kv_shared_layers": 0, "hidden_size_per_layer_input": 0}},
    ),
    "gemma4_unified": (
        {"patch_size": 2, "pooling_kernel_size": 2, "mm_embed_dim": 20, "mm_posemb_size": 18, "output_proj_dims": 20},
        {"text_config": TEXT | {"num_kv_shared_layers": 0}},
    ),
    "glm46v": (GLM, {}),
    "glm4v": (GLM | {"attention_bias": True}, {}),
    "glm4v_moe": (GLM, {}),
    "glm5_next": (GLM | {"projection_intermediate_size": 30}, {}),
    "glm_ocr": (GLM, {}),
    "hunyuan_vl": (
        FREE | {"max_image_size": 48, "text_hidden_size": 40},
        {"text_config": TEXT | {"head_dim": 20}},
    ),
    "idefics2": (
        VIT,
        {
            "perceiver_config": {
                "hidden_size": 40,
                "resampler_n_latents": 5,
                "resampler_depth": 2,
                "resampler_n_heads": 4,
                "resampler_head_dim": 6,
                "num_key_value_heads": 2,
            },
        },
    ),
    "idefics3": (VIT, {}),
    "internvl": (VIT | {"use_qk_norm": True}, {}),
    "kimi_k25": (
        FREE | {"pos_emb_height": 8, "pos_emb_width": 8},
        {"projection_hidden_size": 24, "text_config": {"model_type": "llama", **TEXT}},
    ),
    "kosmos-2": (VIT, {"text_config": KOSMOS, "latent_query_num": 7}),
    "kosmos-2.5": (
        {
            "hidden_size": 24,
            "intermediate_size": 28,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "head_dim": 5,
            "patch_embed_hidden_size": 48,
            "max_num_patches": 36,
        },
        {"text_config": KOSMOS, "latent_query_num": 7},
    ),
    "lfm3_vl": (
        FREE | {"num_key_value_heads": 1, "layer_types": ["conv", "full_attention", "conv"], "conv_kernel_size": 5},
        {"projector_hidden_size": 26, "text_config": TEXT | {"layer_types": ["conv", "full_attention"]}},
    ),
    "lighton_ocr": ({"model_type": "pixtral", **VIT, "num_attention_heads": 3}, {}),
    "llama4": (
        VIT | {"intermediate_size": 96, "projector_input_dim": 28, "projector_output_dim": 28, "vision_output_dim": 28},
        {},
    ),
    "llava": (CLIP, {"vision_feature_layer": [-2, -1]}),
    "llava_next": (CLIP, {"image_grid_pinpoints": [[36, 36]]}),
    "llava_onevision": (SIGLIP, {"image_grid_pinpoints": [[36, 36]]}),
    "llava_next_video": (CLIP, {"image_grid_pinpoints": [[36, 36]], "spatial_pool_mode": "max"}),
    "minicpmv4_6": (
        FREE | {"num_hidden_layers": 4, "image_size": 32},
        {"insert_layer_id": 1, "merger_times": 2, "text_config": TEXT | DELTA},
    ),
    "minicpm_ocr": (FREE | {"image_size": 32}, {"text_config": TEXT | DELTA}),
    "minimax_m3_vl": (VIT | {"num_attention_heads": 3}, {"projector_hidden_size": 26}),
    "mistral3": ({"model_type": "pixtral", **VIT, "num_attention_heads": 3}, {"multimodal_projector_bias": True}),
    "muse_glimmer": (
        {
            "hidden_size": 24,
            "intermediate_size": 28,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "patch_size": 4,
            "pos_emb_height": 3,
            "pos_emb_width": 3,
            "max_position_embeddings": 9,
            "layer_types": ["window_attention", "window_attention", "full_attention"],
        },
        {"out_hidden_size": 96, "projector_hidden_size": 26},
    ),
    "ovis2": (
        VIT | {"vocab_size": 50, "hidden_stride": 2, "qkv_bias": True},
        {"hidden_size": 40, "vocab_size": 99, "text_config": {"model_type": "llama", **TEXT}},
    ),
    "paddleocr_vl": (FREE | {"image_size": 32}, {"text_config": TEXT | {"head_dim": 20}}),
    "paligemma": (SIGLIP, {"projection_dim": 40}),
    "qianfan_ocr": (VIT | {"attention_bias": False}, {}),
    "qwen2_5_omni_thinker": (WINDOWED, {}),
    "qwen2_5_vl": (WINDOWED, {}),
    "qwen2_vl": ({"depth": 2, "embed_dim": 24, "num_heads": 2, "patch_size": 4, "hidden_size": 40}, {}),
    "qwen3_5": (QWEN3, {}),
    "qwen3_omni_moe_thinker": (QWEN3 | {"deepstack_visual_indexes": [1]}, {}),
    "qwen3_vl": (QWEN3 | {"deepstack_visual_indexes": [0, 2]}, {}),
    "smolvlm": (VIT | {"num_channels": 3}, {"scale_factor": 3}),
    "step3p7": (
        VIT | {"mlp_ratio": 1.5},
        {"projector_bias": True, "text_config": TEXT | STEP},
    ),
    "video_llama_3": (FREE, {}),
    "vipllava": (CLIP, {"vision_feature_layer": [0, 1, 2]}),
}
IMAGES = 2
BY_PATCH = (
    "qwen", "glm", "exaone", "kimi", "video_llama", "cosmos", "minimax", "cohere_compass", "dots3", "ernie", "hunyuan",
    "lfm3", "muse", "paddleocr",
)  # fmt: skip
AUDIO = ("dots3_note", "qwen2_5_omni_thinker", "qwen3_omni_moe_thinker")  # beside which there are towers for sound
ONE_SEQUENCE = ("lighton_ocr", "mistral3")  # all images are one sequence, of which a mask hides the others' patches


def configuration(model_type: str) -> dict[str, Any]:
    tower, own = CASES[model_type]
    return {"model_type": model_type, "text_config": TEXT, "vision_config": tower, **own}


def pixels(found: Architecture, images: int) -> dict[str, torch.Tensor]:
    """Return the images that the class wants, in one of the forms there are."""
    tower = found.components["vision"]
    side, patch = tower.image_size, tower.patch_size
    square = {"pixel_values": torch.randn(images, tower.channels, side, side)}
    kind = found.name
    if kind.startswith("gemma4"):
        values = torch.randn(images, tower.side**2, tower.channels * patch * patch)
        at = torch.stack(torch.meshgrid(*[torch.arange(tower.side)] * 2, indexing="xy"), -1).flatten(0, 1)
        return {"pixel_values": values, "image_position_ids": at.expand(images, -1, -1)}
    if kind.startswith("minicpm"):
        strip = torch.randn(1, tower.channels, patch, images * tower.side**2 * patch)
        return {"pixel_values": strip, "target_sizes": torch.tensor([[tower.side] * 2] * images)}
    if kind.startswith(BY_PATCH):
        shape = (images * tower.side**2, tower.channels * tower.frames * patch * patch)
        if kind.startswith(("kimi", "paddleocr")):
            shape = (images * tower.side**2, tower.channels, patch, patch)
        grid = {"image_grid_thw": torch.tensor([[1, tower.side, tower.side]] * images)}
        if kind.startswith("video_llama"):
            grid["image_merge_sizes"] = torch.ones(images, dtype=torch.long)
        return {"pixel_values": torch.randn(*shape), **grid}
    if kind.startswith(("mistral", "lighton", "llava_")):
        square["image_sizes"] = torch.tensor([[side, side]])
    if kind.startswith(("idefics", "smolvlm", "llava_")):  # of one picture: as a whole and a part
        square["pixel_values"] = square["pixel_values"][None]
    if kind == "llama4":
        square["vision_feature_select_strategy"] = "default"  # type: ignore[assignment]
    return square


def import_small(model_type: str) -> tuple[Imported, Architecture]:
    imported = import_text(json.dumps(configuration(model_type)), f"{model_type}.json")
    found = parse(imported.document)
    assert isinstance(found, Architecture)
    return imported, found


def features(model: Any, found: Architecture, images: int) -> None:
    """Run what the class makes of images, up to the width of its language model."""
    inner, given = getattr(model, "model", model), pixels(found, images)
    if found.name == "blip-2":
        patches = model.vision_model(**given).last_hidden_state
        queries = model.query_tokens.expand(images, -1, -1)
        model.language_projection(model.qformer(queries, encoder_hidden_states=patches).last_hidden_state)
    elif found.name == "kosmos-2":
        model.image_to_text_projection(model.vision_model(**given).last_hidden_state)
    elif found.name == "kosmos-2.5":
        tower = found.components["vision"]
        flat = torch.randn(images, tower.side**2, 2 + 3 * tower.patch_size**2)
        flat[..., :2] = 0
        model.image_to_text_projection(model.vision_model(flat).last_hidden_state)
    else:
        out = inner.get_image_features(**given)
        if found.name == "llama4":
            model.multi_modal_projector(out.last_hidden_state)


def beside(found: Architecture, images: int) -> int:
    """Return FLOPs that the class spends and that are no part of the definition."""
    tower, width = found.components["vision"], found.d_model
    if found.name == "gemma4":  # means are sums over all patches, with weights of 0 and 1
        return 2 * images * tower.side**2 * tower.tokens_out * tower.d_model
    if found.name == "ovis2":  # no share of the words that mark an image
        return 2 * images * tower.tokens_out * tower.separators * width
    if found.name == "hunyuan_vl":  # a vector behind every row of patches
        return 2 * images * (tower.side // 2) * 4 * tower.d_model * width
    return 0


@pytest.mark.parametrize("model_type", CASES)
def test_a_tower_has_the_parameters_and_flops_of_its_class(model_type: str) -> None:
    imported, found = import_small(model_type)
    others = ["experts of image tokens"] if model_type == "ernie4_5_vl_moe" else []
    assert imported.left_out == others + (["audio_config"] if model_type in AUDIO else [])
    data = configuration(model_type)
    cls = model_class(model_type)
    assert cls is not None
    model = cls(CONFIG_MAPPING[data.pop("model_type")](**data)).eval()
    model.set_attn_implementation("eager")
    for module in model.modules():
        if hasattr(module, "config"):
            module.config._experts_implementation = "eager"
    for name in {model.config.model_type, model.config.get_text_config().model_type}:
        BESIDE.get(name, lambda _: None)(model)
    heard = getattr(model, "audio_tower", None) or getattr(getattr(model, "model", None), "audio_tower", None)
    assert figures.params(found, ["vision"]).total == size(model) - size(heard)
    images = 1 if model_type in ONE_SEQUENCE else IMAGES
    model.requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features(model, found, images)
    ops = found.lower_component("vision", Workload(images=images))
    assert figures.flops(ops).forward == counter.get_total_flops() - beside(found, images)


LLAVA = {
    "model_type": "llava", "ignore_index": -100, "image_token_index": 32000, "pad_token_id": 32001, "vocab_size": 32064,
    "projector_hidden_act": "gelu", "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
    "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "vocab_size": 32064},
    "vision_config": {
        "hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
        "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768,
        "vocab_size": 32000,
    },
}  # fmt: skip
GEMMA = {
    "model_type": "gemma3", "mm_tokens_per_image": 256, "boi_token_index": 255999, "eoi_token_index": 256000,
    "text_config": {
        "hidden_size": 5376, "intermediate_size": 21504, "num_hidden_layers": 62, "num_attention_heads": 32,
        "num_key_value_heads": 16, "head_dim": 128,
    },
    "vision_config": {
        "hidden_size": 1152, "image_size": 896, "intermediate_size": 4304, "model_type": "siglip_vision_model",
        "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14, "vision_use_head": False,
    },
}  # fmt: skip
GEMMA_4 = {
    "model_type": "gemma4", "vision_soft_tokens_per_image": 280, "audio_config": None,
    "vision_config": {
        "global_head_dim": 64, "default_output_length": 280, "image_seq_length": 280, "video_seq_length": 70,
    },
}  # fmt: skip
KIMI = {
    "hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 2, "num_attention_heads": 2,
    "pos_emb_height": 6, "pos_emb_width": 6,
}  # fmt: skip
KIMI_ON_THE_HUB = {
    "vt_hidden_size": 24, "vt_intermediate_size": 28, "vt_num_hidden_layers": 2, "vt_num_attention_heads": 2,
    "init_pos_emb_height": 6, "init_pos_emb_width": 6, "mm_hidden_size": 24, "merge_type": "sd2_tpool",
    "mm_projector_type": "patchmerger", "pos_emb_type": "divided_fixed", "video_attn_type": "spatial_temporal",
}  # fmt: skip


def whole(data: dict[str, Any]) -> int:
    imported = import_text(json.dumps(data), "config.json")
    assert imported.left_out == []
    found = parse(imported.document)
    assert isinstance(found, Architecture)
    return figures.params(found, ["vision"]).total


@pytest.mark.parametrize(
    ("data", "total"),
    [
        (LLAVA, 7_063_427_072),  # LLaVA 1.5 7B
        (GEMMA, 27_432_406_640),  # as keras-hub counts Gemma 3 27B
        ({"model_type": "mistral3", "tie_word_embeddings": False}, 24_011_361_280),  # Mistral Small 3.1
        (GEMMA_4, 5_246_311_936),  # the default of the class
    ],
)
def test_a_published_model_is_counted_as_a_whole(data: dict[str, Any], total: int) -> None:
    assert whole(data) == total


def test_a_tower_of_the_hub_has_other_names() -> None:
    text = {"text_config": {"model_type": "llama", **TEXT}, "projection_hidden_size": 24}
    there = whole({"model_type": "kimi_k25", "vision_config": KIMI_ON_THE_HUB, **text})
    assert there == whole({"model_type": "kimi_k25", "vision_config": KIMI, **text})


def tower(model_type: str, **changes: Any) -> dict[str, Any]:
    imported = import_text(json.dumps(configuration(model_type) | changes), "config.json")
    found: dict[str, Any] = imported.document["components"]["vision"]
    return found


@pytest.mark.parametrize(
    ("changes", "tower_changes", "why"),
    [
        ({"num_memory_tokens": 4}, {}, '"num_memory_tokens" is not understood'),  # of the wrapper or of the tower
        ({}, {"num_memory_tokens": 4}, '"vision_config.num_memory_tokens" is not understood'),
        ({}, {"model_type": "vit"}, "no tower of type 'vit' is read"),
        ({}, {"model_type": "siglip_vision_model", "vision_use_head": True}, "vision_use_head true"),
        ({"vision_feature_select_strategy": "full"}, {}, "vision_feature_select_strategy"),
        ({"vision_feature_layer": []}, {}, "vision_feature_layer"),
        ({"projector_hidden_act": "prelu"}, {}, "projector_hidden_act"),
        ({}, {"num_attention_heads": 5}, "5"),
        ({}, {"patch_size": 37}, "a patch is larger than the image"),
    ],
)
def test_what_is_not_understood_leaves_out_the_tower(
    changes: dict[str, Any], tower_changes: dict[str, Any], why: str
) -> None:
    data = configuration("llava") | changes | {"vision_config": CLIP | tower_changes}
    imported = import_text(json.dumps(data), "config.json")
    assert imported.left_out == ["vision_config"]
    assert "components" not in imported.document
    _, said = imported.document["source"]["note"].split("vision_config left out, ")
    assert why in said


SIGLIP2 = {"model_type": "siglip2_vision_model", "vision_use_head": False}
CUT_UP = {"do_image_splitting": True, "encoder_patch_size": 16, "max_tiles": 10, "tile_size": 512}
HEADS = {"head_dim": 64, "num_key_value_heads": 20}
FURTHER = {"num_nextn_predict_layers": 1, "mtp_share_layers": True, "_num_mtp_layers": 1}


@pytest.mark.parametrize(
    ("data", "left_out"),
    [
        ({"model_type": "voxtral", "audio_config": HEADS}, []),  # as in Voxtral Mini 3B
        ({"model_type": "voxtral", "audio_config": HEADS | {"num_key_value_heads": 5}}, ["audio_config"]),
        ({"model_type": "lfm2_vl", "vision_config": SIGLIP2, **CUT_UP}, []),  # as in LFM2.5-VL 1.6B
        (
            {"model_type": "exaone4_5", "text_config": {"model_type": "exaone4_5_text", **FURTHER}},
            ["num_nextn_predict_layers"],
        ),
    ],
)
def test_what_published_files_say_beside_the_class_leaves_a_tower_in(data: dict[str, Any], left_out: list[str]) -> None:
    if data["model_type"] == "exaone4_5":
        data = data | {"vision_config": {"out_hidden_size": 4096}}
    imported = import_text(json.dumps(data), "config.json")
    assert imported.left_out == left_out
    assert ("components" in imported.document) == ("audio_config" not in left_out)


def test_a_projector_that_ends_elsewhere_leaves_out_the_tower() -> None:
    data = configuration("qwen3_vl") | {"vision_config": QWEN3 | {"out_hidden_size": 41}}
    assert import_text(json.dumps(data), "config.json").left_out == ["vision_config"]


def test_windows_are_squares_of_patches() -> None:
    found = tower("qwen2_5_vl")
    assert found["blocks"]["local"]["chunk"] == 16
    assert found["mixer"] == "local then global then local"
    assert found["image_size"] == 4 * 32


def test_the_size_of_an_image_is_that_of_the_table_of_positions_and_the_source_says_so() -> None:
    imported = import_text(json.dumps(configuration("qwen3_vl")), "config.json")
    assert imported.document["components"]["vision"]["image_size"] == 4 * 8
    assert imported.document["source"]["note"].endswith("; images have any size, and here 32 x 32")
    uneven = tower("qwen3_vl", vision_config=QWEN3 | {"num_position_embeddings": 65, "deepstack_visual_indexes": []})
    assert (uneven["image_size"], uneven["positions"]) == (4 * 32, 65)
