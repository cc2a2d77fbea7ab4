"""Random blocks: every kind, every option, sizes that are no multiples of each other."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Spec = dict[str, Any]

SPANS: tuple[Spec, ...] = ({}, {}, {"window": 0}, {"chunk": 0}, {"window": 0, "sink_tokens": 0})


class Draw:
    """Random choices of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def dim(self, low: int = 3, high: int = 40) -> int:
        """Return a size."""
        return self.random.randint(low, high)

    def chance(self, share: float = 0.5) -> bool:
        """Return true so often."""
        return self.random.random() < share

    def one(self, *options: Any) -> Any:
        """Return one of the options."""
        return self.random.choice(options)

    def some(self, *options: str) -> list[str]:
        """Return some of the options, often none."""
        return [o for o in options if self.chance()] if self.chance(0.6) else []

    def maybe(self, field: str, value: Any, share: float = 0.4) -> Spec:
        """Return a field with its value, or nothing."""
        return {field: value} if self.chance(share) else {}


def qk_norm(d: Draw) -> Spec:
    """Return a norm on queries and keys, in one of its spellings, or none."""
    if d.chance(0.45):
        return {}
    shape = d.one("head", "full", "heads", "l2")
    if shape == "l2" or d.chance():
        return {"qk_norm": shape}
    kind = d.one("rms", "layer")
    return {"qk_norm": {"shape": shape, "kind": kind} | (d.maybe("bias", True) if kind == "layer" else {})}


def heads(d: Draw) -> Spec:
    """Return grouped heads."""
    kv = d.one(1, 2, 3)
    n = kv * d.one(1, 2, 3)
    found: Spec = {"n_heads": n, "head_dim": d.dim(3, 13)}
    return found | ({"n_kv_heads": kv} if kv != n or d.chance() else {})


def attention(d: Draw) -> Spec:
    """Return softmax attention."""
    spec = {"kind": "attention"} | heads(d) | qk_norm(d)
    tied = d.chance(0.15)
    if tied:
        spec |= {"kv": "tied"} | d.maybe("kv_copies", d.one(1, 2), 0.7)
    else:
        spec |= d.maybe("v_head_dim", d.dim(3, 13))
    gate = d.one(None, None, "element", "head")
    if gate:
        spec["gate"] = gate
        spec |= d.maybe("gate_bias", "head") if gate == "element" else {}
    possible = ["q", "k", "o"] + ([] if tied else ["v"]) + (["gate"] if gate else [])
    if bias := d.some(*possible):
        spec["bias"] = bias
    if "qk_norm" not in spec:
        spec |= d.maybe("qk_clip", True, 0.3)
    spec |= (
        d.maybe("sinks", d.one(True, True, "projected"))
        | d.maybe("rope", False)
        | d.maybe("softcap", 30.0, 0.1)
        | d.maybe("v_norm", "l2", 0.1)
    )
    if d.chance(0.15):
        spec["out_norm"] = d.one("full", "head", "heads", "l2", {"shape": "head", "kind": "layer", "bias": True})
    if not tied and d.chance(0.25):
        spec |= {"kv_conv": d.dim(1, 4)} | d.maybe("dynamic_taps", True)
    if d.chance(0.15):
        spec["relative"] = {"width": d.dim(2, 5), "extent": d.dim(2, 9)} | d.maybe("clip", True)
    span = {field: d.dim(2, 7) for field in d.one(*SPANS)}
    if "sink_tokens" in span:
        span["sink_tokens"] = d.dim(1, 3)
    if not span and d.chance(0.25):
        return spec | around(d)
    if not span and d.chance(0.15):
        sizes = {"n_heads": d.dim(1, 4), "head_dim": d.dim(3, 9), "block": d.dim(1, 4), "top_blocks": d.dim(1, 3)}
        return spec | {"block_indexer": sizes}
    if not span and d.chance(0.25):
        return spec | {"indexer": pooled(d, False) if d.chance(0.6) else indexer(d, False)}
    if "chunk" not in span and d.chance(0.1):
        spec |= {"dynamic_mask": d.dim(2, 7)} | ({"bias": [*spec.get("bias", []), "mask"]} if d.chance() else {})
    spec |= span | (d.maybe("window", 1, 0.05) if not span else {})
    if "window" in span and not {"sink_tokens", "dynamic_mask"} & spec.keys() and d.chance(0.15):
        return spec | {"causal": False, "ahead": d.dim(1, 6)}
    if "window" in span and not {"sink_tokens", "dynamic_mask"} & spec.keys():
        spec |= d.maybe("prefix", d.one("kept", "bidirectional"))
    return spec


