"""The architectures of llama.cpp that are read, and whose adapter reads each. Data.

What an architecture fixes without saying it in the file (which layers have windows, say) is from
llama.cpp, src/models, of the release that llama-cpp-python 0.3.36 ships; a test compares every row
with what llama.cpp's own converter writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from costmodel.importers.gguf.choices import (
    cohere2moe,
    deepseek2,
    ernie_experts,
    gemma3n,
    gemma4,
    granite_swa,
    laguna,
    llama,
    llama4,
    norms_in_parallel,
    olmo2,
)
from costmodel.importers.gguf.facts import ratio
from costmodel.importers.gguf.recurrent import (
    BAMBA,
    BAMBA_FLAGS,
    MAMBA2,
    NEMOTRON_H,
    delta,
    granite_hybrid,
    jamba,
    mamba,
    one_block_a_layer,
    short_conv,
    whole_expand,
)
from costmodel.importers.gguf.rows import (
    BIAS,
    BIAS_OF_LATENT,
    BIASES,
    CORRECTION,
    NO_WINDOWS,
    SIGMOID,
    Choice,
    Row,
    beside,
    dense_first,
    experts_only,
    further,
    gating,
    head_bias,
    indexer,
    latent,
    number,
    own_indexer,
    parallel,
    rotary_share,
    sparse,
    window,
    windows,
)

SHARED_WIDTH = number("expert_shared_feed_forward_length", "shared_expert_intermediate_size")
EVERY_LAYER = {"decoder_sparse_step": 1, "mlp_only_layers": None}

MPT = {
    "attn_config": {"alibi": True},
    "expansion_ratio": 4,
    "no_bias": True,
    "norm_type": "low_precision_layernorm",
    "learned_pos_emb": True,
    "verbose": 0,
}
COHERE2_MOE = {
    "shared_expert_combination_strategy": "average",
    "prefix_dense_sliding_window_pattern": 1,
    "sliding_window_pattern": 4,
}
NEMOTRON = Row(
    "nemotron_h",
    flags={"use_bias": "ssm_in.bias", "use_conv_bias": "ssm_conv1d.bias", "mlp_bias": "ffn_up.bias"},
    fixed={"mtp_layers_block_type": ["attention", "moe"]},
    unused="mamba_ssm_cache_dtype hybrid_override_pattern mtp_hybrid_override_pattern expand"
    " moe_shared_expert_overlap n_shared_experts",
    parts=[NEMOTRON_H, one_block_a_layer, gating(2, 1), further],
)

ROWS: Mapping[str, Row | Choice] = MappingProxyType(
    {
        "llama": llama,
        "arcee": Row("arcee", flags=BIASES),
        "apertus": Row("apertus", flags=BIAS),
        "qwen2": Row("qwen2", fixed=NO_WINDOWS, unused="max_window_layers"),
        "qwen3": Row("qwen3", flags=BIAS, fixed=NO_WINDOWS, unused="max_window_layers"),
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
        "phi3": Row("phi3", parts=[window]),
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
        "hunyuan-moe": Row(
            "hunyuan_v1_moe",
            keys={"expert_used_count": "moe_topk"},
            flags=BIAS,
            parts=[experts_only, beside("num_shared_expert")],
        ),
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
            parts=[parallel],
        ),
        "starcoder": Row(
            "gpt_bigcode",
            keys={"feed_forward_length": "n_inner"},
            unused="attention_softmax_in_fp32 scale_attention_softmax_in_fp32",
            parts=[lambda facts: {"multi_query": facts.kv_heads == 1}],
        ),
        "starcoder2": Row("starcoder2", flags={"use_bias": "attn_output.bias"}, unused="sliding_window"),
        "bloom": Row("bloom"),
        "mpt": Row("mpt", keys={"context_length": "max_seq_len"}, fixed=MPT, unused="embedding_fraction init_config"),
        "gpt2": Row(
            "gpt2",
            keys={"feed_forward_length": "n_inner"},
            unused="n_ctx n_special predict_special_tokens scale_attn_by_inverse_layer_idx reorder_and_upcast_attn",
        ),
        "mistral3": Row("ministral3", unused="sliding_window"),
        "phimoe": Row("phimoe", flags=BIAS, parts=[window, head_bias]),
        "granite_swa": granite_swa,
        "cohere2moe": Row(
            "cohere2_moe",
            flags=BIAS,
            fixed=COHERE2_MOE,
            parts=[windows(4, dense_first=True), dense_first(), beside("num_shared_experts"), cohere2moe],
        ),
        "gemma3n": Row(
            "gemma3n_text",
            flags=BIAS,
            fixed={"altup_correct_scale": True},
            unused="altup_coef_clip altup_active_idx activation_sparsity_pattern",
            parts=[gemma3n],
        ),
        "gemma4": Row("gemma4_text", flags=BIAS, parts=[gemma4]),
        "laguna": Row(
            "laguna",
            flags=BIAS,
            fixed={"moe_apply_router_weight_on_input": False},
            unused="moe_routed_scaling_factor moe_router_logit_softcapping",
            parts=[windows(4, dense_first=True), SHARED_WIDTH, SIGMOID, sparse, laguna],
        ),
        "deepseek32": Row(
            "deepseek_v32",
            flags=BIAS_OF_LATENT,
            unused="mlp_layer_types",
            parts=[latent, indexer, dense_first(), beside("n_shared_experts"), gating(2, 1), further],
        ),
        "glm-dsa": Row(
            "glm_moe_dsa",
            flags=BIAS_OF_LATENT,
            unused="index_topk_pattern index_topk_freq index_skip_topk_offset mlp_layer_types",
            parts=[latent, indexer, own_indexer, dense_first(), beside("n_shared_experts"), gating(2, 1), further],
        ),
        "qwen3next": Row("qwen3_next", flags=BIAS, fixed=EVERY_LAYER, parts=[delta, SHARED_WIDTH]),
        "qwen35": Row("qwen3_5_text", flags=BIAS, parts=[delta]),
        "qwen35moe": Row("qwen3_5_moe_text", flags=BIAS, parts=[delta, SHARED_WIDTH]),
        "nemotron_h": NEMOTRON,
        "nemotron_h_moe": NEMOTRON,
        "chatglm": Row("glm", flags=BIAS),
        "mellum": Row("mellum", parts=[windows(4)]),
        "gptneox": Row(
            "gpt_neox",
            flags=BIAS,
            parts=[
                rotary_share,
                lambda facts: {"use_parallel_residual": bool(facts.get("use_parallel_residual", True))},
            ],
        ),
        "falcon": Row(
            "falcon",
            flags={"bias": "attn_output.bias"},
            fixed={"activation": "gelu", "parallel_attn": True, "alibi": False},
            parts=[norms_in_parallel],
        ),
        "command-r": Row("cohere", flags=BIAS | {"use_qk_norm": "attn_q_norm.weight"}),
        "cohere2": Row("cohere2", flags=BIAS, fixed={"sliding_window_pattern": 4}, parts=[windows(4)]),
        "minicpm3": Row(
            "minicpm3", flags=BIAS_OF_LATENT, unused="scale_emb scale_depth dim_model_base", parts=[latent]
        ),
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
            keys={
                "ssm.state_size": "mamba_d_state",
                "ssm.conv_kernel": "mamba_d_conv",
                "ssm.time_step_rank": "mamba_dt_rank",
            },
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
            flags={"use_expert_bias": CORRECTION},
            parts=[short_conv, dense_first("num_dense_layers"), SIGMOID],
        ),
        "qwen2moe": Row(
            "qwen2_moe",
            flags={"qkv_bias": "attn_q.bias"},
            fixed=NO_WINDOWS | EVERY_LAYER | {"max_window_layers": 0},
            parts=[SHARED_WIDTH],
        ),
        "qwen3moe": Row("qwen3_moe", flags=BIAS, fixed=NO_WINDOWS | EVERY_LAYER),
        "gpt-oss": Row("gpt_oss", flags=BIAS, unused="swiglu_alpha swiglu_limit", parts=[windows(2), experts_only]),
        "llama4": Row(
            "llama4_text",
            flags=BIAS,
            fixed={"attention_chunk_size": 8192, "no_rope_layer_interval": 4},
            unused="attn_temperature_tuning floor_scale attn_scale",
            parts=[llama4],
        ),
        "minimax-m2": Row(
            "minimax_m2",
            parts=[experts_only, SIGMOID, lambda f: {"rotary_dim": f.number("rope.dimension_count", f.head_dim)}],
        ),
        "dots1": Row(
            "dots1",
            flags=BIAS,
            fixed=NO_WINDOWS | {"max_window_layers": 0},
            parts=[dense_first(), beside("n_shared_experts"), SIGMOID, further],
        ),
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
