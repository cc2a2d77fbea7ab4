"""Dense models whose class stands beside their published weights; ``remote.json`` says where each was read.

Where a published class and a copy of it disagree about an option, only what both agree on is taken.
"""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.families import llama as llamas
from costmodel.importers.families import llama_like
from costmodel.importers.families.layer_norms import LAYER, PARALLEL
from costmodel.importers.families.layer_norms import falcon as new_falcon
from costmodel.importers.families.llama_like import biased, even, stack
from costmodel.importers.parts import ALL, QKV, attention, ffn, further, moe, top


def mimo(c: Config) -> Draft:
    """Read MiMo: Qwen2, and layers like its last that predict further tokens."""
    c.stated("num_nextn_predict_layers")
    c.require("use_mrope", None, False)
    draft = llamas.qwen2(c)
    draft.mtp = further(c, draft.layers[-1], "num_nextn_predict_layers")
    return draft


def plain(c: Config) -> Draft:
    """Read Aquila and Yi: Llama, whose heads make up the model's width and which has no biases."""
    return stack(c, attention(c, head_dim=even(c)), ffn(c))


def phi4mm(c: Config) -> Draft:
    """Read Phi-3-vision and Phi-4-multimodal as first published: Phi-3; towers and adapters are left out."""
    for key in ("lm_head_bias", "mlp_bias", "attention_bias"):
        c.require(key, False, None)
    draft = llama_like.phi3(c)
    beside = ("embd_layer", "img_processor", "audio_processor", "vision_lora", "speech_lora")
    draft.left_out = [key for key in beside if c.get(key)]
    return draft


def internlm(c: Config) -> Draft:
    """Read InternLM: InternLM 2 without groups of queries, which a later copy of its class has a key for."""
    c.require("num_key_value_heads", None, c.count("num_attention_heads"))
    return internlm2(c)


def internlm2(c: Config) -> Draft:
    """Read InternLM 2, and XVERSE: ``bias`` stands on all four matrices of attention."""
    return stack(c, attention(c, bias=biased(c), head_dim=even(c)), ffn(c))


def exaone(c: Config) -> Draft:
    """Read EXAONE 3 and 3.5: Llama; a network of four times the width where none is given.

    ``rotary_pct`` is a key of its class, and all of a head is rotated whatever it says.
    """
    c.get("rotary_pct")
    d_ff = c.count("intermediate_size", None) or 4 * c.count("hidden_size")
    return stack(c, attention(c), ffn(c, d_ff=d_ff))


def minicpm(c: Config) -> Draft:
    """Read MiniCPM: Llama with factors that change no count; experts where there are any.

    Sparse attention is refused.
    """
    c.require("sparse_config", None)
    for key in ("scale_emb", "scale_depth", "dim_model_base", "mup_denominator"):
        c.get(key)
    experts = c.natural("num_experts", 0)
    network = moe(c, n_experts=experts, d_ff=c.count("intermediate_size")) if experts else ffn(c)
    return stack(c, attention(c, bias=biased(c), head_dim=even(c)), network)


def orion(c: Config) -> Draft:
    """Read Orion: Llama with layer norms. Whether ``attention_bias`` is heeded, the copies of its class disagree."""
    c.require("attention_bias", None, False)
    c.get("max_sequence_length")
    return stack(c, attention(c, head_dim=even(c)), ffn(c), norm=LAYER)


def baichuan(c: Config) -> Draft:
    """Read Baichuan 1 and 2. The class of the 7B has ``max_position_embeddings`` and rotates, that of the 13B ALiBi."""
    rotated = c.has("max_position_embeddings")
    for key in ("_from_model_config", "z_loss_weight"):
        c.get(key)
    heads = c.count("num_attention_heads")
    c.require("num_key_value_heads", None, heads)
    longest = {} if rotated else {"max_context": c.count("model_max_length")}
    c.get("model_max_length")
    return stack(c, attention(c, kv_heads=heads, head_dim=even(c), rope=rotated), ffn(c), **longest)


