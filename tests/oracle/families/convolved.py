"""Families whose keys, values and sublayers go through short convolutions."""

from __future__ import annotations

from .base import Family
from .shapes import SHAPE

CONVOLVED: tuple[Family, ...] = (
    Family(
        "inkling_text",
        {
            "model_type": "inkling_text",
            **{k: v for k, v in SHAPE.items() if k != "tie_word_embeddings"},
            "swa_num_attention_heads": 3,
            "swa_num_key_value_heads": 3,
            "swa_head_dim": 14,
            "sliding_window_size": 24,
            "d_rel": 5,
            "rel_extent": 17,
            "conv_kernel_size": 3,
            "layer_types": ["hybrid_sliding", "hybrid", "hybrid_sliding", "hybrid"],
            "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"],
            "n_routed_experts": 8,
            "num_experts_per_tok": 3,
            "n_shared_experts": 1,
            "moe_intermediate_size": 22,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
embedding: {norm: rms}
output_conv: {d_conv: 3}
blocks:
  local:
    kind: attention
    n_heads: 3
    head_dim: 14
    window: 24
    rope: false
    qk_norm: head
    kv_conv: 3
    relative: {width: 5, extent: 24}
  global:
    kind: attention
    n_heads: 6
    n_kv_heads: 2
    head_dim: 10
    rope: false
    qk_norm: head
    kv_conv: 3
    relative: {width: 5, extent: 17}
  dense: {kind: ffn, d_ff: 70, output_scale: true}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22, scored: true}
    router: {score: sigmoid, correction_bias: true, output_scale: true}
mixer: repeat local + global
ffn: 1 dense then moe
""",
        wide=("router",),
    ),
    Family(
        "inkling2_text",
        {
            "model_type": "inkling2_text",
            **{k: v for k, v in SHAPE.items() if k not in ("tie_word_embeddings", "intermediate_size")},
            "unpadded_vocab_size": 120,
            "swa_num_attention_heads": 3,
            "swa_num_key_value_heads": 3,
            "swa_head_dim": 14,
            "sliding_window_size": 24,
            "d_rel": 5,
            "rel_extent": 17,
            "conv_kernel_size": 3,
            "layer_types": ["hybrid_sliding", "hybrid", "hybrid_sliding", "hybrid"],
            "n_layers_per_attn_res_block": 2,
            "n_routed_experts": 8,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 22,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
embedding: {norm: rms}
output_conv: {d_conv: 3}
attention_residuals: {block_layers: 2, norm: none, first: false}
blocks:
  local:
    kind: attention
    n_heads: 3
    head_dim: 14
    window: 24
    rope: false
    qk_clip: true
    v_norm: l2
    gate: element
    sinks: projected
    kv_conv: 3
    relative: {width: 5, extent: 24, clip: true}
  global:
    kind: attention
    n_heads: 6
    n_kv_heads: 2
    head_dim: 10
    rope: false
    qk_clip: true
    v_norm: l2
    gate: element
    sinks: projected
    kv_conv: 3
    dynamic_taps: true
    separate_inputs: true
    relative: {width: 5, extent: 17, clip: true}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    router: {score: sigmoid, correction_bias: true}
mixer: repeat local + global
ffn: moe
""",
        wide=("router", "attention_residuals"),
    ),
)
