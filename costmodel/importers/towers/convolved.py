"""Towers with convolutions: over neighbouring patches in a layer, or to fewer patches behind the layers."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ffn, layer_types
from costmodel.importers.towers.parts import VIDEO, activation, free_grid, grid, look, side

Spec = dict[str, Any]


def step3(c: Config) -> Draft:
    """Read Step 3.7: layer scale, rotated positions beside a table of them, and two convolutions to fewer patches.

    The width of the networks follows from ``mlp_ratio``, whatever ``intermediate_size`` says.
    """
    c = c.overlaid({name: c.get(key) for key, name in _STEP.items() if c.has(key)})
    c.get("intermediate_size"), c.get("max_position_embeddings"), c.share("layer_scale_init_value")
    fields: Spec = grid(c)
    width = c.count("hidden_size")
    fields |= {"d_model": width, "pre_norm": True, "norm": {"kind": "layer", "final": False}}
    fields["positions"] = side(fields) ** 2
    layer = [look(c), ffn(c, d_ff=int(width * c.share("mlp_ratio")), gated=False, bias=True)]
    fewer: Spec = {"kernel": 3, "stride": 2, "bias": True}
    steps = [{"linear": 2 * width, **fewer}, {"linear": 4 * width, **fewer}]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), {"layer_scale": {}, "projector": steps})


_STEP = {"heads": "num_attention_heads", "layers": "num_hidden_layers", "width": "hidden_size"}


def step3_projector(c: Config, tower: Draft, width: int) -> None:
    """Add a matrix."""
    last = {"linear": width} | ({"bias": True} if c.flag("projector_bias") else {})
    tower.more["projector"] = [*tower.more["projector"], last]


def lfm3(c: Config) -> Draft:
    """Read LFM3-VL: in some layers a convolution over squares of patches between two gates, in others attention.

    A square of 3 x 3 patches is nine taps.
    """
    merge, n, taps = c.count("spatial_merge_size"), c.count("num_hidden_layers"), c.count("conv_kernel_size")
    if taps % 2 == 0:
        c.refuse("conv_kernel_size", f"a square of {taps} patches has no middle")
    fields, remark = free_grid(c, merge, **VIDEO)
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms", "final": False}, "pre_norm": True}
    mixer = look(c, kv_heads=c.count("num_key_value_heads"), bias=(), qk_norm="head")
    conv = Part("conv", {"kind": "short_conv", "d_conv": taps * taps})
    usual = [conv if index < 2 or index % 2 else mixer for index in range(n)]
    mixers = layer_types(c, {"conv": conv, "full_attention": mixer}, usual)
    return Draft(fields, [[mixer, ffn(c)] for mixer in mixers], remarks=[remark])


def lfm3_projector(c: Config, tower: Draft, width: int) -> None:
    """Read the projector: a norm on patches, merged ones, two matrices."""
    biased = {"bias": True} if c.flag("projector_bias") else {}
    inner = {"linear": c.count("projector_hidden_size"), **biased, "activation": activation(c, "projector_hidden_act")}
    merge = c.parts[-1].count("spatial_merge_size")
    tower.more["projector"] = [{"norm": "layer"}, {"merge": merge}, inner, {"linear": width, **biased}]


def hunyuan(c: Config) -> Draft:
    """Read Hunyuan-VL: a table for the largest image, a row of which no patch has; a convolution and two matrices.

    A vector ends every row of patches and goes through the last matrix; three more mark an image's ends.
    """
    merge, width, out = c.count("spatial_merge_size"), c.count("hidden_size"), c.count("text_hidden_size")
    c.natural("num_key_value_heads", None), c.get("head_dim")
    for key in ("interpolate_mode", "out_hidden_size", "temporal_patch_size", "img_max_token_num"):
        c.get(key)
    for key in ("max_vit_seq_len", "min_image_size"):
        c.get(key)
    across = c.count("max_image_size") // c.count("patch_size")
    fields, remark = free_grid(c, merge)
    fields |= {"d_model": width, "patch_bias": True, "norm": {"kind": "layer", "final": False}}
    fields["positions"] = across * across + 1
    layer = [look(c, rope=False), ffn(c, gated=False, bias=True)]
    act = activation(c, "hidden_act", "gelu")
    steps: list[Spec] = [{"norm": "rms"}, {"merge": merge}, {"linear": 2 * width, "bias": True, "activation": act}]
    steps += [{"linear": 4 * width, "bias": True}, {"separators": 1}, {"linear": out, "bias": True}]
    steps += [{"separators": 3}, {"norm": "rms"}]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), {"projector": steps}, remarks=[remark])
