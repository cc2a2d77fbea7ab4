"""GPT-2 and its time: layer norms, biases, learned or fixed positions that are added to the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.harmless import is_harmless
from costmodel.importers.parts import ALL, attention, ffn

LAYER: dict[str, Any] = {"kind": "layer"}
POST: dict[str, Any] = {"kind": "layer", "place": "post", "final": False}


def fields(c: Config, width: str, longest: str | None, **more: Any) -> dict[str, Any]:
    """Return the fields above the blocks, with the names that a class has for width and longest context."""
    found: dict[str, Any] = {"d_model": c.count(width), "vocab_size": c.count("vocab_size")}
    if longest:
        found["max_context"] = c.count(longest)
    if c.flag("tie_word_embeddings"):
        found["tied"] = True
    return found | more


def heads(
    c: Config,
    width: str,
    key: str,
    name: str = "attention",
    *,
    kv_heads: int | None = None,
    bias: Sequence[str] = ALL,
    **more: Any,
) -> Part:
    """Return attention without rotation, whose heads make up the model's width together."""
    d_model, n_heads = c.count(width), c.count(key)
    if d_model % n_heads:
        c.refuse(key, f"{n_heads} heads do not divide the {d_model} values of {width}")
    kv_heads = kv_heads or n_heads
    return attention(
        c, name, heads=n_heads, kv_heads=kv_heads, head_dim=d_model // n_heads, bias=bias, rope=False, **more
    )


def plain(c: Config, d_ff: int, *, bias: bool = True) -> Part:
    """Return a network without a gate."""
    return ffn(c, d_ff=d_ff, gated=False, bias=bias or None)


def gpt2(c: Config) -> Draft:
    """Read GPT-2 and what has its class; the first keys are from older versions of it."""
    for key in (
        "n_ctx",
        "n_special",
        "predict_special_tokens",
        "scale_attn_by_inverse_layer_idx",
        "reorder_and_upcast_attn",
    ):
        c.get(key)
    c.require("add_cross_attention", False, None)
    network = plain(c, c.count("n_inner", None) or 4 * c.count("n_embd"))
    top = fields(c, "n_embd", "n_positions", positions=c.count("n_positions"), norm=LAYER)
    return Draft(top, [[heads(c, "n_embd", "n_head"), network]] * c.count("n_layer"))


def gpt_bigcode(c: Config) -> Draft:
    """Read SantaCoder and StarCoder: GPT-2 with one key head where ``multi_query`` says so.

    The published file has switches of a program that runs it.
    """
    c.get("num_key_value_heads")  # the class writes it and sets it itself
    for key in (
        "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "inference_runner", "pre_allocate_kv_cache",
        "validate_runner_input", "pad_key_length", "max_batch_size", "max_sequence_length",
    ):  # fmt: skip
        c.get(key)
    c.require("add_cross_attention", False, None)
    mixer = heads(c, "n_embd", "n_head", kv_heads=1 if c.flag("multi_query") else None)
    network = plain(c, c.count("n_inner", None) or 4 * c.count("n_embd"))
    top = fields(c, "n_embd", "n_positions", positions=c.count("n_positions"), norm=LAYER)
    return Draft(top, [[mixer, network]] * c.count("n_layer"))


def gpt_neo(c: Config) -> Draft:
    """Read GPT-Neo: a bias on the output of attention alone; kinds of layers as [[kinds], times]."""
    n = c.count("num_layers")
    kinds: list[Any] = []
    turns = c.get("attention_types") or [[["global", "local"], 12]]
    try:
        for names, times in turns:
            kinds += names * times
    except (TypeError, ValueError):
        c.refuse("attention_types", "attention_types should be a list of [[kinds], times]")
    if len(kinds) != n or not set(kinds) <= {"global", "local"}:
        c.refuse("attention_types", f"attention_types should say global or local of each of {n} layers")
    c.require("attention_layers", kinds, None, why="contradicts attention_types")
    window = c.count("window_size")
    mixers = {
        "global": heads(c, "hidden_size", "num_heads", "global" if "local" in kinds else "attention", bias=["o"]),
        "local": heads(c, "hidden_size", "num_heads", "local", bias=["o"], window=window),
    }
    network = plain(c, c.count("intermediate_size", None) or 4 * c.count("hidden_size"))
    longest = "max_position_embeddings"
    top = fields(c, "hidden_size", longest, positions=c.count(longest), norm=LAYER)
    return Draft(top, [[mixers[kind], network] for kind in kinds])


