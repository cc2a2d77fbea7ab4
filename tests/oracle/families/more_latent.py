"""More families with latent attention: gates and scales on the way in."""

from __future__ import annotations

from .base import Family
from .shapes import DEEPSEEK

INDEX = {"index_n_heads": 4, "index_head_dim": 12, "index_topk": 32}

MORE_LATENT = (
    Family(
        "axk2",
        {
            "model_type": "axk2",
            **DEEPSEEK,
            **INDEX,
            "n_group": None,
            "topk_group": None,
            "gated_norm_rank": 5,
            "mlp_layer_types": ["dense"] + ["sparse"] * 3,
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
    gate: element
    gate_from: latent
    input_gate: 5
    indexer: {n_heads: 4, head_dim: 12, top_k: 32}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
    input_gate: 5
mixer: dsa
ffn: 1 dense then moe
""",
        fused=("k_up v_up", "dsa: q_b gate"),
        wide=("router",),
    ),
)
