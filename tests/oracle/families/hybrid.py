"""Families with delta rules, short convolutions or shared blocks between their layers."""

from __future__ import annotations

from .base import Family
from .shapes import DELTA, EVEN, SHAPE

HYBRID = (
    Family(
        "granitemoehybrid",
        {
            "model_type": "granitemoehybrid",
            **EVEN,
            "intermediate_size": 22,
            "layer_types": ["mamba", "mamba", "attention", "mamba"],
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
            "shared_intermediate_size": 26,
            "mamba_n_heads": 6,
            "mamba_d_head": 16,
            "mamba_d_state": 18,
            "mamba_n_groups": 2,
            "mamba_d_conv": 4,
            "mamba_expand": 2,
            "mamba_chunk_size": 16,
            "tie_word_embeddings": True,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 4
tied: true
blocks:
  mamba: {kind: mamba2, n_heads: 6, head_dim: 16, d_state: 18, n_groups: 2, d_conv: 4, chunk_size: 16}
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, rope: false}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 22, shared: {d_ff: 26}}
mixer: [mamba, mamba, attention, mamba]
ffn: moe
""",
        fused=("z x dt b c", "gate up"),
    ),
    Family(
        "zamba2",
        {
            "model_type": "zamba2",
            **{k: v for k, v in EVEN.items() if k != "num_key_value_heads"},
            "num_hidden_layers": 6,
            "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid", "mamba", "hybrid"],
            "mamba_d_state": 18,
            "mamba_d_conv": 4,
            "mamba_expand": 2,
            "mamba_ngroups": 2,
            "n_mamba_heads": 6,
            "chunk_size": 16,
            "num_mem_blocks": 2,
            "use_shared_attention_adapter": False,
            "adapter_rank": 5,
            "use_mamba_kernels": False,
            "tie_word_embeddings": True,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 6
tied: true
blocks:
  mamba: {kind: mamba2, n_heads: 6, head_dim: 16, d_state: 18, n_groups: 2, d_conv: 4, chunk_size: 16}
  attention: {kind: attention, n_heads: 6, head_dim: 16, d_in: 96, rope: false}
  mlp: {kind: ffn, d_ff: 70}
shared:
  block: {copies: 2, of: [attention, mlp], concat_embedding: true, site_linear: true, adapter_rank: 5}
layer:
  - [none, block, none, block, none, block]
  - mamba
""",
        fused=("z x dt b c", "layers.block.mlp: gate up"),
    ),
    Family(
        "zamba",
        {
            "model_type": "zamba",
            **EVEN,
            "num_key_value_heads": 6,
            "num_hidden_layers": 6,
            "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid", "mamba", "hybrid"],
            "mamba_d_state": 9,
            "mamba_d_conv": 4,
            "mamba_expand": 2,
            "mamba_dt_rank": 7,
            "n_mamba_heads": 1,
            "use_mamba_kernels": False,
            "tie_word_embeddings": True,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 6
tied: true
blocks:
  mamba: {kind: mamba, d_inner: 96, d_state: 9, d_conv: 4, dt_rank: 7}
  attention: {kind: attention, n_heads: 6, head_dim: 16, d_in: 96, rope: false}
  mlp: {kind: ffn, d_ff: 70}
shared:
  block: {copies: 1, of: [attention, mlp], concat_embedding: true, site_linear: true}
layer:
  - [none, block, none, block, none, block]
  - mamba
""",
        fused=("x z", "dt_rank b c"),
        turned=("layers.mamba.dt_rank b c", "layers.mamba.dt"),
    ),
    Family(
        "qwen3_next",
        {
            "model_type": "qwen3_next",
            **DELTA,
            "num_experts": 7,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 22,
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
  moe: {kind: moe, n_experts: 7, top_k: 3, d_ff: 22, shared: {d_ff: 26, gate: true}}
mixer: repeat 3 linear + full
ffn: moe
""",
        fused=("linear: q k v gate", "linear: beta decay", "full: q gate"),
    ),
    Family(
        "qwen3_5_text",
        {"model_type": "qwen3_5_text", **DELTA, "partial_rotary_factor": 0.5},
        """
d_model: 42
vocab_size: 131
n_layers: 5
blocks:
  linear: {kind: gated_deltanet, n_k_heads: 2, k_head_dim: 12, n_v_heads: 4, v_head_dim: 14, d_conv: 4}
  full: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 12, qk_norm: head, gate: element, rope_dim: 6}
  mlp: {kind: ffn, d_ff: 70}
mixer: repeat 3 linear + full
ffn: mlp
""",
        fused=("linear: q k v", "full: q gate"),
    ),
    Family(
        "kimi_linear",
        {
            "model_type": "kimi_linear",
            **{k: v for k, v in SHAPE.items() if k != "head_dim"},
            "num_key_value_heads": 6,
            "num_hidden_layers": 5,
            "layer_types": ["linear_attention"] * 3 + ["full_attention", "linear_attention"],
            "mlp_layer_types": ["dense"] + ["sparse"] * 4,
            "kv_lora_rank": 20,
            "qk_nope_head_dim": 14,
            "qk_rope_head_dim": 6,
            "v_head_dim": 10,
            "linear_head_dim": 12,
            "linear_num_heads": 5,
            "linear_conv_kernel_dim": 4,
            "num_local_experts": 8,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 22,
            "n_shared_experts": 1,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
blocks:
  kda: {kind: kda, n_heads: 5, head_dim: 12, d_conv: 4}
  mla:
    kind: mla
    n_heads: 6
    kv_lora_rank: 20
    qk_nope_head_dim: 14
    qk_rope_head_dim: 6
    v_head_dim: 10
    rope: false
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: repeat 3 kda + mla
ffn: 1 dense then moe
""",
        fused=("mla: k_up v_up",),
        wide=("router",),
    ),
    Family(
        "lfm2",
        {
            "model_type": "lfm2",
            **EVEN,
            "tie_word_embeddings": True,
            "layer_types": ["conv", "full_attention", "conv", "full_attention"],
            "conv_L_cache": 3,
            "block_auto_adjust_ff_dim": False,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 4
tied: true
blocks:
  conv: {kind: short_conv, d_conv: 3}
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, qk_norm: head}
  mlp: {kind: ffn, d_ff: 70}
mixer: repeat conv + attention
ffn: mlp
""",
        fused=("b c x",),
    ),
)
