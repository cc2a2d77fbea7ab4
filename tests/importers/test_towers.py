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
from costmodel.verify.published import model_class, size
from costmodel.workload import Workload

pytestmark = pytest.mark.oracle

TEXT = {"hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 99}
TEXT |= {"num_key_value_heads": 2, "pad_token_id": 0}
VIT = {"hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 3, "num_attention_heads": 2}
FREE = VIT | {"patch_size": 4}
VIT |= {"image_size": 36, "patch_size": 6}
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
    "cosmos3_edge": (FREE | {"num_patches": 64}, {"projector_hidden_size": 26}),
    "deepseek_vl": (SIGLIP, {}),
    "exaone4_5": (WINDOWED | {"num_key_value_heads": 1}, {"text_config": {"model_type": "exaone4", **TEXT}}),
    "gemma3": (SIGLIP, {"mm_tokens_per_image": 4}),
    "glm46v": (GLM, {}),
    "glm4v": (GLM | {"attention_bias": True}, {}),
    "glm4v_moe": (GLM, {}),
    "glm5_next": (GLM | {"projection_intermediate_size": 30}, {}),
    "glm_ocr": (GLM, {}),
    "idefics3": (VIT, {}),
    "internvl": (VIT | {"use_qk_norm": True}, {}),
    "kimi_k25": (
        FREE | {"pos_emb_height": 8, "pos_emb_width": 8},
        {"projection_hidden_size": 24, "text_config": {"model_type": "llama", **TEXT}},
    ),
    "lighton_ocr": ({"model_type": "pixtral", **VIT, "num_attention_heads": 3}, {}),
    "llama4": (
        VIT | {"intermediate_size": 96, "projector_input_dim": 28, "projector_output_dim": 28, "vision_output_dim": 28},
        {},
    ),
    "llava": (CLIP, {"vision_feature_layer": [-2, -1]}),
    "llava_next": (CLIP, {"image_grid_pinpoints": [[36, 36]]}),
    "llava_onevision": (SIGLIP, {"image_grid_pinpoints": [[36, 36]]}),
    "minimax_m3_vl": (VIT | {"num_attention_heads": 3}, {"projector_hidden_size": 26}),
    "mistral3": ({"model_type": "pixtral", **VIT, "num_attention_heads": 3}, {"multimodal_projector_bias": True}),
    "paligemma": (SIGLIP, {"projection_dim": 40}),
    "qianfan_ocr": (VIT | {"attention_bias": False}, {}),
    "qwen2_5_omni_thinker": (WINDOWED, {}),
    "qwen2_5_vl": (WINDOWED, {}),
    "qwen2_vl": ({"depth": 2, "embed_dim": 24, "num_heads": 2, "patch_size": 4, "hidden_size": 40}, {}),
    "qwen3_5": (QWEN3, {}),
    "qwen3_omni_moe_thinker": (QWEN3 | {"deepstack_visual_indexes": [1]}, {}),
    "qwen3_vl": (QWEN3 | {"deepstack_visual_indexes": [0, 2]}, {}),
    "smolvlm": (VIT | {"num_channels": 3}, {"scale_factor": 3}),
    "video_llama_3": (FREE, {}),
    "vipllava": (CLIP, {"vision_feature_layer": [0, 1, 2]}),
}
IMAGES = 2
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
    if kind.startswith(("qwen", "glm", "exaone", "kimi", "video_llama", "cosmos", "minimax")):
        shape = (images * tower.side**2, tower.channels * tower.frames * patch * patch)
        if kind.startswith("kimi"):
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


@pytest.mark.parametrize("model_type", CASES)
def test_a_tower_has_the_parameters_and_flops_of_its_class(model_type: str) -> None:
    imported, found = import_small(model_type)
    assert imported.left_out == (["audio_config"] if model_type.endswith("_thinker") else [])
    data = configuration(model_type)
    cls = model_class(model_type)
    assert cls is not None
    model = cls(CONFIG_MAPPING[data.pop("model_type")](**data)).eval()
    model.set_attn_implementation("eager")
    heard = getattr(model, "audio_tower", None) or getattr(getattr(model, "model", None), "audio_tower", None)
    assert figures.params(found, ["vision"]).total == size(model) - size(heard)
    images = 1 if model_type in ONE_SEQUENCE else IMAGES
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features = getattr(model, "model", model).get_image_features(**pixels(found, images))
        if model_type == "llama4":
            model.multi_modal_projector(features.last_hidden_state)
    ops = found.lower_component("vision", Workload(images=images))
    assert figures.flops(ops).forward == counter.get_total_flops()


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
    ("changes", "tower_changes"),
    [
        ({"num_memory_tokens": 4}, {}),  # a key that nobody understands, of the wrapper or of the tower
        ({}, {"num_memory_tokens": 4}),
        ({}, {"model_type": "vit"}),
        ({}, {"model_type": "siglip_vision_model", "vision_use_head": True}),
        ({"vision_feature_select_strategy": "full"}, {}),
        ({"vision_feature_layer": []}, {}),
        ({"projector_hidden_act": "prelu"}, {}),
        ({}, {"num_attention_heads": 5}),
        ({}, {"patch_size": 37}),
    ],
)
def test_what_is_not_understood_leaves_out_the_tower(changes: dict[str, Any], tower_changes: dict[str, Any]) -> None:
    data = configuration("llava") | changes | {"vision_config": CLIP | tower_changes}
    imported = import_text(json.dumps(data), "config.json")
    assert imported.left_out == ["vision_config"]
    assert "components" not in imported.document


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
