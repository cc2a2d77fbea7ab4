"""Doge: keys picked by a mask made of the values, a learned factor on the residual stream, tiny experts."""

from __future__ import annotations

from math import isqrt

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, attention, ffn, moe, top


def doge(c: Config) -> Draft:
    """Read Doge. Its experts, where ``is_moe`` is set, are one value wide, behind product keys and beside a network."""
    bias = (*ALL, "mask") if c.flag("attention_bias") else ()
    width = c.count("hidden_size") // c.count("num_attention_heads")
    mixer = attention(
        c,
        bias=bias,
        head_dim=c.count("head_dim", width),
        qk_norm="head",
        window=c.count("sliding_window", None),
        dynamic_mask=c.count("keep_window_size"),
    )
    n_experts, top_k = c.count("num_experts"), c.count("num_experts_per_tok")
    network = ffn(c, bias=c.flag("mlp_bias") or None)
    if c.flag("is_moe"):
        network = _experts(c, n_experts, top_k)
    more = {"residual_scale": {"bias": False, "embedding": False, "output": False}}
    return Draft(top(c), [[mixer, network]] * c.count("num_hidden_layers"), more)


def _experts(c: Config, n_experts: int, top_k: int) -> Part:
    if top_k > isqrt(n_experts) ** 2:
        c.refuse("num_experts_per_tok", f"{top_k} experts are more than product keys reach of {n_experts}")
    shared = {"d_ff": c.count("intermediate_size"), "gated": True} | ({"bias": True} if c.flag("mlp_bias") else {})
    found = moe(c, n_experts=n_experts, top_k=top_k, d_ff=1, router={"product_keys": True})
    return Part("moe", {**found.fields, "gated": False, "shared": shared})
