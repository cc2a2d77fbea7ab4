"""Zamba and Zamba2: Mamba in every layer, and before some of them one transformer block that all places share."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.state_space import dt_rank
from costmodel.importers.parts import agrees, attention, changed, ffn, layer_types, top


def zamba(c: Config) -> Draft:
    """Read Zamba: Mamba in several heads, which changes no count; the shared block sees the embedding too.

    Without a list, hybrid layers are the third and those of the pattern, counted from the fourth.
    """
    inner = c.count("mamba_expand") * c.count("hidden_size")
    heads = c.count("n_mamba_heads")
    if inner % heads:
        c.refuse("n_mamba_heads", f"{inner} channels do not come in {heads} heads")
    block: dict[str, Any] = {
        "kind": "mamba",
        "d_inner": inner,
        "d_state": c.count("mamba_d_state"),
        "d_conv": c.count("mamba_d_conv"),
        "dt_rank": dt_rank(c, "mamba_dt_rank"),
    }
    if c.flag("mamba_proj_bias"):
        block["bias"] = True
    if not c.flag("mamba_conv_bias"):
        block["conv_bias"] = False
    c.get("hidden_mamba_act")
    period, offset = c.count("attn_layer_period"), c.natural("attn_layer_offset")
    n = c.count("num_hidden_layers")
    missing = [index == 2 or (index > 2 and (index - 3) % period == offset) for index in range(n)]
    wide = c.count("attention_hidden_size", 2 * c.count("hidden_size"))
    width = c.count("attention_head_dim", 2 * c.count("hidden_size") // c.count("num_attention_heads"))
    full = attention(c, head_dim=width, d_in=wide, rope=False)
    return _draft(c, Part("mamba", block), changed(full, rope=False), ffn(c), missing, {})


def zamba2(c: Config) -> Draft:
    """Read Zamba2: Mamba-2, shared blocks in turn, adapters at every place. The default list is for 54 layers."""
    d = c.count("hidden_size")
    inner, heads = int(c.share("mamba_expand") * d), c.count("n_mamba_heads")
    width = c.count("mamba_headdim", inner // heads)
    if width * heads != inner:
        c.refuse("n_mamba_heads", f"{heads} heads of {width} are not {inner} channels")
    block: dict[str, Any] = {
        "kind": "mamba2",
        "n_heads": heads,
        "head_dim": width,
        "d_state": c.count("mamba_d_state"),
        "n_groups": c.count("mamba_ngroups"),
        "d_conv": c.count("mamba_d_conv"),
    }
    bias = c.flag("add_bias_linear")
    block |= {"bias": True} if bias else {}
    c.get("use_conv_bias")  # the convolution has a bias whatever this says
    size = c.count("chunk_size")
    block |= {} if size == 256 else {"chunk_size": size}
    c.get("use_mem_eff_path")  # a kernel

    n_heads = c.count("num_attention_heads")
    full = attention(
        c,
        head_dim=c.count("attention_head_dim", 2 * d // n_heads),
        d_in=c.count("attention_hidden_size", 2 * d),
    )
    adapters: dict[str, Any] = {"adapter_rank": c.count("adapter_rank")}
    if c.flag("use_shared_attention_adapter"):
        adapters["attention_adapters"] = True
        if full.fields["d_in"] != n_heads * full.fields["head_dim"] or "n_kv_heads" in full.fields:
            c.refuse("use_shared_attention_adapter", "adapters as wide as the input do not fit these heads")
    c.require("use_shared_mlp_adapter", True, None)
    agrees(c, d // n_heads, "kv_channels")
    agrees(c, n_heads, "num_query_groups")
    full = full if c.flag("use_mem_rope") else changed(full, rope=False)
    network = ffn(c, d_ff=c.count("intermediate_size", 4 * d), bias=bias or None)
    agrees(c, network.fields["d_ff"], "ffn_hidden_size")
    at = {*range(6, 43, 6), 47, 51}
    missing = [index in at for index in range(54)]
    draft = _draft(c, Part("mamba", block), full, network, missing, {"copies": c.count("num_mem_blocks"), **adapters})
    agrees(c, [index for index, layer in enumerate(draft.layers) if layer[0] is not None], "hybrid_layer_ids")
    if c.flag("use_long_context"):
        draft.fields["max_context"] = 16_384
    return draft


def _draft(c: Config, mamba: Part, full: Part, network: Part, missing: list[bool], more: dict[str, Any]) -> Draft:
    """Return layers of Mamba with the shared block before some."""
    c.require("tie_word_embeddings", True, why="unties the shared block too, in the class")
    words = {"mamba": False, "linear_attention": False, "hybrid": True}
    places = layer_types(c, words, missing, "layers_block_type")
    agrees(c, len(places), "num_hidden_layers")
    if full.fields["d_in"] != 2 * c.count("hidden_size"):
        c.refuse("attention_hidden_size", "attention does not read the stream beside the embedding, 2 x hidden_size")
    fields = {
        "kind": "shared",
        "copies": 1,
        "of": [full.name, network.name],
        "concat_embedding": True,
        "site_linear": True,
    }
    block = Part("block", fields | more)
    layers: list[Layer] = [[block if hybrid else None, mamba] for hybrid in places]
    if True not in places:
        return Draft(top(c), [[mamba]] * len(places))
    return Draft(top(c), layers, blocks=(full, network))
