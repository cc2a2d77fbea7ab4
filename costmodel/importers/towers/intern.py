"""InternVL's tower: CLIP's frame, layer scale, norms of two kinds."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import QKV, ffn
from costmodel.importers.towers.parts import look, others, side


def internvl(c: Config) -> Draft:
    """Read InternViT: the class token stays without a norm of its own, and there is one behind the layers only
    where no mean is taken; that one is a layer norm whatever the others are.
    """  # noqa: D205
    c.require("use_mask_token", False)
    c.share("layer_scale_init_value")
    c.get("drop_path_rate")
    fields: dict[str, Any] = {"image_size": _square(c, "image_size"), "patch_size": _square(c, "patch_size")}
    fields |= others(c, "num_channels") | {"d_model": c.count("hidden_size")}
    kind = {"layer_norm": "layer", "rms_norm": "rms"}[c.require("norm_type", "layer_norm", "rms_norm")]
    final = not c.flag("use_mean_pooling")
    if final and kind == "rms":
        c.refuse("norm_type", "a last norm of another kind than the others is not understood")
    fields |= {"norm": {"kind": kind} | ({} if final else {"final": False}), "patch_bias": True, "class_token": True}
    if c.flag("use_absolute_position_embeddings"):
        fields["positions"] = side(fields) ** 2 + 1
    bias = (*(QKV if c.flag("attention_bias") else ()), "o")
    mixer = look(c, bias=bias, rope=False, qk_norm="full" if c.flag("use_qk_norm") else None)
    layers = [[mixer, ffn(c, gated=False, bias=True)]] * c.count("num_hidden_layers")
    return Draft(fields, layers, {"layer_scale": {}})


def _square(c: Config, key: str) -> int:
    """Return a side of a square, which may be written twice."""
    value = c.get(key)
    if not isinstance(value, list):
        found: int = c.count(key)
        return found
    if len(value) != 2 or value[0] != value[1] or type(value[0]) is not int or value[0] < 1:
        c.refuse(key, f"{key} is no square")
    return int(value[0])
