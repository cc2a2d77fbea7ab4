"""Hybrids with several residual streams and indexers that score groups of keys: Qwen4-Exp, GLM-5-Next."""

from __future__ import annotations

from itertools import count, islice
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.delta import gated_attention, gated_deltanet, kimi_delta, qwen_experts
from costmodel.importers.parts import agrees, changed, ffn, layer_types, mla, moe, rope_dim, router, top

_MOST_TABLES = 4096  # n-gram tables of a layer times layers; the published model has 16 heads


def qwen4_exp_text(c: Config) -> Draft:
    """Read Qwen4-Exp: Gated DeltaNet and attention over picked keys, experts, gated streams, n-gram tables.

    A file calls its indexed layers full_attention. The streams' gates have the norms, so layers have
    none, and there is none at the end.
    """
    full = changed(gated_attention(c, share=1.0), indexer=_mean_pooled(c))
    linear, n = gated_deltanet(c), c.count("num_hidden_layers")
    c.get("output_gate_type")  # an activation
    interval = c.count("full_attention_interval", None) or 4
    missing = [linear if (index + 1) % interval else full for index in range(n)]
    known = {
        "linear_attention": linear,
        "full_attention": full,
        "indexed_attention": full,
        "qwen_sparse_attention": full,
    }
    mixers, experts = layer_types(c, known, missing), qwen_experts(c)
    for key in ("intermediate_size", "seed", "split_ngram_parts", "number_of_conv_states"):
        c.get(key)
    streams: dict[str, Any] = {"n_streams": c.count("hc_count"), "kind": "gated", "rank": c.count("hc_lowrank")}
    tables = _ngrams(c, streams["n_streams"], [mixer is linear for mixer in mixers])
    more = {"hyper_connections": streams} | ({"ngrams": tables} if tables else {})
    fields = top(c, norm={"place": "none", "final": False})
    return Draft(fields, [[mixer, experts] for mixer in mixers], more)


def _mean_pooled(c: Config) -> dict[str, Any]:
    """Return the indexer of Qwen4-Exp; the default configuration has none, and is no model."""
    c.require("indexer_kv_heads", 1, why="is not one key head")
    return {
        "n_heads": c.count("indexer_n_heads"),
        "head_dim": c.count("indexer_head_dim"),
        "top_k": c.count("indexer_budget"),
        "queries": "hidden",
        "pool": c.count("indexer_compress_ratio"),
        "pooling": "mean",
        "rope_dim": rope_dim(c, c.count("head_dim")),
    }


