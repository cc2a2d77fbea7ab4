"""Families with selective state spaces: Mamba and Mamba-2."""

from __future__ import annotations

from .base import Family
from .shapes import EVEN, MAMBA, SHAPE, TOKENS

RECURRENT = (
    Family(
        "mamba",
        {"model_type": "mamba", **MAMBA},
        """
d_model: 42
vocab_size: 131
n_layers: 3
tied: true
blocks:
  mamba: {kind: mamba, d_inner: 84, d_state: 9, d_conv: 4, dt_rank: 7}
layer: [mamba]
""",
        fused=("x z", "dt_rank b c"),
    ),
    Family(
        "falcon_mamba",
        {"model_type": "falcon_mamba", **MAMBA, "intermediate_size": 84, "use_mambapy": False},
        """
d_model: 42
vocab_size: 131
n_layers: 3
tied: true
blocks:
  mamba: {kind: mamba, d_inner: 84, d_state: 9, d_conv: 4, dt_rank: 7, norms: weightless}
layer: [mamba]
""",
        fused=("x z", "dt_rank b c"),
    ),
    Family(
        "mamba2",
        {
            "model_type": "mamba2",
            **TOKENS,
            "hidden_size": 42,
            "num_hidden_layers": 3,
            "state_size": 18,
            "expand": 2,
            "conv_kernel": 4,
            "num_heads": 6,
            "head_dim": 14,
            "n_groups": 2,
            "chunk_size": 16,
            "tie_word_embeddings": True,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 3
tied: true
blocks:
  mamba: {kind: mamba2, n_heads: 6, head_dim: 14, d_state: 18, n_groups: 2, d_conv: 4, chunk_size: 16}
layer: [mamba]
""",
        fused=("z x dt b c",),
    ),
    Family(
        "jamba",
        {
            "model_type": "jamba",
            **EVEN,
            "num_hidden_layers": 8,
            "attn_layer_period": 4,
            "attn_layer_offset": 2,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "num_experts": 5,
            "num_experts_per_tok": 2,
            "mamba_d_state": 9,
            "mamba_d_conv": 4,
            "mamba_expand": 2,
            "mamba_dt_rank": 7,
            "use_mamba_kernels": False,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 8
blocks:
  mamba: {kind: mamba, d_inner: 96, d_state: 9, d_conv: 4, dt_rank: 7, norms: true}
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, rope: false}
  dense: {kind: ffn, d_ff: 70}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 70}
mixer: repeat 2 mamba + attention + mamba
ffn: repeat dense + moe
""",
        fused=("mamba: x z", "dt_rank b c"),
    ),
    Family(
        "bamba",
        {
            "model_type": "bamba",
            **EVEN,
            "attn_layer_indices": [2],
            "mamba_n_heads": 6,
            "mamba_d_head": 16,
            "mamba_d_state": 18,
            "mamba_n_groups": 2,
            "mamba_d_conv": 4,
            "mamba_expand": 2,
            "mamba_chunk_size": 16,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  mamba: {kind: mamba2, n_heads: 6, head_dim: 16, d_state: 18, n_groups: 2, d_conv: 4, chunk_size: 16}
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, rope_dim: 4}
  mlp: {kind: ffn, d_ff: 70}
mixer: [mamba, mamba, attention, mamba]
ffn: mlp
""",
        fused=("z x dt b c",),
    ),
    Family(
        "falcon_h1",
        {
            "model_type": "falcon_h1",
            **SHAPE,
            "num_hidden_layers": 3,
            "mamba_d_ssm": 84,
            "mamba_n_heads": 6,
            "mamba_d_head": 14,
            "mamba_d_state": 18,
            "mamba_n_groups": 2,
            "mamba_d_conv": 4,
            "mamba_chunk_size": 16,
            "mamba_rms_norm": True,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 3
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10}
  mamba: {kind: mamba2, n_heads: 6, head_dim: 14, d_state: 18, n_groups: 2, d_conv: 4, chunk_size: 16}
  mlp: {kind: ffn, d_ff: 70}
mixer: attention & mamba
ffn: mlp
""",
        fused=("z x dt b c",),
    ),
    Family(
        "nemotron_h",
        {
            "model_type": "nemotron_h",
            **{k: v for k, v in SHAPE.items() if k != "num_hidden_layers"},
            "layers_block_type": ["mamba", "moe", "attention", "moe", "mamba"],
            "ssm_state_size": 18,
            "mamba_num_heads": 6,
            "mamba_head_dim": 14,
            "n_groups": 2,
            "conv_kernel": 4,
            "chunk_size": 16,
            "n_routed_experts": 8,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 22,
            "moe_shared_expert_intermediate_size": 26,
            "moe_latent_size": 20,
            "use_mamba_kernels": False,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
blocks:
  mamba: {kind: mamba2, n_heads: 6, head_dim: 14, d_state: 18, n_groups: 2, d_conv: 4, chunk_size: 16}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    gated: false
    latent: 20
    shared: {d_ff: 26}
    router: {score: sigmoid, correction_bias: true}
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, rope: false}
layer:
  - [mamba, moe, attention, moe, mamba]
""",
        fused=("z x dt b c",),
        wide=("router",),
    ),
    Family(
        "hrm_text",
        {
            "model_type": "hrm_text",
            **{k: v for k, v in EVEN.items() if k != "num_key_value_heads"},
            "head_dim": 10,
            "num_hidden_layers": 2,
            "H_cycles": 2,
            "L_cycles": 3,
            "prefix_lm": False,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 16
norm: {kind: none, final: false}
blocks:
  attention: {kind: attention, n_heads: 6, head_dim: 10, gate: element}
  mlp: {kind: ffn, d_ff: 70}
  start: {kind: custom, weights: {z: [48]}}
  state: {kind: custom}
shared:
  low: {copies: 2, of: [attention], norm: none}
  high: {copies: 2, of: [attention], norm: none}
  low-mlp: {copies: 2, of: [mlp], norm: none}
  high-mlp: {copies: 2, of: [mlp], norm: none}
mixer: >-
  low & start + low + 2 x (low & state + low) + high & state + high + 3 x (low & state + low) + high & state + high
ffn: repeat 6 low-mlp + 2 high-mlp
""",
    ),
)
