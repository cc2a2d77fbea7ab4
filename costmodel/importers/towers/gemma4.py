"""Gemma 4's towers: norms around sublayers and a table for each axis; or patches with no layers at all."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import agrees, attention, changed, ffn
from costmodel.importers.towers.parts import free_grid

# Keys of the class that shape nothing; keys of published files that say how many tokens an image has at most.
_UNUSED = (
    "attention_bias", "use_clipped_linears", "standardize", "max_position_embeddings",
    "default_output_length", "image_seq_length", "video_seq_length",
)  # fmt: skip


def gemma4(c: Config) -> Draft:
    """Read Gemma 4: means over squares of patches; images of any size.

    No matrix has a bias, whatever ``attention_bias`` says. Limits of clipped matrices and what
    standardises patches are buffers.
    """
    for key in _UNUSED:
        c.get(key)
    pool, rows = c.count("pooling_kernel_size"), c.count("position_embedding_size")
    fields, remark = free_grid(c, pool, channels=None)
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms", "place": "sandwich", "final": False}}
    fields |= {"positions": [rows, rows]}
    mixer = changed(attention(c, qk_norm="head", v_norm="l2"), causal=False)
    agrees(c, mixer.fields["head_dim"], "global_head_dim")  # of published files, whose layers are all alike
    layers = [[mixer, ffn(c)]] * c.count("num_hidden_layers")
    return Draft(fields, layers, {"projector": [{"pool": pool}] if pool > 1 else []}, remarks=[remark])


def gemma4_unified(c: Config) -> Draft:
    """Read Gemma 4 12B: patches of 48 pixels through a matrix with norms around it and a table for each axis."""
    patch, width = c.count("patch_size") * c.count("pooling_kernel_size"), c.count("mm_embed_dim")
    c.require("output_proj_dims", width, why="is not the width of the patches")
    c.get("model_patch_size")
    fields: dict[str, Any] = {"image_size": 16 * patch, "patch_size": patch, "d_model": width}
    fields |= {"input_norm": "layer", "patch_bias": True, "positions": [c.count("mm_posemb_size")] * 2}
    fields |= {"pre_norm": True, "norm": {"kind": "layer", "final": False}}
    remark = f"images have any size, and here {16 * patch} x {16 * patch}"
    return Draft(fields, [], {"projector": [{"norm": "layer"}]}, remarks=[remark])


def projector(c: Config, tower: Draft, width: int) -> None:
    """Add a norm without weights and a matrix. Published files say how many tokens an image has at most."""
    c.get("vision_soft_tokens_per_image")
    tower.more["projector"] = [*tower.more["projector"], {"norm": "none"}, {"linear": width}]
