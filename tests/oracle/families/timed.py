"""Families large enough to be timed, one of each kind of mixer: a product takes longer than its call."""

from __future__ import annotations

from typing import Any

from .base import Family

_COMMON: dict[str, Any] = {
    "vocab_size": 4000,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}


def _without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in _COMMON.items() if name not in names}


_LATENT = {
    "num_key_value_heads": 8,
    "q_lora_rank": 256,
    "kv_lora_rank": 128,
    "qk_nope_head_dim": 64,
    "qk_rope_head_dim": 32,
    "v_head_dim": 64,
}

LLAMA = Family(
    "llama",
    {"model_type": "llama", **_COMMON, "num_hidden_layers": 6, "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 32},
    """
d_model: 512
vocab_size: 4000
n_layers: 6
blocks:
  attention: {kind: attention, n_heads: 16, n_kv_heads: 4, head_dim: 32}
  mlp: {kind: ffn, d_ff: 1408}
mixer: attention
ffn: mlp
""",
)
GEMMA3 = Family(
    "gemma3",
    {
        "model_type": "gemma3_text",
        **_COMMON,
        "num_hidden_layers": 6,
        "tie_word_embeddings": True,
        "sliding_window": 64,
        "layer_types": [*["sliding_attention"] * 5, "full_attention"],
        "query_pre_attn_scalar": 64,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 6
tied: true
norm: {place: sandwich}
blocks:
  local: {kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64, qk_norm: head, window: 64}
  global: {like: local, window: ~}
  mlp: {kind: ffn, d_ff: 1408, activation: gelu}
mixer: repeat 5 local + global
ffn: mlp
""",
)
DEEPSEEK_V3 = Family(
    "deepseek_v3",
    {
        "model_type": "deepseek_v3",
        **_without("head_dim"),
        **_LATENT,
        "num_hidden_layers": 4,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 512,
        "n_shared_experts": 1,
        "first_k_dense_replace": 1,
        "n_group": 2,
        "topk_group": 1,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 4
blocks:
  mla:
    kind: mla
    n_heads: 8
    q_lora_rank: 256
    kv_lora_rank: 128
    qk_nope_head_dim: 64
    qk_rope_head_dim: 32
    v_head_dim: 64
  dense: {kind: ffn, d_ff: 1408}
  moe:
    kind: moe
    n_experts: 8
    top_k: 2
    d_ff: 512
    shared: {d_ff: 512}
    router: {score: sigmoid, correction_bias: true, groups: 2, top_groups: 1}
mixer: mla
ffn: 1 dense then moe
""",
    fused=("k_up v_up",),
)


def _gpt_oss(name: str, *, n_layers: int, n_experts: int, top_k: int, d_ff: int) -> Family:
    return Family(
        name,
        {
            "model_type": "gpt_oss",
            **_COMMON,
            "intermediate_size": d_ff,
            "num_hidden_layers": n_layers,
            "sliding_window": 64,
            "layer_types": ["sliding_attention", "full_attention"] * (n_layers // 2),
            "num_local_experts": n_experts,
            "num_experts_per_tok": top_k,
        },
        f"""
d_model: 512
vocab_size: 4000
n_layers: {n_layers}
blocks:
  global: {{kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64, bias: [q, k, v, o], sinks: true}}
  local: {{like: global, window: 64}}
  moe: {{kind: moe, n_experts: {n_experts}, top_k: {top_k}, d_ff: {d_ff}, bias: true, router: {{bias: true}}}}
mixer: repeat local + global
ffn: moe
""",
    )


GPT_OSS = _gpt_oss("gpt_oss", n_layers=4, n_experts=8, top_k=2, d_ff=512)
GPT_OSS_WIDE = _gpt_oss("gpt_oss-64-experts", n_layers=2, n_experts=64, top_k=2, d_ff=512)
MAMBA2 = Family(
    "mamba2",
    {
        "model_type": "mamba2",
        "vocab_size": 4000,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_size": 512,
        "num_hidden_layers": 6,
        "state_size": 64,
        "expand": 2,
        "conv_kernel": 4,
        "num_heads": 16,
        "head_dim": 64,
        "n_groups": 2,
        "chunk_size": 64,
        "tie_word_embeddings": True,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 6
tied: true
blocks:
  mamba: {kind: mamba2, n_heads: 16, head_dim: 64, d_state: 64, n_groups: 2, d_conv: 4, chunk_size: 64}
layer: [mamba]
""",
    fused=("z x dt b c",),
)
JAMBA = Family(
    "jamba",
    {
        "model_type": "jamba",
        **_without("head_dim"),
        "num_hidden_layers": 4,
        "attn_layer_period": 4,
        "attn_layer_offset": 2,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "mamba_d_state": 16,
        "mamba_d_conv": 4,
        "mamba_expand": 2,
        "mamba_dt_rank": 32,
        "use_mamba_kernels": False,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 4
blocks:
  mamba: {kind: mamba, d_inner: 1024, d_state: 16, d_conv: 4, dt_rank: 32, norms: true}
  attention: {kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64, rope: false}
  dense: {kind: ffn, d_ff: 1408}
  moe: {kind: moe, n_experts: 4, top_k: 2, d_ff: 1408}
mixer: repeat 2 mamba + attention + mamba
ffn: repeat dense + moe
""",
    fused=("mamba: x z", "dt_rank b c"),
)
QWEN3_NEXT = Family(
    "qwen3_next",
    {
        "model_type": "qwen3_next",
        **_COMMON,
        "num_hidden_layers": 4,
        "layer_types": [*["linear_attention"] * 3, "full_attention"],
        "linear_num_key_heads": 4,
        "linear_num_value_heads": 8,
        "linear_key_head_dim": 64,
        "linear_value_head_dim": 64,
        "linear_conv_kernel_dim": 4,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 512,
        "shared_expert_intermediate_size": 512,
        "partial_rotary_factor": 0.5,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 4
blocks:
  linear: {kind: gated_deltanet, n_k_heads: 4, k_head_dim: 64, n_v_heads: 8, v_head_dim: 64, d_conv: 4}
  full: {kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64, qk_norm: head, gate: element, rope_dim: 32}
  moe: {kind: moe, n_experts: 8, top_k: 2, d_ff: 512, shared: {d_ff: 512, gate: true}}
mixer: repeat 3 linear + full
ffn: moe
""",
    fused=("linear: q k v gate", "linear: beta decay", "full: q gate"),
)
KIMI_LINEAR = Family(
    "kimi_linear",
    {
        "model_type": "kimi_linear",
        **_without("head_dim"),
        **{name: value for name, value in _LATENT.items() if name != "q_lora_rank"},
        "num_hidden_layers": 4,
        "layer_types": [*["linear_attention"] * 3, "full_attention"],
        "mlp_layer_types": ["dense"] + ["sparse"] * 3,
        "linear_head_dim": 64,
        "linear_num_heads": 8,
        "linear_conv_kernel_dim": 4,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 512,
        "n_shared_experts": 1,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 4
blocks:
  kda: {kind: kda, n_heads: 8, head_dim: 64, d_conv: 4}
  mla: {kind: mla, n_heads: 8, kv_lora_rank: 128, qk_nope_head_dim: 64, qk_rope_head_dim: 32, v_head_dim: 64, rope: false}
  dense: {kind: ffn, d_ff: 1408}
  moe:
    kind: moe
    n_experts: 8
    top_k: 2
    d_ff: 512
    shared: {d_ff: 512}
    router: {score: sigmoid, correction_bias: true}
mixer: repeat 3 kda + mla
ffn: 1 dense then moe
""",
    fused=("mla: k_up v_up",),
)
LFM2 = Family(
    "lfm2",
    {
        "model_type": "lfm2",
        **_without("head_dim"),
        "tie_word_embeddings": True,
        "num_hidden_layers": 6,
        "layer_types": ["conv", "full_attention"] * 3,
        "conv_L_cache": 3,
        "block_auto_adjust_ff_dim": False,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 6
tied: true
blocks:
  conv: {kind: short_conv, d_conv: 3}
  attention: {kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64, qk_norm: head}
  mlp: {kind: ffn, d_ff: 1408}
mixer: repeat conv + attention
ffn: mlp
""",
    fused=("b c x",),
)
DEEPSEEK_V4 = Family(
    "deepseek_v4",
    {
        "model_type": "deepseek_v4",
        **_without("head_dim", "intermediate_size"),
        "moe_intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_key_value_heads": 1,
        "head_dim": 128,
        "compress_ratios": [0, 4, 128, 4],
        "compress_rate_hca": 16,
        "qk_rope_head_dim": 32,
        "q_lora_rank": 256,
        "o_lora_rank": 128,
        "o_groups": 2,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "index_n_heads": 4,
        "index_head_dim": 64,
        "index_topk": 16,
        "sliding_window": 64,
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 4
blocks:
  window:
    kind: compressed_attention
    n_heads: 8
    head_dim: 128
    q_lora_rank: 256
    o_lora_rank: 128
    o_groups: 2
    window: 64
  csa: {like: window, ratio: 4, overlap: true, indexer: {n_heads: 4, head_dim: 64, top_k: 16}}
  hca: {like: window, ratio: 16}
  moe:
    kind: moe
    n_experts: 8
    top_k: 2
    d_ff: 512
    shared: {d_ff: 512}
    router: {score: sqrtsoftplus, correction_bias: true}
  hash-moe: {like: moe, router: {correction_bias: ~, hash: true}}
mixer: [window, csa, hca, csa]
ffn: 3 hash-moe then moe
hyper_connections: {n_streams: 4, kind: mhc}
""",
    turned=("layers.hyper_connections.mix",),
    wide=("fn",),
)
T5 = Family(
    "t5",
    {
        "model_type": "t5",
        "vocab_size": 4000,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 0,
        "d_model": 512,
        "d_ff": 1408,
        "d_kv": 64,
        "num_layers": 2,
        "num_decoder_layers": 4,
        "num_heads": 8,
        "feed_forward_proj": "relu",
    },
    """
d_model: 512
vocab_size: 4000
n_layers: 4
tied: true
relative_bias: 32
relative_heads: 8
blocks:
  self: {kind: attention, n_heads: 8, head_dim: 64, rope: false}
  encode: {like: self, causal: false}
  cross: {kind: cross_attention, n_heads: 8, head_dim: 64}
  mlp: {kind: ffn, d_ff: 1408, gated: false, activation: relu}
encoder: {n_layers: 2, layer: [encode, mlp]}
layer: [self, cross, mlp]
""",
    source=192,
)
TIMED = (LLAMA, GEMMA3, DEEPSEEK_V3, GPT_OSS, GPT_OSS_WIDE, MAMBA2, JAMBA, QWEN3_NEXT, KIMI_LINEAR, LFM2, DEEPSEEK_V4, T5)
