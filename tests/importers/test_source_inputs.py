"""Encoders without a table: FLOPs of the whole step as torch counts them in the classes of transformers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.importers import import_text
from costmodel.validation import parse
from costmodel.workload import Workload
from tests.importers.zoo import build, model_class

NEW = 5
SMALL = {
    "vocab_size": 131, "d_model": 24, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 3,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 50, "decoder_ffn_dim": 70, "pad_token_id": 1,
}  # fmt: skip
MOONSHINE = {
    "vocab_size": 131, "hidden_size": 24, "intermediate_size": 50, "encoder_num_hidden_layers": 2,
    "decoder_num_hidden_layers": 3, "encoder_num_attention_heads": 3, "decoder_num_attention_heads": 3,
    "pad_token_id": 1,
}  # fmt: skip
STREAMING = {
    "vocab_size": 131, "hidden_size": 24, "intermediate_size": 50, "num_hidden_layers": 3, "num_attention_heads": 3,
    "num_key_value_heads": 3, "pad_token_id": 1,
    "encoder_config": {
        "hidden_size": 24, "intermediate_size": 70, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "sliding_windows": [[4, 3], [4, 0]],
    },
}  # fmt: skip
PATCHES = {
    "text_config": {"vocab_size": 131, "hidden_size": 24, "d_kv": 8, "num_heads": 3, "d_ff": 50, "num_layers": 3},
    "vision_config": {
        "hidden_size": 24, "patch_embed_hidden_size": 12, "d_ff": 70, "d_kv": 7, "num_hidden_layers": 2,
        "num_attention_heads": 2, "seq_len": 30,
    },
}  # fmt: skip
CONFORMER = {
    "model_type": "parakeet_encoder", "hidden_size": 24, "intermediate_size": 50, "num_hidden_layers": 2,
    "num_attention_heads": 3, "subsampling_conv_channels": 6, "num_mel_bins": 16, "convolution_bias": False,
}  # fmt: skip
DECODER = {
    "vocab_size": 131, "hidden_size": 24, "intermediate_size": 70, "num_hidden_layers": 3, "num_attention_heads": 3,
    "num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 1,
}  # fmt: skip
COHERE = {**DECODER, "hidden_size": 36, "encoder_config": {**CONFORMER, "attention_bias": False}}
# configuration, name and shape of the input, tokens of the encoder that come of it
CASES: dict[str, tuple[dict[str, Any], str, tuple[int, ...], int]] = {
    "whisper": (SMALL | {"num_mel_bins": 7, "max_source_positions": 9}, "input_features", (1, 7, 18), 9),
    "speech_to_text": (SMALL | {"input_feat_per_channel": 7, "conv_channels": 22}, "input_features", (1, 36, 7), 9),
    # 9 tokens come of 19 frames, these of 61, and these of 60 * 64 + 127 samples
    # 9 tokens come of 36 frames of 80 samples
    "moonshine_streaming": (STREAMING, "input_values", (1, 36 * 80), 9),
    "pix2struct": (PATCHES, "flattened_patches", (1, 9, 2 + 12), 9),
    # 9 tokens come of 72 frames of 16 bands
    "canary": (
        {"vocab_size": 131, "encoder_config": CONFORMER, "decoder_config": DECODER},
        "input_features",
        (1, 72, 16),
        9,
    ),
    "cohere_asr": (COHERE, "input_features", (1, 72, 16), 9),
    "moonshine": (MOONSHINE, "input_values", (1, 60 * 64 + 127), 9),
}


def of_no_pair(found: Architecture, source: int) -> int:
    """Return what products of queries with all distances have beyond those that a pair has: n (n - 1)."""
    assert found.encoder_stack is not None
    of_one = [
        (places, block)
        for name, places in found.encoder_stack.layout.counts.items()
        if (block := found.blocks[name]).kind == "xl_attention"
    ]
    return sum(2 * places * block.n_heads * block.head_dim * source * (source - 1) for places, block in of_one)


@pytest.mark.parametrize("model_type", CASES)
def test_an_encoder_as_torch_counts_it(model_type: str) -> None:
    config, name, shape, source = CASES[model_type]
    data = {"model_type": model_type, **config}
    cls = model_class(model_type)
    assert cls is not None
    model = build(data, cls).to_empty(device="cpu").eval()
    model.set_attn_implementation("eager")
    tokens = torch.zeros(1, NEW, dtype=torch.long)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        made = model(**{name: torch.rand(shape)}, decoder_input_ids=tokens, use_cache=True)
    found = parse(import_text(json.dumps(data), "config.json").document)
    assert isinstance(found, Architecture)
    assert made.encoder_last_hidden_state.shape[1] == source
    ops = found.lower(Workload(new_tokens=NEW, source_new=source, attention="full"))
    assert figures.flops(ops).forward + of_no_pair(found, source) == counter.get_total_flops()
    cache = made.past_key_values
    held = [t for part in (cache.self_attention_cache, cache.cross_attention_cache) for one in part.layers
            for t in (one.keys, one.values)]  # fmt: skip
    assert figures.cache(ops).values == sum(t.numel() for t in held)
