"""Gemma 3n and Gemma 4: layers that read the cache of an earlier one, and a table for every layer."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part, Sublayer
from costmodel.importers.parts import ALL, attention, ffn, moe, top
from costmodel.importers.windows import sliding

SANDWICH = {"place": "sandwich"}


def gemma3n_text(c: Config) -> Draft:
    """Read Gemma 3n: alternating updates, LAuReL, a table for every layer; d_ff may differ by layer.

    The sparsity of activations is a top-k among values of which all are computed: no count changes.
    """
    c.require("altup_correct_scale", True)  # else a learned vector is there and nothing uses it
    for key in ("activation_sparsity_pattern", "altup_active_idx", "altup_coef_clip", "altup_lr_multiplier"):
        c.get(key)
    local = sliding(c, lambda index: (index + 1) % 5)
    n = len(local)
    widths = c.list_of(int, "intermediate_size", n) if _is_list(c) else [c.count("intermediate_size")] * n
    fields: dict[str, Any] = {"bias": _bias(c), "qk_norm": "head", "v_norm": "l2"}
    kinds = _kinds(attention(c, "global", **fields), attention(c, "local", window=c.count("sliding_window"), **fields))
    layers = [[mixer, ffn(c, d_ff=width)] for mixer, width in zip(_shared(c, local, kinds), widths, strict=True)]
    streams = c.count("altup_num_inputs")
    table = {"vocab_size": c.count("vocab_size_per_layer_input"), "width": c.count("hidden_size_per_layer_input")}
    more = {
        "altup": {"n_streams": streams},
        "laurel": {"rank": c.count("laurel_rank")},
        "ple": {**table, "streams": streams - 1},
    }
    return Draft(top(c, norm=SANDWICH), layers, more)


def gemma4_text(c: Config) -> Draft:
    """Read Gemma 4, with experts beside the dense network where they are switched on, and a table for every layer."""
    experts = (
        moe(
            c,
            n_experts=c.count("num_experts"),
            top_k=c.count("top_k_experts"),
            router={"scale": True, "expert_scale": True},
            extra_norm="sandwich",
        )
        if c.flag("enable_moe_block")
        else None
    )
    for key in ("num_experts", "top_k_experts", "moe_intermediate_size"):
        c.get(key)  # of no use without experts
    c.require("expert_intermediate_size", None)  # another name in drafts of the class
    draft = _gemma4(c, experts)
    rows = c.count("vocab_size_per_layer_input")
    if width := c.natural("hidden_size_per_layer_input", 0):
        draft.more["ple"] = {"vocab_size": rows, "width": width}
    return draft


def gemma4_unified_text(c: Config) -> Draft:
    """Read the language model of Gemma 4 without encoders: no experts and no further tables."""
    return _gemma4(c, None)


def gemma4_assistant(c: Config) -> Draft:
    """Read the drafter of a Gemma 4: no layer has keys, all read the last cache of their kind in the host.

    The input is a projection of what the host has; its own table is the head alone. The sizes of key
    heads are the host's. A head that looks only at the likeliest groups of the vocabulary is refused.
    """
    c.require("use_ordered_embeddings", False, why="chooses among groups of the vocabulary, which is not understood")
    c.require("tie_word_embeddings", True, why="leaves a table that nothing reads")
    for key in ("num_centroids", "centroid_intermediate_top_k"):
        c.get(key)  # of use to ordered embeddings only
    text = c.sub("text_config")
    text.require("num_kv_shared_layers", None, 0, text.count("num_hidden_layers"), why="leaves layers with own keys")
    text.require("use_double_wide_mlp", False)
    for key in ("hidden_size_per_layer_input", "vocab_size_per_layer_input"):
        if key in text.keys:
            text.require(key, 0, why="asks for tables that a drafter does not have")
    if "enable_moe_block" in text.keys:
        text.require("enable_moe_block", False, why="asks for experts that a drafter does not have")
    text.get("tie_word_embeddings")  # the drafter's own flag counts
    draft = _gemma4(text.overlaid({"num_kv_shared_layers": 0}), None)
    draft.fields.pop("tied", None)
    draft.fields["host"] = {"d_model": c.count("backbone_hidden_size")}
    draft.layers = [[_of_host(mixer), network] for mixer, network in draft.layers]
    return draft


def _of_host(mixer: Sublayer) -> Part:
    """Return attention that reads a cache of the host in place of its own."""
    assert isinstance(mixer, Part)
    same = ("n_heads", "n_kv_heads", "head_dim", "window", "rope_dim")
    found = {"kind": "host_attention"} | {key: mixer.fields[key] for key in same if key in mixer.fields}
    bias = [name for name in mixer.fields.get("bias", ()) if name in ("q", "o")]
    return Part(mixer.name, found | ({"bias": bias} if bias else {}) | {"q_norm": mixer.fields["qk_norm"]})


def _gemma4(c: Config, experts: Part | None) -> Draft:
    """Return the layers of Gemma 4: those that see everything have heads of another size.

    With ``attention_k_eq_v`` their values are their keys, and their key heads have a number of their own.
    The last layer sees everything, whatever the list says. Layers that read another's cache may have a
    network of twice the width.
    """
    c.require("use_bidirectional_attention", None, "vision")  # pictures only: nothing here
    local = [*sliding(c, lambda index: (index + 1) % 6)[:-1], False]
    fields: dict[str, Any] = {"qk_norm": "head", "v_norm": "l2"}
    is_tied, bias = c.flag("attention_k_eq_v"), _bias(c)
    head_dim, kv_heads = _global_heads(c, local, is_tied)
    everything = attention(
        c,
        "global",
        bias=[name for name in bias if name != "v" or not is_tied],
        head_dim=head_dim,
        kv_heads=kv_heads,
        kv="tied" if is_tied else None,
        **fields,
    )
    window = attention(c, "local", bias=bias, window=c.count("sliding_window"), **fields)
    mixers = _shared(c, local, _kinds(everything, window))
    is_wide = c.flag("use_double_wide_mlp")
    d_ff, extra = c.count("intermediate_size"), "post" if experts else None
    dense, wide = ffn(c, extra_norm=extra), ffn(c, "wide", d_ff=2 * d_ff, extra_norm=extra)
    layers: list[Layer] = []
    for mixer in mixers:
        network = wide if is_wide and "kv_from" in mixer.fields else dense
        layers.append([mixer, (network, experts) if experts else network])
    return Draft(top(c, norm=SANDWICH), layers)


def _global_heads(c: Config, local: list[bool], is_tied: bool) -> tuple[int, int | None]:
    """Return width and number of the key heads that see everything, where they have an own number.

    Published files have keys for them; files that transformers wrote have ``per_layer_config`` instead.
    """
    head_dim, kv_heads = c.count("global_head_dim", 512), c.count("num_global_key_value_heads", None)
    by_layer = c.get("per_layer_config")
    if by_layer is None:
        return head_dim, kv_heads if is_tied else None
    wanted = {index for index, is_local in enumerate(local) if not is_local}
    found = {int(key) for key in by_layer if key.isdecimal()} if isinstance(by_layer, dict) else None
    if found != wanted or any(value != by_layer[min(by_layer)] for value in by_layer.values()):
        c.refuse("per_layer_config", "per_layer_config should say the same of every layer that sees everything")
    own = by_layer[min(by_layer)]
    if not isinstance(own, dict) or not own.keys() <= {"head_dim", "num_key_value_heads"}:
        c.refuse("per_layer_config", "per_layer_config changes more than head_dim and num_key_value_heads")
    return own.get("head_dim") or c.count("head_dim"), own.get("num_key_value_heads")


def _kinds(everything: Part, window: Part) -> dict[bool, tuple[Part, Part]]:
    """Return attention by whether it has a window: with a cache of its own, and reading one."""
    return {
        is_local: (part, Part(f"{part.name}-kv", {**part.fields, "kv_from": part.name}))
        for is_local, part in ((False, everything), (True, window))
    }


def _shared(c: Config, local: list[bool], kinds: dict[bool, tuple[Part, Part]]) -> list[Part]:
    """Return the attention of each layer: the last ``num_kv_shared_layers`` read the last cache of their kind."""
    first = len(local) - c.natural("num_kv_shared_layers", 0)
    if first < len(local) and (first < 0 or set(local[:first]) != set(local)):
        c.refuse("num_kv_shared_layers", "a layer would read a cache of its kind, and there is none before it")
    return [kinds[is_local][index >= first] for index, is_local in enumerate(local)]


def _bias(c: Config) -> tuple[str, ...]:
    return ALL if c.flag("attention_bias") else ()


def _is_list(c: Config) -> bool:
    return isinstance(c.get("intermediate_size"), list)
