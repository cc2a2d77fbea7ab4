"""Families with a gated linear recurrence, RWKV, lightning attention, a matrix memory, or convolved attention."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import QKV, attention, ffn, layer_types, moe, top

_LIGHTNING_CHUNK, _MLSTM_CHUNK = 256, 64  # what the blocks have unless told otherwise


def recurrent_gemma(c: Config) -> Draft:
    """Read RecurrentGemma: ``intermediate_size`` is that of gate and up together, half of it each one's.

    ``block_types`` are turns that repeat to the end. Every projection has a bias but q, k and v.
    """
    n = c.count("num_hidden_layers")
    for key in ("logits_soft_cap", "w_init_variance_scale", "final_w_init_variance_scale"):
        c.get(key)
    c.get("embeddings_scale_by_sqrt_dim")  # a constant factor
    bias = (*(QKV if c.flag("attention_bias") else ()), "o")
    local = attention(c, "local", bias=bias, rope_share=0.5, window=c.count("attention_window_size"))
    heads, inner = c.count("num_attention_heads"), c.count("lru_width", c.count("hidden_size"))
    if inner % heads:
        c.refuse("lru_width", f"lru_width {inner} cannot be shared by {heads} heads")
    fields: dict[str, Any] = {
        "kind": "rg_lru",
        "n_heads": heads,
        "head_dim": inner // heads,
        "d_conv": c.count("conv1d_width"),
    }
    recurrent = Part("recurrent", fields)
    turns = c.list_of(str, "block_types")
    for index, word in enumerate(turns):
        if word not in ("recurrent", "attention"):
            c.refuse("block_types", f'block_types[{index}] is "{word[:64]}"', "known: recurrent, attention")
    both = c.count("intermediate_size")
    if both < 2:
        c.refuse("intermediate_size", "intermediate_size is that of gate and up together, at least 2")
    mlp = ffn(c, d_ff=both // 2, bias=True)
    words = (list(turns) * 100)[:n]  # as the class does, which knows no more than a hundred turns
    if len(words) < n:
        c.refuse("block_types", f"block_types gives {len(words)} layers, and there are {n}")
    return Draft(top(c), [[recurrent if word == "recurrent" else local, mlp] for word in words])


def rwkv(c: Config) -> Draft:
    """Read RWKV-4: a norm after the embedding; ``context_length`` is that of training, and no limit."""
    width = c.count("hidden_size")
    c.get("context_length")
    time = Part("time_mix", {"kind": "rwkv4_time_mix", "d_inner": c.count("attention_hidden_size", width)})
    d_ff = c.count("intermediate_size", 4 * width)
    channel = Part("channel_mix", {"kind": "rwkv4_channel_mix", "d_ff": d_ff})
    c.get("rescale_every")  # divides weights and activations by two, for the range of fp16
    fields: dict[str, Any] = {"d_model": width, "vocab_size": c.count("vocab_size")}
    if c.flag("tie_word_embeddings"):
        fields["tied"] = True
    fields |= {"embedding": {"norm": "layer"}, "norm": {"kind": "layer"}}
    return Draft(fields, [[time, channel]] * c.count("num_hidden_layers"))


def minimax(c: Config) -> Draft:
    """Read MiniMax-Text-01 and M1: layers take turns from a full attention on; the state has the model's dtype.

    The files of the vendor say ``attn_type_list`` (0: lightning) and ``layernorm_*`` for what the class of
    transformers calls ``layer_types`` and ``*_factor``; these are constants of the residual stream, as
    ``postnorm`` is which of two values passes by. ``rotary_dim`` is theirs too. Their types have no turns
    where a file says nothing.
    """
    for kind, other in (("full_attn", "full_attention"), ("linear_attn", "linear_attention"), ("mlp", "mlp")):
        for factor in ("alpha", "beta"):
            c.get(f"{kind}_{factor}_factor")
            c.get(f"layernorm_{other}_{factor}")
    for key in ("postnorm", "shared_moe_mode"):
        c.get(key)
    c.require("shared_intermediate_size", 0, None, why="is a shared expert, which no published model has")
    n, heads, size = c.count("num_hidden_layers"), c.count("num_attention_heads"), c.count("block_size")
    head_dim = c.count("head_dim", None) or c.count("hidden_size") // heads
    rotated = c.count("rotary_dim", head_dim)
    full = attention(
        c, "full", window=c.count("sliding_window", None), rope_dim=rotated if rotated != head_dim else None
    )
    fields: dict[str, Any] = {"kind": "lightning", "n_heads": heads, "head_dim": head_dim, "state_dtype": "model"}
    linear = Part("linear", fields | ({"chunk_size": size} if size != _LIGHTNING_CHUNK else {}))
    listed = c.list_of(int, "attn_type_list", n, None)
    if listed is None and c.model_type != "minimax":
        c.refuse("attn_type_list", f"attn_type_list is missing, and {c.model_type} has no default for it")
    if wrong := [of for of in listed or () if of not in (0, 1)]:
        c.refuse("attn_type_list", f"attn_type_list has {wrong[0]}", "known: 0 (lightning), 1 (full)")
    turns = [full if of else linear for of in (listed or [1 - index % 2 for index in range(n)])]
    mixers = layer_types(c, {"full_attention": full, "linear_attention": linear}, turns)
    experts = moe(c, n_experts=c.count("num_local_experts"), d_ff=c.count("intermediate_size"))
    return Draft(top(c), [[mixer, experts] for mixer in mixers])


def zaya(c: Config) -> Draft:
    """Read ZAYA1: the first layer's router has no state of a router before it; one of the experts does nothing.

    Windows and what is rotated are told layer by layer: by words of ``layer_types``, and of ``rope_parameters``.
    """
    n, width = c.count("num_hidden_layers"), c.count("head_dim")
    heads, groups = c.count("num_attention_heads"), c.count("num_key_value_heads")
    if groups * width % 2:
        c.refuse("head_dim", f"head_dim {width} gives values that have no half")
    taps = {"d_conv": c.count("cca_time0"), "d_conv_heads": c.count("cca_time1")}
    found = {"kind": "cca", "n_heads": heads, "n_kv_heads": groups, "head_dim": width} | taps
    if c.flag("attention_bias"):
        found["bias"] = True
    window, rope = c.count("sliding_window", None), c.get("rope_parameters")
    mixers = {}
    for word, name in (("hybrid", "attention"), ("hybrid_sliding", "local")):
        of = rope.get(word, rope) if isinstance(rope, dict) else {}
        share = of.get("partial_rotary_factor", 0.5 if rope is None else 1) if isinstance(of, dict) else None
        if not isinstance(share, (int, float)) or not 0 < share <= 1:
            c.refuse("rope_parameters", f"rope_parameters of {word} do not say which share of a head is rotated")
        fields = found | ({"rope_dim": rotated} if (rotated := int(width * share)) != width else {})
        mixers[word] = Part(name, fields | ({"window": window} if word == "hybrid_sliding" else {}))
    order = layer_types(c, mixers, [mixers["hybrid"]] * n)
    if window is None and mixers["hybrid_sliding"] in order:
        c.refuse("sliding_window", "sliding_window is null, and there are layers of hybrid_sliding")
    c.require("num_experts_per_tok", 1)
    router = {"hidden": c.count("router_hidden_size"), "correction_bias": True}
    first, others = (
        moe(c, name, zero_experts=1, router=router | more)
        for name, more in (("first_moe", {}), ("moe", {"carried": True}))
    )
    fields = top(c) | ({"head": {"bias": True}} if c.flag("lm_head_bias") else {})
    layers = [[mixer, others if index else first] for index, mixer in enumerate(order)]
    return Draft(fields, layers, more={"residual_scale": {}})


def xlstm(c: Config) -> Draft:
    """Read xLSTM: widths are factors of the stream's, cut to a whole number; the network's is rounded up."""
    width = c.count("hidden_size", None) or c.count("embedding_dim")
    if (c.count("embedding_dim", None) or width) != width:
        c.refuse("embedding_dim", f"embedding_dim differs from hidden_size {width}, and nothing projects between them")
    n = c.count("num_hidden_layers", None) or c.count("num_blocks")
    n = c.count("num_blocks", None) or n
    c.require("use_bias", False, why="gives RMS norms a bias, which is not understood")
    c.require("mode", "inference", "train", "train_with_padding")
    for key in ("add_out_norm", "weight_mode", "return_last_states", "norm_reduction_force_float32", "eps"):
        c.get(key)  # the class has the last norm whatever the key says; matrices in one piece count the same
    for key in ("chunkwise_kernel", "sequence_kernel", "step_kernel", "autocast_kernel_dtype"):
        c.get(key)
    for key in ("gate_soft_cap", "output_logit_soft_cap", "max_inference_chunksize"):
        c.get(key)
    c.require("inference_state_dtype", "float32", why="is not what the states of this kind are kept in")
    heads = c.count("num_heads")
    keys, values = (int(width * c.share(key)) for key in ("qk_dim_factor", "v_dim_factor"))
    for name, inner in (("qk_dim_factor", keys), ("v_dim_factor", values)):
        if not inner or inner % heads:
            c.refuse(name, f"{name} gives {inner} values, which {heads} heads cannot share")
    fields: dict[str, Any] = {
        "kind": "mlstm",
        "n_heads": heads,
        "qk_head_dim": keys // heads,
        "v_head_dim": values // heads,
    }
    if (size := c.count("chunk_size")) != _MLSTM_CHUNK:
        fields["chunk_size"] = size
    multiple = c.count("ffn_round_up_to_multiple_of")
    d_ff = int((width * c.share("ffn_proj_factor") + multiple - 1) // multiple * multiple)
    c.get("tie_word_embeddings")  # the class has no tables to tie
    return Draft(top(c, tied=False), [[Part("mlstm", fields), ffn(c, d_ff=d_ff)]] * n)
