"""The tower of Dots 3 Note: gated networks first, then experts, more of them in every layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, agrees, ffn, moe
from costmodel.importers.towers.parts import free_grid, look

_PYRAMID = [*[-1] * 25, *range(4, 65, 4), 64]  # the class's: experts of each layer, none in the first


def dots3(c: Config) -> Draft:
    """Read Dots 3 Note: which layers have experts, and how many, is one list, or a list and a mapping by layer."""
    c = c.overlaid({name: c.get(key) for key, name in _OLDER.items() if c.has(key)})
    merge, width, n = c.count("spatial_merge_size"), c.count("hidden_size"), c.count("num_hidden_layers")
    agrees(c, merge, "adapter_merge_size")
    agrees(c, width, "adapter_in_dim")
    c.share("router_scaling_factor", None), c.get("router_scale"), c.get("is_causal")
    fields, remark = free_grid(c, merge)
    fields |= {"d_model": width, "norm": {"kind": "rms"}, "patch_bias": True, "pre_norm": True}
    mixer = look(c, bias=ALL if c.flag("attention_bias") else (), qk_norm="head")
    dense = ffn(c, "dense", bias=c.flag("mlp_bias") or None)
    counts = _experts(c, n)
    if any(counts) and c.flag("mlp_bias"):
        c.refuse("mlp_bias", "mlp_bias gives only dense networks a bias")
    layers = [[mixer, _mixture(c, index, many) if many else dense] for index, many in enumerate(counts)]
    inner = {"linear": merge * merge * width, "bias": True, "activation": "gelu"}
    steps: list[dict[str, Any]] = [{"norm": "layer"}, {"merge": merge}, inner]
    steps += [{"linear": c.count("adapter_out_dim"), "bias": True}]
    return Draft(fields, layers, {"projector": steps}, remarks=[remark])


_OLDER = {"embed_dim": "hidden_size", "num_heads": "num_attention_heads", "use_bias": "attention_bias"}


def _experts(c: Config, n: int) -> list[int]:
    """Return the experts of each layer, 0 where it has none."""
    words, pyramid = c.list_of(str, "mlp_layer_types", n, None), c.get("pyramid_num_routed")
    if pyramid is None and words is None:
        pyramid = _PYRAMID
    if pyramid is not None:
        if not isinstance(pyramid, list) or len(pyramid) != n or any(type(many) is not int for many in pyramid):
            c.refuse("pyramid_num_routed", f"pyramid_num_routed is no list of {n} numbers")
        return [max(0, many) for many in pyramid]
    common = c.count("num_local_experts")
    counts = [_own(c, index, "num_local_experts", common) for index in range(n)]
    return [many if word == "sparse" else 0 for many, word in zip(counts, words, strict=True)]


def _own(c: Config, index: int, key: str, common: int) -> int:
    """Return what ``per_layer_config`` says of a layer, or what the configuration says of all."""
    by_layer = c.get("per_layer_config")
    own = by_layer.get(str(index), {}) if isinstance(by_layer, Mapping) else {}
    if not isinstance(own, Mapping) or not own.keys() <= {"num_local_experts", "num_experts_per_tok"}:
        c.refuse("per_layer_config", f"per_layer_config changes more than the experts of layer {index}")
    found = own.get(key, common)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        c.refuse("per_layer_config", f"per_layer_config says {found!r} of layer {index}")
    return found


def _mixture(c: Config, index: int, many: int) -> Part:
    chosen = c.count("num_experts_per_tok", None) or c.count("capacity_factor", 2)
    by_list = c.get("mlp_layer_types") is None or c.get("pyramid_num_routed") is not None
    top_k = min(chosen, many) if by_list else _own(c, index, "num_experts_per_tok", chosen)
    return moe(c, n_experts=many, top_k=top_k, router={"score": "sigmoid", "correction_bias": True})
