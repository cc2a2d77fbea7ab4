"""T5Gemma 2, small: parameters, FLOPs and caches of a first step and of one that has a cache."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import T5Gemma2Config, T5Gemma2ForConditionalGeneration

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.importers import import_text
from costmodel.validation import parse
from costmodel.verify.published import size
from costmodel.workload import Workload

pytestmark = pytest.mark.oracle

TEXT = {
    "vocab_size": 99, "hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 6, "sliding_window": 5, "pad_token_id": 0,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}  # fmt: skip
VISION = {
    "model_type": "siglip_vision_model", "hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 2,
    "num_attention_heads": 2, "image_size": 36, "patch_size": 6, "vision_use_head": False,
}  # fmt: skip


def configuration(**changes: Any) -> dict[str, Any]:
    encoder = {"text_config": TEXT, "vision_config": VISION, "mm_tokens_per_image": 4, "eoi_token_index": 7}
    decoder = TEXT | {"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2}
    return {"model_type": "t5gemma2", "encoder": encoder, "decoder": decoder} | changes


def imported(data: dict[str, Any]) -> Architecture:
    found = parse(import_text(json.dumps(data), "config.json").document)
    assert isinstance(found, Architecture)
    return found


@pytest.mark.parametrize("tied", [True, False])
def test_the_import_has_the_figures_of_the_class(tied: bool) -> None:
    data = configuration(tie_word_embeddings=tied)
    found = imported(data)
    model = T5Gemma2ForConditionalGeneration(
        T5Gemma2Config(**{k: v for k, v in data.items() if k != "model_type"})
    ).eval()
    model.set_attn_implementation("eager")
    assert figures.params(found, ["vision"]).total == size(model)
    with torch.no_grad():
        encoded = model.model.encoder(input_ids=torch.randint(10, 99, (2, 9)))
        cache, cached = None, 0
        for new in (7, 3, 1):
            with FlopCounterMode(display=False) as counter:
                tokens = torch.randint(10, 99, (2, new))
                out = model(decoder_input_ids=tokens, encoder_outputs=encoded, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            # The encoder ran before; keys of its tokens are made in the first step.
            first, later = (
                Workload(
                    batch=2, source_new=n, source_cached=9 - n, new_tokens=new, cached_tokens=cached, attention="full"
                )
                for n in (9, 0)
            )
            ops = [op for op in found.lower(later if cached else first) if not op.path.startswith("encoder.")]
            assert figures.flops(ops).forward == counter.get_total_flops()
            held = [
                layer for part in (cache.self_attention_cache, cache.cross_attention_cache) for layer in part.layers
            ]
            cached += new
            whole = sum(t.numel() for layer in held for t in (layer.keys, layer.values))
            ours = figures.cache(found.lower(later)).values * 2
            assert ours == whole + _kept_by_windows(found, cached)


def _kept_by_windows(found: Architecture, cached: int) -> int:
    """Return what our windows keep more than the class: the token that falls out next."""
    block = found.blocks["merged-local"]
    places = found.stack.layout.counts["merged-local"]
    return 2 * places * 2 * block.n_kv_heads * block.head_dim * (cached >= block.window)


@pytest.mark.parametrize(
    ("window", "sides"), [(5, (3, 2)), (4, (2, 2)), (2, (1, 1))], ids=["odd", "even", "one on each side"]
)
def test_a_window_of_the_encoder_is_half_on_each_side(window: int, sides: tuple[int, int]) -> None:
    data = configuration()
    data["encoder"] = data["encoder"] | {"text_config": TEXT | {"sliding_window": window}}
    local = imported(data).blocks["encode-local"]
    assert (local.window, local.ahead) == sides
