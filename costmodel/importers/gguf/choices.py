"""Architectures whose files stand for one of several families, or say several things in one key."""

from __future__ import annotations

from typing import Any

from costmodel.importers.gguf.facts import Facts
from costmodel.importers.gguf.rows import (
    BIAS,
    BIAS_OF_LATENT,
    BIASES,
    CORRECTION,
    ROUTER,
    SOFTMAX,
    Part,
    Row,
    beside,
    dense_first,
    experts_only,
    further,
    gating,
    latent,
    windows,
)


def llama(facts: Facts) -> Row:
    """Return Llama, or Mixtral where there are experts. No file of this architecture says a window."""
    if facts.number("expert_count", 0):
        return Row("mixtral", unused="sliding_window")
    return Row("llama", flags=BIASES)


def olmo2(facts: Facts) -> Row:
    """Return OLMo 3 where there are windows, else OLMo 2."""
    if facts.number("attention.sliding_window", 0):
        return Row("olmo3", flags=BIAS, parts=[windows(4)])
    return Row("olmo2", flags=BIAS)


def deepseek2(facts: Facts) -> Row:
    """Return DeepSeek-V3 where the choice of experts has a correction bias, else V2; Youtu without experts."""
    parts: list[Part] = [latent]
    if not facts.has(ROUTER):
        for key in ("leading_dense_block_count", "expert_feed_forward_length", "expert_shared_count"):
            facts.get(key)  # of experts that are in no layer
        return Row("youtu", flags=BIAS_OF_LATENT, parts=parts)
    corrected = facts.has(CORRECTION)
    parts += [dense_first(), beside("n_shared_experts"), gating(2, 1) if corrected else SOFTMAX]
    if corrected:
        parts.append(further)
    return Row("deepseek_v3" if corrected else "deepseek_v2", flags=BIAS_OF_LATENT, parts=parts)


def llama4(facts: Facts) -> dict[str, Any]:
    """Return what is fixed in llama.cpp: chunks of 8,192 in three layers of four, which alone are rotated.

    A window of 0 takes both away. Vectors are normed unless there are 128 experts.
    """
    local = [(index + 1) % 4 != 0 for index in range(facts.layers)]
    if facts.get("attention.sliding_window") == 0:
        local, rotated = [False] * facts.layers, [1] * facts.layers
    else:
        rotated = [int(one) for one in local]
    sparse = [index for index, one in enumerate(facts.where_is(ROUTER)) if one]
    return {
        "layer_types": ["chunked_attention" if one else "full_attention" for one in local],
        "no_rope_layers": rotated,
        "moe_layers": sparse,
        "interleave_moe_layer_step": facts.number("interleave_moe_layer_step"),
        "intermediate_size_mlp": facts.number("feed_forward_length"),
        "use_qk_norm": facts.number("expert_count", 0) != 128,
        **experts_only(facts),
    }


def ernie_experts(facts: Facts) -> dict[str, Any]:
    """Return ERNIE's experts, whose shared ones are as wide as the others."""
    count = facts.number("expert_shared_count", 0)
    facts.get("expert_shared_feed_forward_length")  # llama.cpp's converter divides by the heads of keys: of no use
    return {
        "moe_num_experts": facts.number("expert_count"),
        "moe_k": facts.number("expert_used_count"),
        "moe_num_shared_experts": count,
        "moe_layer_start_index": facts.number("leading_dense_block_count", 0),
        "moe_layer_end_index": max((i for i, one in enumerate(facts.where_is(ROUTER)) if one), default=0),
        "moe_layer_interval": facts.number("interleave_moe_layer_step", 1),
    }


def norms_in_parallel(facts: Facts) -> dict[str, Any]:
    """Return Falcon's kind: two norms, or several heads of keys, are the newer one."""
    newer = facts.has("attn_norm_2.weight") or 1 < facts.kv_heads < facts.heads
    return {
        "new_decoder_architecture": newer,
        "num_ln_in_parallel_attn": 2 if facts.has("attn_norm_2.weight") else 1 if newer else None,
        "multi_query": facts.kv_heads == 1,
        "num_kv_heads": facts.kv_heads,
        "ffn_hidden_size": facts.shape("ffn_up.weight")[0],
    }


