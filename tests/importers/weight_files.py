"""Files of weights for tests: a header, and as many bytes behind it as it says, of which none is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from costmodel.importers.safetensors import BITS

Said = Mapping[str, tuple[str, tuple[int, ...]]]  # name -> type and shape


def header_of(tensors: Said) -> tuple[bytes, int]:
    """Return the header of tensors one after another, and how many bytes they take."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    return json.dumps(header).encode(), end


def write(path: Path, tensors: Said) -> Path:
    """Write a file; what follows its header is a hole that takes no room on most disks."""
    content, size = header_of(tensors)
    with path.open("wb") as file:
        file.write(len(content).to_bytes(8, "little") + content)
        file.truncate(8 + len(content) + size)
    return path


def write_model(folder: Path, config: Mapping[str, Any], tensors: Said) -> Path:
    """Write a configuration and the weights beside it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(config)), encoding="utf-8")
    return write(folder / "model.safetensors", tensors)


LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 128, "tie_word_embeddings": False,
    "dtype": "bfloat16",
}  # fmt: skip
# Of every layer: (d_out, d_in) of what is quantised.
MATRICES = {
    "self_attn.q_proj": (64, 64),
    "self_attn.k_proj": (32, 64),
    "self_attn.v_proj": (32, 64),
    "self_attn.o_proj": (64, 64),
    "mlp.gate_proj": (96, 64),
    "mlp.up_proj": (96, 64),
    "mlp.down_proj": (64, 96),
}


def llama(n_layers: int = 3) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the tensors of that model."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": ("BF16", (128, 64)),
        "model.norm.weight": ("BF16", (64,)),
        "lm_head.weight": ("BF16", (128, 64)),
    }
    for layer in range(n_layers):
        for name, shape in MATRICES.items():
            found[f"model.layers.{layer}.{name}.weight"] = ("BF16", shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"model.layers.{layer}.{name}.weight"] = ("BF16", (64,))
    return found
