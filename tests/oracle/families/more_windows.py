"""More families with routed experts and windows: gates, sinks, heads by the kind of layer."""

from __future__ import annotations

from .base import Family
from .shapes import EVEN, SHAPE

SPARSE = {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 22}
DENSE_FIRST = ["dense"] + ["sparse"] * 3
LOCAL_GLOBAL = ["sliding_attention"] * 3 + ["full_attention"]
BIAS_IS_FROZEN = "the correction bias of the router is a frozen parameter there, a buffer here"

MORE_WINDOWS = (
    Family(
        "afmoe",
        {
            "model_type": "afmoe",
            **SHAPE,
            **SPARSE,
            "num_dense_layers": 1,
            "num_shared_experts": 2,
            "sliding_window": 24,
            "layer_types": LOCAL_GLOBAL,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
norm: {place: sandwich}
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, gate: element, window: 24}
  global: {like: local, window: ~, rope: false}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {n_experts: 2, d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: repeat 3 local + global
ffn: 1 dense then moe
""",
        beside={BIAS_IS_FROZEN: 3 * 8},
    ),
    Family(
        "exaone_moe",
        {
            "model_type": "exaone_moe",
            **SHAPE,
            **SPARSE,
            "first_k_dense_replace": 1,
            "num_shared_experts": 1,
            "sliding_window": 24,
            "sliding_window_pattern": "LLLG",
            "layer_types": LOCAL_GLOBAL,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, window: 24}
  global: {like: local, window: ~, rope: false}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 22}
    router: {score: sigmoid, correction_bias: true}
mixer: repeat 3 local + global
ffn: 1 dense then moe
""",
        wide=("router",),
    ),
    Family(
        "granitemoe_swa",
        {
            "model_type": "granitemoe_swa",
            **EVEN,
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
            "sliding_window": 24,
        },
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  global: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, sinks: true}
  local: {like: global, window: 24}
  moe: {kind: moe, n_experts: 5, top_k: 2, d_ff: 70}
mixer: repeat global + 3 local
ffn: moe
""",
    ),
    Family(
        "laguna",
        {
            "model_type": "laguna",
            **SHAPE,
            **SPARSE,
            "shared_expert_intermediate_size": 26,
            "sliding_window": 24,
            "layer_types": LOCAL_GLOBAL,
            "num_attention_heads_per_layer": [8, 8, 8, 6],
            "mlp_layer_types": DENSE_FIRST,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  local: {kind: attention, n_heads: 8, n_kv_heads: 2, head_dim: 10, qk_norm: head, gate: head, window: 24}
  global: {like: local, n_heads: 6, window: ~, rope_dim: 5}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 26}
    router: {score: sigmoid, correction_bias: true}
mixer: repeat 3 local + global
ffn: 1 dense then moe
""",
        beside={BIAS_IS_FROZEN: 3 * 8},
    ),
    Family(
        "mellum",
        {"model_type": "mellum", **SHAPE, **SPARSE, "sliding_window": 24, "layer_types": LOCAL_GLOBAL},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, window: 24}
  global: {like: local, window: ~}
  moe: {kind: moe, n_experts: 8, top_k: 3, d_ff: 22}
mixer: repeat 3 local + global
ffn: moe
""",
    ),
    Family(
        "mimo_v2_flash",
        {
            "model_type": "mimo_v2_flash",
            **SHAPE,
            "n_routed_experts": 8,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 22,
            "v_head_dim": 8,
            "sliding_window": 24,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
            "mlp_layer_types": DENSE_FIRST,
            "num_key_value_heads": 1,  # twice as many where the window is
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  global: {kind: attention, n_heads: 6, n_kv_heads: 1, head_dim: 10, v_head_dim: 8, rope_dim: 3}
  local: {like: global, n_kv_heads: 2, window: 24, sinks: true}
  dense: {kind: ffn, d_ff: 70}
  moe: {kind: moe, n_experts: 8, top_k: 3, d_ff: 22, router: {score: sigmoid, correction_bias: true}}
mixer: [global, local, local, global]
ffn: 1 dense then moe
""",
        wide=("router",),
    ),
    Family(
        "flint",
        {
            "model_type": "flint",
            **SHAPE,
            **SPARSE,
            "shared_expert_intermediate_size": 26,
            "mlp_only_layers": [0],
            "sliding_window": 24,
            "layer_types": LOCAL_GLOBAL,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, sinks: true, window: 24}
  global: {like: local, window: ~, rope: false}
  dense: {kind: ffn, d_ff: 70}
  moe: {kind: moe, n_experts: 8, top_k: 3, d_ff: 22, shared: {d_ff: 26}, router: {score: sigmoid}}
mixer: repeat 3 local + global
ffn: 1 dense then moe
""",
        wide=("router", "scores"),
    ),
    Family(
        "kolibri1",
        {
            "model_type": "kolibri1",
            **SHAPE,
            **SPARSE,
            "shared_expert_intermediate_size": 26,
            "sliding_window": 24,
            "layer_types": LOCAL_GLOBAL,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
norm: {place: sandwich}
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, qk_norm: head, window: 24}
  global: {like: local, window: ~, rope: false}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    shared: {d_ff: 26}
    router: {score: sigmoid, correction_bias: true}
mixer: repeat 3 local + global
ffn: moe
""",
        wide=("router",),
    ),
    Family(
        "cohere2_moe",
        {
            "model_type": "cohere2_moe",
            **SHAPE,
            "intermediate_size": 22,
            "prefix_dense_intermediate_size": 70,
            "num_hidden_layers": 5,
            "num_experts": 7,
            "num_experts_per_tok": 3,
            "num_shared_experts": 2,
            "first_k_dense_replace": 1,
            "sliding_window": 24,
            "tie_word_embeddings": True,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 5
tied: true
norm: {kind: layer, bias: false, place: parallel}
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, window: 24}
  first: {like: local, window: ~}
  global: {like: first, rope: false}
  dense: {kind: ffn, d_ff: 70}
  moe: {kind: moe, n_experts: 7, top_k: 3, d_ff: 22, shared: {n_experts: 2, d_ff: 22}}
mixer: 1 first then repeat 3 local + global
ffn: 1 dense then moe
""",
    ),
    Family(
        "beam",
        {
            "model_type": "beam",
            **SHAPE,
            **SPARSE,
            "n_group": 2,
            "topk_group": 1,
            "num_experts_per_tok": 3,
            "sliding_window": 24,
            "layer_types": LOCAL_GLOBAL,
            "mlp_layer_types": DENSE_FIRST,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
norm: {place: sandwich}
blocks:
  local:
    kind: attention
    n_heads: 6
    n_kv_heads: 2
    head_dim: 10
    qk_norm: head
    gate: element
    gate_bias: head
    window: 24
  global: {like: local, window: ~, rope: false}
  dense: {kind: ffn, d_ff: 70}
  moe:
    kind: moe
    n_experts: 8
    top_k: 3
    d_ff: 22
    router: {score: sigmoid, correction_bias: true, groups: 2, top_groups: 1}
mixer: repeat 3 local + global
ffn: 1 dense then moe
""",
        wide=("router",),
    ),
)
