"""Audio towers of small wrappers: their parameters, and FLOPs of the class's own features of clips."""

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

pytestmark = pytest.mark.oracle

TEXT = {"hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 99}
TEXT |= {"num_key_value_heads": 2, "pad_token_id": 0}
SIZES = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2}
WHISPER = SIZES | {"num_mel_bins": 10, "max_source_positions": 22}
OMNI = SIZES | {"num_mel_bins": 10, "output_dim": 40}
PLANES = OMNI | {"downsample_hidden_size": 7, "n_window": 50, "n_window_infer": 230}

# Wrapper -> the keys of its tower, and its own.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "audioflamingo3": (WHISPER, {"projector_bias": False}),
    "glmasr": (SIZES | {"num_mel_bins": 10, "num_key_value_heads": 1}, {}),
    "moss_transcribe_diarize": (WHISPER, {"audio_merge_size": 2}),
    "musicflamingo": (WHISPER, {"rope_parameters": {"rope_type": "default", "rope_theta": 1200.0}, "head_dim": 12}),
    "qwen2_5_omni_thinker": (OMNI | {"n_window": 6}, {}),
    "qwen2_audio": (WHISPER, {}),
    "qwen3_asr": (PLANES, {}),
    "qwen3_omni_moe_thinker": (PLANES, {}),
    "voxtral": (WHISPER, {}),
    "voxtral_realtime": (SIZES | {"num_mel_bins": 10, "head_dim": 8, "sliding_window": 5}, {"downsample_factor": 3}),
}
CLIPS = 2
LOOK_BACK = ("voxtral_realtime",)  # whose windows eager attention computes as full squares
WITH_VISION = ("qwen2_5_omni_thinker", "qwen3_omni_moe_thinker")


def configuration(model_type: str) -> dict[str, Any]:
    tower, own = CASES[model_type]
    kind = CONFIG_MAPPING[model_type].sub_configs_defaults["audio_config"]
    kind = {"model_type": kind.model_type} if getattr(kind, "model_type", None) else {}
    return {"model_type": model_type, "text_config": TEXT, "audio_config": {**kind, **tower}, **own}


def import_small(model_type: str, frames: int | None = None) -> tuple[Imported, Architecture]:
    """Return a small wrapper, with clips of another length where any will do."""
    imported = import_text(json.dumps(configuration(model_type)), f"{model_type}.json")
    if frames:
        imported.document["components"]["audio"]["frames"] = frames
    found = parse(imported.document)
    assert isinstance(found, Architecture)
    return imported, found


def hear(model: torch.nn.Module, found: Architecture) -> None:
    """Run the class's own features of clips."""
    tower = found.components["audio"]
    sound = torch.randn(CLIPS, tower.input.bands or tower.input.channels, tower.frames)
    mask = torch.ones(CLIPS, tower.frames, dtype=torch.long)
    if found.name == "qwen2_audio":  # which has no such method
        model.multi_modal_projector(model.audio_tower(sound).last_hidden_state)
        return
    more: dict[str, Any] = {"input_features_mask": mask}
    if found.name.startswith("voxtral"):
        more = {}
    elif found.name in WITH_VISION:
        more = {"feature_attention_mask": mask}
    elif found.name == "moss_transcribe_diarize":
        more["padding_mask"] = mask
    elif found.name == "musicflamingo":
        more["input_ids"] = torch.full((CLIPS, tower.tokens_out + 1), model.config.audio_token_id)
        more["input_ids"][:, 0] = 0
    model.get_audio_features(sound, **more)


# Where the length is ours: one that no stride divides, or whole pieces.
FRAMES = {
    "glmasr": 84,
    "voxtral_realtime": 54,
    "qwen2_5_omni_thinker": 36,
    **dict.fromkeys(("qwen3_asr", "qwen3_omni_moe_thinker"), 300),
}


@pytest.mark.parametrize("model_type", CASES)
def test_a_tower_has_the_parameters_and_flops_of_its_class(model_type: str) -> None:
    imported, found = import_small(model_type, FRAMES.get(model_type))
    assert [key for key in imported.left_out if key != "vision_config"] == []
    data = configuration(model_type)
    cls = model_class(model_type)
    assert cls is not None
    model = cls(CONFIG_MAPPING[data.pop("model_type")](**data)).eval()
    model.set_attn_implementation("eager")
    inner = getattr(model, "model", model)
    assert figures.params(found, ["audio"]).total == size(model) - size(getattr(inner, "visual", None))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        hear(inner, found)
    causal = "full" if model_type in LOOK_BACK else "causal"
    ops = found.lower_component("audio", Workload(clips=CLIPS, attention=causal))
    assert figures.flops(ops).forward == counter.get_total_flops()
