"""MiniMax-M3: grouped attention that reads the blocks of keys which an indexer picks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.expert_parts import dense, same, sparse_layers, stack
from costmodel.importers.parts import attention, further, layer_types, moe, top

# What the published files call the sizes of the indexer.
INSIDE = {
    "index_n_heads": "sparse_num_index_heads",
    "index_head_dim": "sparse_index_dim",
    "index_block_size": "sparse_block_size",
    "index_topk_blocks": "sparse_topk_blocks",
    "index_local_blocks": "sparse_local_block",
}


def minimax_m3(c: Config) -> Draft:
    """Read MiniMax-M3: lists of the published files are read before those of the class.

    ``intermediate_size`` is one expert's, ``dense_intermediate_size`` a dense layer's. Only a share
    of a head is rotated where ``partial_rotary_factor`` says so, or else ``rotary_dim`` of the file.
    """
    for key in ("swiglu_alpha", "swiglu_limit", "use_gemma_norm", "num_mtp_modules"):
        c.get(key)
    c.require("attention_output_gate", None, False)
    c.require("use_qk_norm", None, True)
    c.require("qk_norm_type", None, "per_head")
    c.require("scoring_func", None, "sigmoid")
    c.require("use_routing_bias", None, True)
    c.require("n_shared_experts", None, 1)
    same(c, "moe_intermediate_size", "intermediate_size")
    share = c.count("rotary_dim") / c.count("head_dim") if c.has("rotary_dim") else 1.0
    full = attention(c, "global", qk_norm="head", rope_share=share)
    picks = full._replace(name="sparse", fields={**full.fields, "block_indexer": _indexer(c)})
    kinds = {"full_attention": full, "minimax_m3_sparse": picks}
    mixers = layer_types(c, kinds, _by_numbers(c, "sparse_attention_freq", _inside(c), picks, full))
    if all(part == full for part in mixers):
        mixers = [full._replace(name="attention")] * len(mixers)
    experts = moe(
        c,
        n_experts=c.count("num_local_experts"),
        d_ff=c.count("intermediate_size"),
        shared=1,
        shared_d_ff=c.count("shared_intermediate_size"),
        router={"score": "sigmoid", "correction_bias": True},
    )
    numbers = {"moe_layer_freq": c.get("moe_layer_freq")}
    sparse = sparse_layers(c, _by_numbers(c, "moe_layer_freq", numbers, True, False, missing=True))
    c.require("first_k_dense_replace", None, sparse.index(True) if True in sparse else len(sparse))
    layers = stack(mixers, sparse, experts, dense(c, d_ff=c.count("dense_intermediate_size")))
    return Draft(top(c), layers, mtp=further(c, layers[-1], "num_nextn_predict_layers"))


def _inside(c: Config) -> Mapping[str, Any]:
    """Return the published files' own object of the indexer; what it says besides must be what the class does."""
    inside = c.get("sparse_attention_config")
    if inside is None:
        return {}
    known = {*INSIDE.values(), "sparse_attention_freq", "sparse_disable_index_value"}
    fixed = {"use_sparse_attention": True, "sparse_score_type": "max", "sparse_init_block": 0}
    for key, value in dict(inside).items():
        if key not in known and fixed.get(key) != value:
            c.refuse("sparse_attention_config", f"{key[:64]} of sparse_attention_config is not understood")
    return dict(inside)


def _indexer(c: Config) -> dict[str, int]:
    """Return the indexer. Its local blocks are among those it picks: there must be one, the token's own."""
    inside, sizes = _inside(c), {}
    for key, other in INSIDE.items():
        sizes[key] = inside[other] if other in inside else c.natural(key)
        if not isinstance(sizes[key], int) or sizes[key] < 1:
            c.refuse(key if other not in inside else "sparse_attention_config", f"{key} should be at least 1")
    return {
        "n_heads": sizes["index_n_heads"],
        "head_dim": sizes["index_head_dim"],
        "block": sizes["index_block_size"],
        "top_blocks": sizes["index_topk_blocks"],
    }


def _by_numbers(
    c: Config, key: str, where: Mapping[str, Any], one: Any, other: Any, *, missing: bool = False
) -> list[Any]:
    """Return what each layer is by a list of 1 and 0; where there is none, all are alike."""
    n, numbers = c.count("num_hidden_layers"), where.get(key)
    if numbers is None:
        return [one if missing else other] * n
    if not isinstance(numbers, list) or len(numbers) != n or any(number not in (0, 1) for number in numbers):
        place = key if key in c.given else "sparse_attention_config"
        c.refuse(place, f"{key} should list 0 or 1 for each of {n} layers")
    return [one if number else other for number in numbers]