def around(d: Draw) -> Spec:
    """Return what else a token may see beside all before it."""
    return d.one({"block_size": d.dim(1, 6)}, {"prefix": "bidirectional"})


def differential(d: Draw) -> Spec:
    """Return differential attention, whose heads come in pairs."""
    kv = 2 * d.dim(1, 2)
    spec: Spec = {"kind": "differential_attention", "n_heads": kv * d.dim(1, 3), "head_dim": d.dim(3, 9)}
    if spec["n_heads"] != kv or d.chance():
        spec["n_kv_heads"] = kv
    if bias := d.some("q", "k", "v", "o"):
        spec["bias"] = bias
    spec |= d.maybe("norm_weight", True) | d.maybe("rope", False, 0.2)
    return spec | d.maybe("window", d.dim(2, 7))


def now_and_then(d: Draw) -> Spec:
    """Return attention that a share of the tokens enters; its weights divide by the share."""
    parts = d.one(2, 3)
    spec: Spec = {"kind": "attention", "keep": f"{d.dim(1, parts - 1)}/{parts}", "n_heads": d.dim(1, 4)}
    spec |= {"head_dim": parts * d.dim(2, 5)} | d.maybe("v_head_dim", parts * d.dim(2, 5))
    return spec | d.maybe("keep_router", True)


def xl_attention(d: Draw) -> Spec:
    """Return attention with hidden states as memory."""
    spec: Spec = {"kind": "xl_attention", "n_heads": d.dim(1, 4), "head_dim": d.dim(3, 9)}
    spec |= d.maybe("memory", d.dim(1, 7)) | d.maybe("segments", d.dim(1, 3)) | d.maybe("causal", False)
    return spec | d.maybe("bias", d.some("q", "k", "v", "o"), 0.3) | d.maybe("spare_distance", False, 0.3)


def conformer_conv(d: Draw) -> Spec:
    """Return the convolution module of a conformer."""
    spec: Spec = {"kind": "conformer_conv", "d_conv": d.dim(1, 6)} | d.maybe("d_inner", d.dim(3, 20))
    spec |= d.maybe("norm", d.one("rms", "layer")) | d.maybe("pointwise", True, 0.3) | d.maybe("gate_bias", True, 0.3)
    names = ("in", "conv", "out", *(("pointwise",) if spec.get("pointwise") else ()))
    return spec | d.maybe("bias", d.some(*names)) | d.maybe("causal", True)


def mixture_of_attention(d: Draw) -> Spec:
    """Return experts of query and output projections."""
    n = d.dim(1, 5)
    spec: Spec = {"kind": "mixture_of_attention", "n_experts": n, "top_k": d.dim(1, n), "n_kv_heads": d.dim(1, 3)}
    return spec | {"head_dim": d.dim(3, 9)} | d.maybe("output_bias", True) | d.maybe("rope", False)


def mla(d: Draw) -> Spec:
    """Return latent attention, dense or sparse."""
    spec: Spec = {"kind": "mla", "n_heads": d.dim(1, 5), "kv_lora_rank": d.dim(3, 20)}
    spec |= {
        "qk_nope_head_dim": d.dim(3, 11),
        "qk_rope_head_dim": d.one(0, d.dim(2, 7), d.dim(2, 7)),
        "v_head_dim": d.dim(3, 11),
    }
    spec |= d.maybe("q_lora_rank", d.dim(3, 20), 0.6) | d.maybe("sinks", True, 0.3)
    spec |= d.maybe("rope_norm", True, 0.3) if spec["qk_rope_head_dim"] else {}
    spec |= d.maybe("position_scale", True, 0.2)
    gate = d.one(None, None, "element", "head")
    if gate:
        spec["gate"] = gate
    if gate == "element" and "q_lora_rank" in spec and d.chance():
        spec["gate_from"] = "latent"
    own = gate and "gate_from" not in spec
    possible = ["kv_a", "o"] + (["q_a"] if "q_lora_rank" in spec else []) + (["gate"] if own else [])
    if bias := d.some(*possible):
        spec["bias"] = bias
    spec |= d.maybe("rope", False, 0.2)
    if d.chance(0.35):
        latent = "q_lora_rank" in spec
        spec["indexer"] = pooled(d, latent) if d.chance(0.4) else indexer(d, latent)
        if "pool" not in spec["indexer"]:
            spec["indexer"] |= d.maybe("position_scale", True, 0.2)
    elif d.chance(0.3):
        spec["window"] = d.dim(2, 7)
    return spec


