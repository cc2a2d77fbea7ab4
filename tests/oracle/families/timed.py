"""Families large enough to be timed: a product takes longer than its call. Softmax attention of every kind.

Recurrent and convolutional mixers are in ``timed_recurrent``.
"""

from __future__ import annotations

from typing import Any

from .base import Family

COMMON: dict[str, Any] = {
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


def without(*names: str) -> dict[str, Any]:
    """Return the sizes less those that a configuration does not take."""
    return {name: value for name, value in COMMON.items() if name not in names}


LATENT = {
    "num_key_value_heads": 8,
    "q_lora_rank": 256,
    "kv_lora_rank": 128,
    "qk_nope_head_dim": 64,
    "qk_rope_head_dim": 32,
    "v_head_dim": 64,
}

LLAMA = Family(
    "llama",
    {"model_type": "llama", **COMMON, "num_hidden_layers": 6},
    """
d_model: 512
vocab_size: 4000
n_layers: 6
blocks:
  attention: {kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64}
  mlp: {kind: ffn, d_ff: 1408}
mixer: attention
ffn: mlp
""",
)
GEMMA3 = Family(
    "gemma3",
    {
        "model_type": "gemma3_text",
        **COMMON,
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
        **without("head_dim"),
        **LATENT,
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


def gpt_oss(name: str, n_layers: int, *, vocab_size: int, n_experts: int, top_k: int, d_ff: int) -> Family:
    """Return a model of experts, with sinks in attention and windows in every other layer."""
    return Family(
        name,
        {
            "model_type": "gpt_oss",
            **COMMON,
            "vocab_size": vocab_size,
            "intermediate_size": d_ff,
            "num_hidden_layers": n_layers,
            "sliding_window": 64,
            "layer_types": ["sliding_attention", "full_attention"] * (n_layers // 2) or ["full_attention"],
            "num_local_experts": n_experts,
            "num_experts_per_tok": top_k,
        },
        f"""
d_model: 512
vocab_size: {vocab_size}
n_layers: {n_layers}
blocks:
  global: {{kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 64, bias: [q, k, v, o], sinks: true}}
  local: {{like: global, window: 64}}
  moe: {{kind: moe, n_experts: {n_experts}, top_k: {top_k}, d_ff: {d_ff}, bias: true, router: {{bias: true}}}}
mixer: repeat {"local + global" if n_layers > 1 else "global"}
ffn: moe
""",
    )


GPT_OSS = gpt_oss("gpt_oss", 4, vocab_size=4000, n_experts=8, top_k=2, d_ff=512)
# 604 MB of experts, of which a token reads 6.3: one layer, few rows in the table, so that little else is read.
UNREAD = gpt_oss("gpt_oss-96-experts", 1, vocab_size=1000, n_experts=96, top_k=1, d_ff=1024)
DEEPSEEK_V4 = Family(
    "deepseek_v4",
    {
        "model_type": "deepseek_v4",
        **without("head_dim", "intermediate_size"),
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
TIMED = (LLAMA, GEMMA3, DEEPSEEK_V3, GPT_OSS, DEEPSEEK_V4, T5)
