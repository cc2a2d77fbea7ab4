"""EmbeddingGemma: Gemma 3 whose tokens see each other, in full layers and in windows that look both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.importers import import_text
from costmodel.validation import parse
from costmodel.workload import Workload

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch")

SMALL: dict[str, Any] = {
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "num_hidden_layers": 3,
    "vocab_size": 31,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "use_bidirectional_attention": True,
    "pad_token_id": 0,
}


@pytest.mark.parametrize(("window", "tokens"), [(6, 17), (7, 17), (1, 5), (40, 17)])
def test_a_token_sees_half_of_the_window_on_either_side(window: int, tokens: int) -> None:
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    data = SMALL | {"sliding_window": window}
    found = parse(import_text(json.dumps({"model_type": "gemma3_text", **data}), "config.json").document)
    assert isinstance(found, Architecture)
    model = Gemma3ForCausalLM(Gemma3TextConfig(**data, attn_implementation="eager")).eval()
    assert figures.params(found).total == sum(one.numel() for one in set(model.parameters()))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        out = model(torch.arange(1, tokens + 1)[None], output_attentions=True, use_cache=False)
    full = figures.flops(found.lower(Workload(new_tokens=tokens, attention="full")))
    assert full.executed == counter.get_total_flops()
    # A pair of query and key costs 4 FLOPs for each value of a head: a score and a weighted sum.
    seen = sum(int((layer > 0).sum()) for layer in out.attentions)
    assert figures.flops(found.lower(Workload(new_tokens=tokens))).attention == 4 * 8 * seen
