"""Muse's towers: windows of patches in most layers, and a projector of three matrices."""

from __future__ import annotations

from math import lcm
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import changed, ffn, layer_types
from costmodel.importers.towers.parts import activation, free_grid, look


def muse(c: Config) -> Draft:
    """Read Muse Glimmer and Muse Spark: a window is as large as the table of positions.

    The table is stretched over images of any size. Every fourth layer and the last see all of an image
    where no key says otherwise.
    """
    across, merge, n = c.count("pos_emb_height"), c.count("merge_size"), c.count("num_hidden_layers")
    c.require("pos_emb_width", across)
    c.get("max_position_embeddings")
    fields, remark = free_grid(c, lcm(merge, across), across * across, channels=None, frames="patch_temporal")
    fields |= {"d_model": c.count("hidden_size"), "positions": across * across, "pre_norm": True}
    whole = look(c, "global")
    near = Part("local", changed(whole, chunk=across * across).fields)
    missing = [whole if (index + 1) % 4 == 0 or index == n - 1 else near for index in range(n)]
    mixers = layer_types(c, {"full_attention": whole, "window_attention": near}, missing)
    network = ffn(c, gated=False, bias=True)
    return Draft(fields, [[mixer, network] for mixer in mixers], {"merge": merge}, remarks=[remark])


def projector(c: Config, tower: Draft, width: int) -> None:
    """Read the projector: merged patches, two matrices and a third to the language model, a norm without weights."""
    merge = tower.more.pop("merge")
    c.require("out_hidden_size", merge * merge * tower.fields["d_model"], why="is not what merged patches have")
    inner = {"linear": c.count("projector_hidden_size"), "activation": activation(c, "projector_hidden_act")}
    steps: list[dict[str, Any]] = [{"merge": merge}, inner, inner, {"linear": width}, {"norm": "none"}]
    tower.more["projector"] = steps
