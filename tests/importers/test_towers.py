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
from costmodel.workload import Workload
from tests.importers.zoo import model_class, size

TEXT = {"hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 99}
TEXT |= {"num_key_value_heads": 2, "pad_token_id": 0}
VIT = {"hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 3, "num_attention_heads": 2}
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
    "exaone4_5": (WINDOWED | {"num_key_value_heads": 1}, {"text_config": {"model_type": "exaone4", **TEXT}}),
    "gemma3": (SIGLIP, {"mm_tokens_per_image": 4}),
    "glm46v": (GLM, {}),
    "glm4v": (GLM | {"attention_bias": True}, {}),
    "glm4v_moe": (GLM, {}),
    "glm_ocr": (GLM, {}),
    "idefics3": (VIT, {}),
    "internvl": (VIT | {"use_qk_norm": True}, {}),
    "lighton_ocr": ({"model_type": "pixtral", **VIT, "num_attention_heads": 3}, {}),
    "llama4": (
        VIT | {"intermediate_size": 96, "projector_input_dim": 28, "projector_output_dim": 28, "vision_output_dim": 28},
        {},
    ),
    "llava": (CLIP, {"vision_feature_layer": [-2, -1]}),
    "llava_next": (CLIP, {"image_grid_pinpoints": [[36, 36]]}),
    "llava_onevision": (SIGLIP, {"image_grid_pinpoints": [[36, 36]]}),
    "mistral3": ({"model_type": "pixtral", **VIT, "num_attention_heads": 3}, {"multimodal_projector_bias": True}),
    "paligemma": (SIGLIP, {"projection_dim": 40}),
    "qwen2_5_vl": (WINDOWED, {}),
    "qwen2_vl": ({"depth": 2, "embed_dim": 24, "num_heads": 2, "patch_size": 4, "hidden_size": 40}, {}),
    "qwen3_5": (QWEN3, {}),
    "qwen3_vl": (QWEN3 | {"deepstack_visual_indexes": [0, 2]}, {}),
    "smolvlm": (VIT | {"num_channels": 3}, {"scale_factor": 3}),
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
    if kind.startswith(("qwen", "glm", "exaone")):
        values = tower.channels * tower.frames * patch * patch
        grid = torch.tensor([[1, tower.side, tower.side]] * images)
        return {"pixel_values": torch.randn(images * tower.side**2, values), "image_grid_thw": grid}
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
    assert imported.left_out == []
    data = configuration(model_type)
    cls = model_class(model_type)
    assert cls is not None
    model = cls(CONFIG_MAPPING[data.pop("model_type")](**data)).eval()
    model.set_attn_implementation("eager")
    assert figures.params(found, ["vision"]).total == size(model)
    images = 1 if model_type in ONE_SEQUENCE else IMAGES
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features = model.get_image_features(**pixels(found, images))
        if model_type == "llama4":
            model.multi_modal_projector(features.last_hidden_state)
    ops = found.lower_component("vision", Workload(images=images))
    assert figures.flops(ops).forward == counter.get_total_flops()