def indexer(d: Draw, latent: bool) -> Spec:
    """Return a lightning indexer."""
    queries = d.one("latent", "hidden") if latent else "hidden"
    spec: Spec = {"n_heads": d.dim(1, 4), "head_dim": d.dim(3, 9), "top_k": d.dim(1, 9)}
    return spec | ({"queries": queries} if queries == "hidden" or d.chance(0.3) else {})


def pooled(d: Draw, latent: bool) -> Spec:
    """Return an indexer that scores groups of keys."""
    spec = indexer(d, latent)
    spec |= {"pool": d.dim(1, 4)} | d.maybe("rope_dim", d.dim(0, 2), 0.3)
    spec["top_k"] = spec["pool"] * d.dim(1, 3)
    return spec | ({"pooling": "mean"} if spec.get("queries") == "hidden" and d.chance() else {})


def compressed(d: Draw) -> Spec:
    """Return DeepSeek-V4's attention."""
    groups = d.one(1, 2, 3)
    spec: Spec = {"kind": "compressed_attention", "n_heads": groups * d.one(1, 2, 3), "head_dim": d.dim(3, 9)}
    spec |= {"q_lora_rank": d.dim(3, 17), "o_lora_rank": d.dim(3, 9), "o_groups": groups, "window": d.dim(1, 6)}
    if d.chance(0.8):
        spec |= {"ratio": d.dim(1, 4)} | d.maybe("overlap", True, 0.5)
        if d.chance(0.5):
            spec["indexer"] = indexer(d, True)
    return spec | d.maybe("sinks", False, 0.3)


def cca(d: Draw) -> Spec:
    """Return attention with convolved queries and keys."""
    groups = d.one(1, 2, 3)
    spec: Spec = {"kind": "cca", "n_heads": groups * d.one(1, 2), "n_kv_heads": groups, "head_dim": d.dim(3, 9)}
    spec |= {"d_conv": d.dim(1, 4), "d_conv_heads": d.dim(1, 4)}
    return spec | d.maybe("bias", True) | d.maybe("window", d.dim(2, 7)) | d.maybe("rope_dim", 2, 0.2)


def host_attention(d: Draw) -> Spec:
    """Return attention to the cache of another model."""
    spec: Spec = {"kind": "host_attention"} | heads(d) | d.maybe("v_head_dim", d.dim(3, 13)) | d.maybe("rope", False)
    spec |= d.maybe("q_norm", d.one("head", "full", "heads", "l2")) | d.maybe("window", d.dim(2, 7))
    return spec | ({"bias": bias} if (bias := d.some("q", "o")) else {})


def merged_attention(d: Draw) -> Spec:
    """Return self-attention and cross-attention in one softmax."""
    spec: Spec = {"kind": "merged_attention"} | heads(d) | qk_norm(d) | d.maybe("v_head_dim", d.dim(3, 13))
    spec |= d.maybe("source_norm", d.one("rms", "layer", "none")) | d.maybe("rope", False)
    spec |= {"bias": bias} if (bias := d.some("q", "k", "v", "o")) else {}
    return spec | d.one({}, {"causal": False}, {"window": d.dim(2, 7)}, {"window": d.dim(2, 7)})


def mamba(d: Draw) -> Spec:
    """Return Mamba."""
    spec: Spec = {
        "kind": "mamba",
        "d_inner": d.dim(),
        "d_state": d.dim(2, 9),
        "d_conv": d.dim(1, 5),
        "dt_rank": d.dim(2, 9),
    }
    return spec | d.maybe("norms", d.one(True, "weightless")) | d.maybe("bias", True) | d.maybe("conv_bias", False)


