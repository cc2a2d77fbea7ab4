"""Qwen's towers: images of any size, two pictures of a video a patch, a merger that is the projector."""

from __future__ import annotations

from math import lcm
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import agrees, changed, ffn
from costmodel.importers.towers.parts import VIDEO, free_grid, look


def qwen2(c: Config) -> Draft:
    """Read Qwen2-VL: ``embed_dim`` is the tower's width, ``hidden_size`` that of the language model."""
    merge, width = c.count("spatial_merge_size"), c.count("embed_dim")
    fields, remark = free_grid(c, merge, **VIDEO)
    _same(c)
    fields |= {"d_model": width, "norm": {"kind": "layer", "final": False}}
    inner = int(width * c.share("mlp_ratio"))
    layer = [look(c, heads="num_heads", width="embed_dim"), ffn(c, d_ff=inner, gated=False, bias=True)]
    more = {"projector": _merger("layer", merge, width, c.count("hidden_size"))}
    return Draft(fields, [layer] * c.count("depth"), more, remarks=[remark])


def ernie(c: Config) -> Draft:
    """Read ERNIE 4.5 VL: Qwen2-VL's layers with a norm behind them; what merges patches is the wrapper's."""
    fields, remark = free_grid(c, c.count("spatial_merge_size"), channels="in_channels")
    c.count("temporal_merge_size")
    fields["d_model"] = c.count("hidden_size")
    layer = [look(c, heads="num_heads"), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("depth"), remarks=[remark])


def windowed(c: Config) -> Draft:
    """Read Qwen2.5-VL: squares of patches see each other in most layers, all of an image in the others.

    A window is so many whole squares of merged patches; windows at the border of an image that does
    not divide into them are smaller. EXAONE 4.5 has grouped queries in it.
    """
    merge, width, patch = c.count("spatial_merge_size"), c.count("hidden_size"), c.count("patch_size")
    window = c.count("window_size") // merge // patch * merge
    if not window:
        c.refuse("window_size", "a window has no whole patch")
    fields, remark = free_grid(c, lcm(merge, window), **VIDEO)
    _same(c)
    agrees(c, width, "embed_dim")
    fields |= {"d_model": width, "norm": {"kind": "rms", "final": False}}
    kv_heads = c.count("num_key_value_heads") if "num_key_value_heads" in c.keys else None
    every = look(c, "global", heads="num_heads", kv_heads=kv_heads)
    near = Part("local", changed(every, chunk=window * window).fields)
    whole, network = c.list_of(int, "fullatt_block_indexes"), ffn(c, bias=True)
    layers = [[every if i in whole else near, network] for i in range(c.count("depth"))]
    more = {"projector": _merger("rms", merge, width, c.count("out_hidden_size"))}
    return Draft(fields, layers, more, remarks=[remark])


def qwen3(c: Config) -> Draft:
    """Read Qwen3-VL: a table of positions, stretched over an image of any size; mergers of earlier layers.

    The merger's norm works on single patches, those of earlier layers on merged ones.
    """
    merge, width, rows = c.count("spatial_merge_size"), c.count("hidden_size"), c.count("num_position_embeddings")
    fields, remark = free_grid(c, merge, rows, **VIDEO)
    _same(c)
    fields |= {"d_model": width, "norm": {"kind": "layer", "final": False}, "patch_bias": True, "positions": rows}
    layer = [look(c, heads="num_heads"), ffn(c, gated=False, bias=True)]
    depth, out = c.count("depth"), c.count("out_hidden_size")
    more: dict[str, Any] = {"projector": _merger("layer", merge, width, out)}
    earlier = c.list_of(int, "deepstack_visual_indexes", null=[])
    if earlier and (len({*earlier}) < len(earlier) or max(earlier) >= depth):
        c.refuse("deepstack_visual_indexes", "deepstack_visual_indexes are not different layers of the tower")
    if earlier:
        norm, first, *rest = more["projector"]
        more["deepstack"] = {"copies": len(earlier), "projector": [first, norm, *rest]}
    return Draft(fields, [layer] * depth, more, remarks=[remark])


def _same(c: Config) -> None:
    """Refuse older keys that the class does not read, where they say something else; images have any size."""
    agrees(c, c.count("in_channels"), "in_chans")
    agrees(c, c.count("patch_size"), "spatial_patch_size")
    c.require("apply_vit_abs_pos_embed", None, True)
    c.get("tokens_per_second"), c.get("image_size")


def _merger(norm: str, merge: int, width: int, out: int) -> list[dict[str, Any]]:
    """Return a norm, patches side by side, and two matrices."""
    inner = {"linear": width * merge * merge, "bias": True, "activation": "gelu"}
    return [{"norm": norm}, {"merge": merge}, inner, {"linear": out, "bias": True}]
