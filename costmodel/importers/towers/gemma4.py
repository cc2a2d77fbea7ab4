"""Gemma 4's towers: norms around sublayers and a table for each axis; or patches with no layers at all."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import attention, changed, ffn
from costmodel.importers.towers.parts import free_grid


def gemma4(c: Config) -> Draft:
    """Read Gemma 4: means over squares of patches; images of any size.

    No matrix has a bias, whatever ``attention_bias`` says. Limits of clipped matrices and what
    standardises patches are buffers.
    """
    c.get("attention_bias"), c.get("use_clipped_linears"), c.get("standardize"), c.get("max_position_embeddings")
    pool, rows = c.count("pooling_kernel_size"), c.count("position_embedding_size")
    fields, remark = free_grid(c, pool, channels=None)
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms", "place": "sandwich", "final": False}}
    fields |= {"positions": [rows, rows]}
    mixer = changed(attention(c, qk_norm="head", v_norm="l2"), causal=False)
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


def projector(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Add a norm without weights and a matrix."""
    tower.more["projector"] = [*tower.more["projector"], {"norm": "none"}, {"linear": width}]