def openai(c: Config) -> Draft:
    """Read the first GPT: norms behind the residual sums, none after the last layer."""
    c.get("n_ctx")
    network = plain(c, 4 * c.count("n_embd"))
    c.get("afn")  # its activation
    top = fields(c, "n_embd", "n_positions", positions=c.count("n_positions"), norm=POST)
    return Draft(top, [[heads(c, "n_embd", "n_head"), network]] * c.count("n_layer"))


def ctrl(c: Config) -> Draft:
    """Read CTRL: positions that are computed, and a bias on the head."""
    top = fields(c, "n_embd", "n_positions", norm=LAYER, head={"bias": True})
    return Draft(top, [[heads(c, "n_embd", "n_head"), plain(c, c.count("dff"))]] * c.count("n_layer"))


def opt(c: Config) -> Draft:
    """Read OPT and Galactica: two rows of positions more than the context; perhaps a narrower table.

    Norms behind sublayers leave none after the last layer. Norms may have no weights.
    """
    longest = "max_position_embeddings"
    c.get("layerdrop")
    is_before, has_weights = c.flag("do_layer_norm_before"), c.flag("layer_norm_elementwise_affine")
    norm: dict[str, Any] = {"kind": "layer" if has_weights else "none"}
    norm |= {} if is_before else {"place": "post"}
    if c.flag("_remove_final_layer_norm") or not is_before:
        norm["final"] = False
    bias = c.flag("enable_bias")
    top = fields(c, "hidden_size", longest, positions=c.count(longest) + 2)
    width = c.count("word_embed_proj_dim", None)
    if width and width != top["d_model"]:
        top["embedding"] = {"width": width}
    mixer = heads(c, "hidden_size", "num_attention_heads", bias=ALL if bias else ())
    layer = [mixer, plain(c, c.count("ffn_dim"), bias=bias)]
    return Draft(top | {"norm": norm}, [layer] * c.count("num_hidden_layers"))


def biogpt(c: Config) -> Draft:
    """Read BioGPT: two rows of positions more than the context."""
    longest = "max_position_embeddings"
    top = fields(c, "hidden_size", longest, positions=c.count(longest) + 2, norm=LAYER)
    layer = [heads(c, "hidden_size", "num_attention_heads"), plain(c, c.count("intermediate_size"))]
    return Draft(top, [layer] * c.count("num_hidden_layers"))


def xglm(c: Config) -> Draft:
    """Read XGLM: positions that are computed."""
    c.require("add_cross_attention", False, None)
    top = fields(c, "d_model", "max_position_embeddings", norm=LAYER)
    return Draft(top, [[heads(c, "d_model", "attention_heads"), plain(c, c.count("ffn_dim"))]] * c.count("num_layers"))


def bloom(c: Config) -> Draft:
    """Read BLOOM: ALiBi, and a norm behind the embedding. Published files call the width ``n_embed``.

    ``seq_length``, which some have, is the length it was trained with.
    """
    width = "n_embed" if c.has("n_embed") else "hidden_size"
    c.get("hidden_size")
    for key in (
        "apply_residual_connection_post_layernorm", "attention_softmax_in_fp32", "bias_dropout_fusion",
        "masked_softmax_fusion", "offset_alibi", "seq_length", "skip_bias_add", "skip_bias_add_qkv", "slow_but_exact",
    ):  # fmt: skip
        c.get(key)
    layer = [heads(c, width, "n_head"), plain(c, 4 * c.count(width))]
    return Draft(fields(c, width, None, embedding={"norm": "layer"}, norm=LAYER), [layer] * c.count("n_layer"))


def mpt(c: Config) -> Draft:
    """Read MPT: ALiBi, no biases, not in the norms either. What its class has in the file and does not do is refused.

    So ``learned_pos_emb``, which is true in published files, means nothing beside ALiBi.
    """
    inner = c.get("attn_config") or {}
    known = {"attn_type": "multihead_attention", "alibi": True, "qk_ln": False, "prefix_lm": False, "rope": False}
    harmless = {"alibi_bias_max", "attn_impl", "attn_uses_sequence_id", "softmax_scale"}
    for key, value in inner.items() if isinstance(inner, dict) else ():
        off = value in (None, False) or key in harmless or is_harmless(key)
        if known.get(key, value if off else None) != value:
            c.refuse("attn_config", f"attn_config.{key[:64]} is not understood here")
    for key in ("embedding_fraction", "init_config", "learned_pos_emb", "verbose"):
        c.get(key)
    c.require("expansion_ratio", 4)
    c.require("no_bias", True)
    c.require("norm_type", "low_precision_layernorm", "layernorm")
    layer = [heads(c, "d_model", "n_heads", bias=()), plain(c, 4 * c.count("d_model"), bias=False)]
    top = fields(c, "d_model", "max_seq_len", norm={"kind": "layer", "bias": False})
    return Draft(top, [layer] * c.count("n_layers"))
