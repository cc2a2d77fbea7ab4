"""Imported configurations of random windows, layer types and sizes: one forward of the class without memory.

    python -m tests.importers.forwards gemma2 olmo3 --variations 20

The zoo compares parameters; here, on the meta device, FLOPs as torch counts them and the values that the
cache holds are compared: a window in a wrong layer, shared caches and widths of values show. Models whose
code looks at values (routers, masks made by hand) cannot be run without memory.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections import Counter
from random import Random
from typing import Any

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.errors import ArchcalcError, InvalidSpec
from costmodel.importers import import_text
from costmodel.importers.defaults import class_of
from costmodel.validation import parse
from costmodel.verify.published import build, model_class
from costmodel.workload import Workload
from tests.importers.zoo import LAYERS, NEEDS, _other
from tests.oracle.execution import cache_beside, flops_beside

TOKENS = 40
DEPTH = 4
WINDOWS = {"sliding_window": 16, "window_size": 16, "local_attention": 32}  # shorter than the step
ALTERNATE = {"layer_types": ["full_attention", "sliding_attention"] * 2, "num_kv_shared_layers": 0}
# What a class of so few layers needs beside, since its defaults are made for more of them.
BESIDE: dict[str, dict[str, Any]] = {
    "gemma3n_text": ALTERNATE,
    "gemma4_text": ALTERNATE,
    "gemma4_unified_text": ALTERNATE,
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
}
DIFFERENCES = {
    "diffllama": ("two_calls",),
    "falcon": ("keys_and_values_of_every_head",),
    "llama4_text": ("every_expert_runs",),
}
# Rotating one value broadcasts it over two, and of a window of 1 the last 0 tokens, sliced as [-0:], are all.
DEGENERATE = ("head_dim", "rope_dim", "window", "d_state", "chunk_size")
STATES = ("recurrent", "conv")  # held under names of their own, and compared by the small models
OTHER_CACHE = {
    "gpt_neo": "layers with a window keep everything",
    "recurrent_gemma": "states and windows live inside the modules",
    "openai-gpt": "the class keeps nothing and computes everything again",
}
# Forwards that are not the workload: compared with what the class adds by hand (FLOPs and caches are equal then).
OTHER_STEP = {
    "cpmant": "puts its prompt's tokens in front of those that it is given",
    "xlnet": "multiplies queries by the keys of all distances, also of those that do not occur, and shifts them",
}


def variations(model_type: str, times: int, seed: int) -> list[dict[str, Any]]:
    """Return configurations of few layers and short windows, the first one otherwise as the class has it."""
    keys, also, _ = class_of(model_type)
    random = Random(f"forward {model_type} {seed}")
    depth = next((name for name in LAYERS if name in keys or name in also), None)
    if (
        depth is None or model_type in OTHER_STEP or model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    ):  # a wrapper, or no causal model
        return []
    base = {"model_type": model_type, depth: DEPTH, **NEEDS.get(model_type, {}), **BESIDE.get(model_type, {})}
    base |= {key: window for key, window in WINDOWS.items() if key in keys}
    found = [base]
    free = [key for key in keys if key not in (*base, "vocab_size", "is_encoder_decoder") or key in WINDOWS]
    for _ in range(times):
        changed = {key: _other(base.get(key, keys[key]), key, random) for key in random.sample(free, min(2, len(free)))}
        if "layer_types" in keys and random.random() < 0.4:
            changed["layer_types"] = [random.choice(ALTERNATE["layer_types"]) for _ in range(DEPTH)]
        found.append(base | changed)
    return found


def theirs(data: dict[str, Any]) -> tuple[int, int]:
    """Return the FLOPs of one forward, and the values that its cache holds afterwards."""
    cls = model_class(data["model_type"])
    assert cls is not None
    model = build(data, cls).eval()
    model.set_attn_implementation("eager")
    tokens = torch.zeros(1, TOKENS, dtype=torch.long, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        cache = getattr(model(input_ids=tokens, use_cache=True), "past_key_values", None)
    layers = cache.layers if cache is not None else ()
    held = [
        tensor for layer in layers for name in ("keys", "values") if (tensor := getattr(layer, name, None)) is not None
    ]
    return counter.get_total_flops(), sum(tensor.numel() for tensor in held)


def compare(data: dict[str, Any]) -> str:
    """Return equal, refused, no model, no source, degenerate, or what is wrong."""
    model_type = data["model_type"]
    try:
        flops, values = theirs(data)
    except Exception:
        return "no model"
    try:
        found = parse(import_text(json.dumps(data), "config.json").document)
        assert isinstance(found, Architecture)
    except (ArchcalcError, InvalidSpec):
        return "refused"
    if found.reads_source:
        return "no source"  # without which the class leaves out what reads it
    blocks = found.blocks.values()
    if any(1 in (getattr(block, name, None) for name in DEGENERATE) for block in blocks):
        return "degenerate"
    load = Workload(new_tokens=TOKENS, mla="expanded", attention="full")
    ops = list(found.lower(load))
    differences = DIFFERENCES.get(model_type, ())
    ours = figures.flops(ops).executed + flops_beside(found, ops, load, differences, ())
    wrong = "" if ours == flops else f"wrong: FLOPs {ours - flops:+} of {flops}. "
    grouped = [] if "falcon" in model_type and not data.get("new_decoder_architecture") else differences
    rows = [row for row in figures.cache(ops).rows if row.kind not in STATES]
    kept = sum(row.values + cache_beside(row, found, load, grouped) for row in rows)
    bidirectional = any(getattr(block, "causal", True) is False for block in blocks)  # nothing is kept, nothing follows
    if model_type not in OTHER_CACHE and kept != values and not bidirectional:
        wrong += f"wrong: cache {kept - values:+} of {values}"
    return wrong or "equal"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("types", nargs="+")
    parser.add_argument("--variations", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity(50)
    for name in asked.types:
        tally: Counter[str] = Counter()
        for data in variations(name, asked.variations, asked.seed):
            outcome = compare(data)
            tally[outcome.partition(":")[0]] += 1
            if outcome.startswith("wrong"):
                print("   WRONG", json.dumps(data), outcome)
        print(f"{name:28} {dict(tally)}", flush=True)


if __name__ == "__main__":
    main()
