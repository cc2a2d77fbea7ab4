"""Families with layers of several kinds at once: shared caches, compressed keys, more streams, zero experts."""

from __future__ import annotations

from .base import Family
from .shapes import LATENT_SHAPE, SHAPE

STREAMS = (
    Family(
        "gemma4_text-experts",
        {
            "model_type": "gemma4_text",
            **SHAPE,
            "num_hidden_layers": 4,
            "tie_word_embeddings": True,
            "global_head_dim": 14,
            "num_global_key_value_heads": 3,
            "sliding_window": 24,
            "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
            "attention_k_eq_v": True,
            "num_kv_shared_layers": 0,
            "hidden_size_per_layer_input": 0,
            "enable_moe_block": True,
            "num_experts": 7,
            "top_k_experts": 3,
            "moe_intermediate_size": 22,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
tied: true
norm: {place: sandwich}
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, v_norm: l2, window: 24}
  global:
    kind: attention
    n_heads: 6
    n_kv_heads: 3
    head_dim: 14
    qk_norm: head
    v_norm: l2
    kv: tied
    kv_copies: 2
  mlp: {kind: ffn, d_ff: 70, extra_norm: post}
  moe:
    kind: moe
    n_experts: 7
    top_k: 3
    d_ff: 22
    router: {scale: true, expert_scale: true}
    extra_norm: sandwich
mixer: repeat 3 local + global
ffn: mlp & moe
""",
    ),
    Family(
        "longcat_flash",
        {
            "model_type": "longcat_flash",
            **{k: v for k, v in LATENT_SHAPE.items() if k != "num_hidden_layers"},
            "num_layers": 2,
            "head_dim": 6,
            "ffn_hidden_size": 70,
            "n_routed_experts": 6,
            "zero_expert_num": 3,
            "moe_topk": 4,
            "expert_ffn_hidden_size": 22,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 2
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
    n_experts: 6
    zero_experts: 3
    top_k: 4
    d_ff: 22
    router: {correction_bias: true}
layer: [mla, dense & moe, mla, dense]
""",
        beside={"gate and up matrices of the zero experts, which nothing reads": 2 * 3 * 2 * 22 * 42},
        differences=("zero_experts_are_drawn",),
        fused=("k_up v_up",),
        wide=("router",),
    ),
    Family(
        "gemma3n_text",
        {
            "model_type": "gemma3n_text",
            **SHAPE,
            "intermediate_size": [70] * 8,
            "num_hidden_layers": 8,
            "tie_word_embeddings": True,
            "sliding_window": 24,
            "layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * 2,
            "num_kv_shared_layers": 3,
            "vocab_size_per_layer_input": 131,
            "hidden_size_per_layer_input": 11,
            "laurel_rank": 5,
            "altup_num_inputs": 3,
            "activation_sparsity_pattern": [0.95, 0.95, *[0.0] * 6],
        },
        """
d_model: 42
vocab_size: 131
n_layers: 8
tied: true
norm: {place: sandwich}
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, v_norm: l2, window: 24}
  global: {like: local, window: ~}
  local-kv: {like: local, kv_from: local}
  global-kv: {like: global, kv_from: global}
  mlp: {kind: ffn, d_ff: 70}
mixer: 3 local + global + local then 2 local-kv + global-kv
ffn: mlp
altup: {n_streams: 3}
laurel: {rank: 5}
ple: {vocab_size: 131, width: 11, streams: 2}
""",
        apart=("altup.out",),
    ),
    Family(
        "gemma4_text",
        {
            "model_type": "gemma4_text",
            **SHAPE,
            "num_hidden_layers": 8,
            "tie_word_embeddings": True,
            "global_head_dim": 14,
            "sliding_window": 24,
            "layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * 2,
            "num_kv_shared_layers": 3,
            "use_double_wide_mlp": True,
            "vocab_size_per_layer_input": 131,
            "hidden_size_per_layer_input": 11,
            "attention_k_eq_v": False,
            "enable_moe_block": False,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 8
tied: true
norm: {place: sandwich}
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, v_norm: l2, window: 24}
  global: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 14, qk_norm: head, v_norm: l2}
  local-kv: {like: local, kv_from: local}
  global-kv: {like: global, kv_from: global}
  mlp: {kind: ffn, d_ff: 70}
  wide: {kind: ffn, d_ff: 140}
mixer: 3 local + global + local then 2 local-kv + global-kv
ffn: 5 mlp then wide
ple: {vocab_size: 131, width: 11}
""",
    ),
    Family(
        "deepseek_v4",
        {
            "model_type": "deepseek_v4",
            **{k: v for k, v in SHAPE.items() if k not in ("head_dim", "intermediate_size")},
            "moe_intermediate_size": 22,
            "num_hidden_layers": 6,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "compress_ratios": [0, 0, 4, 128, 4, 128],
            "compress_rate_hca": 13,
            "qk_rope_head_dim": 6,
            "q_lora_rank": 26,
            "o_lora_rank": 12,
            "o_groups": 2,
            "n_routed_experts": 8,
            "num_experts_per_tok": 3,
            "n_shared_experts": 1,
            "index_n_heads": 4,
            "index_head_dim": 12,
            "index_topk": 4,
            "sliding_window": 24,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 6
blocks:
  window:
    kind: compressed_attention
    n_heads: 6
    head_dim: 16
    q_lora_rank: 26
    o_lora_rank: 12
    o_groups: 2
    window: 24
    rope_dim: 6
  csa: {like: window, ratio: 4, overlap: true, indexer: {n_heads: 4, head_dim: 12, top_k: 4}}
  hca: {like: window, ratio: 13}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sqrtsoftplus, correction_bias: true}
  hash-moe: {like: moe, router: {correction_bias: ~, hash: true}}
mixer: 2 window then repeat csa + hca
ffn: 3 hash-moe then moe
hyper_connections: {n_streams: 4, kind: mhc}
""",
        differences=("values_beside_keys",),
        turned=("layers.hyper_connections.mix",),
        wide=("fn",),
    ),
)
