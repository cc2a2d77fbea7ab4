"""Softmax attention without windows and experts scored by a sigmoid: GLM-4.5, dots, Hunyuan 3, MiniMax-M2."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.expert_parts import after, biased, deepseek_experts, dense, every, sparse_layers, stack
from costmodel.importers.parts import ALL, QKV, attention, further, layer_types, moe, top


def glm4_moe(c: Config) -> Draft:
    """Read GLM-4.5: half of a head is rotated; biases of q, k and v only; norms on the heads where asked for."""
    bias = QKV if c.flag("attention_bias") else ()
    mixer = attention(c, bias=bias, qk_norm="head" if c.flag("use_qk_norm") else None, rope_share=0.5)
    experts = deepseek_experts(c)
    layers = stack(every(c, mixer), after(c, c.natural("first_k_dense_replace")), experts, dense(c))
    mtp = further(c, [mixer, experts], "num_nextn_predict_layers", "num_mtp_layers")
    return Draft(top(c), layers, mtp=mtp)


def solar_open(c: Config) -> Draft:
    """Read Solar Open: GLM-4.5 without dense layers, that rotates all of a head."""
    c.get("intermediate_size")  # of the published files, and no layer has it
    c.require("first_k_dense_replace", None, 0)
    c.require("use_qk_norm", None, False)
    bias = QKV if c.flag("attention_bias") else ()
    layer = [attention(c, bias=bias, rope_share=1.0), deepseek_experts(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def dots1(c: Config) -> Draft:
    """Read dots.llm1: norms on the heads; windows from ``max_window_layers`` on, wherever a width is given."""
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    fields: dict[str, Any] = {"bias": ALL if c.flag("attention_bias") else (), "qk_norm": "head"}
    full = attention(c, "global", **fields)
    local = attention(c, "local", window=window, **fields)
    first = c.natural("max_window_layers")
    usual = [local if window and index >= first else full for index in range(n)]
    mixers = layer_types(c, {"full_attention": full, "sliding_attention": local}, usual)
    if local in mixers:
        c.require("use_sliding_window", None, True)  # no key of the class, which has windows all the same
    c.get("use_sliding_window")
    if local not in mixers:
        mixers = [full._replace(name="attention")] * n
    c.require("moe_layer_freq", None, 1)
    experts = deepseek_experts(c, called="noaux_tc")
    layers = stack(mixers, after(c, c.natural("first_k_dense_replace")), experts, dense(c))
    return Draft(top(c), layers, mtp=further(c, layers[-1], "num_nextn_predict_layers"))


def hy_v3(c: Config) -> Draft:
    """Read Hunyuan 3: a dense layer, then experts. A bias of the networks is none of routed experts.

    Without shared experts the class makes one as wide as the dense network.
    """
    bias = c.flag("mlp_bias")
    for key in ("router_scaling_factor", "enable_moe_fp32_combine"):
        c.get(key)
    mixer = attention(c, bias=ALL if c.flag("attention_bias") else (), qk_norm="head")
    router = {"score": "sigmoid", "correction_bias": True}
    shared = c.natural("num_shared_experts")
    width = None if shared else c.count("intermediate_size")
    experts = biased(moe(c, shared=shared or 1, shared_d_ff=width, router=router), bias)
    sparse = sparse_layers(c, after(c, 1))
    c.require("first_k_dense_replace", None, sparse.index(True) if True in sparse else len(sparse))
    layers = stack(every(c, mixer), sparse, experts, dense(c, bias=bias or None))
    return Draft(top(c), layers, mtp=further(c, layers[-1], "num_nextn_predict_layers"))


def minimax_m2(c: Config) -> Draft:
    """Read MiniMax-M2: one norm over all heads of queries, and of keys; ``rotary_dim`` values of a head are rotated.

    The further layers that published files name are in no checkpoint, and are left out. Nothing reads
    ``mlp_intermediate_size`` either: there is no dense network.
    """
    for key in ("num_mtp_modules", "mtp_transformer_layers", "use_mtp", "shared_moe_mode", "mlp_intermediate_size"):
        c.get(key)
    for part in ("full_attention", "linear_attention", "mlp"):
        c.get(f"layernorm_{part}_beta")
    c.require("use_qk_norm", None, True)
    c.require("qk_norm_type", None, "per_layer")
    c.require("use_routing_bias", None, True)
    c.require("scoring_func", None, "sigmoid")
    c.require("shared_intermediate_size", None, 0)
    _only_full(c)
    router = {"score": "sigmoid", "correction_bias": True}
    experts = moe(c, n_experts=c.count("num_local_experts"), d_ff=c.count("intermediate_size"), router=router)
    mixer = attention(c, qk_norm="full", rope_share=_rotary_share(c))
    return Draft(top(c), [[mixer, experts]] * c.count("num_hidden_layers"))


def _rotary_share(c: Config) -> float:
    rotated = c.count("rotary_dim", None)
    return rotated / c.count("head_dim") if rotated else 1.0


def _only_full(c: Config) -> None:
    """Refuse ``attn_type_list`` of MiniMax's files, in which 1 is softmax attention, where it says anything else."""
    kinds = c.list_of(int, "attn_type_list", c.count("num_hidden_layers"), [])
    if any(kind != 1 for kind in kinds):
        c.refuse("attn_type_list", "attn_type_list has layers that are no softmax attention")
