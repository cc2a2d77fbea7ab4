"""Types whose class stands beside their published weights: counted as their modules, or as an equal class."""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from costmodel import catalog, figures
from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers import import_text
from costmodel.importers.defaults import PATH, class_of, remote
from costmodel.importers.families import TABLE
from costmodel.ops import Experts, Project
from costmodel.validation import parse
from costmodel.workload import Workload

from .remote_models import SAME, draw, theirs
from .test_small_models import STEPS, of

SEED = int(os.environ.get("ARCHCALC_ZOO_SEED") or 0)
TYPES = sorted(name for name in remote() if "." not in name)
OFF = {"no_op": False, "replace_with_linear": False, "sparsify": None}


def deci_blocks(runs: list[list[Any]]) -> list[dict[str, Any]]:
    """Return ``block_configs`` of runs of layers, with the keys that its published file has."""
    unused = {"num_sink_tokens": None, "unshifted_sink": False, "use_prefill_window_in_sink_attention": False}
    return [
        {
            "attention": {**OFF, "no_op": group is None, "n_heads_in_group": group, "window_length": None, **unused},
            "ffn": {**OFF, "ffn_mult": multiple},
        }
        for times, group, multiple in runs
        for _ in range(times)
    ]


def published() -> dict[str, dict[str, Any]]:
    """Return the published configurations, by a name."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("remote.yaml").read_text("utf-8"))
    for entry in found.values():
        if "blocks" in entry:
            entry["config"]["block_configs"] = deci_blocks(entry["blocks"])
    return found


PUBLISHED = published()


def read(keys: dict[str, Any]) -> Architecture:
    """Return what a configuration imports as."""
    found = parse(import_text(json.dumps(keys, indent=1), "config.json").document)
    assert isinstance(found, Architecture)
    return found


def counts(model: Architecture) -> tuple[int, int, int]:
    """Return total and active parameters, and those of layers that predict further tokens."""
    params = figures.params(model)
    return params.total, params.active, figures.params(model, ["mtp"] if model.mtp else []).total - params.total


def matrices(model: Architecture) -> Counter[str]:
    """Return the values of all matrices, by component."""
    found: Counter[str] = Counter()
    for op in model.lower(Workload(new_tokens=1)):
        if isinstance(op, (Project, Experts)):
            found[op.component] += sum(weight.stored * prod(weight.shape) for weight in op.weights)
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("kind", TYPES)
def test_random_configurations_are_counted_as_they_are_built(kind: str) -> None:
    random = Random(f"{kind} {SEED}")
    for _ in range(12):
        keys = draw(kind, random)
        assert counts(read(keys)) == theirs(keys), keys


@pytest.mark.oracle
@pytest.mark.parametrize("kind", SAME)
def test_an_equal_class_of_transformers_computes_and_keeps_the_same(kind: str) -> None:
    random = Random(f"{kind} {SEED}")
    for _ in range(6):
        keys = draw(kind, random)
        mine, same = read(keys), read(SAME[kind](keys))
        alibi = kind == "baichuan" and "max_position_embeddings" not in keys  # Llama has no other positions
        for load in STEPS:
            ours, wanted = of(mine, load), of(same, load)
            assert {k: v for k, v in ours.items() if v != wanted[k] and not (alibi and k == "elementwise")} == {}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configurations_have_the_parameters_that_were_published(name: str) -> None:
    entry = PUBLISHED[name]
    model = read(entry["config"])
    total, active, further = counts(model)
    if "total" in entry:
        assert total == entry["total"]
    if "further" in entry:
        assert further == entry["further"]
    for said, count in ((entry.get("rounded"), total), (entry.get("active"), active)):
        if said is not None:
            digits = said.removesuffix("B")
            assert round(Decimal(count) / 10**9, len(digits.partition(".")[2])) == Decimal(digits)
    held = matrices(model)
    for component, gigabytes in entry.get("parts", {}).items():
        bits = Decimal("4.25" if component == "moe.experts" else "16")
        assert round(held[component] * bits / 8 / 10**9, 3) == Decimal(str(gigabytes)), component
    if "spec" in entry:
        spec = catalog.load(entry["spec"])
        assert isinstance(spec, Architecture)
        assert counts(spec) == counts(model)
        assert [of(spec, load) for load in STEPS] == [of(model, load) for load in STEPS]


def test_every_published_file_says_where_it_was_read() -> None:
    assert all(entry["source"] for entry in PUBLISHED.values())
    assert {entry["config"]["model_type"] for entry in PUBLISHED.values()} <= set(TYPES)


def test_a_class_beside_the_weights_has_a_source_and_is_not_in_transformers() -> None:
    assert sorted(set(TYPES) & set(TABLE)) == TYPES
    assert list(remote()) == sorted(remote(), key=str.lower)
    known = {json.loads(line)["model_type"] for line in PATH.read_text(encoding="utf-8").splitlines()}
    for name in remote():
        assert name not in known
        if name in TYPES:
            assert remote()[name]["models"]
            assert all(": " in source for source in remote()[name]["source"])


def test_a_size_has_no_default() -> None:
    for name in TYPES:
        own = remote()[name].get("keys", {})
        sizes = [key for key in own if key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")]
        assert all(class_of(name).keys[key] is None for key in sizes)


DECI = json.loads(json.dumps(PUBLISHED["nemotron-super-49b"]["config"]))


def changed(name: str, **keys: Any) -> dict[str, Any]:
    """Return a published configuration with some keys changed; ``...`` takes one away."""
    found = PUBLISHED[name]["config"] | keys
    return {key: value for key, value in found.items() if value is not ...}


def deci(part: str, **keys: Any) -> dict[str, Any]:
    """Return the published DeciLM with a part of its second layer changed."""
    found = json.loads(json.dumps(DECI))
    found["block_configs"][1][part] |= keys
    return found


def k3(**keys: Any) -> dict[str, Any]:
    """Return Kimi K3 with keys of its language model changed; ``...`` takes one away."""
    found = PUBLISHED["kimi-k3"]["config"]
    text = found["text_config"] | keys
    return found | {"text_config": {key: value for key, value in text.items() if value is not ...}}


@pytest.mark.parametrize(
    ("keys", "at", "says"),
    [
        (deci("attention", replace_with_linear=True), '"replace_with_linear": true', "replace_with_linear true"),
        (deci("attention", window_length=512), '"window_length": 512', "window_length 512"),
        (deci("attention", mamba={"state_size": 4}), '"mamba"', '"mamba" is no key'),
        (deci("attention", n_heads_in_group=7), '"n_heads_in_group": 7', "groups of 7 do not divide 64 heads"),
        (deci("ffn", ffn_mult=None), '"ffn_mult": null', "either ffn_mult or intermediate_size"),
        (deci("ffn", gated=False), '"gated"', "gated false"),
        (changed("nemotron-super-49b", num_hidden_layers=79), '"block_configs"', "lists 80 layers, and there are 79"),
        (changed("nemotron-super-49b", block_configs=[1] * 80), '"block_configs"', "a list of objects"),
        (changed("mimo-7b", num_nextn_predict_layers=...), "{", "num_nextn_predict_layers is missing"),
        (changed("mimo-7b", use_mrope=True), '"use_mrope"', "use_mrope true"),
        (changed("internlm2.5-7b", vocab_size=...), "{", "vocab_size is missing"),
        (changed("internlm2.5-7b", num_experts=8), '"num_experts"', '"num_experts" is no key'),
        (changed("internlm-7b", num_key_value_heads=8), '"num_key_value_heads"', "num_key_value_heads 8"),
        (changed("baichuan-13b", num_key_value_heads=8), '"num_key_value_heads"', "num_key_value_heads 8"),
        (changed("qwen-7b", no_bias=False), '"no_bias"', "no_bias false"),
        (changed("qwen-7b", kv_channels=64), '"kv_channels"', "32 heads of 64 are not the 4096 values"),
        (changed("qwen-7b", n_embd=2048), '"n_embd"', "n_embd contradicts hidden_size"),
        (changed("chatglm3-6b", tie_word_embeddings=...), "{", "tie_word_embeddings is missing"),
        (changed("chatglm3-6b", add_bias_linear=True), '"add_bias_linear"', "add_bias_linear true"),
        (changed("chatglm3-6b", vision_config={"depth": 3}), '"vision_config"', '"vision_config" is no key'),
        (changed("minicpm-2b", sparse_config={"topk": 64}), '"sparse_config"', "is not understood"),
        (changed("orion-14b", attention_bias=True), '"attention_bias"', "attention_bias true"),
        (changed("deepseek-moe-16b", scoring_func="sigmoid"), '"scoring_func"', 'scoring_func "sigmoid"'),
        (changed("ling-lite", use_bias=...), "{", "use_bias is missing"),
        (changed("ling-lite", norm_softmax=True), '"norm_softmax"', "norm_softmax true"),
        (changed("ling-mini-2.0", use_qk_norm=...), "{", "use_qk_norm is missing"),
        (changed("ling-mini-2.0", rotary_dim=32), '"rotary_dim"', "rotary_dim is 32, and should be 64"),
        (k3(attn_res_block_size=0), '"attn_res_block_size"', "a whole number of at least 1"),
        (k3(mla_use_nope=...), '"text_config"', "mla_use_nope false"),
        (k3(num_nextn_predict_layers=1), '"num_nextn_predict_layers"', "num_nextn_predict_layers 1"),
        (k3(num_hidden_layers=94), '"linear_attn_config"', "do not share out layers 1 to 94"),
        (k3(linear_attn_config={"kda_layers": [1]}), '"linear_attn_config"', "num_heads is missing"),
        (changed("hunyuan-a13b", use_cla=True), '"use_cla"', "use_cla true"),
        (changed("hunyuan-a13b", moe_topk=[8, 4]), '"moe_topk"', "a whole number"),
        (changed("hunyuan-a13b", moe_intermediate_size=1536), '"moe_intermediate_size"', "moe_intermediate_size 1536"),
        (changed("falcon-40b", n_head_kv=...), "{", "num_kv_heads is missing"),
        (changed("falcon-40b", new_decoder_architecture=False), '"new_decoder', "new_decoder_architecture false"),
        (changed("phi-2", tie_word_embeddings=True), '"tie_word_embeddings"', "tie_word_embeddings true"),
    ],
)
def test_what_is_not_understood_is_refused_at_its_line(keys: dict[str, Any], at: str, says: str) -> None:
    text = json.dumps(keys, indent=1)
    with pytest.raises(SpecError) as caught:
        import_text(text, "config.json")
    error = caught.value
    assert says in error.message
    line = int(str(error.where).split(":")[1])
    assert at in text.splitlines()[line - 1]
