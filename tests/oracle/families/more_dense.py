"""More dense families with RMS norms: windows, sinks, rotary dimensions, norms inside and around."""

from __future__ import annotations

from .base import Family
from .shapes import EVEN, GATE_UP, SHAPE

PLAIN = """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10}
  mlp: {kind: ffn, d_ff: 70}
mixer: attention
ffn: mlp
"""
LOCAL_GLOBAL = ["sliding_attention"] * 3 + ["full_attention"]

MORE_DENSE = (
    Family("ernie4_5", {"model_type": "ernie4_5", **SHAPE}, PLAIN),
    Family("ministral3", {"model_type": "ministral3", **SHAPE, "sliding_window": None}, PLAIN),
    Family(
        "ministral",
        {"model_type": "ministral", **SHAPE, "sliding_window": 24, "layer_types": LOCAL_GLOBAL[::-1]},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  global: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10}
  local: {like: global, window: 24}
  mlp: {kind: ffn, d_ff: 70}
mixer: repeat global + 3 local
ffn: mlp
""",
    ),
    Family(
        "cwm",
        {"model_type": "cwm", **SHAPE, "sliding_window": 24, "layer_types": LOCAL_GLOBAL},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  global: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10}
  local: {like: global, window: 24}
  mlp: {kind: ffn, d_ff: 70}
mixer: repeat 3 local + global
ffn: mlp
""",
    ),
    Family(
        "granite_swa",
        {
            "model_type": "granite_swa",
            **EVEN,
            "num_hidden_layers": 5,
            "sliding_window": 24,
            "layer_rope_theta": [0, 1e4, 1e4, 1e4, 0],
        },
        """
d_model: 48
vocab_size: 131
n_layers: 5
blocks:
  global: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, sinks: true, rope: false}
  local: {like: global, window: 24, rope: true}
  mlp: {kind: ffn, d_ff: 70}
mixer: repeat global + 3 local
ffn: mlp
""",
    ),
    Family(
        "vaultgemma",
        {
            "model_type": "vaultgemma",
            **SHAPE,
            "tie_word_embeddings": True,
            "sliding_window": 24,
            "query_pre_attn_scalar": 10,
        },
        """
d_model: 42
vocab_size: 131
n_layers: 4
tied: true
blocks:
  local: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, window: 24, softcap: 50.0}
  global: {like: local, window: ~}
  mlp: {kind: ffn, d_ff: 70, activation: gelu}
mixer: repeat local + global
ffn: mlp
""",
    ),
    Family(
        "glm",
        {"model_type": "glm", **SHAPE, "attention_bias": True},
        """
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 10, bias: [q, k, v], rope_dim: 5}
  mlp: {kind: ffn, d_ff: 70}
mixer: attention
ffn: mlp
""",
        fused=GATE_UP,
    ),
    Family(
        "helium",
        {"model_type": "helium", **EVEN, "head_dim": 8},
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8}
  mlp: {kind: ffn, d_ff: 70}
mixer: attention
ffn: mlp
""",
    ),
    Family(
        "hyperclovax",
        {"model_type": "hyperclovax", **EVEN, "use_post_norm": True},
        """
d_model: 48
vocab_size: 131
n_layers: 4
norm: {place: sandwich}
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8}
  mlp: {kind: ffn, d_ff: 70}
mixer: attention
ffn: mlp
""",
    ),
    Family(
        "diffllama",
        {"model_type": "diffllama", **EVEN, "head_dim": 8},
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: differential_attention, n_heads: 6, n_kv_heads: 2, head_dim: 8}
  mlp: {kind: ffn, d_ff: 70}
mixer: attention
ffn: mlp
""",
        differences=("two_calls",),
    ),
    Family(
        "bitnet",
        {"model_type": "bitnet", **EVEN},
        """
d_model: 48
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: attention, n_heads: 6, n_kv_heads: 2, head_dim: 8, out_norm: full}
  mlp: {kind: ffn, d_ff: 70, inner_norm: true, activation: relu2}
mixer: attention
ffn: mlp
""",
    ),
)
