"""What a cache holds, by kind and dtype: as torch holds it, and as we say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.dtypes import BF16, Recipe

from .execution import cache_beside
from .families import Family
from .models import Held, Step
from .runs import workload

FP32 = Recipe.parse("fp32")
DTYPES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
BYTES = {"fp32": 4, "bf16": 2}
# Our kinds of state, and the attributes of transformers' cache objects that hold them.
ATTRIBUTES = {
    "keys": "attention",
    "values": "attention",
    "indexer_keys": "index",
    "idx_keys": "index",
    "conv_states": "conv",
    "recurrent_states": "recurrent",
    "linear_cache": "recurrent",
    "rnn_state": "recurrent",
    "buffer_kv": "compressed",
    "buffer_gate": "compressed",
    "compressed_kv": "compressed",
    "overlap_kv": "compressed",
    "overlap_gate": "compressed",
}
KINDS = dict.fromkeys(("full", "window", "chunk", "latent", "cross"), "attention")


def torch_keeps(held: Iterable[Held]) -> Counter[tuple[str, str]]:
    """Return values by kind and dtype; an attribute that is not listed is an error."""
    found: Counter[tuple[str, str]] = Counter()
    for one in held:
        name = next(part for part in one.name.split(".") if part in ATTRIBUTES)
        found[ATTRIBUTES[name], DTYPES[one.dtype]] += one.values
    return found


def we_keep(
    family: Family, step: Step, recipe: Recipe = BF16, architecture: Architecture | None = None
) -> Counter[tuple[str, str]]:
    """Return our values of all sequences by kind and dtype, as transformers would keep them."""
    load, architecture = workload(step), architecture or family.architecture
    found: Counter[tuple[str, str]] = Counter()
    for row in figures.cache(architecture.lower(load), recipe).rows:
        values = row.values + cache_beside(row, architecture, load, family.differences)
        dtype = "fp32" if row.kind in family.wide else row.dtype
        if row.kind == "recurrent" and "states_of_the_model" in family.differences:
            dtype = recipe.format("conv").name  # xLSTM computes states in fp32 and copies them to a cache in bf16
        found[KINDS.get(row.kind, row.kind), dtype] += step.batch * values
    return +found
