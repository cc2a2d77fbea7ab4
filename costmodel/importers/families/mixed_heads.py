"""Families whose layers differ in heads and widths: ``per_layer_config``, or keys of their own for windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, attention, ffn, layer_types, mla, moe, router, top

SPARSE = ("dense", "sparse")


def dots3_note(c: Config) -> Draft:
    """Read Dots 3 Note: latent attention of two sizes, with an indexer or with a window.

    Windows have their own sizes: ``swa_*`` keys in older files, ``per_layer_config`` in newer ones,
    which lists what differs. Windows are in three of four layers where ``layer_types`` is missing.
    """
    n = c.count("num_hidden_layers")
    c.get("head_dim")  # tells which share of a head is rotated; qk_rope_head_dim says how many values
    words = _dots_types(c, n)
    window = c.count("sliding_window", None) or c.count("sliding_window_size", 512)
    bias = ("q_a", "kv_a", "o") if c.flag("attention_bias") else ()
    keys = {"n_heads": "index_n_heads", "head_dim": "index_head_dim", "top_k": "index_topk"}
    indexer = {name: c.count(key) for name, key in keys.items()}
    more = {"sliding_attention": {"window": window}, "indexed_attention": {"indexer": indexer}, "full_attention": {}}
    names = {"sliding_attention": "local", "indexed_attention": "dsa", "full_attention": "mla"}
    given, own = _per_layer(c), _dots_window(c)
    mixers = []
    for index, word in enumerate(words):
        layer = c.overlaid(given.get(index, {}) if given is not None else own if word == "sliding_attention" else {})
        if layer.count("q_lora_rank", None) is None:
            c.refuse("q_lora_rank", "q_lora_rank is null, and the class has no queries without it")
        layer.get("num_key_value_heads")  # as many as queries
        mixers.append(mla(layer, names[word], bias=bias, rope_norm=True, gate="head", **more[word]))
    width = c.count("moe_shared_expert_intermediate_size", None) or c.count("shared_experts_intermediate_size")
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        shared=c.count("n_shared_experts"),
        shared_d_ff=width,
        router=router(c, "sigmoid", correction_bias=True),
    )
    c.require("mlp_bias", False)
    dense, first, step = ffn(c, "dense"), c.natural("first_k_dense_replace", 1), c.get("moe_layer_freq") or 1
    steps = step if isinstance(step, list) else [int(index % step == 0) for index in range(n)]
    missing = ["sparse" if index >= first and steps[index] else "dense" for index in range(n)]
    networks = {"sparse": experts, "dense": dense}
    sparse = _words(c, "mlp_layer_types", SPARSE, n) or missing
    return Draft(top(c), [[mixer, networks[word]] for mixer, word in zip(mixers, sparse, strict=True)])


def _dots_types(c: Config, n: int) -> list[str]:
    dsa = c.get("use_dsa")
    dsa = c.get("per_layer_config") is None if dsa is None else dsa
    stated = c.get("use_dsa") is not None or c.get("per_layer_config") is None
    full = "indexed_attention" if dsa or not stated else "full_attention"
    windows = c.flag("use_sliding_window", True)
    missing = [full if not windows or index < 2 or index % 4 == 1 else "sliding_attention" for index in range(n)]
    words = layer_types(
        c, {word: word for word in (full, "full_attention", "indexed_attention", "sliding_attention")}, missing
    )
    other = "full_attention" if full == "indexed_attention" else "indexed_attention"
    return [full if stated and word == other else word for word in words]


def _dots_window(c: Config) -> dict[str, Any]:
    sizes = {"num_attention_heads": 64, "num_key_value_heads": 64, "q_lora_rank": 1024, "kv_lora_rank": 1024}
    sizes |= {"head_dim": 256, "qk_nope_head_dim": 192, "v_head_dim": 128}
    found = {key: c.count(f"swa_{key}", missing) for key, missing in sizes.items()}
    rotated = found["head_dim"] - found["qk_nope_head_dim"]
    c.get("swa_rope_theta")
    return found | {"qk_rope_head_dim": c.count("swa_qk_rope_head_dim", rotated)}


STEP = {
    "att_impl_type": "GQA",
    "moe_every_n_layer": 1,
    "moe_layer_offset": 0,
    "moe_router_activation": "sigmoid",
    "use_head_wise_attn_gate": True,
    "use_moe": True,
    "use_moe_router_bias": True,
    "use_rope_layers": [],
    "zero_centered": True,
}


def step3p5(c: Config) -> Draft:
    """Read Step 3.5 and the language model of Step 3.7: windows may have more heads than full attention.

    Lists may go on for the layers that predict further tokens. ``rope_parameters`` is by layer type;
    older files list ``partial_rotary_factors`` by layer. The published file says much that the class fixes.
    """
    for key, fixed in STEP.items():
        c.require(key, None, fixed)
    for key in (
        "max_seq_len", "moe_router_scaling_factor", "need_fp32_gate", "norm_expert_weight", "use_qk_norm",
        "yarn_only_types",
    ):  # fmt: skip
        c.get(key)
    n, further = c.count("num_hidden_layers"), c.natural("num_nextn_predict_layers", 0)
    if c.names.get("n_routed_experts") == "num_local_experts":
        c.refuse("n_routed_experts", "num_local_experts is not what the class reads", "it reads n_routed_experts")
    kinds, own = _step_lists(c, n, further)
    c.require("gating", None, True, "per-head")
    c.require("use_bidirectional_attention", None, False)
    c.require("mlp_bias", False, why="gives only the dense and shared networks a bias, which is not understood")
    for key in ("swiglu_limits", "swiglu_limits_shared", "mtp_layer_types", "mtp_mlp_layer_types"):
        c.get(key)
    mixers = _step_mixers(c, kinds[: n + further])
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        shared=1,
        shared_d_ff=c.count("share_expert_dim"),
        router={"score": "sigmoid", "correction_bias": True},
    )
    networks = {"sparse": experts, "dense": ffn(c, "dense")}
    layers = [[mixers[kind], networks[word]] for kind, word in zip(kinds, own, strict=True)]
    return Draft(top(c), layers[:n], mtp=({}, layers[n:]) if further else None)


def _step_lists(c: Config, n: int, further: int) -> tuple[list[str], list[str]]:
    """Return what attention and what network each layer has, those of further tokens last."""
    kinds = _words(c, "layer_types", ("full_attention", "sliding_attention"), n, further)
    kinds = ["full_attention"] * (n + further) if kinds is None else kinds
    listed = c.get("moe_layers_enum")
    items = listed.split(",") if isinstance(listed, str) else listed
    if items is not None and not (isinstance(items, list) and all(str(item).strip().isdigit() for item in items)):
        c.refuse("moe_layers_enum", "moe_layers_enum lists no layers")
    sparse = range(3, n) if items is None else {int(item) for item in items}
    missing = ["sparse" if index in sparse else "dense" for index in range(n + further)]
    words = _words(c, "mlp_layer_types", SPARSE, n, further) or missing
    return kinds, words


def _words(c: Config, key: str, known: tuple[str, ...], n: int, further: int = 0) -> list[str] | None:
    """Return a word a layer; the list of the further layers follows, or is a key of its own."""
    words: list[str] | None = c.list_of(str, key, null=None)
    if words is None:
        return None
    if further and len(words) == n:
        words = words + c.list_of(str, f"mtp_{key}", further)
    if len(words) != n + further:
        c.refuse(key, f"{key} lists {len(words)} layers, and there are {n + further}")
    for word in words:
        if word not in known:
            c.refuse(key, f'{key} has "{word[:64]}"', f"known: {', '.join(known)}")
    return words


def _step_mixers(c: Config, kinds: list[str]) -> dict[str, Part]:
    """Return the attention of each type of layer."""
    full = c.count("num_attention_heads")
    other = c.get("attention_other_setting") or {}
    found = other.get("num_attention_heads", full) if isinstance(other, dict) else None
    for key in ("head_dim", "num_key_value_heads", "num_attention_groups"):
        if isinstance(other, dict) and key in other and other[key] != c.count(c.also.get(key, key)):
            c.refuse(
                "attention_other_setting", f"attention_other_setting has another {key}, which the class does not read"
            )
    heads = {"full_attention": full, "sliding_attention": c.count("num_sliding_attention_heads", found)}
    for index, values in (_per_layer(c) or {}).items():
        if dict(values) != {"num_attention_heads": heads[kinds[index]]}:
            c.refuse("per_layer_config", f"per_layer_config of layer {index} says something that is not understood")
    window = c.count("sliding_window", None)
    more: dict[str, dict[str, Any]] = {"full_attention": {}, "sliding_attention": {"window": window}}
    names = {"full_attention": "global", "sliding_attention": "local"}
    bias = ALL if c.flag("attention_bias") else ()
    shares = c.get("partial_rotary_factors")
    ropes = c.get("rope_parameters") if isinstance(c.get("rope_parameters"), dict) else {}
    mixers = {}
    for kind in dict.fromkeys(kinds):
        layer = c.overlaid({"rope_parameters": ropes.get(kind)})
        share = shares[kinds.index(kind)] if isinstance(shares, list) else 1.0
        part = attention(
            layer,
            names[kind],
            bias=bias,
            heads=heads[kind],
            qk_norm="head",
            gate="head",
            rope_share=share,
            **more[kind],
        )
        mixers[kind] = part
    return mixers


def _per_layer(c: Config) -> dict[int, Mapping[str, Any]] | None:
    """Return what single layers have instead of the model's values, by their number."""
    found = c.get("per_layer_config")
    if found is None:
        return None
    if not isinstance(found, dict) or not all(key.isdigit() and isinstance(v, dict) for key, v in found.items()):
        c.refuse("per_layer_config", "per_layer_config is not a list of keys for numbered layers")
    return {int(key): values for key, values in found.items()}
