"""Projectors of sound: from the positions of an audio tower to the width of the language model."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import agrees
from costmodel.importers.towers.parts import activation
from costmodel.importers.towers.projectors import add, merged, two


def qwen2_audio(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Read Qwen2-Audio: one matrix with a bias behind the tower's mean and norm."""
    _behind(tower, {"linear": width, "bias": True})


def flamingo(c: Config, tower: Draft, width: int) -> None:
    """Read Audio Flamingo 3 and Music Flamingo, which rotates by time before the first of two matrices."""
    c.get("audio_frame_step"), c.get("max_position_embeddings"), c.get("head_dim")
    _behind(tower, *two(width, c.flag("projector_bias"), activation(c, "projector_hidden_act")))


def voxtral(c: Config, tower: Draft, width: int) -> None:
    """Read Voxtral: as many positions side by side as make up the width of the tower's network; two matrices."""
    agrees(c, width, "hidden_size")  # written by the class
    add(tower, _side_by_side(c, tower), *two(width, False, activation(c, "projector_hidden_act")))


def voxtral_realtime(c: Config, tower: Draft, width: int) -> None:
    """Read Voxtral Realtime: two matrices without biases on merged positions."""
    c.get("audio_length_per_tok"), c.get("default_num_delay_tokens")
    agrees(c, width, "hidden_size")
    merge = {"merge": c.count("downsample_factor")}
    add(tower, merge, *two(width, False, activation(c, "projector_hidden_act")))


def glmasr(c: Config, tower: Draft, width: int) -> None:
    """Read GLM-ASR: as Voxtral, with biases and twice the width between the matrices."""
    act = activation(c, "projector_hidden_act")
    first = {"linear": 2 * width, "bias": True, "activation": act}
    add(tower, _side_by_side(c, tower), first, {"linear": width, "bias": True})


def moss(c: Config, tower: Draft, width: int) -> None:
    """Read MOSS Transcribe Diarize: merged positions, two matrices, a norm."""
    c.get("audio_chunk_size")
    merge, biased = {"merge": c.count("audio_merge_size")}, c.flag("projector_bias")
    if (rows := tower.fields["positions"]) % merge["merge"]:
        c.refuse("audio_merge_size", f"{rows} positions of a clip are not whole groups of so many, and zeros are added")
    add(tower, merge, *two(width, biased, activation(c, "projector_hidden_act")), {"norm": "layer"})


def qwen3_asr(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Read Qwen3-ASR: two matrices, whose sizes and activation are the tower's."""
    c.get("token_classification_bias")  # of a class that writes no text
    inner = {"linear": tower.fields["d_model"], "bias": True, "activation": "gelu"}
    add(tower, inner, {"linear": c.parts[-1].count("output_dim"), "bias": True})


def omni(c: Config, tower: Draft, width: int) -> None:
    """Read Qwen's models that also see: the tower's own projector."""
    c.get("position_id_per_seconds"), c.get("seconds_per_chunk")
    merged(c, tower, width)


def _behind(tower: Draft, *steps: dict[str, Any]) -> None:
    """Add steps to what the tower itself does behind its layers."""
    tower.more["projector"] = [*tower.more.get("projector", []), *steps]


def _side_by_side(c: Config, tower: Draft) -> dict[str, int]:
    inner, width = c.parts[-1].count("intermediate_size"), tower.fields["d_model"]
    if inner % width:
        c.refuse("audio_config", f"intermediate_size {inner} is not a multiple of hidden_size {width}")
    return {"merge": inner // width}
