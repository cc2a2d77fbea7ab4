"""Liquid's models: short convolutions between attention layers."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, agrees, attention, ffn, layer_types, moe, router, top


def _conv(c: Config) -> Part:
    agrees(c, c.count("hidden_size"), "conv_dim", "conv_dim_out")
    c.get("conv_use_xavier_init")
    fields: dict[str, Any] = {"kind": "short_conv", "d_conv": c.count("conv_L_cache")}
    return Part("conv", fields | ({"bias": True} if c.flag("conv_bias") else {}))


def _tied(c: Config) -> bool:
    """Say whether tables are tied; ``tie_embedding`` is the older name and wins."""
    newer, key = c.flag("tie_word_embeddings"), "tie_embedding"
    return c.flag(key) if key in c.given else newer


def lfm2(c: Config) -> Draft:
    """Read LFM2: norms on heads; the network's width is two thirds of the key, rounded up, unless told otherwise.

    ``block_ff_dim`` is the older name of ``intermediate_size`` and wins. ``full_attn_idxs`` counts
    only where ``layer_types`` is missing, and without either every layer is attention.
    """
    conv, full, n = _conv(c), attention(c, qk_norm="head"), c.count("num_hidden_layers")
    listed = c.list_of(int, "full_attn_idxs", null=list(range(n)))
    mixers = layer_types(
        c, {"conv": conv, "full_attention": full}, [full if index in listed else conv for index in range(n)]
    )
    agrees(c, c.count("hidden_size"), "block_dim")
    agrees(c, c.count("num_attention_heads"), "num_heads")
    c.require("block_use_swiglu", True, None)
    c.require("use_pos_enc", True, None)
    for key in ("block_use_xavier_init", "theta"):
        c.get(key)
    network = ffn(c, d_ff=_width(c))
    return Draft(top(c, tied=_tied(c)), [[mixer, network] for mixer in mixers])


def _width(c: Config) -> int:
    width: int = c.count("block_ff_dim", None) or c.count("intermediate_size")
    c.get("intermediate_size")
    factor, multiple = c.share("block_ffn_dim_multiplier", None), c.count("block_multiple_of")
    if not c.flag("block_auto_adjust_ff_dim"):
        return width
    width = int(2 * width / 3)
    if not width:
        c.refuse("intermediate_size", "two thirds of intermediate_size are no width")
    return width if factor is None else multiple * -(-int(factor * width) // multiple)


def lfm2_moe(c: Config) -> Draft:
    """Read LFM2 with experts: dense networks first; sigmoid scores; the correction bias is an option."""
    known = {"conv": _conv(c), "full_attention": attention(c, qk_norm="head")}
    experts = moe(c, router=router(c, "sigmoid", correction_bias=c.flag("use_expert_bias")))
    dense, first = ffn(c, "dense"), c.natural("num_dense_layers")
    mixers = layer_types(c, known)
    layers = [[mixer, dense if index < first else experts] for index, mixer in enumerate(mixers)]
    return Draft(top(c, tied=_tied(c)), layers)


def lfm3(c: Config) -> Draft:
    """Read LFM3: windows and a gate by head; norms before and after every sublayer.

    Every head is rotated whole: where only a part has frequencies, the others are zero.
    """
    fields: dict[str, Any] = {"qk_norm": "head", "gate": "head" if c.flag("use_attention_gate") else None}
    bias = ALL if c.flag("attention_bias") else ()
    conv, full = _conv(c), attention(c, "global", bias=bias, **fields)
    window = c.count("sliding_window", None)
    local = attention(c, "local", bias=bias, window=window, **fields) if window else full
    n = c.count("num_hidden_layers")
    missing = [full if index % 4 == 2 else local if index % 4 == 0 and index else conv for index in range(n)]
    mixers = layer_types(c, {"conv": conv, "full_attention": full, "sliding_attention": local}, missing)
    network = ffn(c)
    draft = Draft(top(c), [[mixer, network] for mixer in mixers])
    if c.flag("use_sandwich_norm"):
        draft.fields["norm"] = {"place": "sandwich"}
    return draft
