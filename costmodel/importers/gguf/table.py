"""The architectures of llama.cpp that are read, and whose adapter reads each. Data, and a few functions for lists.

What an architecture fixes without saying it in the file (which layers have windows, say) is from
llama.cpp, src/models, release b9940 of 2026 and gguf-py 0.19; a test compares every row with what
llama.cpp's own converter writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from costmodel.importers.gguf.facts import Facts, period, ratio


Part: TypeAlias = Callable[[Facts], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """How the keys of an architecture are those of a configuration.

    ``keys``: key of the file -> key of the configuration, beside the usual ones. ``flags``: a key that is
    true where some layer has one of these tensors. ``fixed``: what the architecture is. ``unused``: keys
    that the family's class has and no file of the architecture needs. ``parts``: functions for what is
    not one key.
    """

    model_type: str
    keys: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    unused: str = ""
    parts: Sequence[Part] = ()


Choice: TypeAlias = Callable[[Facts], Row]

BIAS = {"attention_bias": "attn_q.bias attn_qkv.bias"}
BIASES = BIAS | {"mlp_bias": "ffn_up.bias"}
# Keys of window that say that there is none.
NO_WINDOWS = {"sliding_window": None, "layer_types": None, "use_sliding_window": False}


def windows(turn: int) -> Part:
    """Return what reads windows of all layers but every ``turn``-th one."""
    return lambda facts: facts.windows(turn)


def number(key: str, name: str, missing: int | None = None) -> Part:
    """Return what reads a number that may be missing."""
    return lambda facts: {name: facts.number(key, missing)}


def dense_first(name: str = "first_k_dense_replace") -> Part:
    """Return what reads how many layers come before those with experts."""
    return number("leading_dense_block_count", name, 0)


def further(facts: Facts) -> dict[str, Any]:
    """Return how many layers predict further tokens."""
    return {"num_nextn_predict_layers": facts.further}


def experts_only(facts: Facts) -> dict[str, Any]:
    """Return the width of an expert as that of the network, where a family calls it so."""
    return {"intermediate_size": facts.shape("ffn_up_exps.weight")[1]}


def beside(name: str) -> Part:
    """Return what reads how many experts of the same width every token uses: as a number, and as their width."""

    def shared(facts: Facts) -> dict[str, Any]:
        wide, one = facts.number("expert_shared_feed_forward_length", 0), facts.shape("ffn_up_exps.weight")[1]
        count = facts.number("expert_shared_count", wide // one)
        if wide not in (0, count * one):
            facts.wrong("expert_shared_feed_forward_length", f"{count * one}, as experts are wide")
        return {name: count}

    return shared


def gating(*known: int) -> Part:
    """Return what takes note of how experts are scored: 1 by a softmax, 2 by a sigmoid."""

    def scored(facts: Facts) -> dict[str, Any]:
        if facts.number("expert_gating_func", known[0]) not in known:
            facts.wrong("expert_gating_func", f"{known[0]}, as this architecture scores experts")
        return {}

    return scored


SOFTMAX, SIGMOID = gating(1), gating(2)


def latent(facts: Facts) -> dict[str, Any]:
    """Return the sizes of latent attention: ``key_length`` is what is cached, ``key_length_mla`` what a head has."""
    rope = facts.number("rope.dimension_count")
    keys, values = facts.number("attention.key_length"), facts.number("attention.value_length", 0)
    whole = facts.number("attention.key_length_mla", keys)
    if whole < rope:
        facts.wrong("rope.dimension_count", f"at most {whole}, the width of a head")
    return {
        "q_lora_rank": facts.number("attention.q_lora_rank", 0) or None,
        "kv_lora_rank": facts.number("attention.kv_lora_rank"),
        "qk_nope_head_dim": whole - rope,
        "qk_rope_head_dim": rope,
        "v_head_dim": facts.number("attention.value_length_mla", values) or facts.shape("attn_output.weight")[1] // facts.heads,
    }


def mamba2(prefix: str, *, heads: str, width: str, state: str, groups: str, conv: str, chunk: str) -> Part:
    """Return what reads Mamba-2 into the names that a family has for its sizes.

    No file says in what pieces a scan is executed, which no count but that of executed FLOPs knows.
    """

    def sizes(facts: Facts) -> dict[str, Any]:
        channels, count = facts.number("ssm.inner_size"), facts.number("ssm.time_step_rank")
        if not count or channels % count:
            facts.wrong("ssm.time_step_rank", f"heads that divide the {channels} channels")
        found = {
            heads: count,
            width: channels // count,
            state: facts.number("ssm.state_size"),
            groups: facts.number("ssm.group_count"),
            conv: facts.number("ssm.conv_kernel"),
            chunk: 256,
        }
        return {prefix + key: value for key, value in found.items()}

    return sizes


MAMBA2 = mamba2(
    "", heads="num_heads", width="head_dim", state="state_size", groups="n_groups",
    conv="conv_kernel", chunk="chunk_size",
)  # fmt: skip
BAMBA = mamba2(
    "mamba_", heads="n_heads", width="d_head", state="d_state", groups="n_groups", conv="d_conv",
    chunk="chunk_size",
)  # fmt: skip
BAMBA_FLAGS = {"mamba_conv_bias": "ssm_conv1d.bias", "mamba_proj_bias": "ssm_in.bias"}


def whole_expand(facts: Facts) -> dict[str, Any]:
    """Return how often the channels of Mamba are as many as the stream is wide, which is a whole number."""
    channels, width = facts.number("ssm.inner_size"), facts.number("embedding_length")
    if not width or channels % width:
        facts.wrong("ssm.inner_size", f"a multiple of {width}, the width of the stream")
    return {"mamba_expand": channels // width}


def kinds(with_heads: str, without: str) -> Part:
    """Return what each layer is, by whether it has heads of keys."""

    def words(facts: Facts) -> dict[str, Any]:
        return {"layer_types": [with_heads if n else without for n in facts.by_layer("attention.head_count_kv")]}

    return words


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


def mamba(facts: Facts) -> Row:
    """Return Falcon Mamba where vectors are normed, else Mamba."""
    inner = number("ssm.inner_size", "intermediate_size")
    keys = {"ssm.state_size": "state_size", "ssm.conv_kernel": "conv_kernel", "ssm.time_step_rank": "time_step_rank"}
    flags = {"use_bias": "ssm_in.bias", "use_conv_bias": "ssm_conv1d.bias"}
    kind = "falcon_mamba" if facts.get("ssm.dt_b_c_rms") else "mamba"
    # expand is read, and intermediate_size wins
    return Row(kind, keys, flags, fixed={"expand": 2}, unused="use_falcon_mambapy", parts=[inner])


def jamba(facts: Facts) -> dict[str, Any]:
    """Return at which distances layers have attention, and experts."""
    found: dict[str, Any] = {"num_experts": facts.number("expert_count", 0) or 1}
    found["num_experts_per_tok"] = facts.number("expert_used_count", 0) or None
    attention = [n > 0 for n in facts.by_layer("attention.head_count_kv")]
    for what, there in (("attn", attention), ("expert", facts.where_is("ffn_gate_inp.weight"))):
        if (turn := period(there)) is None:
            facts.refuse(f"layers with {what} do not come at equal distances, as the family has them")
        found |= {f"{what}_layer_period": turn[0], f"{what}_layer_offset": turn[1]}
    return found


def granite_hybrid(facts: Facts) -> Row:
    """Return Bamba where a part of a head is rotated, else Granite 4."""
    parts: list[Part] = [BAMBA, whole_expand]
    rotated = facts.number("rope.dimension_count", facts.head_dim)
    if rotated != facts.head_dim:
        listed = [index for index, n in enumerate(facts.by_layer("attention.head_count_kv")) if n]
        fixed = {"attn_layer_indices": listed, "attn_rotary_emb": rotated}
        return Row("bamba", flags=BIASES | BAMBA_FLAGS, fixed=fixed, unused="layers_block_type", parts=parts)
    has_experts = facts.number("expert_count", 0) > 0
    name, key = "shared_intermediate_size", "expert_shared_feed_forward_length"
    parts += [kinds("attention", "mamba"), number(key if has_experts else "feed_forward_length", name)]
    parts += [experts_only] if has_experts else []
    rope = "rope" if facts.get("rope.scaling.finetuned", True) else "nope"
    fixed = {"position_embedding_type": rope} | ({} if has_experts else {"num_local_experts": 0})
    return Row("granitemoehybrid", flags=BIAS | BAMBA_FLAGS, fixed=fixed, parts=parts)


def short_conv(facts: Facts) -> dict[str, Any]:
    """Return the short convolutions between the layers with attention."""
    return kinds("full_attention", "conv")(facts) | {
        "conv_L_cache": facts.number("shortconv.l_cache"),
        "conv_bias": facts.has("shortconv.conv.bias"),
    }


def deepseek2(facts: Facts) -> Row:
    """Return DeepSeek-V3 where the choice of experts has a correction bias, else V2; Youtu without experts."""
    parts = [latent]
    if not facts.has("ffn_gate_inp.weight"):
        for key in ("leading_dense_block_count", "expert_feed_forward_length", "expert_shared_count"):
            facts.get(key)  # of experts that are in no layer
        return Row("youtu", flags=BIAS_OF_LATENT, parts=parts)
    corrected = facts.has("exp_probs_b.bias")
    parts += [dense_first(), beside("n_shared_experts"), gating(2, 1) if corrected else SOFTMAX]
    if corrected:
        parts.append(further)
    return Row("deepseek_v3" if corrected else "deepseek_v2", flags=BIAS_OF_LATENT, parts=parts)


BIAS_OF_LATENT = {"attention_bias": "attn_kv_a_mqa.bias", "mlp_bias": "ffn_up.bias"}


def sparse(facts: Facts) -> dict[str, Any]:
    """Return which layers have experts."""
    return {"mlp_layer_types": ["sparse" if one else "dense" for one in facts.where_is("ffn_gate_inp.weight")]}


def llama4(facts: Facts) -> dict[str, Any]:
    """Return what is fixed in llama.cpp: chunks of 8,192 in three layers of four, which alone are rotated.

    A window of 0 takes both away. Vectors are normed unless there are 128 experts.
    """
    local = [(index + 1) % 4 != 0 for index in range(facts.layers)]
    if facts.get("attention.sliding_window") == 0:
        local, rotated = [False] * facts.layers, [1] * facts.layers
    else:
        rotated = [int(one) for one in local]
    sparse = [index for index, one in enumerate(facts.where_is("ffn_gate_inp.weight")) if one]
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
        "moe_layer_end_index": max((i for i, one in enumerate(facts.where_is("ffn_gate_inp.weight")) if one), default=0),
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


SHARED_WIDTH = number("expert_shared_feed_forward_length", "shared_expert_intermediate_size")
EVERY_LAYER = {"decoder_sparse_step": 1, "mlp_only_layers": None}

ROWS: Mapping[str, Row | Choice] = MappingProxyType(
    {
        "llama": llama,
        "arcee": Row("arcee", flags=BIASES),
        "apertus": Row("apertus", flags=BIAS),
        "qwen2": Row("qwen2", fixed=NO_WINDOWS),
        "qwen3": Row("qwen3", fixed=NO_WINDOWS, flags=BIAS),
        "seed_oss": Row("seed_oss", flags=BIASES | {"attention_out_bias": "attn_output.bias"}),
        "smollm3": Row(
            "smollm3", flags=BIASES, fixed=NO_WINDOWS | {"no_rope_layer_interval": 4}, unused="no_rope_layers"
        ),
        "gemma": Row("gemma", flags=BIAS),
        "gemma2": Row(
            "gemma2",
            flags=BIAS,
            parts=[windows(2), lambda f: {"attn_logit_softcapping": f.get("attn_logit_softcapping")}],
        ),
        "gemma3": Row("gemma3_text", flags=BIAS, fixed={"sliding_window_pattern": 6}, parts=[windows(6)]),
        "phi2": Row("phi", flags={"qk_layernorm": "attn_q_norm.weight"}),
        "phi3": Row("phi3", parts=[lambda facts: {"sliding_window": facts.number("attention.sliding_window", 0) or None}]),
        "granite": Row("granite", flags=BIASES),
        "granitemoe": Row(
            "granitemoe",
            flags=BIAS,
            parts=[experts_only, number("expert_shared_feed_forward_length", "shared_intermediate_size", 0)],
        ),
        "granitehybrid": granite_hybrid,
        "exaone4": Row("exaone4", unused="sliding_window_pattern", parts=[windows(4)]),
        "olmo": Row("olmo", flags=BIAS),
        "olmo2": olmo2,
        "olmoe": Row("olmoe", flags=BIAS, parts=[experts_only]),
        "glm4": Row("glm4", flags=BIAS),
        "glm4moe": Row(
            "glm4_moe",
            flags=BIAS | {"use_qk_norm": "attn_q_norm.weight"},
            parts=[dense_first(), beside("n_shared_experts"), SIGMOID, further],
        ),
        "ernie4_5": Row("ernie4_5", flags={"use_bias": "attn_output.bias"}),
        "ernie4_5-moe": Row(
            "ernie4_5_moe",
            flags={"use_bias": "attn_output.bias"},
            unused="moe_norm_min moe_capacity",
            parts=[ernie_experts, further],
        ),
        "hunyuan-dense": Row("hunyuan_v1_dense", flags=BIAS),
        "hunyuan-moe": Row("hunyuan_v1_moe"),
        "hy_v3": Row(
            "hy_v3",
            flags=BIASES,
            unused="router_scaling_factor enable_moe_fp32_combine",
            parts=[beside("num_shared_experts"), SIGMOID, further, sparse],
        ),
        "nemotron": Row("nemotron", flags=BIASES),
        "jais2": Row("jais2", flags=BIASES),
        "stablelm": Row(
            "stablelm",
            flags={"use_qkv_bias": "attn_q.bias", "qk_layernorm": "attn_q_norm.weight"},
            parts=[lambda facts: {"use_parallel_residual": not facts.has("ffn_norm.weight")}],
        ),
        "starcoder": Row(
            "gpt_bigcode",
            keys={"feed_forward_length": "n_inner"},
            unused="attention_softmax_in_fp32 scale_attention_softmax_in_fp32",
            parts=[lambda facts: {"multi_query": facts.kv_heads == 1}],
        ),
        "starcoder2": Row("starcoder2", flags={"use_bias": "attn_output.bias"}, unused="sliding_window"),
        "bloom": Row("bloom"),
        "gpt2": Row(
            "gpt2",
            keys={"feed_forward_length": "n_inner"},
            unused="n_ctx n_special predict_special_tokens scale_attn_by_inverse_layer_idx reorder_and_upcast_attn",
        ),
        "chatglm": Row("glm", flags=BIAS),
        "mellum": Row("mellum", parts=[windows(4)]),
        "gptneox": Row(
            "gpt_neox",
            flags=BIAS,
            parts=[lambda facts: {"use_parallel_residual": bool(facts.get("use_parallel_residual", True))}],
        ),
        "falcon": Row("falcon", flags={"bias": "attn_output.bias"}, fixed={"activation": "gelu", "parallel_attn": True, "alibi": False}, parts=[norms_in_parallel]),
        "command-r": Row("cohere", flags=BIAS | {"use_qk_norm": "attn_q_norm.weight"}),
        "cohere2": Row("cohere2", flags=BIAS, fixed={"sliding_window_pattern": 4}, parts=[windows(4)]),
        "minicpm3": Row("minicpm3", flags=BIAS_OF_LATENT, unused="scale_emb scale_depth dim_model_base", parts=[latent]),
        "deepseek2": deepseek2,
        "mamba": mamba,
        "mamba2": Row(
            "mamba2",
            flags={"use_bias": "ssm_in.bias", "use_conv_bias": "ssm_conv1d.bias"},
            unused="time_step_rank norm_before_gate",
            parts=[MAMBA2, lambda f: {"expand": ratio(f.number("ssm.inner_size"), f.number("embedding_length"))}],
        ),
        "jamba": Row(
            "jamba",
            keys={"ssm.state_size": "mamba_d_state", "ssm.conv_kernel": "mamba_d_conv", "ssm.time_step_rank": "mamba_dt_rank"},
            flags=BAMBA_FLAGS,
            parts=[whole_expand, jamba],
        ),
        "falcon-h1": Row(
            "falcon_h1",
            flags=BIASES | BAMBA_FLAGS | {"mamba_rms_norm": "ssm_norm.weight", "projectors_bias": "ssm_out.bias"},
            fixed={"mamba_use_mlp": True, "mamba_expand": 1},  # mamba_d_ssm wins
            unused="attn_layer_indices mlp_expansion_factor",
            parts=[BAMBA, number("ssm.inner_size", "mamba_d_ssm")],
        ),
        "lfm2": Row(
            "lfm2",
            fixed={"block_auto_adjust_ff_dim": False, "block_multiple_of": 1},
            unused="block_ffn_dim_multiplier",
            parts=[short_conv],
        ),
        "lfm2moe": Row(
            "lfm2_moe",
            flags={"use_expert_bias": "exp_probs_b.bias"},
            parts=[short_conv, dense_first("num_dense_layers"), SIGMOID],
        ),
        "qwen2moe": Row("qwen2_moe", flags={"qkv_bias": "attn_q.bias"}, fixed=NO_WINDOWS | EVERY_LAYER | {"max_window_layers": 0}, parts=[SHARED_WIDTH]),
        "qwen3moe": Row("qwen3_moe", flags=BIAS, fixed=NO_WINDOWS | EVERY_LAYER),
        "gpt-oss": Row(
            "gpt_oss", flags=BIAS, unused="swiglu_alpha swiglu_limit", parts=[windows(2), experts_only]
        ),
        "llama4": Row(
            "llama4_text",
            flags=BIAS,
            fixed={"attention_chunk_size": 8192, "no_rope_layer_interval": 4},
            unused="attn_temperature_tuning floor_scale attn_scale",
            parts=[llama4],
        ),
        "minimax-m2": Row("minimax_m2", parts=[experts_only, SIGMOID, lambda f: {"rotary_dim": f.number("rope.dimension_count", f.head_dim)}]),
        "dots1": Row("dots1", flags=BIAS, fixed=NO_WINDOWS | {"max_window_layers": 0}, parts=[dense_first(), beside("n_shared_experts"), SIGMOID, further]),
        "exaone-moe": Row(
            "exaone_moe",
            parts=[windows(4), dense_first(), beside("num_shared_experts"), SIGMOID, further],
            unused="sliding_window_pattern",
        ),
        "afmoe": Row(
            "afmoe",
            flags=BIAS,
            unused="mup_enabled route_scale score_func global_attn_every_n_layers",
            parts=[windows(4), dense_first("num_dense_layers"), beside("num_shared_experts"), SIGMOID],
        ),
    }
)
