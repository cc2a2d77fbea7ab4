"""More families with latent attention, indexers, delta rules or short convolutions."""

from __future__ import annotations

from .base import Family
from .shapes import DEEPSEEK, DELTA, EVEN, SHAPE

SPARSE = {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 22}
DENSE_FIRST = ["dense"] + ["sparse"] * 3

MORE_HYBRID = (
    Family(
        "dots3_note_text",
        {
            "model_type": "dots3_note_text",
            **DEEPSEEK,
            "shared_experts_intermediate_size": 22,
            "head_dim": 20,
            "mlp_layer_types": DENSE_FIRST,
            "layer_types": ["indexed_attention", "indexed_attention", "sliding_attention", "sliding_attention"],
            "sliding_window": 24,
            "index_n_heads": 4,
            "index_head_dim": 12,
            "index_topk": 32,
            "swa_num_attention_heads": 5,
            "swa_num_key_value_heads": 5,
            "swa_q_lora_rank": 18,
            "swa_kv_lora_rank": 24,
            "swa_head_dim": 14,
            "swa_qk_nope_head_dim": 10,
            "swa_v_head_dim": 8,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  dsa:
    kind: mla
    n_heads: 6
    q_lora_rank: 26
    kv_lora_rank: 20
    qk_nope_head_dim: 14
    qk_rope_head_dim: 6
    v_head_dim: 10
    rope_norm: true
    gate: head
    indexer: {n_heads: 4, head_dim: 12, top_k: 32}
  local:
    kind: mla
    n_heads: 5
    q_lora_rank: 18
    kv_lora_rank: 24
    qk_nope_head_dim: 10
    qk_rope_head_dim: 4
    v_head_dim: 8
    rope_norm: true
    gate: head
    window: 24
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: 2 dsa then local
ffn: 1 dense then moe
""",
        fused=("k_up v_up",),
        wide=("router", "index"),
    ),
    Family(
        "bailing_hybrid",
        {
            "model_type": "bailing_hybrid",
            **{k: v for k, v in DEEPSEEK.items() if k not in ("q_lora_rank", "n_routed_experts")},
            "head_dim": 12,
            "num_local_experts": 8,
            "layer_group_size": 4,
            "short_conv_kernel_size": 4,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  kda: {kind: kda, n_heads: 6, head_dim: 12, d_conv: 4, gates: full_rank}
  mla: {kind: mla, n_heads: 6, kv_lora_rank: 20, qk_nope_head_dim: 14, qk_rope_head_dim: 6, v_head_dim: 10, gate: head}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true, groups: 2, top_groups: 1}
mixer: repeat 3 kda + mla
ffn: 1 dense then moe
""",
        fused=("mla: k_up v_up",),
        wide=("router",),
    ),
    Family(
        "hy_v4",
        {
            "model_type": "hy_v4",
            **DEEPSEEK,
            "num_hidden_layers": 5,
            "mlp_layer_types": ["dense"] + ["sparse"] * 4,
            "index_n_heads": 4,
            "index_head_dim": 12,
            "index_topk": 32,
            "indexer_types": ["full", "full", "shared", "shared", "full"],
            "hc_mult": 3,
            "n_group": 1,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
hyper_connections: {n_streams: 3, kind: hc}
blocks:
  dsa:
    kind: mla
    n_heads: 6
    q_lora_rank: 26
    kv_lora_rank: 20
    qk_nope_head_dim: 14
    qk_rope_head_dim: 6
    v_head_dim: 10
    gate: element
    sinks: true
    indexer: {n_heads: 4, head_dim: 12, top_k: 32}
  reuse: {like: dsa, indexer: ~, index_from: dsa}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: [dsa, dsa, reuse, reuse, dsa]
ffn: 1 dense then moe
""",
        fused=("k_up v_up",),
        wide=("router", "fn"),
    ),
    Family(
        "axk1",
        {"model_type": "axk1", **DEEPSEEK, "mlp_layer_types": DENSE_FIRST},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  mla:
    kind: mla
    n_heads: 6
    q_lora_rank: 26
    kv_lora_rank: 20
    qk_nope_head_dim: 14
    qk_rope_head_dim: 6
    v_head_dim: 10
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true, groups: 2, top_groups: 1}
    extra_norm: post
mixer: mla
ffn: 1 dense then moe
""",
        fused=("k_up v_up",),
        wide=("router",),
    ),
    Family(
        "youtu",
        {
            "model_type": "youtu",
            **{k: v for k, v in SHAPE.items() if k != "head_dim"},
            "num_key_value_heads": 6,
            "tie_word_embeddings": True,
            "q_lora_rank": None,
            "kv_lora_rank": 20,
            "qk_nope_head_dim": 14,
            "qk_rope_head_dim": 6,
            "v_head_dim": 10,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
tied: true
blocks:
  mla: {kind: mla, n_heads: 6, kv_lora_rank: 20, qk_nope_head_dim: 14, qk_rope_head_dim: 6, v_head_dim: 10}
  mlp: {kind: ffn, d_ff: 70}
mixer: mla
ffn: mlp
""",
        fused=("k_up v_up",),
    ),
    Family(
        "olmo_hybrid",
        {
            "model_type": "olmo_hybrid",
            **{k: v for k, v in DELTA.items() if k != "head_dim"},
            "hidden_size": 48,
            "rope_parameters": {"rope_theta": None, "rope_type": "default"},
        },
        """
d_model: 48
vocab_size: 131
n_layers: 5
norm: {place: pre}  # where the mixer is attention, both norms stand behind their sublayers
blocks:
  linear: {kind: gated_deltanet, n_k_heads: 2, k_head_dim: 12, n_v_heads: 4, v_head_dim: 14, d_conv: 4}
  full: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, qk_norm: full, rope: false}
  mlp: {kind: ffn, d_ff: 70}
mixer: repeat 3 linear + full
ffn: mlp
""",
    ),
    Family(
        "qwen3_5_moe_text",
        {
            "model_type": "qwen3_5_moe_text",
            **DELTA,
            **SPARSE,
            "shared_expert_intermediate_size": 26,
            "partial_rotary_factor": 0.5,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
blocks:
  linear: {kind: gated_deltanet, n_k_heads: 2, k_head_dim: 12, n_v_heads: 4, v_head_dim: 14, d_conv: 4}
  full: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 12, qk_norm: head, gate: element, rope_dim: 6}
  moe: {kind: moe, n_experts: 8, top_k: 3, d_ff: 22, shared: {d_ff: 26, gate: true}}
mixer: repeat 3 linear + full
ffn: moe
""",
        fused=("linear: q k v", "full: q gate"),
    ),
    Family(
        "lfm2_moe",
        {
            "model_type": "lfm2_moe",
            **EVEN,
            **SPARSE,
            "tie_word_embeddings": True,
            "layer_types": ["conv", "full_attention", "conv", "full_attention"],
            "conv_L_cache": 3,
            "num_dense_layers": 1,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 4
tied: true
blocks:
  conv: {kind: short_conv, d_conv: 3}
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, qk_norm: head}
  dense: {kind: ffn, d_ff: 70}
  moe: {kind: moe, n_experts: 8, top_k: 3, d_ff: 22, router: {score: sigmoid, correction_bias: true}}
mixer: repeat conv + attention
ffn: 1 dense then moe
""",
        fused=("b c x",),
    ),
    Family(
        "lfm3",
        {
            "model_type": "lfm3",
            **SHAPE,
            "tie_word_embeddings": True,
            "layer_types": ["conv", "full_attention", "conv", "sliding_attention"],
            "sliding_window": 24,
            "conv_L_cache": 3,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
tied: true
norm: {place: sandwich}
blocks:
  conv: {kind: short_conv, d_conv: 3}
  global: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, gate: head}
  local: {like: global, window: 24}
  mlp: {kind: ffn, d_ff: 70}
mixer: [conv, global, conv, local]
ffn: mlp
""",
        fused=("b c x",),
    ),
)
