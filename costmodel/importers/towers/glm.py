"""GLM's towers: RMS norms, gated networks, and a merger that is a convolution and a gated network."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ALL, QKV, ffn
from costmodel.importers.towers.parts import VIDEO, activation, free_grid, grid, look, side


def glm4v(c: Config) -> Draft:
    """Read GLM-4.1V: networks in the layers are as wide as ``out_hidden_size``, the merger's is ``intermediate_size``.

    The table of positions is for an image of ``image_size`` and stretched over others.
    """
    merge, out, frames = c.count("spatial_merge_size"), c.count("out_hidden_size"), c.count("temporal_patch_size")
    fields = grid(c, "in_channels") | ({"frames": frames} if frames > 1 else {})
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms"}, "patch_bias": True}
    fields |= {"positions": side(fields) ** 2, "pre_norm": True}
    bias = QKV if c.flag("attention_bias") else ()
    layer = [look(c, heads="num_heads", bias=bias), ffn(c, d_ff=out)]
    steps = _merger(c, merge, out, c.count("intermediate_size"))
    return Draft(fields, [layer] * c.count("depth"), {"projector": steps})


def glm_ocr(c: Config) -> Draft:
    """Read GLM-OCR: the merger is so many times as wide as its output as a picture has channels, three."""
    return _without_table(c, c.count("out_hidden_size") * c.count("in_channels"))


def glm5_next(c: Config) -> Draft:
    """Read the tower of GLM 5 Next: GLM-OCR's, whose merger has a width of its own."""
    c.share("swiglu_limit", None)
    return _without_table(c, c.count("projection_intermediate_size"))


def _without_table(c: Config, inner: int) -> Draft:
    """Return a tower with norms on heads; there is no table of positions for ``image_size``."""
    merge, out = c.count("spatial_merge_size"), c.count("out_hidden_size")
    c.get("image_size")
    fields, remark = free_grid(c, merge, **VIDEO)
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms"}, "patch_bias": True}
    biased = c.flag("attention_bias")
    mixer = look(c, heads="num_heads", bias=ALL if biased else (), qk_norm="head")
    layers = [[mixer, ffn(c, bias=biased or None)]] * c.count("depth")
    steps = _merger(c, merge, out, inner)
    return Draft(fields, layers, {"projector": steps}, remarks=[remark])


def _merger(c: Config, merge: int, out: int, inner: int) -> list[dict[str, Any]]:
    """Return a convolution over squares of patches, a matrix with a norm behind it, a gated network."""
    act = activation(c, "hidden_act", "silu")
    return [
        {"merge": merge},
        {"linear": out, "bias": True},
        {"linear": out},
        {"norm": "layer", "activation": "gelu"},
        {"linear": inner, "gated": True, "activation": act},
        {"linear": out},
    ]
