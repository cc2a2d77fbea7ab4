"""BLT as transformers builds and runs it, over random configurations whose parts fit each other."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BltConfig, BltForCausalLM

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers import import_text
from costmodel.validation import parse
from costmodel.workload import Workload

pytestmark = pytest.mark.oracle


def part(random: Random, layers: str = "num_hidden_layers", **more: Any) -> dict[str, Any]:
    """Return heads, networks and depth of one of the four stacks."""
    kv = random.randint(1, 3)
    heads = kv * random.randint(1, 3)
    found: dict[str, Any] = {"num_attention_heads": heads, "num_key_value_heads": random.choice((kv, None))}
    found |= {"intermediate_size": random.randint(3, 40), layers: random.randint(1, 3)}
    return {"hidden_size": heads * 2 * random.randint(1, 5)} | found | more


def configuration(seed: int) -> dict[str, Any]:
    """Return a small configuration of which every part has its own sizes."""
    random = Random(seed)
    below, between, patcher = part(random), part(random), part(random)
    heads = random.choice([n for n in range(1, 7) if below["hidden_size"] % (2 * n) == 0])
    above = part(random) | {"hidden_size": below["hidden_size"], "num_attention_heads": heads}
    above["num_key_value_heads"] = random.choice((heads, None))
    vectors, vocabulary = random.randint(1, 3), random.randint(20, 40)
    if random.random() < 0.3:  # without a matrix before the patches
        between |= {"hidden_size": vectors * below["hidden_size"], "num_attention_heads": 1, "num_key_value_heads": 1}
    every = random.random() < 0.5
    below |= {"vocab_size": vocabulary + random.randint(0, 3), "cross_attn_k": vectors}
    if random.random() < 0.3:
        below.pop("intermediate_size")
    above |= {"hidden_size_global": between["hidden_size"], "cross_attn_all_layers": every, "cross_attn_k": vectors}
    patcher |= {"vocab_size": random.randint(20, 40), "sliding_window": random.choice((None, 5))}
    return {
        "model_type": "blt",
        "vocab_size": vocabulary,
        "cross_attn_k": vectors,
        "patch_size": random.randint(1, 4),
        "patch_in_forward": random.random() < 0.7,
        "local_attention_window_len": random.choice((None, 3, 8)),
        "encoder_hash_byte_group_size": random.choice(([3, 4], [2, 3, 5])),
        "encoder_hash_byte_group_vocab": random.randint(10, 50),
        "encoder_hash_byte_group_nb_functions": random.randint(1, 2),
        "encoder_config": below,
        "global_config": between,
        "decoder_config": above,
        "patcher_config": patcher,
    }


def both(data: dict[str, Any]) -> tuple[Architecture, Any]:
    found = parse(import_text(json.dumps(data), "config.json").document)
    assert isinstance(found, Architecture)
    config = BltConfig(**{key: value for key, value in data.items() if key != "model_type"})
    config._attn_implementation = "eager"
    return found, config


def size(module: torch.nn.Module | None) -> int:
    return sum(p.numel() for p in module.parameters()) if module is not None else 0


@pytest.mark.parametrize("seed", range(30))
def test_a_random_configuration_has_the_parameters_of_its_class(seed: int) -> None:
    found, config = both(configuration(seed))
    with torch.device("meta"):
        model = BltForCausalLM(config)
    patcher = size(model.model.patcher)
    assert figures.params(found).total == size(model) - patcher
    assert figures.params(found, found.extra_components).total == size(model)
    assert found.extra_components == (["patcher"] if patcher else [])


@pytest.mark.parametrize("seed", range(12))
def test_a_random_configuration_does_what_its_class_does(seed: int) -> None:
    found, config = both(configuration(seed))
    assert found.patches is not None
    model = BltForCausalLM(config).eval()
    model.set_attn_implementation("eager")
    patches, batch = 3, 2
    lengths = torch.tensor([[1] + [found.patches.size] * patches] * batch)
    tokens = torch.randint(20, (batch, int(lengths[0].sum())))
    load = Workload(batch=batch, new_tokens=tokens.shape[1], attention="full")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(tokens, patch_lengths=lengths, use_cache=False)
    assert figures.flops(found.lower(load)).forward == counter.get_total_flops()
    if model.model.patcher is not None:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model.model.patcher(tokens, patch_size=4, threshold=1.0, use_cache=False)
        assert figures.flops(found.lower_component("patcher", load)).forward == counter.get_total_flops()


def test_the_published_one() -> None:
    found, config = both({"model_type": "blt"})
    with torch.device("meta"):
        model = BltForCausalLM(config)
    assert figures.params(found, ["patcher"]).total == size(model) == 4_633_127_680
    assert found.source is not None
    assert "4 bytes in the mean" in str(found.source.note)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"patching_mode": "static"}, "patching_mode"),
        ({"cross_attn_k": 3}, "cross_attn_k"),
        ({"decoder_config": {"hidden_size": 512}}, "hidden_size"),
        ({"decoder_config": {"hidden_size_global": 1024}}, "hidden_size"),
        ({"encoder_config": {"num_hidden_layers": 2, "cross_attn_all_layers": True}}, "cross_attn_all_layers"),
        ({"encoder_config": {"vocab_size": 200}}, "vocab_size"),
        ({"global_config": {"num_attention_heads": 5}}, "num_attention_heads"),
        ({"encoder_config": {"memory_tokens": 5}}, "memory_tokens"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(SpecError) as caught:
        import_text(json.dumps({"model_type": "blt"} | changes), "config.json")
    assert place in caught.value.message
