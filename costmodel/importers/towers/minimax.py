"""MiniMax M3's tower: CLIP's layers behind patches of two pictures, and a merger that merges late."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ffn
from costmodel.importers.towers.parts import grid, look


def minimax_m3(c: Config) -> Draft:
    """Read MiniMax M3: most of a head is rotated, in equal parts for time, height and width; no last norm.

    First files say in ``img_token_compression_config`` what the class has keys for.
    """
    merge, frames = c.count("spatial_merge_size"), c.count("temporal_patch_size")
    c.require("position_embedding_type", None, "rope")
    c.require("rope_mode", None, "3d")
    c.get("projection_dim"), c.get("vocab_size"), c.get("vision_segment_max_frames")
    same = {
        "image_token_compression_method": "patch_merge",
        "spatial_merge_size": merge,
        "temporal_patch_size": frames,
    }
    c.require("img_token_compression_config", None, same)
    fields: dict[str, Any] = grid(c) | ({"frames": frames} if frames > 1 else {})
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "layer", "final": False}, "pre_norm": True}
    head_dim = look(c).fields["head_dim"]
    rotated = 6 * (head_dim // 6)
    if not rotated:
        c.refuse("num_attention_heads", f"a head of {head_dim} has no three pairs to rotate")
    mixer = look(c, rope_dim=rotated if rotated < head_dim else None)
    layers = [[mixer, ffn(c, gated=False, bias=True)]] * c.count("num_hidden_layers")
    return Draft(fields, layers)


def projector(c: Config, tower: Draft, width: int) -> None:
    """Read the projector: two matrices on each patch, and two more on merged ones."""
    c.require("multimodal_projector_bias", None, True)
    c.require("num_reward_heads", None, 0)
    c.require("vision_feature_layer", None, -1)
    c.require("vision_feature_select_strategy", None, "full")
    c.require("projector_hidden_act", None, "gelu")
    c.get("merged_hidden_size")  # written by the class
    for key in ("image_grid_pinpoints", "image_seq_length", "img_token_compression_config", "process_image_mode"):
        c.get(key)
    inner = {"linear": c.count("projector_hidden_size"), "bias": True, "activation": "gelu"}
    out = {"linear": width, "bias": True}
    tower.more["projector"] = [inner, out, {"merge": c.parts[-1].count("spatial_merge_size")}, inner, out]