def two_head_sizes(facts: Facts) -> dict[str, Any]:
    """Return the heads of Gemma 4, which are others in layers that see everything."""
    found = facts.windows(None)
    everything = [index for index, kind in enumerate(found["layer_types"]) if kind == "full_attention"]
    heads = facts.by_layer("attention.head_count_kv", facts.heads)
    local = {n for index, n in enumerate(heads) if index not in everything}
    full = {heads[index] for index in everything}
    if len(local) > 1 or len(full) > 1:
        facts.wrong("attention.head_count_kv", "the same in all layers with a window, and in all without")
    shared = facts.number("attention.shared_kv_layers", 0)
    own = everything[0] if everything and everything[0] < facts.layers - shared else None
    tied = own is not None and "attn_v.weight" not in facts.in_layers.get(own, {})
    for key in ("rope.dimension_count", "rope.dimension_count_swa"):
        facts.get(key)  # frequencies of what is not rotated are zero
    return found | {
        "num_attention_heads": facts.heads,
        "num_key_value_heads": next(iter(local or full)),
        "num_global_key_value_heads": next(iter(full), None) if tied else None,
        "head_dim": facts.width("_swa"),
        "global_head_dim": facts.width(),
        "partial_rotary_factor": None,
        "attention_k_eq_v": tied,
        "num_kv_shared_layers": shared,
    }


def tables(facts: Facts) -> dict[str, Any]:
    """Return the table that Gemma 3n and 4 have for every layer."""
    table = facts.tensors.get("per_layer_token_embd.weight")
    return {
        "hidden_size_per_layer_input": facts.number("embedding_length_per_layer_input", 0),
        "vocab_size_per_layer_input": table.shape[0] if table else facts.vocab_size,
    }


def gemma4(facts: Facts) -> dict[str, Any]:
    """Return the networks of Gemma 4: of twice the width where a layer reads another's cache, beside experts or not."""
    widths, experts = facts.by_layer("feed_forward_length"), facts.number("expert_count", 0)
    networks = {
        "intermediate_size": min(widths),
        "use_double_wide_mlp": max(widths) > min(widths),
        "enable_moe_block": bool(experts),
        "num_experts": experts or None,
        "top_k_experts": facts.number("expert_used_count", 0) or None,
    }
    return two_head_sizes(facts) | tables(facts) | networks


def gemma3n(facts: Facts) -> dict[str, Any]:
    """Return the alternating updates and the low-rank branch of Gemma 3n."""
    facts.get("altup.active_idx")
    features = {
        "intermediate_size": facts.by_layer("feed_forward_length"),
        "altup_num_inputs": facts.number("altup.num_inputs"),
        "laurel_rank": facts.shape("laurel_l.weight")[0],
        "num_kv_shared_layers": facts.number("attention.shared_kv_layers", 0),
    }
    return facts.windows(5) | tables(facts) | features


def rotated_layers(facts: Facts) -> dict[str, Any]:
    """Return which layers rotate: a base of 1 stands for one that does."""
    return {"layer_rope_theta": facts.by_layer("attention.rope_pattern", 1)}


def granite_swa(facts: Facts) -> Row:
    """Return Granite with windows and sinks, dense or with experts."""
    parts = [windows(None), rotated_layers]
    if not facts.number("expert_count", 0):
        return Row("granite_swa", flags=BIASES, parts=parts)
    wide = facts.number("expert_shared_feed_forward_length", 0)
    return Row("granitemoe_swa", flags=BIAS, fixed={"shared_intermediate_size": wide}, parts=[*parts, experts_only])


def cohere2moe(facts: Facts) -> dict[str, Any]:
    """Return Command A's experts, and the norm that the file has an epsilon for."""
    scored = facts.number("expert_gating_func", 2)
    if scored not in (1, 2):
        facts.wrong("expert_gating_func", "1 or 2")
    return experts_only(facts) | {
        "prefix_dense_intermediate_size": facts.number("feed_forward_length"),
        "expert_selection_fn": "softmax" if scored == 1 else "sigmoid",
        "rms_norm_eps": facts.get("attention.layer_norm_rms_epsilon"),
    }


def laguna(facts: Facts) -> dict[str, Any]:
    """Return Laguna's heads, which differ by layer, and its gate by head or by value."""
    heads, width = facts.by_layer("attention.head_count"), facts.width()
    facts.get("leading_dense_block_count")  # which the tensors say too
    keys = {"full_attention": "rope.dimension_count", "sliding_attention": "rope.dimension_count_swa"}
    return {
        "num_attention_heads_per_layer": heads,
        "num_attention_heads": heads[0],
        "num_key_value_heads": facts.number("attention.head_count_kv"),
        "head_dim": width,
        "gating": "per-head" if facts.shape("attn_gate.weight")[0] == heads[0] else "per-element",
        "rope_parameters": {kind: {"partial_rotary_factor": facts.rotated(width, key)} for kind, key in keys.items()},
        "partial_rotary_factor": None,
    }
