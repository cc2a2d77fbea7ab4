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
)
