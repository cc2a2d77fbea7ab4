"""DeepSeek-V4: compressed attention in turns, experts chosen by a table in the first layers, several streams."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.expert_parts import biased
from costmodel.importers.parts import moe, top

SPARSE, HEAVY, WINDOW = "compressed_sparse_attention", "heavily_compressed_attention", "sliding_attention"
BY_RATIO = {0: WINDOW, 4: SPARSE, 128: HEAVY}  # as the published list means them, whatever compress_rates says
RATES = {SPARSE: 4, HEAVY: 128}
HASHED = 3  # layers whose experts come from a table, where no key says how many


def deepseek_v4(c: Config) -> Draft:
    """Read DeepSeek-V4: types of layers stand in ``layer_types`` or, older, as ``compress_ratios``.

    Lists may be longer than there are layers: what follows is for the further layers of prediction,
    which have a window where no list says otherwise. A bias of networks is the shared expert's
    alone, of which there is one whatever ``n_shared_experts`` says.
    """
    n = c.count("num_hidden_layers")
    c.require("n_shared_experts", 1)
    c.require("num_key_value_heads", 1)
    for key in ("attention_bias", "swiglu_limit", "compress_rope_theta", "expert_dtype"):
        c.get(key)  # the class gives attention no bias
    types, rates = _types(c, n), _rates(c)
    made = {kind: _attention(c, kind, rates) for kind in {*types, WINDOW}}
    scored, hashed = _experts(c, correction_bias=True), _experts(c, hash=True)._replace(name="hash-moe")
    layers = [[made[kind], hashed if table else scored] for kind, table in zip(types, _hashed(c, n), strict=False)]
    depth = c.natural("num_nextn_predict_layers", 0)
    later = [*types[n:], *[WINDOW] * depth][:depth]
    streams = {"n_streams": c.count("hc_mult"), "kind": "mhc"}
    if (rounds := c.count("hc_sinkhorn_iters")) != 20:
        streams["sinkhorn"] = rounds
    mtp: Any = ({}, [[made[kind], scored] for kind in later]) if depth else None
    return Draft(top(c), layers[:n], more={"hyper_connections": streams}, mtp=mtp)


def _types(c: Config, n: int) -> list[str]:
    """Return the type of every layer, and of what the list has beyond them."""
    ratios, words = c.list_of(int, "compress_ratios", null=None), c.list_of(str, "layer_types", null=None)
    if words is None and ratios is not None:
        if any(ratio not in BY_RATIO for ratio in ratios):
            c.refuse("compress_ratios", "compress_ratios has a ratio that names no type of layer", "known: 0, 4, 128")
        words = [BY_RATIO[ratio] for ratio in ratios]
    if words is None:
        return [HEAVY] * min(n, 2) + [SPARSE if index % 2 else HEAVY for index in range(n - 2)]
    for index, word in enumerate(words):
        if word not in BY_RATIO.values():
            c.refuse("layer_types", f'layer_types[{index}] is "{word[:64]}"', f"known: {', '.join(BY_RATIO.values())}")
    if len(words) < n:
        key = "layer_types" if c.has("layer_types") else "compress_ratios"
        c.refuse(key, f"{key} lists {len(words)} layers, and there are {n}")
    return list(words)


def _rates(c: Config) -> dict[str, int]:
    """Return how many tokens one entry stands for, by type."""
    given = c.get("compress_rates")
    rates = dict(RATES if given is None else given)
    for kind, key in ((SPARSE, "compress_rate_csa"), (HEAVY, "compress_rate_hca")):
        rates[kind] = c.count(key, rates.get(kind))
    return rates


def _attention(c: Config, kind: str, rates: dict[str, int]) -> Part:
    width = c.count("head_dim")
    fields: dict[str, Any] = {
        "kind": "compressed_attention",
        "n_heads": c.count("num_attention_heads"),
        "head_dim": width,
    }
    for key in ("q_lora_rank", "o_lora_rank", "o_groups"):
        fields[key] = c.count(key)
    fields["window"] = c.count("sliding_window")
    rotated = c.count("qk_rope_head_dim", 64 * width // 512)
    share = c.share("partial_rotary_factor", None)
    fields["rope_dim"] = rotated if share is None else int(width * share)
    indexer = {
        "n_heads": c.count("index_n_heads"),
        "head_dim": c.count("index_head_dim"),
        "top_k": c.count("index_topk"),
    }
    if kind == SPARSE:
        return Part("csa", fields | {"ratio": rates[kind], "overlap": True, "indexer": indexer})
    return Part("hca", fields | {"ratio": rates[kind]}) if kind == HEAVY else Part("window", fields)


def _experts(c: Config, **router: bool) -> Part:
    score = c.require("scoring_func", "sqrtsoftplus", "sigmoid", "softmax")
    experts = moe(c, n_experts=c.count("n_routed_experts"), shared=1, router={"score": score, **router})
    return biased(experts, c.flag("mlp_bias"))


def _hashed(c: Config, n: int) -> list[bool]:
    """Say which layers choose their experts by a table of tokens."""
    words, first = c.list_of(str, "mlp_layer_types", null=None), c.natural("num_hash_layers", HASHED)
    if words is None:
        return [index < first for index in range(n)]
    if len(words) < n or any(word not in ("hash_moe", "moe") for word in words):
        c.refuse("mlp_layer_types", f"mlp_layer_types should have hash_moe or moe for each of {n} layers")
    return [word == "hash_moe" for word in words]
