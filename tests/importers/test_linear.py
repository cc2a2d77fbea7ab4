"""MiniMax's own files, and what linear families refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers import import_text
from costmodel.validation import parse

# Keys and values of MiniMax-Text-01 as its publisher has them.
TEXT_01: dict[str, Any] = {
    "model_type": "minimax_text_01",
    "attn_type_list": [0, 0, 0, 0, 0, 0, 0, 1] * 10,
    "head_dim": 128,
    "hidden_size": 6144,
    "intermediate_size": 9216,
    "layernorm_full_attention_alpha": 3.5565588200778455,
    "layernorm_linear_attention_alpha": 3.5565588200778455,
    "layernorm_mlp_alpha": 3.5565588200778455,
    "max_position_embeddings": 10240000,
    "num_attention_heads": 64,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 80,
    "num_key_value_heads": 8,
    "num_local_experts": 32,
    "postnorm": True,
    "rotary_dim": 64,
    "shared_intermediate_size": 0,
    "shared_moe_mode": "sigmoid",
    "vocab_size": 200064,
}


def read(data: dict[str, Any]) -> dict[str, Any]:
    return import_text(json.dumps(data), "config.json").document


@pytest.mark.parametrize("model_type", ["minimax", "minimax_text_01", "minimax_m1"])
def test_files_of_the_vendor(model_type: str) -> None:
    document = read(TEXT_01 | {"model_type": model_type})
    assert (document["mixer"], document["ffn"]) == ("repeat 7 linear + full", "moe")
    assert document["blocks"]["linear"] == {
        "kind": "lightning", "n_heads": 64, "head_dim": 128, "state_dtype": "model",
    }  # fmt: skip
    assert document["blocks"]["full"]["rope_dim"] == 64
    found = parse(document)
    assert isinstance(found, Architecture)
    params = figures.params(found)
    # 456 billion, 45.9 of them active beside both tables: arXiv:2501.08313.
    assert round(params.total / 1e9) == 456
    assert round((params.active - 2 * 200064 * 6144) / 1e8) == 459


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({k: v for k, v in TEXT_01.items() if k != "attn_type_list"}, "attn_type_list is missing"),
        (TEXT_01 | {"attn_type_list": [2] * 80}, "attn_type_list has 2"),
        (TEXT_01 | {"shared_intermediate_size": 8}, "is a shared expert"),
        ({"model_type": "recurrent_gemma", "block_types": ["recurrent", "other"]}, 'block_types[1] is "other"'),
        ({"model_type": "recurrent_gemma", "lru_width": 2561}, "lru_width 2561 cannot be shared by 10 heads"),
        ({"model_type": "recurrent_gemma", "intermediate_size": 1}, "of gate and up together"),
        ({"model_type": "xlstm", "use_bias": True}, "gives RMS norms a bias"),
        ({"model_type": "xlstm", "num_heads": 7}, "qk_dim_factor gives 2048 values, which 7 heads cannot share"),
        ({"model_type": "xlstm", "embedding_dim": 100}, "nothing projects between them"),
        ({"model_type": "zaya", "layer_types": ["hybrid_sliding"] * 40}, "sliding_window is null"),
        ({"model_type": "zaya", "num_experts_per_tok": 2}, "num_experts_per_tok 2"),
        ({"model_type": "zaya", "head_dim": 3, "num_key_value_heads": 1}, "values that have no half"),
    ],
)
def test_what_is_not_understood_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(data)
    assert said in caught.value.message
