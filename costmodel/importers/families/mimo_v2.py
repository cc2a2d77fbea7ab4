"""MiMo-V2.5 and 2.6: windows and full attention with heads of their own, experts by a list."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.expert_parts import deepseek_experts, dense, stack
from costmodel.importers.parts import QKV, attention, further, top


def mimo_v2(c: Config) -> Draft:
    """Read MiMo-V2.5 and 2.6; part of a head is rotated, values may be narrower than keys.

    The layers that predict further tokens have windows and no experts. Towers are left out.
    """
    for key in ("attention_projection_layout", "attention_value_scale", "attention_chunk_size", "swa_rope_theta"):
        c.get(key)  # how matrices are stored; factors; a window's other name
    c.get("moe_router_dtype")
    c.require("n_shared_experts", None, 0)
    n = c.count("num_hidden_layers")
    full, local = _attention(c, "global"), _attention(c, "local", "swa_")
    windowed, sparse = _windowed(c, n), _sparse(c, n)
    mixers = [local if one else full for one in windowed]
    experts = deepseek_experts(c, d_ff=c.count("moe_intermediate_size", c.count("intermediate_size")))
    further_layers = further(c, [local, dense(c)], "num_nextn_predict_layers")
    layers = stack(mixers, sparse, experts, dense(c))
    draft = Draft(top(c), layers, mtp=further_layers)
    beside = ("vision_config", "audio_config")
    draft.left_out = [key for key in beside if c.get(key)]
    for key in ("processor_config", "vision_model_type"):
        c.get(key)
    return draft


def _attention(c: Config, name: str, prefix: str = "") -> Part:
    """Return one of both kinds; what a window has no key for is as in full attention."""
    heads = c.count("num_attention_heads")
    width = c.count("head_dim", None) or c.count("hidden_size") // heads
    sizes = {"heads": heads, "kv_heads": c.count("num_key_value_heads", heads), "head_dim": width}
    values = c.count("v_head_dim", width)
    fields: dict[str, Any] = {"sinks": c.flag("add_full_attention_sink_bias")}
    if prefix:
        names = {"heads": "num_attention_heads", "kv_heads": "num_key_value_heads", "head_dim": "head_dim"}
        sizes = {size: c.count(f"{prefix}{key}", sizes[size]) for size, key in names.items()}
        values = c.count(f"{prefix}v_head_dim", values)
        window = c.count("sliding_window", None) or c.count("sliding_window_size", None)
        c.get("sliding_window_size")
        fields = {"sinks": c.flag("add_swa_attention_sink_bias"), "window": window}
    rotated = int(sizes["head_dim"] * c.share("partial_rotary_factor"))
    fields["rope_dim"] = rotated if rotated != sizes["head_dim"] else None
    fields["v_head_dim"] = values if values != sizes["head_dim"] else None
    return attention(c, name, bias=QKV if c.flag("attention_bias") else (), **sizes, **fields)


def _windowed(c: Config, n: int) -> list[bool]:
    """Say which layers have a window: by a list, or all but the last of every so many; without either none."""
    size = c.count("hybrid_block_size", None)
    listed = c.list_of(int, "hybrid_layer_pattern", n, None)
    if listed is None:
        listed = [int(bool(size and (index + 1) % size)) for index in range(n)]
    return [one == 1 for one in listed]


def _sparse(c: Config, n: int) -> list[bool]:
    """Say which layers have experts: by a list, or every so many from the first; without either none."""
    found = c.get("moe_layer_freq")
    if isinstance(found, list):
        return [bool(one) for one in c.list_of(int, "moe_layer_freq", n)]
    step = c.natural("moe_layer_freq", 0)
    return [bool(step) and index % step == 0 for index in range(n)]
