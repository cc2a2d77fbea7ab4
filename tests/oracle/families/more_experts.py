"""More families with routed experts and full attention."""

from __future__ import annotations

from .base import Family
from .shapes import EVEN, SHAPE

SPARSE = {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 22}
DENSE_FIRST = ["dense"] + ["sparse"] * 3

MORE_EXPERTS = (
    Family(
        "granitemoeshared",
        {
            "model_type": "granitemoeshared",
            **EVEN,
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
            "shared_intermediate_size": 26,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 70, shared: {d_ff: 26}}
mixer: attention
ffn: moe
""",
        fused=("gate up",),
    ),
    Family(
        "hunyuan_v1_moe",
        {"model_type": "hunyuan_v1_moe", **SHAPE, "num_experts": 5, "moe_topk": 2},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 70, shared: {d_ff: 70}}
mixer: attention
ffn: moe
""",
        wide=("router",),
    ),
    Family(
        "hy_v3",
        {"model_type": "hy_v3", **SHAPE, **SPARSE, "num_shared_experts": 1, "mlp_layer_types": DENSE_FIRST},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: attention
ffn: 1 dense then moe
""",
        wide=("router",),
    ),
    Family(
        "solar_open",
        {
            "model_type": "solar_open",
            **SHAPE,
            "n_routed_experts": 8,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 22,
            "n_shared_experts": 1,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: attention
ffn: moe
""",
        wide=("router",),
    ),
    Family(
        "aria_text",
        {"model_type": "aria_text", **EVEN, "moe_num_experts": 5, "moe_topk": 2, "moe_num_shared_experts": 3},
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 70, shared: {n_experts: 3, d_ff: 70}}
mixer: attention
ffn: moe
""",
    ),
    Family(
        "minimax_m3_vl_text",
        {
            "model_type": "minimax_m3_vl_text",
            **SHAPE,
            "intermediate_size": 22,
            "dense_intermediate_size": 70,
            "shared_intermediate_size": 26,
            "num_local_experts": 8,
            "num_experts_per_tok": 3,
            "mlp_layer_types": DENSE_FIRST,
            "layer_types": ["full_attention"] * 4,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 26}
    router: {score: sigmoid, correction_bias: true}
mixer: attention
ffn: 1 dense then moe
""",
        fused=("gate up",),
    ),
    Family(
        "minimax_m3_vl_text-sparse",
        {
            "model_type": "minimax_m3_vl_text",
            **SHAPE,
            "intermediate_size": 22,
            "dense_intermediate_size": 70,
            "shared_intermediate_size": 26,
            "num_local_experts": 8,
            "num_experts_per_tok": 3,
            "mlp_layer_types": DENSE_FIRST,
            "layer_types": ["full_attention"] + ["minimax_m3_sparse"] * 3,
            "index_n_heads": 2,
            "index_head_dim": 12,
            "index_block_size": 4,
            "index_topk_blocks": 3,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head}
  sparse: {like: attention, block_indexer: {n_heads: 2, head_dim: 12, block: 4, top_blocks: 3}}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 26}
    router: {score: sigmoid, correction_bias: true}
mixer: 1 attention then sparse
ffn: 1 dense then moe
""",
        fused=("gate up",),
    ),
)
