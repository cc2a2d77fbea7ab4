"""Families with a gated linear recurrence, RWKV, lightning attention or a matrix memory."""

from __future__ import annotations

from .base import Family
from .shapes import EVEN, SHAPE, TOKENS

LINEAR = (
    Family(
        "recurrent_gemma",
        {
            "model_type": "recurrent_gemma",
            **{k: v for k, v in EVEN.items() if k not in ("max_position_embeddings", "tie_word_embeddings")},
            "intermediate_size": 140,
            "num_hidden_layers": 5,
            "lru_width": 66,
            "attention_window_size": 24,
            "conv1d_width": 4,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 5
tied: true
blocks:
  recurrent: {kind: rg_lru, n_heads: 6, head_dim: 11, d_conv: 4}
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, bias: [o], rope_dim: 4, window: 24}
  mlp: {kind: ffn, d_ff: 70, bias: true}
mixer: repeat 2 recurrent + local
ffn: mlp
""",
    ),
    Family(
        "rwkv",
        {
            "model_type": "rwkv",
            **TOKENS,
            "hidden_size": 42,
            "num_hidden_layers": 3,
            "intermediate_size": 70,
            "context_length": 512,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 3
norm: {kind: layer}
embedding: {norm: layer}
blocks:
  time: {kind: rwkv4_time_mix, d_inner: 42}
  channel: {kind: rwkv4_channel_mix, d_ff: 70}
mixer: time
ffn: channel
""",
    ),
    Family(
        "minimax",
        {
            "model_type": "minimax",
            **SHAPE,
            "num_hidden_layers": 5,
            # Its cache counts the tokens of the first layer, which therefore has to be an attention.
            "layer_types": ["full_attention"] + ["linear_attention"] * 3 + ["full_attention"],
            "block_size": 16,
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
blocks:
  linear: {kind: lightning, n_heads: 6, head_dim: 10, state_dtype: model, chunk_size: 16}
  full: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 70}
mixer: repeat full + 3 linear
ffn: moe
""",
        fused=("linear: q k v",),
    ),
    Family(
        "zaya",
        {
            "model_type": "zaya",
            **{k: v for k, v in SHAPE.items() if k != "intermediate_size"},
            "num_hidden_layers": 5,
            "layer_types": ["hybrid", "hybrid_sliding", "hybrid", "hybrid_sliding", "hybrid"],
            "sliding_window": 24,
            "cca_time0": 3,
            "cca_time1": 2,
            "num_experts": 5,
            "num_experts_per_tok": 1,
            "moe_intermediate_size": 22,
            "router_hidden_size": 14,
            "lm_head_bias": True,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
head: {bias: true}
residual_scale: {}
blocks:
  full: {kind: cca, n_heads: 6, n_kv_heads: 2, head_dim: 10, d_conv: 3, d_conv_heads: 2, rope_dim: 5}
  local: {like: full, window: 24}
  first: {kind: moe, n_experts: 5, top_k: 1, zero_experts: 1, d_ff: 22, router: {hidden: 14, correction_bias: true}}
  moe: {like: first, router: {hidden: 14, carried: true, correction_bias: true}}
mixer: repeat full + local
ffn: 1 first then moe
""",
        differences=("zero_experts_are_drawn",),
    ),
    Family(
        "xlstm",
        {
            "model_type": "xlstm",
            **TOKENS,
            "hidden_size": 128,
            "num_hidden_layers": 3,
            "num_heads": 4,
            "qk_dim_factor": 0.5,
            "v_dim_factor": 1.5,
            "ffn_proj_factor": 1.3,
            "ffn_round_up_to_multiple_of": 10,
            "chunk_size": 16,
        },
        """
d_model: 128
vocab_size: 131
n_layers: 3
blocks:
  mlstm: {kind: mlstm, n_heads: 4, qk_head_dim: 16, v_head_dim: 48, chunk_size: 16}
  mlp: {kind: ffn, d_ff: 170}
mixer: mlstm
ffn: mlp
""",
        differences=("states_of_the_model",),
    ),
)
