"""BERT and what descends from it as decoders, and further families with an encoder."""

from __future__ import annotations

from typing import Any

from .base import Family
from .more_seq2seq import BART, LAYERS
from .shapes import TOKENS

DECODER: dict[str, Any] = {
    **TOKENS,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 70,
    "max_position_embeddings": 256,
    "is_decoder": True,
}
STACK = """
d_model: 48
vocab_size: 131
n_layers: 3
tied: true
blocks:
  attention: {kind: attention, n_heads: 6, head_dim: 8, bias: [q, k, v, o], rope: false}
  mlp: {kind: ffn, d_ff: 70, gated: false, bias: true, activation: gelu}
mixer: attention
ffn: mlp
"""
DENSE = "head: {bias: true, dense: true, dense_bias: true}"
POST = "norm: {kind: layer, place: post, final: false}"
BERT = f"""{STACK}
{DENSE}
{POST}
positions: 256
embedding: {{norm: layer, token_types: 2}}
"""

MORE_BERT = (
    Family("bert", {"model_type": "bert", **DECODER}, BERT),
    Family("roberta", {"model_type": "roberta", **DECODER}, BERT),
    Family("electra", {"model_type": "electra", **DECODER, "embedding_size": 48}, BERT),
    Family(
        "roberta-prelayernorm",
        {"model_type": "roberta-prelayernorm", **DECODER},
        f"""{STACK}
{DENSE}
norm: {{kind: layer}}
positions: 256
embedding: {{norm: layer, token_types: 2}}
""",
    ),
    Family(
        "megatron-bert",
        {"model_type": "megatron-bert", **DECODER},
        f"""{STACK}
{DENSE}
norm: {{kind: layer}}
positions: 256
embedding: {{token_types: 2}}
""",
    ),
    Family(
        "bert-generation",
        {"model_type": "bert-generation", **DECODER},
        f"""{STACK}
head: {{bias: true}}
{POST}
positions: 256
embedding: {{norm: layer}}
""",
    ),
    Family(
        "roformer",
        {"model_type": "roformer", **DECODER},
        f"""{STACK.replace(", rope: false", "")}
{DENSE}
{POST}
embedding: {{norm: layer, token_types: 2}}
""",
        beside={"sines of the rotation, stored as a parameter that is not trained": 256 * 8},
    ),
    Family(
        "blenderbot-small",
        {"model_type": "blenderbot-small", **BART},
        f"""{LAYERS}
{POST}
positions: 256
embedding: {{norm: layer}}
encoder: {{n_layers: 3, layer: [encode, mlp], positions: 256, embedding: {{norm: layer}}}}
""",
        source=19,
    ),
    Family(
        "marian-apart",
        {"model_type": "marian", **BART, "share_encoder_decoder_embeddings": False, "decoder_vocab_size": 131},
        f"""{LAYERS}
{POST}
positions: 256
encoder: {{n_layers: 3, layer: [encode, mlp], positions: 256, embedding: {{table: true}}}}
""",
        source=19,
    ),
    Family(
        "seamless_m4t",
        {"model_type": "seamless_m4t", **{k: v for k, v in BART.items() if k != "d_model"}, "hidden_size": 42},
        f"""{LAYERS}
norm: {{kind: layer}}
encoder: {{n_layers: 3, layer: [encode, mlp]}}
""",
        source=19,
    ),
)