def mamba2(d: Draw) -> Spec:
    """Return Mamba-2."""
    groups = d.one(1, 2, 3)
    spec: Spec = {"kind": "mamba2", "n_heads": groups * d.one(1, 2), "head_dim": d.dim(3, 9), "d_state": d.dim(2, 9)}
    spec |= {"d_conv": d.dim(1, 5)} | ({"n_groups": groups} if groups > 1 else {})
    spec |= d.maybe("gated_norm", False) | d.maybe("bias", d.one(True, "in", "out")) | d.maybe("conv_bias", False)
    return spec | d.maybe("chunk_size", d.dim(1, 9), 0.2)


def gated_deltanet(d: Draw) -> Spec:
    """Return Gated DeltaNet."""
    keys = d.one(1, 2, 3)
    spec: Spec = {"kind": "gated_deltanet", "n_k_heads": keys, "n_v_heads": keys * d.one(1, 2), "d_conv": d.dim(1, 5)}
    return spec | {"k_head_dim": d.dim(3, 9), "v_head_dim": d.dim(3, 9)}


def kda(d: Draw) -> Spec:
    """Return Kimi Delta Attention."""
    spec: Spec = {"kind": "kda", "n_heads": d.dim(1, 3), "head_dim": d.dim(3, 9), "d_conv": d.dim(1, 5)}
    return spec | d.maybe("gates", d.one("full_rank", "full_rank_output"))


def rg_lru(d: Draw) -> Spec:
    """Return Griffin's recurrent block."""
    return {"kind": "rg_lru", "n_heads": d.dim(1, 3), "head_dim": d.dim(2, 13), "d_conv": d.dim(1, 5)}


def rwkv4_time_mix(d: Draw) -> Spec:
    """Return the time mix of RWKV-4."""
    return {"kind": "rwkv4_time_mix", "d_inner": d.dim()}


def rwkv4_channel_mix(d: Draw) -> Spec:
    """Return the channel mix of RWKV-4."""
    return {"kind": "rwkv4_channel_mix", "d_ff": d.dim(3, 48)}


def lightning(d: Draw) -> Spec:
    """Return lightning attention."""
    spec: Spec = {"kind": "lightning", "n_heads": d.dim(1, 3), "head_dim": d.dim(3, 9)}
    return spec | d.maybe("state_dtype", "model")


def mlstm(d: Draw) -> Spec:
    """Return the matrix memory of xLSTM."""
    return {"kind": "mlstm", "n_heads": d.dim(1, 3), "qk_head_dim": d.dim(3, 9), "v_head_dim": d.dim(3, 9)}


def short_conv(d: Draw) -> Spec:
    """Return the convolution of LFM2."""
    return {"kind": "short_conv", "d_conv": d.dim(1, 5)} | d.maybe("bias", True)


def ffn(d: Draw) -> Spec:
    """Return a dense network."""
    gated = d.chance()
    spec: Spec = {"kind": "ffn", "d_ff": d.dim(3, 48)} | ({} if gated else {"gated": False})
    names = d.some("up", "down", *(["gate"] if gated else []))
    spec |= d.maybe("bias", True, 0.3) or ({"bias": names} if names else {})
    spec |= d.maybe("input_scale", d.dim(2, 7), 0.1) | d.maybe("output_scale", True, 0.1)
    return spec | d.maybe("inner_norm", d.one(True, "layer"), 0.2) | d.maybe("scalars", d.dim(1, 3), 0.2)


def sometimes(d: Draw) -> Spec:
    """Return a dense network for a share of the tokens, whose weights divide by the share."""
    parts = d.one(2, 3)
    spec: Spec = {"kind": "ffn", "d_ff": parts * d.dim(2, 9), "keep": f"{d.dim(1, parts - 1)}/{parts}"}
    return (
        spec | d.maybe("gated", False) | d.maybe("keep_router", True) | d.maybe("inner_norm", d.one(True, "layer"), 0.2)
    )


