"""Every family of transformers: default and random configurations, imported by us and built by its class.

    python -m tests.importers.zoo llama qwen2 --variations 40 --seed 1

Prints for each model type how many configurations are equal, refused by us, wrong, or no model at
all (the class itself fails).
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, PreTrainedConfig

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import ArchcalcError, InvalidSpec
from costmodel.importers import import_text
from costmodel.importers.defaults import class_of
from costmodel.validation import parse
from costmodel.verify.equality import as_rounded
from costmodel.verify.published import LANGUAGE_MODELS, build, count, model_class
from costmodel.workload import Workload

LISTS = ("layer_types", "mlp_layer_types", "layers_block_type", "per_layer_config")
QSA = {
    "indexer_n_heads": 16, "indexer_kv_heads": 1, "indexer_head_dim": 256, "indexer_budget": 2048,
    "indexer_compress_ratio": 16, "ple_layer_ids": [1, 3], "ngram_vocab_size_base": 20_000, "eos_token_id": 5,
}  # fmt: skip
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "depth")

DECODERS = ("decoder", "decoder_config")  # of sound, inside; their keys are varied like those of a language model
NO_HEAD = {"vision_use_head": False}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
NEEDS: dict[str, dict[str, Any]] = {
    # what the configuration class lacks for its own model class to be built (5.23)
    "dbrx": {"attn_config": {"kv_n_heads": 4, "clip_qkv": 8, "rope_theta": 500000.0}},
    "deepseek_v2": {"num_experts_per_tok": 6},
    "diffllama": {"head_dim": 64, "num_key_value_heads": 32},
    "dots1": {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6, "first_k_dense_replace": 1},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128, "num_experts": 8, "moe_topk": 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 16},
    "ministral": {"head_dim": 128},
    "moonshine_streaming": {"num_key_value_heads": 8},
    "moshi": {"audio_vocab_size": 2048},
    "nemotron": {"head_dim": 128, "num_key_value_heads": 8},
    "aya_vision": {"vision_config": {"model_type": "siglip_vision_model", **NO_HEAD}},
    "chameleon": {"vocabulary_map": {"<image>": 1}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": ROPE, "sliding_attention": None}},
    "cohere_compass": {
        "text_config": {"rope_parameters": {"full_attention": ROPE, "sliding_attention": None}},
        "vision_config": {"out_hidden_size": 8192},
    },
    "deepseek_ocr2": {"text_config": {"mlp_layer_types": ["dense"] + ["sparse"] * 31, "num_experts_per_tok": 6}},
    "dots3_note": {"pad_token_id": 1},
    "emu3": {"pad_token_id": 1, "vocabulary_map": {"<image>": 1}},
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}},
    "granite4_vision": {"deepstack_layer_map": [], "downsample_rate": "1/4"},
    "hunyuan_vl": {"text_config": {"head_dim": 128}, "vision_config": {"text_hidden_size": 4096}},
    "ovis2": {"text_config": {"model_type": "qwen2", "hidden_size": 1536}},
    "perception_lm": {"vision_config": {"model_type": "timm_wrapper", "model_args": {"embed_dim": 64}}},
    "qwen4_exp": {"text_config": {"model_type": "qwen4_exp_text", **QSA}, "vision_config": {"out_hidden_size": 2048}},
    # sizes with which a tower that the class builds can also run, before the language model of its defaults
    "cohere2_vision": {"vision_config": {"model_type": "siglip_vision_model", **NO_HEAD}},
    "cosmos3_omni": {"vision_config": {"model_type": "qwen3_vl_vision", "out_hidden_size": 4096}},
    "deepseek_vl": {"vision_config": {"model_type": "siglip_vision_model", **NO_HEAD}},
    "exaone4_5": {"vision_config": {"out_hidden_size": 4096}},
    "gemma4": {"vision_config": {"model_type": "gemma4_vision"}},
    "gemma4_unified": {"vision_config": {"model_type": "gemma4_unified_vision"}},
    "gemma3": {"vision_config": {"model_type": "siglip_vision_model", "image_size": 256, **NO_HEAD}},
    "glm5_next": {"vision_config": {"out_hidden_size": 4096}},
    "glm_ocr": {"vision_config": {"out_hidden_size": 1024}},
    "idefics3": {"vision_config": {"image_size": 256}},
    "lfm2_vl": {"vision_config": {"model_type": "siglip2_vision_model", **NO_HEAD}},
    "llama4": {"vision_config": {"hidden_size": 1408, "vision_output_dim": 4096}},
    "qwen2_5_vl": {"vision_config": {"out_hidden_size": 8192}},
    "qwen2_vl": {"vision_config": {"hidden_size": 8192}},
    "qwen3_5": {"vision_config": {"out_hidden_size": 4096}},
    "qwen3_5_moe": {"vision_config": {"out_hidden_size": 2048}},
    "qwen3_asr": {"audio_config": {"model_type": "qwen3_asr_encoder", "output_dim": 2048}},
    "qwen3_omni_moe": {
        "thinker_config": {"vision_config": {"out_hidden_size": 2048}, "audio_config": {"output_dim": 2048}}
    },
    "qwen3_omni_moe_thinker": {"vision_config": {"out_hidden_size": 2048}, "audio_config": {"output_dim": 2048}},
    "qwen3_vl": {"vision_config": {"out_hidden_size": 4096}},
    "qwen3_vl_moe": {"vision_config": {"out_hidden_size": 2048}},
    "t5gemma2": {"encoder": {"vision_config": {"image_size": 256, **NO_HEAD}}},
    "shieldgemma2": {"vision_config": {"model_type": "siglip_vision_model", "image_size": 256, **NO_HEAD}},
    "smolvlm": {"vision_config": {"image_size": 256}},
    "qwen4_exp_text": QSA,
}
PER_LAYER = {"deepseek_ocr2_text": ("mlp_layer_types", ("dense", "sparse"))}  # a list that the class does not make up
UNVARIED = {"inkling_vision": ("patch_size", "temporal_patch_size")}  # of 0 the class counts factors without end


@dataclass
class Tally:
    """What came of the configurations of one model type."""

    equal: int = 0
    towers: int = 0  # of those: with everything that stands beside the language model
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    no_model: Counter[str] = field(default_factory=Counter)
    default: str = ""
    refused_default: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)  # of the default: random numbers may fit no tower

    def line(self, name: str) -> str:
        """Return one line of a table."""
        return (
            f"{name:28} default {self.default:8} equal {self.equal:4} ({self.towers:4} whole)"
            f"  refused {self.refused.total():4}  wrong {len(self.wrong):4}  no model {self.no_model.total():4}"
        )


def examine(data: dict[str, Any], cls: type[torch.nn.Module], tally: Tally) -> str:
    """Compare one configuration; return equal, refused, wrong or no model."""
    try:
        theirs = count(build(data, cls))
    except Exception as error:
        tally.no_model[f"{type(error).__name__}: {str(error)[:100]}"] += 1
        return "no model"
    try:
        imported = import_text(json.dumps(data), "config.json")
        found = parse(imported.document)
        assert isinstance(found, Architecture)
        ours = figures.params(found)
        towers = [name for name in found.extra_components if name != "mtp"]
        components = figures.params(found, towers).total - ours.total
    except (ArchcalcError, InvalidSpec) as error:
        problems = getattr(error, "problems", None)
        tally.refused[str(problems[0].message if problems else error.message)[:120]] += 1
        return "refused"
    got = [ours.total, ours.active, ours.total + components]
    want = [theirs.total, theirs.active, theirs.everything]
    if imported.left_out:  # towers that are not read yet: the language model alone
        got, want = got[:2], want[:2]
    want[1] = as_rounded(ours.active, figures.expected_active(found.lower(Workload()))[0], theirs.active)
    if got == want:
        tally.equal += 1
        tally.towers += not imported.left_out
        tally.left_out |= set(imported.left_out)
        return "equal"
    difference = [a - b for a, b in zip(got, want, strict=True)]
    tally.wrong.append(f"{json.dumps(data)[:1500]}\n      ours {got} theirs {want} difference {difference}")
    return "wrong"


def flat(config: PreTrainedConfig) -> dict[str, Any]:
    """Return a configuration as a file would hold it.

    Without an endless ``time_step_limit``, which the classes write as a list and accept only as a tuple.
    """
    found: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    for part in (found, *(value for value in found.values() if isinstance(value, dict))):
        part.pop("time_step_limit", None)
    return found


@cache
def default(model_type: str) -> dict[str, Any]:
    """Return the default configuration of a class in full."""
    return flat(CONFIG_MAPPING[model_type](**NEEDS.get(model_type, {})))


def variation(data: Mapping[str, Any], model_type: str, random: Random) -> dict[str, Any]:
    """Return a configuration with a few keys changed: numbers, flags, nulls, lists."""
    changed = copy.deepcopy(dict(data))
    _vary(changed, model_type, random, random.choice((1, 1, 2, 3, 5)))
    return changed


def _vary(data: dict[str, Any], model_type: str, random: Random, times: int) -> None:
    keys = class_of(model_type).keys
    for key in LAYERS:
        if isinstance(data.get(key, keys.get(key)), int) and key in keys and random.random() < 0.7:
            data[key] = random.randint(1, 7)
            for listed in LISTS:
                data.pop(listed, None)
                words = default(model_type).get(listed)
                if isinstance(words, list) and words and random.random() < 0.5:
                    data[listed] = [random.choice(sorted(set(words))) for _ in range(data[key])]
    if model_type in PER_LAYER:
        key, words = PER_LAYER[model_type]
        data[key] = [random.choice(words) for _ in range(data.get("num_hidden_layers", keys["num_hidden_layers"]) or 1)]
    inside = class_of(model_type).inside
    options = [
        key
        for key in keys
        if key not in ("model_type", "is_encoder_decoder", *UNVARIED.get(model_type, ()))
        and (key not in inside or isinstance(data.get(key), dict))
    ]
    for key in (*LANGUAGE_MODELS, *DECODERS):
        if isinstance(text := data.get(key), dict) and key in inside:
            kind = inside[key].get("only") or text.get("model_type") or inside[key]["type"]
            needed = NEEDS.get(model_type, {}).get(key, {})
            if random.random() < 0.4:
                data[key] = text = {
                    k: text[k] for k in text if k == "model_type" or k in needed or random.random() < 0.5
                }
            _vary(text, kind, random, times)
    for key in random.sample(options, min(times, len(options))):
        value = data.get(key, keys[key])
        if value is None and key.endswith("_config"):
            value = copy.deepcopy(default(model_type).get(key))
        if isinstance(value, dict) and (key.endswith("_config") or "model_type" in value):
            kind = value.get("model_type")
            if kind:
                _vary(value, kind, random, times)
                data[key] = value
            continue
        data[key] = _other(value, key, random)


def _other(value: Any, key: str, random: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((value * 2, max(1, value // 2), value + 1, max(1, value - 1), 1, 4, 8, 2, None, 0))
    if value is None and key.endswith(("_indices", "_idxs", "_layers")) and not key.startswith(("num_", "n_")):
        return random.choice(([0], [1, 2], [0, 3], []))
    if value is None:
        return random.choice((True, 1, 2, 4, 16, 64, False))
    if isinstance(value, list) and value:
        options = sorted({json.dumps(item) for item in value})
        return [json.loads(random.choice(options)) for _ in value]
    return value


def bare(model_type: str) -> dict[str, Any]:
    """Return the least configuration of which the class of a model type can be built."""
    return {"model_type": model_type, **copy.deepcopy(NEEDS.get(model_type, {}))}


def configurations(model_type: str, variations: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the default configuration, bare and in full, then random ones."""
    least = bare(model_type)
    yield least
    full = default(model_type)
    yield full
    random = Random(f"{model_type} {seed}")
    for _ in range(variations):
        wraps = any(key in (*LANGUAGE_MODELS, *DECODERS) for key in class_of(model_type).inside)
        base = least if random.random() < (0.1 if wraps else 0.6) else full
        yield variation(base, model_type, random)


def run(model_type: str, variations: int, seed: int) -> Tally:
    """Examine one model type."""
    tally = Tally()
    cls = model_class(model_type)
    if cls is None:  # code on the hub, or a part that no class generates text with
        tally.default = "no class"
        return tally
    left_out: set[str] = set()
    for index, data in enumerate(configurations(model_type, variations, seed)):
        outcome = examine(data, cls, tally)
        if index == 0:
            tally.default = outcome
            tally.refused_default = list(tally.refused)
        if index == 1:  # the default in full, as a file of the class has it
            left_out = set(tally.left_out)
    tally.left_out = left_out
    return tally


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("types", nargs="+")
    parser.add_argument("--variations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity(50)
    for name in asked.types:
        tally = run(name, asked.variations, asked.seed)
        print(tally.line(name), flush=True)
        for text in tally.wrong[: 20 if asked.v else 2]:
            print("   WRONG", text)
        if asked.v:
            for reason, times in [*tally.refused.most_common(20), *tally.no_model.most_common(6)]:
                print(f"   {times:4} {reason}")


if __name__ == "__main__":
    main()
