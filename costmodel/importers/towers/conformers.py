"""Conformers: half a network, attention, a convolution module, the other half, a norm."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.parts import ALL, agrees, ffn
from costmodel.importers.towers.audio import FRAMES, any_length
from costmodel.importers.towers.parts import activation


def parakeet(c: Config) -> Draft:
    """Read Parakeet as a tower: a layer norm at the end of each layer, and none behind the last."""
    fields, layers = fast_conformer(c)
    return Draft(fields | {"frames": FRAMES}, layers, remarks=[any_length(FRAMES)])


def fast_conformer(c: Config) -> tuple[dict[str, Any], Sequence[Layer]]:
    """Return width, input and layers of Parakeet's encoder (arXiv:2305.05084); positions are distances."""
    c.get("max_position_embeddings"), c.get("scale_input")
    width, heads = c.count("hidden_size"), c.count("num_attention_heads")
    if width % heads:
        c.refuse("num_attention_heads", f"hidden_size {width} is not a multiple of num_attention_heads {heads}")
    agrees(c, heads, "num_key_value_heads")
    biased, act = c.flag("attention_bias"), activation(c, "hidden_act", "silu")
    look: dict[str, Any] = {"kind": "xl_attention", "n_heads": heads, "head_dim": width // heads}
    look |= {"bias": list(ALL)} if biased else {}
    look |= {"spare_distance": False, "causal": False}
    window: dict[str, Any] = {"kind": "conformer_conv", "d_conv": c.count("conv_kernel_size")}
    window |= {"bias": ["in", "conv", "out"]} if c.flag("convolution_bias") else {}
    if window["d_conv"] % 2 == 0:
        c.refuse("conv_kernel_size", "an even window would shorten what it goes over")
    half = ffn(c, gated=False, bias=biased or None, activation=act)
    last = Part("mlp-and-norm", {**half.fields, "extra_norm": "post"})
    layer = [half, Part("attention", look), Part("convolution", window), last]
    fields = {"d_model": width, "input": subsampling(c, width), "norm": {"kind": "layer", "final": False}}
    return fields, [layer] * c.count("num_hidden_layers")


def subsampling(c: Config, width: int) -> dict[str, Any]:
    """Return convolutions over time and bands: a dense one, then separable ones, then a matrix."""
    channels, bands = c.count("subsampling_conv_channels"), c.count("num_mel_bins")
    kernel, stride = c.count("subsampling_conv_kernel_size"), c.count("subsampling_conv_stride")
    times = int(log2(c.count("subsampling_factor")))
    if kernel % 2 == 0 or not times:
        key = "subsampling_factor" if kernel % 2 else "subsampling_conv_kernel_size"
        c.refuse(key, f"{key} {c.get(key)} is not understood")
    if bands % stride**times:
        c.refuse("num_mel_bins", f"{bands} bands are not a multiple of {stride**times}")
    strided = {"out": channels, "kernel": kernel, "stride": stride}
    steps: list[dict[str, Any]] = [strided | {"activation": "relu"}]
    for _ in range(times - 1):
        steps += [strided | {"depthwise": True}, {"out": channels, "activation": "relu"}]
    return {"bands": bands, "convolutions": steps, "linear": width, "linear_bias": True}