def qwen(c: Config) -> Draft:
    """Read the first Qwen: biases on q, k and v; ``intermediate_size`` is the gate's and the other's together."""
    c.require("no_bias", True)
    c.require("n_inner", None)
    c.require("apply_residual_connection_post_layernorm", False, None)
    for key in (
        "bf16", "fp16", "fp32", "onnx_safe", "seq_length", "softmax_in_fp32", "use_dynamic_ntk", "use_logn_attn",
    ):  # fmt: skip
        c.get(key)
    heads, both = c.count("num_attention_heads"), c.count("intermediate_size")
    if both % 2:
        c.refuse("intermediate_size", f"intermediate_size {both} is the width of two matrices, and odd")
    head_dim = _filling(c, c.count("kv_channels"))
    share = c.share("rotary_pct", 1.0)
    rotated = None if share == 1 else int(head_dim * share)
    mixer = attention(c, heads=heads, kv_heads=heads, head_dim=head_dim, bias=QKV, rope_dim=rotated)
    return stack(c, mixer, ffn(c, d_ff=both // 2))


def chatglm(c: Config) -> Draft:
    """Read ChatGLM 2 and 3 and the GLM-4 9B of 2024: half of a head is rotated; key heads where there are groups.

    A bias of all matrices is refused, since the copies of its class disagree about the head.
    """
    c.stated("tie_word_embeddings")
    for key, fixed in (("tie_word_embeddings", False), ("add_bias_linear", False), ("quantization_bit", 0)):
        c.require(key, None, fixed)
    c.require("pre_seq_len", None)
    for key in (
        "apply_query_key_layer_scaling", "apply_residual_connection_post_layernorm", "attention_softmax_in_fp32",
        "bias_dropout_fusion", "fp32_residual_connection", "interleaved_qkv", "original_rope", "prefix_projection",
        "rope_ratio",
    ):  # fmt: skip
        c.get(key)
    heads, groups = c.count("num_attention_heads"), c.count("num_key_value_heads")
    head_dim = _filling(c, c.count("kv_channels"))
    mixer = attention(
        c,
        kv_heads=groups if c.flag("multi_query_attention") else heads,
        head_dim=head_dim,
        bias=biased(c, QKV, "add_qkv_bias"),
        rope_dim=head_dim // 2,
    )
    norm: dict[str, Any] = {} if c.flag("rmsnorm") else {"kind": "layer"}
    norm |= {} if c.flag("post_layer_norm") else {"final": False}
    return stack(c, mixer, ffn(c), **({"norm": norm} if norm else {}))


def phi_msft(c: Config) -> Draft:
    """Read Phi-1.5 and 2 as first published: biases everywhere, sublayers side by side behind one norm."""
    for key in ("flash_attn", "flash_rotary", "fused_dense"):
        c.get(key)
    d_model, heads = c.count("n_embd"), c.count("n_head")
    if d_model % heads:
        c.refuse("n_head", f"{heads} heads do not divide the {d_model} values of n_embd")
    mixer = attention(
        c,
        heads=heads,
        kv_heads=c.count("n_head_kv", heads),
        head_dim=d_model // heads,
        bias=ALL,
        rope_dim=c.count("rotary_dim"),
    )
    network = ffn(c, d_ff=c.count("n_inner", None) or 4 * d_model, gated=False, bias=True)
    fields = {"d_model": d_model, "vocab_size": c.count("vocab_size"), "max_context": c.count("n_positions")}
    c.require("tie_word_embeddings", False)
    return Draft(fields | {"norm": PARALLEL, "head": {"bias": True}}, [[mixer, network]] * c.count("n_layer"))


def falcon_7b(c: Config) -> Draft:
    """Read Falcon 7B as first published: the old architecture of Falcon."""
    c.stated("multi_query", "parallel_attn", "bias", "alibi")
    c.require("new_decoder_architecture", False, None)
    return new_falcon(c.as_type("falcon"))


def falcon_40b(c: Config) -> Draft:
    """Read Falcon 40B as first published: the new architecture, whose keys its class does not have yet."""
    c.stated("num_kv_heads", "alibi")
    fixed = {key: c.require(key, True) for key in ("new_decoder_architecture", "parallel_attn")}
    return new_falcon(c.overlaid(fixed).as_type("falcon"))


def _filling(c: Config, head_dim: int) -> int:
    """Return the width of a head, of which all together must be as wide as the model."""
    heads, d_model = c.count("num_attention_heads"), c.count("hidden_size")
    if heads * head_dim != d_model:
        c.refuse("kv_channels", f"{heads} heads of {head_dim} are not the {d_model} values of hidden_size")
    return head_dim


def nemotron_nas(c: Config) -> Draft:
    """Read DeciLM and Llama-Nemotron: Llama, in which ``block_configs`` says of every layer what it has.

    A sublayer that does nothing has no norm either. Replacing one by a matrix, windows and sinks are refused.
    """
    for key in ("num_key_value_heads", "intermediate_size"):
        c.get(key)  # of the class of Llama; layers have their own
    c.require("position_embedding_type", "rope", None)
    c.flag("attention_bias")
    c.flag("mlp_bias")
    blocks = c.each("block_configs", "nemotron-nas.block", c.count("num_hidden_layers"))
    layers = [[_decilm_attention(c, block.sub("attention")), _decilm_ffn(c, block.sub("ffn"))] for block in blocks]
    return Draft(top(c), layers)


def _decilm_attention(c: Config, block: Config) -> Part | None:
    if _does_nothing(block, "window_length", "num_sink_tokens"):
        block.get("n_heads_in_group")
        return None
    heads, group = c.count("num_attention_heads"), block.count("n_heads_in_group")
    if heads % group:
        block.refuse("n_heads_in_group", f"groups of {group} do not divide {heads} heads")
    return attention(c, kv_heads=heads // group, bias=biased(c))


def _decilm_ffn(c: Config, block: Config) -> Part | None:
    if _does_nothing(block, "moe"):
        for key in ("ffn_mult", "intermediate_size"):
            block.get(key)
        return None
    block.require("gated", True, None)
    d_ff = block.count("intermediate_size", None)
    multiple = block.share("ffn_mult", None)
    if (d_ff is None) == (multiple is None):
        block.refuse("ffn_mult", "a network has either ffn_mult or intermediate_size")
    if d_ff is None:
        d_ff = -(-int(2 * multiple * c.count("hidden_size") / 3) // 256) * 256  # in floats, as the class does
    return ffn(c, d_ff=d_ff, bias=c.flag("mlp_bias") or None)


def _does_nothing(block: Config, *absent: str) -> bool:
    """Say whether a sublayer of a layer is left out; refuse what none of the published models has."""
    for key in ("replace_with_linear", "sparsify", "unshifted_sink", "use_prefill_window_in_sink_attention", *absent):
        block.require(key, None, False)
    return block.flag("no_op")
