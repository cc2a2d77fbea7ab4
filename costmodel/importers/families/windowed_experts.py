"""Experts behind attention of which some layers see a window or a chunk only."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.expert_parts import (
    after,
    deepseek_experts,
    dense,
    plain,
    rope_of,
    same,
    sparse_layers,
    stack,
    unrotated,
    windows,
)
from costmodel.importers.parts import ALL, QKV, attention, further, layer_types, moe, router, top

SIGMOID = {"score": "sigmoid", "correction_bias": True}
SANDWICH = {"place": "sandwich"}


def exaone_moe(c: Config) -> Draft:
    """Read K-EXAONE: three windows, then full attention, which is rotated only where no layer has a window."""
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    turn, usual = c.get("sliding_window_pattern"), None
    if type(turn) is int and not c.has("layer_types"):
        usual = [(index + 1) % turn != 0 for index in range(n)]
    full = attention(c, "global", qk_norm="head")
    local = attention(c, "local", qk_norm="head", window=window)
    mixers = windows(c, local, unrotated(full) if window else full, usual)
    experts = moe(c, shared=c.natural("num_shared_experts"), router=router(c, "sigmoid", correction_bias=True))
    sparse = sparse_layers(c, after(c, c.natural("first_k_dense_replace")))
    layers = stack(mixers, sparse, experts, dense(c))
    return Draft(top(c), layers, mtp=further(c, layers[-1], "num_nextn_predict_layers"))


def cohere2_moe(c: Config) -> Draft:
    """Read Command A with experts: one norm a layer, of mean and variance unless ``rms_norm_eps`` is given.

    Full layers are not rotated, but for the dense ones at the start where those have no windows of
    their own; these have a network of their own size. ``intermediate_size`` is one expert's.
    """
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    c.require("shared_expert_combination_strategy", "average", "sum")
    score = c.require("expert_selection_fn", "softmax", "sigmoid")
    first = min(c.natural("first_k_dense_replace", 0), n)
    prefix, rest = c.count("prefix_dense_sliding_window_pattern"), c.count("sliding_window_pattern")
    usual = [(index + 1) % prefix != 0 for index in range(first)]
    usual += [(index + 1) % rest != 0 for index in range(n - first)]
    bias = ALL if c.flag("attention_bias") else ()
    local, full = attention(c, "local", bias=bias, window=window), attention(c, "global", bias=bias)
    sparse = sparse_layers(c, [index >= first for index in range(n)])
    mixers = [
        part if part == local or (prefix == 1 and not experts) else unrotated(part)
        for part, experts in zip(windows(c, local, full, usual, rename=False), sparse, strict=True)
    ]
    mixers = [part._replace(name="first") if part == full else part for part in mixers]  # dense and rotated
    inner = c.count("intermediate_size")
    experts = moe(c, d_ff=inner, shared=c.natural("num_shared_experts"), router=plain({"score": score}))
    network = dense(c, d_ff=c.count("prefix_dense_intermediate_size", inner))
    norm = (
        {"place": "parallel"}
        if c.get("rms_norm_eps") is not None
        else {"kind": "layer", "bias": False, "place": "parallel"}
    )
    return Draft(top(c, norm=norm), stack(mixers, sparse, experts, network))


def mimo_v2_flash(c: Config) -> Draft:
    """Read MiMo-V2-Flash: windows have sinks and twice the key and value heads; values are narrower than keys.

    Only a third of a head is rotated. ``sliding_window_size`` of the published file does not count
    the token itself; its lists must say what the class makes of them.
    """
    n, pairs = c.count("num_hidden_layers"), c.count("num_key_value_heads")
    window = c.count("sliding_window", None)
    if (before := c.natural("sliding_window_size", None)) is not None:
        window = before + 1
    for key in ("attention_value_scale", "attention_chunk_size", "swa_rope_theta"):
        c.get(key)
    width, heads = c.count("head_dim"), c.count("num_attention_heads")
    bias = QKV if c.flag("attention_bias") else ()
    c.require("partial_rotary_factor", None, 0.334)
    fields: dict[str, Any] = {"heads": heads, "head_dim": width, "v_head_dim": c.count("v_head_dim"), "bias": bias}
    full = attention(c, "global", kv_heads=pairs, rope_dim=rope_of(c, "full_attention", width, 0.334, 0.334), **fields)
    local = attention(
        c,
        "local",
        kv_heads=2 * pairs,
        rope_dim=rope_of(c, "sliding_attention", width, 0.334, 0.334),
        window=window,
        sinks=True,
        **fields,
    )
    mixers = windows(c, local, full, [index > 0 and (index + 1) % 6 != 0 for index in range(n)])
    sparse = sparse_layers(c, after(c, 1))
    c.require("swa_num_attention_heads", None, heads)
    c.require("swa_num_key_value_heads", None, 2 * pairs)
    c.require("swa_head_dim", None, width)
    c.require("swa_v_head_dim", None, c.count("v_head_dim"))
    c.require("add_swa_attention_sink_bias", None, True)
    c.require("add_full_attention_sink_bias", None, False)
    c.require("hybrid_layer_pattern", None, [int(part.name == "local") for part in mixers])
    c.require("moe_layer_freq", None, [int(one) for one in sparse])
    return Draft(top(c), stack(mixers, sparse, deepseek_experts(c), dense(c)))


def mellum(c: Config) -> Draft:
    """Read Mellum: full attention and experts unless lists say otherwise; a further layer has lists of its own."""
    n, width = c.count("num_hidden_layers"), c.count("head_dim")
    fields: dict[str, Any] = {"bias": ALL if c.flag("attention_bias") else (), "qk_norm": "head"}
    full = attention(c, "global", rope_dim=rope_of(c, "full_attention", width, 1.0), **fields)
    rotated = rope_of(c, "sliding_attention", width, 1.0)
    local = attention(c, "local", window=c.count("sliding_window", None), rope_dim=rotated, **fields)
    same(c, "num_local_experts", "num_experts")
    experts, network = moe(c), dense(c)
    depth = c.natural("num_mtp_layers", 0)
    mixers = windows(c, local, full, [False] * n, rename=not depth)
    kinds = c.list_of(str, "mtp_layer_types", depth or None, ["sliding_attention"] * depth)
    networks = c.list_of(str, "mtp_mlp_layer_types", depth or None, ["sparse"] * depth)
    if depth and ({*kinds} - {"full_attention", "sliding_attention"} or {*networks} - {"sparse", "dense"}):
        c.refuse("num_mtp_layers", "the lists of the further layers have words that are not understood")
    further_layers = [
        [local if kind == "sliding_attention" else full, experts if one == "sparse" else network]
        for kind, one in zip(kinds, networks, strict=False)
    ]
    layers = stack(mixers, sparse_layers(c, [True] * n), experts, network)
    return Draft(top(c), layers, mtp=({}, further_layers) if depth else None)


def flint(c: Config) -> Draft:
    """Read Flint: sinks in every layer; only windows are rotated; the first two layers and the last are full."""
    n = c.count("num_hidden_layers")
    fields: dict[str, Any] = {"bias": ALL if c.flag("attention_bias") else (), "qk_norm": "head", "sinks": True}
    local = attention(c, "local", window=c.count("sliding_window", None), **fields)
    usual = [index >= 2 and index % 4 != 1 and index != n - 1 for index in range(n)]
    mixers = windows(c, local, unrotated(attention(c, "global", **fields)), usual)
    without, step = c.list_of(int, "mlp_only_layers", null=[0, 1]), c.count("decoder_sparse_step")
    sparse = [index not in without and (index + 1) % step == 0 for index in range(n)]
    experts = moe(c, shared=1, shared_d_ff=c.count("shared_expert_intermediate_size"), router={"score": "sigmoid"})
    return Draft(top(c), stack(mixers, sparse, experts, dense(c)))


def kolibri1(c: Config) -> Draft:
    """Read Kolibri: four windows, then full attention without a rotation; norms before and after; no dense layer."""
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    same(c, "num_local_experts", "num_experts")
    c.get("intermediate_size")  # no layer has it
    full = attention(c, "global", qk_norm="head")
    local = attention(c, "local", qk_norm="head", window=window)
    mixers = windows(c, local, unrotated(full) if window else full, [(index + 1) % 5 != 0 for index in range(n)])
    experts = moe(c, shared=1, shared_d_ff=c.count("shared_expert_intermediate_size"), router=SIGMOID)
    return Draft(top(c, norm=SANDWICH), [[mixer, experts] for mixer in mixers])


def laguna(c: Config) -> Draft:
    """Read Laguna: query heads that differ by layer, a gate a head (or a value), rotations that differ by type."""
    n, width = c.count("num_hidden_layers"), c.count("head_dim")
    c.require("moe_apply_router_weight_on_input", False)
    for key in ("moe_routed_scaling_factor", "moe_router_logit_softcapping"):
        c.get(key)
    gate = "head" if c.require("gating", True, "per-head", False, "per-element") in (True, "per-head") else "element"
    heads = c.list_of(int, "num_attention_heads_per_layer", n, [c.count("num_attention_heads")] * n)
    rotated = rope_of(c, "full_attention", width, 0.5), rope_of(c, "sliding_attention", width, 1.0)
    window, bias = c.count("sliding_window", None), ALL if c.flag("attention_bias") else ()
    local = layer_types(c, {"full_attention": False, "sliding_attention": True}, [False] * n)
    if any(local) and window is None:
        c.refuse("sliding_window", "layers have a window, and sliding_window gives it no width")
    names = ("global", "local") if any(local) else ("attention", "")
    mixers = [
        attention(
            c,
            names[one],
            heads=heads[index],
            window=window if one else None,
            rope_dim=rotated[one],
            gate=gate,
            qk_norm="head",
            bias=bias,
        )
        for index, one in enumerate(local)
    ]
    experts = moe(c, shared=1, shared_d_ff=c.count("shared_expert_intermediate_size"), router=SIGMOID)
    return Draft(top(c), stack(mixers, sparse_layers(c, after(c, 1)), experts, dense(c)))


def afmoe(c: Config) -> Draft:
    """Read AFMoE: a gated output, norms before and after; full layers are not rotated."""
    n, every = c.count("num_hidden_layers"), c.natural("global_attn_every_n_layers", None)
    for key in ("mup_enabled", "route_scale", "score_func"):
        c.get(key)
    fields: dict[str, Any] = {"bias": ALL if c.flag("attention_bias") else (), "qk_norm": "head", "gate": "element"}
    local = attention(c, "local", window=c.count("sliding_window", None), **fields)
    usual = None if c.has("layer_types") or every is None else [(index + 1) % every != 0 for index in range(n)]
    mixers = windows(c, local, unrotated(attention(c, "global", **fields)), usual)
    experts = moe(c, shared=c.natural("num_shared_experts"), router=SIGMOID)
    layers = stack(mixers, after(c, c.natural("num_dense_layers")), experts, dense(c))
    return Draft(top(c, norm=SANDWICH), layers)


def llama4_text(c: Config) -> Draft:
    """Read Llama 4: chunks and rotations are two lists; the norm of queries and keys goes with the rotation.

    ``intermediate_size`` is one expert's, ``intermediate_size_mlp`` a dense layer's.
    """
    for key in ("attn_temperature_tuning", "floor_scale", "attn_scale"):
        c.get(key)
    n, step = c.count("num_hidden_layers"), c.count("interleave_moe_layer_step")
    turn = c.count("no_rope_layer_interval")
    rotated = c.list_of(int, "no_rope_layers", null=[]) or [int((index + 1) % turn != 0) for index in range(n)]
    if len(rotated) != n:
        c.refuse("no_rope_layers", f"no_rope_layers should list a number for each of {n} layers")
    chunks = layer_types(c, {"chunked_attention": True, "full_attention": False}, [bool(one) for one in rotated])
    chunk = c.count("attention_chunk_size", None)
    if any(chunks) and chunk is None:
        c.refuse("attention_chunk_size", "layers have a chunk, and attention_chunk_size gives it no width")
    bias, norm = ALL if c.flag("attention_bias") else (), "l2" if c.flag("use_qk_norm") else None
    mixers: list[Part] = []
    for chunked, turned in zip(chunks, rotated, strict=True):
        part = attention(
            c,
            "local" if chunked else "global",
            bias=bias,
            chunk=chunk if chunked else None,
            qk_norm=norm if turned else None,
        )
        mixers.append(part if turned else unrotated(part))
    inner = c.count("intermediate_size")
    experts = moe(c, n_experts=c.count("num_local_experts"), d_ff=inner, shared=1, router={"score": "sigmoid"})
    sparse = c.list_of(int, "moe_layers", null=list(range(step - 1, n, step)))
    network = dense(c, d_ff=c.count("intermediate_size_mlp"))
    return Draft(top(c), stack(mixers, [index in sparse for index in range(n)], experts, network))


def beam(c: Config) -> Draft:
    """Read Beam: norms before and after, a gate by value with a bias by head; no shared expert.

    A type of layer is rotated where ``rope_parameters`` has numbers for it; full layers have none
    where the file says nothing.
    """
    n, turns = c.count("num_hidden_layers"), c.get("rope_parameters")
    turned = {"sliding_attention"} if turns is None else {kind for kind, own in dict(turns).items() if own is not None}
    fields: dict[str, Any] = {
        "bias": ALL if c.flag("attention_bias") else (),
        "qk_norm": "head",
        "gate": "element",
        "gate_bias": "head",
    }
    local = attention(c, "local", window=c.count("sliding_window", None), **fields)
    full = attention(c, "global", **fields)
    local = local if "sliding_attention" in turned else unrotated(local)
    full = full if "full_attention" in turned else unrotated(full)
    mixers = windows(c, local, full, [(index + 1) % 6 != 0 and index != n - 1 for index in range(n)])
    experts = moe(c, router=router(c, "sigmoid", correction_bias=True))
    return Draft(top(c, norm=SANDWICH), stack(mixers, sparse_layers(c, after(c, 3)), experts, dense(c)))
