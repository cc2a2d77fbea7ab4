"""Families large enough to be timed: state spaces, delta rules, short convolutions."""

from __future__ import annotations

from .base import Family
from .timed import COMMON, LATENT, without

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
        **without("head_dim"),
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
        **COMMON,
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
        **without("head_dim"),
        **{name: value for name, value in LATENT.items() if name != "q_lora_rank"},
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
  mla:
    kind: mla
    n_heads: 8
    kv_lora_rank: 128
    qk_nope_head_dim: 64
    qk_rope_head_dim: 32
    v_head_dim: 64
    rope: false
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
        **without("head_dim"),
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
TIMED_RECURRENT = (MAMBA2, JAMBA, QWEN3_NEXT, KIMI_LINEAR, LFM2)
