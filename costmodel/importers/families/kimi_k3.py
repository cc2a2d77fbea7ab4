"""Kimi K3: KDA and latent attention with gates, experts in a latent, sums over depth in place of a residual stream."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.expert_parts import stack
from costmodel.importers.parts import changed, ffn, mla, moe, router, top


def kimi_k3_text(c: Config) -> Draft:
    """Read the language model of Kimi K3, whose class is an older ``kimi_linear`` with more keys.

    Rope dims are not rotated. Layers are listed from 1.
    """
    c.get("head_dim")  # of no use: both mixers have widths of their own
    c.require("num_key_value_heads", None, c.count("num_attention_heads"))
    c.require("mla_use_nope", True)
    c.require("tie_word_embeddings", False)
    c.require("num_nextn_predict_layers", 0, None)
    for key in ("activation_situ_beta", "activation_situ_linear_beta"):
        c.get(key)
    linear = c.sub("linear_attn_config")
    full = changed(mla(c, gate="element" if c.flag("mla_use_output_gate") else None), rope=False)
    kda, n = _kda(linear), c.count("num_hidden_layers")
    listed = linear.list_of(int, "kda_layers")
    if sorted([*listed, *linear.list_of(int, "full_attn_layers")]) != list(range(1, n + 1)):
        c.refuse("linear_attn_config", f"kda_layers and full_attn_layers do not share out layers 1 to {n}")
    mixers = [kda if index + 1 in listed else full for index in range(n)]
    first, step = c.natural("first_k_dense_replace"), c.count("moe_layer_freq")
    sparse = [index >= first and index % step == 0 for index in range(n)]
    more: dict[str, Any] = {}
    if size := c.count("attn_res_block_size", None):
        more["attention_residuals"] = {"block_layers": size}
    return Draft(top(c), stack(mixers, sparse, _experts(c), ffn(c, "dense")), more)


def _kda(linear: Config) -> Part:
    """Return KDA, whose output gate has full rank where the file says so; that of the decay never has."""
    linear.get("gate_lower_bound")  # a bound of the decay
    keys = {"n_heads": "num_heads", "head_dim": "head_dim", "d_conv": "short_conv_kernel_size"}
    fields: dict[str, Any] = {"kind": "kda"} | {field: linear.count(key) for field, key in keys.items()}
    return Part("kda", fields | ({"gates": "full_rank_output"} if linear.flag("use_full_rank_gate") else {}))


def _experts(c: Config) -> Part:
    """Return the experts, in a latent where there is one, with a norm on their sum."""
    c.require("moe_router_activation_func", "sigmoid")
    c.require("topk_method", "noaux_tc", None)
    c.require("use_grouped_topk", True)
    latent = c.count("routed_expert_hidden_size", None)
    normed = c.flag("latent_moe_use_norm") and latent
    return moe(
        c,
        shared=c.natural("n_shared_experts", 0),
        latent=latent,
        latent_norms="sum" if normed else None,
        router=router(c, "sigmoid", correction_bias=True),
    )
