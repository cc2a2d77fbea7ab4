"""Softmax attention and experts scored by a softmax: Mixtral and what was built like it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.expert_parts import after, alike, biased, dense, every, same, sparse_layers, stack, windows
from costmodel.importers.parts import ALL, QKV, attention, further, moe, top

HUNYUAN = {
    "use_cla": False,
    "use_mla": False,
    "use_qk_norm": True,
    "use_mixed_mlp_moe": True,
    "use_rotary_pos_emb": True,
    "norm_type": "rms",
    "mlp_bias": False,
    "moe_layer_num_skipped": 0,
    "group_limited_greedy": False,
}


def mixtral(c: Config) -> Draft:
    """Read Mixtral: a window in every layer, or in none; ``intermediate_size`` is one expert's."""
    layer = [attention(c, window=c.count("sliding_window", None)), _local_experts(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def phimoe(c: Config) -> Draft:
    """Read Phi-MoE: layer norms with a bias, and a bias of the head; its router chooses two experts, one by one."""
    c.require("num_experts_per_tok", 2, why="is not what its router chooses")
    mixer = attention(c, bias=_all(c), window=c.count("sliding_window", None))
    more: dict[str, Any] = {"head": {"bias": True}} if c.flag("lm_head_bias") else {}
    layers = [[mixer, _local_experts(c)]] * c.count("num_hidden_layers")
    return Draft(top(c, norm={"kind": "layer"}, **more), layers)


def qwen2_moe(c: Config) -> Draft:
    """Read Qwen2-MoE: a gated shared expert; every other layer has a window where windows are used at all."""
    used = c.flag("use_sliding_window")
    window, first = c.natural("sliding_window", 0), c.natural("max_window_layers", None)
    bias = QKV if c.flag("qkv_bias") else ()
    local = attention(c, "local", bias=bias, window=window if used and window else None)
    usual = [used and index % 2 == 0 and index < first for index in range(c.count("num_hidden_layers"))]
    mixers = windows(c, local, attention(c, "global", bias=bias), usual)
    experts = moe(c, shared=1, shared_d_ff=c.count("shared_expert_intermediate_size"))
    experts.fields["shared"]["gate"] = True
    return Draft(top(c), stack(mixers, list(_by_step(c)), experts, dense(c)))


def qwen3_moe(c: Config) -> Draft:
    """Read Qwen3-MoE: norms on the heads of queries and keys; a window in every layer, or in none."""
    c.get("max_window_layers")  # of the published files, as the next two; no key of the class
    c.require("shared_expert_intermediate_size", 0, None)
    c.require("use_qk_norm", True, None)
    same(c, "num_local_experts", "num_experts")
    window = c.count("sliding_window", None)
    window = window if c.flag("use_sliding_window") else None
    mixer = attention(c, bias=_all(c), qk_norm="head", window=window)
    return Draft(top(c), stack(every(c, mixer), list(_by_step(c)), moe(c), dense(c)))


def olmoe(c: Config) -> Draft:
    """Read OLMoE: one norm over all heads of queries, and of keys; heads must fill the width."""
    mixer = attention(c, bias=_all(c), qk_norm="full")
    if mixer.fields["n_heads"] * mixer.fields["head_dim"] != c.count("hidden_size"):
        c.refuse("num_attention_heads", "the norm of the queries is as wide as hidden_size, and the heads are not")
    layer = [mixer, moe(c, d_ff=c.count("intermediate_size"))]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def flex_olmo(c: Config) -> Draft:
    """Read FlexOlmo: OLMoE with its norms after the sublayers."""
    layer = [attention(c, bias=_all(c), qk_norm="full"), moe(c, d_ff=c.count("intermediate_size"))]
    return Draft(top(c, norm={"place": "post"}), [layer] * c.count("num_hidden_layers"))


def granitemoe(c: Config) -> Draft:
    """Read Granite-MoE; a shared expert where ``shared_intermediate_size`` is not 0."""
    layer = [attention(c, bias=_all(c)), _granite_experts(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def granitemoe_swa(c: Config) -> Draft:
    """Read Granite-MoE with windows and sinks; a layer whose own ``layer_rope_theta`` is 0 rotates nothing."""
    n = c.count("num_hidden_layers")
    bases = c.get("layer_rope_theta")
    if bases is not None and (not isinstance(bases, list) or len(bases) != n):
        c.refuse("layer_rope_theta", f"layer_rope_theta should list a number for each of {n} layers")
    rotated = [True] * n if bases is None else [bool(base) for base in bases]
    local = attention(c, "local", bias=_all(c), sinks=True, window=c.count("sliding_window", None))
    mixers = windows(c, local, attention(c, "global", bias=_all(c), sinks=True), [index % 4 != 0 for index in range(n)])
    mixers = [
        part if turn else part._replace(fields={**part.fields, "rope": False})
        for part, turn in zip(mixers, rotated, strict=True)
    ]
    experts = _granite_experts(c)
    return Draft(top(c), [[mixer, experts] for mixer in mixers])


def gpt_oss(c: Config) -> Draft:
    """Read gpt-oss: sinks, biases everywhere (experts and router too), a window in every other layer."""
    for key in ("swiglu_alpha", "swiglu_limit", "initial_context_length"):
        c.get(key)
    c.require("experts_per_token", None, c.get("num_experts_per_tok"))
    fields: dict[str, Any] = {"bias": _all(c), "sinks": True}
    local = attention(c, "local", window=c.count("sliding_window", None), **fields)
    usual = [index % 2 == 0 for index in range(c.count("num_hidden_layers"))]
    experts = moe(
        c,
        n_experts=c.count("num_local_experts"),
        d_ff=c.count("intermediate_size"),
        bias=True,
        router={"bias": True},
    )
    return Draft(top(c), [[mixer, experts] for mixer in windows(c, local, attention(c, "global", **fields), usual)])


def dbrx(c: Config) -> Draft:
    """Read DBRX: sizes in two configurations inside; layer norms without a bias; never tied."""
    inner, network = c.sub("attn_config"), c.sub("ffn_config")
    inner.get("clip_qkv")
    for key in ("hidden_size", "ffn_act_fn", "moe_loss_weight", "moe_normalize_expert_weights", "moe_jitter_eps"):
        network.get(key)  # the width is the model's, whatever stands there
    c.require("num_key_value_heads", None, inner.count("kv_n_heads"))
    c.require("tie_word_embeddings", False)
    heads = c.count("n_heads")
    if c.count("d_model") % heads:
        c.refuse("n_heads", f"n_heads {heads} does not divide d_model {c.count('d_model')}")
    mixer = attention(c, heads=heads, kv_heads=inner.count("kv_n_heads"), head_dim=c.count("d_model") // heads)
    experts = moe(
        c,
        n_experts=network.count("moe_num_experts"),
        top_k=network.count("moe_top_k"),
        d_ff=network.count("ffn_hidden_size"),
    )
    fields: dict[str, Any] = {
        "d_model": c.count("d_model"),
        "vocab_size": c.count("vocab_size"),
        "max_context": c.count("max_seq_len"),
    }
    norm = {"kind": "layer", "bias": False}
    return Draft({**fields, "norm": norm}, [[mixer, experts]] * c.count("n_layers"))


def hunyuan_v1_moe(c: Config) -> Draft:
    """Read Hunyuan-MoE: norms on rotated heads; one shared expert of the same size.

    Sizes may be lists with an entry a layer, which must all be alike. The published file has keys of
    other models of the code that wrote it, which must be off.
    """
    for key, fixed in HUNYUAN.items():
        c.require(key, None, fixed)
    c.require("attention_head_dim", None, c.get("head_dim"))
    for key, fixed in (("moe_intermediate_size", c.get("intermediate_size")), ("num_shared_expert", 1)):
        c.require(key, None, fixed, [fixed] * c.count("num_hidden_layers"))
    for key in ("cla_share_factor", "moe_drop_tokens", "moe_random_routing_dropped_token"):
        c.get(key)
    mixer = attention(c, bias=_all(c), qk_norm="head")
    experts = moe(
        c, n_experts=alike(c, "num_experts"), top_k=alike(c, "moe_topk"), d_ff=c.count("intermediate_size"), shared=1
    )
    return Draft(top(c), [[mixer, experts]] * c.count("num_hidden_layers"))


def ernie4_5_moe(c: Config) -> Draft:
    """Read ERNIE 4.5: experts from a first to a last layer, at an interval; the choice has a correction bias.

    A bias stands in attention, dense networks, shared experts and the head, and in no routed expert. A
    layer that predicts further tokens has a dense network (ernie_mtp.py of vLLM).
    """
    bias = c.flag("use_bias")
    c.get("moe_norm_min")
    c.get("moe_capacity")
    c.require("moe_use_aux_free", True, None)
    c.require("moe_gate", "topk", None)  # of published files, and no key of the class
    c.require("use_rmsnorm", True, None)
    n = c.count("num_hidden_layers")
    first, last, step = c.natural("moe_layer_start_index"), c.get("moe_layer_end_index"), c.count("moe_layer_interval")
    last = n - 1 if last in (-1, None) else c.natural("moe_layer_end_index")
    experts = moe(
        c,
        n_experts=c.count("moe_num_experts"),
        top_k=c.count("moe_k"),
        shared=c.natural("moe_num_shared_experts"),
        router={"correction_bias": True},
    )
    sparse = [(index + 1) % step == 0 and first <= index <= last for index in range(n)]
    mixers = every(c, attention(c, bias=ALL if bias else ()))
    layers = stack(mixers, sparse, biased(experts, bias), dense(c, bias=bias or None))
    more: dict[str, Any] = {"head": {"bias": True}} if bias else {}
    last = [mixers[-1], dense(c, bias=bias or None)]
    return Draft(top(c, **more), layers, mtp=further(c, last, "num_nextn_predict_layers"))


def ernie4_5_vl_moe(c: Config) -> Draft:
    """Read the language model of ERNIE 4.5 VL: text has experts of its own, and those of images are left out with them.

    ``moe_intermediate_size`` lists an expert's size for text and for images; shared experts, which
    both use, have that of text.
    """
    bias = c.flag("use_bias")
    c.get("moe_norm_min")
    sizes = c.list_of(int, "moe_intermediate_size", 2, [1536, 512])
    experts = moe(
        c,
        n_experts=c.count("moe_num_experts"),
        top_k=c.count("moe_k"),
        d_ff=sizes[0],
        shared=c.natural("moe_num_shared_experts"),
        router={"correction_bias": True},
    )
    mixers = every(c, attention(c, bias=ALL if bias else ()))
    layers = stack(mixers, sparse_layers(c, after(c, 1)), biased(experts, bias), dense(c, bias=bias or None))
    return Draft(top(c), layers, left_out=["experts of image tokens"])


def jetmoe(c: Config) -> Draft:
    """Read JetMoE: experts of queries and outputs over shared keys and values, as many chosen as in the networks.

    One bias of the model's width stands on each of the two sums. ``num_attention_heads`` is what comes of it.
    """
    n, k, heads = c.count("num_local_experts"), c.count("num_experts_per_tok"), c.count("num_key_value_heads")
    c.require("num_attention_heads", None, heads * k)
    sizes = {"n_experts": n, "top_k": k, "n_kv_heads": heads, "head_dim": c.count("kv_channels")}
    mixer = Part("attention", {"kind": "mixture_of_attention", **sizes, "output_bias": True})
    experts = moe(c, n_experts=n, top_k=k, d_ff=c.count("intermediate_size"), output_bias=True)
    return Draft(top(c), [[mixer, experts]] * c.count("num_hidden_layers"))


def _all(c: Config) -> tuple[str, ...]:
    return ALL if c.flag("attention_bias") else ()


def _local_experts(c: Config) -> Part:
    return moe(c, n_experts=c.count("num_local_experts"), d_ff=c.count("intermediate_size"))


def _granite_experts(c: Config) -> Part:
    shared = c.natural("shared_intermediate_size", 0)
    return moe(
        c,
        n_experts=c.count("num_local_experts"),
        d_ff=c.count("intermediate_size"),
        shared=1 if shared else 0,
        shared_d_ff=shared,
    )


def _by_step(c: Config) -> Iterator[bool]:
    """Say which layers have experts: every so many, less those that are listed, and none without experts."""
    n, step = c.count("num_hidden_layers"), c.count("decoder_sparse_step")
    without = c.list_of(int, "mlp_only_layers", null=[])
    for index in range(n):
        yield index not in without and (index + 1) % step == 0