def _ngrams(c: Config, streams: int, linear: list[bool]) -> dict[str, Any] | None:
    """Return the n-gram tables of the layers that have one, counted from 1.

    A table has a prime number of rows for each of its heads, the next ones from the base on, which
    go on from table to table; the sum is rounded up.
    """
    keys = ("ngram_size", "heads_per_ngram", "ngram_vocab_size_base", "make_ngram_vocab_size_divisible_by")
    size, per_size, base, multiple = (c.count(key) for key in keys)
    taps, width = c.count("ple_conv_kernel_size"), c.count("ple_embed_dim", c.count("hidden_size"))
    places = sorted(set(c.list_of(int, "ple_layer_ids", null=[])))
    if not places:
        return None
    heads = (size - 1) * per_size
    if any(place < 1 or place > len(linear) or not linear[place - 1] for place in places):
        c.refuse("ple_layer_ids", "ple_layer_ids names a layer that is no linear attention")
    if not heads or heads * len(places) > _MOST_TABLES or width % heads:
        c.refuse("heads_per_ngram", f"{heads} n-gram heads do not share out a width of {width}")
    primes = list(islice(filter(is_prime, count(base)), heads * len(places)))
    sums = [sum(primes[index * heads : (index + 1) * heads]) for index in range(len(places))]
    rows = [-(-total // multiple) * multiple for total in sums]
    return {"rows": rows, "width": width, "heads": heads, "d_conv": taps, "dilation": size, "streams": streams}


def is_prime(n: int) -> bool:
    """Say whether a number below 2 ** 64 is prime: Miller-Rabin with the bases that decide it."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if n < 2 or any(n % base == 0 for base in bases):
        return n in bases
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        x = pow(base, odd, n)
        if x not in (1, n - 1) and all((x := x * x % n) != n - 1 for _ in range(twos - 1)):
            return False
    return True


def glm5_next_text(c: Config) -> Draft:
    """Read GLM-5-Next: KDA, latent attention without positions over picked keys, mHC streams.

    ``linear_attn_config`` wins over the keys beside it. Layers whose indexer is shared reuse the
    choice of the last full one. The tail of open groups is always read.
    """
    n = c.count("num_hidden_layers")
    told, kda = kimi_delta(c)
    for key in ("gate_lower_bound", "safe_gate"):
        told.get(key)
    c.require("index_kpool_always_select_tail", True)
    for key in ("linear_lower_bound", "swiglu_limit", "num_key_value_heads", "head_dim", "hc_eps"):
        c.get(key)
    c.require("qk_rope_head_dim", 0, why="is not understood: the class has no rope dims")
    agrees(c, c.count("qk_nope_head_dim"), "qk_head_dim")
    bias = ("q_a", "kv_a", "o") if c.flag("attention_bias") else ()
    plain = changed(mla(c, "dsa", bias=bias), rope=False)
    pick = {
        "n_heads": c.count("index_n_heads"),
        "head_dim": c.count("index_head_dim"),
        "top_k": c.count("index_topk"),
        "pool": c.count("index_kpool"),
        "rope_dim": 0,
    }
    own = changed(plain, indexer=pick)
    reuse = Part("reuse", {**plain.fields, "index_from": "dsa"})
    picks = [own if word == "full" else reuse for word in _indexers(c, n)]
    missing = [index % 4 == 3 for index in range(n)]
    words = {"linear_attention": False, "full_attention": True, "indexed_attention": True}
    words["deepseek_sparse_attention"] = True
    indexed = layer_types(c, words, missing)
    mixers = [pick if found else kda for pick, found in zip(picks, indexed, strict=True)]
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        shared=c.natural("n_shared_experts", 0),
        router=router(c, "sigmoid", correction_bias=True),
    )
    dense = ffn(c, "dense")
    first = [dense if index < 3 else experts for index in range(n)]
    networks = layer_types(c, {"dense": dense, "sparse": experts}, first, "mlp_layer_types")
    layers: list[Layer] = [[mixer, network] for mixer, network in zip(mixers, networks, strict=True)]
    streams: dict[str, Any] = {"n_streams": c.count("hc_mult"), "head": "mean"}
    rounds = c.natural("hc_sinkhorn_iters")
    streams |= {} if rounds == 20 else {"sinkhorn": rounds}
    return Draft(top(c), layers, {"hyper_connections": streams})


def _indexers(c: Config, n: int) -> list[str]:
    """Return for each layer whether its indexer is its own (full) or shared: a list, a pattern, or a frequency."""
    pattern = c.get("index_topk_pattern")
    every, offset = max(c.natural("index_topk_freq", 1), 1), c.natural("index_skip_topk_offset", 2)
    missing = ["shared" if max(index - offset + 1, 0) % every else "full" for index in range(n)]
    if pattern is not None:
        letters = {"F": "full", "S": "shared", "full": "full", "shared": "shared"}
        if not isinstance(pattern, (str, list)) or len(pattern) < n or any(word not in letters for word in pattern):
            c.refuse("index_topk_pattern", f"index_topk_pattern does not say F or S for {n} layers")
        missing = [letters[word] for word in pattern[:n]]
    return layer_types(c, {"full": "full", "shared": "shared"}, missing, "indexer_types")
