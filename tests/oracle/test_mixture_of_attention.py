"""JetMoE: experts of queries and outputs. Its experts are no module that the other comparisons know."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import DynamicCache, JetMoeConfig, JetMoeForCausalLM

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.loader import read_document
from costmodel.validation import parse
from costmodel.workload import Workload

SPEC = """
name: jetmoe
d_model: 42
vocab_size: 131
n_layers: 4
blocks:
  attention: {kind: mixture_of_attention, n_experts: 5, top_k: 3, n_kv_heads: 2, head_dim: 10, output_bias: true}
  moe: {kind: moe, n_experts: 5, top_k: 3, d_ff: 70, output_bias: true}
mixer: attention
ffn: moe
"""


@pytest.fixture(scope="module")
def ours() -> Architecture:
    found = parse(read_document(SPEC, where="jetmoe.yaml").data)
    assert isinstance(found, Architecture)
    return found


@pytest.fixture(scope="module")
def theirs() -> JetMoeForCausalLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": 131, "hidden_size": 42, "intermediate_size": 70, "num_hidden_layers": 4}
    heads = {"num_key_value_heads": 2, "kv_channels": 10, "num_local_experts": 5, "num_experts_per_tok": 3}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False}
    config = JetMoeConfig(**sizes, **heads, **ids, attn_implementation="eager")
    return JetMoeForCausalLM(config).eval()


def test_parameters(ours: Architecture, theirs: JetMoeForCausalLM) -> None:
    assert figures.params(ours).total == sum(p.numel() for p in theirs.parameters())


@torch.no_grad()
@pytest.mark.parametrize("lengths", [(1,), (7,), (7, 1), (3, 5, 2)])
def test_flops_and_cache_of_every_step(ours: Architecture, theirs: JetMoeForCausalLM, lengths: tuple[int, ...]) -> None:
    cache, past = DynamicCache(config=theirs.config), 0
    for new in lengths:
        with FlopCounterMode(display=False) as counter:
            theirs(torch.randint(3, 131, (2, new)), past_key_values=cache)
        ops = ours.lower(Workload(batch=2, new_tokens=new, cached_tokens=past, attention="full"))
        assert figures.flops(ops).forward == counter.get_total_flops()
        past += new
        kept = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
        assert 2 * figures.cache(ops).values == kept