def moe(d: Draw) -> Spec:
    """Return a mixture of experts."""
    n = d.dim(2, 9)
    spec: Spec = {"kind": "moe", "n_experts": n, "top_k": d.dim(1, n), "d_ff": d.dim(3, 24)}
    spec |= d.maybe("gated", False) | d.maybe("bias", True, 0.3) | d.maybe("latent", d.dim(3, 20), 0.25)
    spec |= d.maybe("latent_norms", d.one(True, "sum")) if "latent" in spec else {}
    if d.chance():
        shared: Spec = {"d_ff": d.dim(3, 24)}
        shared |= d.maybe("n_experts", d.dim(1, 3)) | d.maybe("gate", True)
        shared |= d.maybe("bias", d.one(True, False), 0.3) | d.maybe("gated", d.one(True, False), 0.2)
        spec["shared"] = shared | d.maybe("scored", True, 0.2)
    router = d.maybe("score", d.one("softmax", "sigmoid", "sqrtsoftplus")) | d.maybe("bias", True, 0.3)
    router |= d.maybe("correction_bias", True, 0.3) | d.maybe("scale", True, 0.2) | d.maybe("expert_scale", True, 0.2)
    router |= d.maybe("hash", True, 0.1) | d.maybe("output_scale", True, 0.1)
    if d.chance(0.15):
        router |= {"hidden": d.dim(3, 20)} | d.maybe("carried", True, 0.6)
    if d.chance(0.1):
        return spec | {"top_k": 1, "router": {"by_kind": True}}
    router |= d.maybe("product_keys", True) if n in (4, 9) and not spec.get("shared", {}).get("scored") else {}
    if router:
        spec["router"] = router
    spec |= d.maybe("output_bias", True, 0.2)
    way = d.one(None, None, "zero", "capacity", "choice")
    if way == "zero" and "product_keys" not in router:
        # The choice of a router with zero experts is an expectation: a whole one, so that it can be forced.
        zero = d.dim(1, 4)
        expected = d.dim(max(1, spec["top_k"] - zero), spec["top_k"])
        spec |= {"zero_experts": zero, "expected_top_k": expected}
    elif way == "capacity":
        spec["capacity_factor"] = d.one(1, 1.25, 2, 0.5)
    elif way == "choice":
        spec |= {"expert_choice": True, "capacity_factor": d.dim(1, n)}
    return spec


def custom(d: Draw) -> Spec:
    """Return a block of declared costs. FLOPs are even: a product and a sum."""
    weights = {name: [d.dim(2, 9) for _ in range(d.dim(1, 3))] for name in ("a", "b", "c")[: d.dim(1, 3)]}
    spec: Spec = {"kind": "custom", "weights": weights}
    spec |= d.maybe("active", {"a": d.dim(1, weights["a"][0])})
    spec |= d.maybe("flops_per_token", 2 * d.dim()) | d.maybe("elementwise_per_token", d.dim())
    sees = d.maybe("flops_per_pair", 2 * d.dim()) | d.maybe("cache_per_token", d.dim())
    spec |= sees | (d.maybe("window", d.dim(1, 6)) if sees else {})
    return spec | (d.maybe("state", d.dim()) and {"state": d.dim()} | d.maybe("state_dtype", "model"))


MIXERS: dict[str, Callable[[Draw], Spec]] = {
    "attention": attention,
    "mixture_of_attention": mixture_of_attention,
    "mla": mla,
    "differential_attention": differential,
    "compressed_attention": compressed,
    "cca": cca,
    "mamba": mamba,
    "mamba2": mamba2,
    "gated_deltanet": gated_deltanet,
    "kda": kda,
    "rg_lru": rg_lru,
    "rwkv4_time_mix": rwkv4_time_mix,
    "lightning": lightning,
    "mlstm": mlstm,
    "short_conv": short_conv,
    "conformer_conv": conformer_conv,
    "xl_attention": xl_attention,
    "custom": custom,
    "now_and_then": now_and_then,
}


def language_ffn(d: Draw) -> Spec:
    """Return a network with an adapter for each language."""
    spec: Spec = {"kind": "language_ffn", "d_ff": d.dim(3, 48), "languages": d.dim(1, 4), "adapter_width": d.dim(2, 9)}
    return spec | d.maybe("adapter_norm", d.one("own", "shared"))


NETWORKS: dict[str, Callable[[Draw], Spec]] = {
    "ffn": ffn,
    "moe": moe,
    "rwkv4_channel_mix": rwkv4_channel_mix,
    "language_ffn": language_ffn,
    "sometimes": sometimes,
}
