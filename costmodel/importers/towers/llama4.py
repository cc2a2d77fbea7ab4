"""Llama 4's tower: CLIP's frame with rotated positions, and half of the projector."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ffn
from costmodel.importers.towers.parts import grid, look, side


def llama4(c: Config) -> Draft:
    """Read Llama 4: patches are merged and go through two matrices before the wrapper's projector.

    The first of them has ``intermediate_size`` rows, which must be what merged patches have; an
    activation stands behind both. The keys of a bias and of a choice of features are not read.
    """
    for key in ("multi_modal_projector_bias", "vision_feature_layer", "vision_feature_select_strategy"):
        c.get(key)
    fields = grid(c)
    width, inner = c.count("hidden_size"), c.count("intermediate_size")
    fields |= {"d_model": width, "class_token": True, "positions": side(fields) ** 2 + 1, "pre_norm": True}
    ratio = c.share("pixel_shuffle_ratio")
    merge = round(1 / ratio)
    if merge * ratio != 1:
        c.refuse("pixel_shuffle_ratio", f"pixel_shuffle_ratio {ratio} is not one over a whole number")
    out = c.count("projector_output_dim")
    for key, value, given in (
        ("intermediate_size", inner, width * merge * merge),
        ("projector_input_dim", c.count("projector_input_dim"), out),
        ("vision_output_dim", c.count("vision_output_dim"), out),
    ):
        if value != given:
            c.refuse(key, f"{key} is {value}, and what comes in has a width of {given}")
    layer = [look(c), ffn(c, gated=False, bias=True)]
    steps: list[dict[str, Any]] = [{"merge": merge}, *[{"linear": out, "activation": "gelu"}] * 2]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), {"projector": steps})
