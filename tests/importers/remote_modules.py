"""Models whose class is not in transformers, as torch modules with the same parameters.

Written from the sources that costmodel/importers/remote.json names, for their parameters alone:
nothing here runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

Keys = dict[str, Any]


class Experts(nn.ModuleList):
    """Experts of which a token uses some."""

    def __init__(self, experts: Iterator[nn.Module], chosen: int) -> None:
        super().__init__(experts)
        self.chosen = chosen


def linear(d_in: int, d_out: int, bias: bool = False) -> nn.Linear:
    return nn.Linear(d_in, d_out, bias=bias)


def attention(d: int, heads: int, kv_heads: int, head: int, qkv: bool = False, out: bool = False) -> nn.Module:
    """Return the four matrices of grouped queries."""
    inputs = [linear(d, width * head, qkv) for width in (heads, kv_heads, kv_heads)]
    return nn.ModuleList([*inputs, linear(heads * head, d, out)])


def gated(d: int, d_ff: int, bias: bool = False) -> nn.Module:
    return nn.ModuleList([linear(d, d_ff, bias), linear(d, d_ff, bias), linear(d_ff, d, bias)])


def mixture(d: int, d_ff: int, experts: int, chosen: int, shared: int = 0) -> nn.Module:
    """Return a router without a bias, experts, and those that every token uses as one network."""
    parts = [linear(d, experts), Experts((gated(d, d_ff) for _ in range(experts)), chosen)]
    return nn.ModuleList(parts + ([gated(d, d_ff * shared)] if shared else []))


def norms(d: int, times: int) -> nn.Module:
    return nn.ModuleList(nn.RMSNorm(d) for _ in range(times))


def model(keys: Keys, d: int, layers: list[nn.Module], tied: bool) -> nn.Module:
    """Return a stack between an embedding and a head, with a last norm."""
    parts = [nn.Embedding(keys["vocab_size"], d), *layers, nn.RMSNorm(d)]
    return nn.ModuleList(parts + ([] if tied else [linear(d, keys["vocab_size"])]))


def deepseek(keys: Keys) -> nn.Module:
    d, heads = keys["hidden_size"], keys["num_attention_heads"]
    bias = keys.get("attention_bias", False)
    layers: list[nn.Module] = []
    for index in range(keys["num_hidden_layers"]):
        sparse = keys.get("n_routed_experts") and index >= keys.get("first_k_dense_replace", 0)
        if sparse and index % keys.get("moe_layer_freq", 1) == 0:
            shared = keys.get("n_shared_experts") or 0
            one = keys["n_routed_experts"], keys["num_experts_per_tok"], shared
            network = mixture(d, keys["moe_intermediate_size"], *one)
        else:
            network = gated(d, keys["intermediate_size"])
        mixer = attention(d, heads, keys["num_key_value_heads"], d // heads, bias, bias)
        layers.append(nn.ModuleList([norms(d, 2), mixer, network]))
    return model(keys, d, layers, keys.get("tie_word_embeddings", False))


def bailing(keys: Keys) -> nn.Module:
    """Return either generation of Ling, without the layers that predict further tokens."""
    d = keys["hidden_size"]
    layers = [
        _bailing(keys, dense=index < keys["first_k_dense_replace"], norm_count=2)
        for index in range(keys["num_hidden_layers"])
    ]
    return model(keys, d, layers, keys.get("tie_word_embeddings", False))


def _bailing(keys: Keys, *, dense: bool, norm_count: int) -> nn.Module:
    d, heads = keys["hidden_size"], keys["num_attention_heads"]
    head = keys.get("head_dim") or d // heads
    mixer = attention(d, heads, keys["num_key_value_heads"], head, keys["use_qkv_bias"], keys["use_bias"])
    experts = keys["num_experts"], keys["num_experts_per_tok"], keys["num_shared_experts"]
    network = gated(d, keys["intermediate_size"]) if dense else mixture(d, keys["moe_intermediate_size"], *experts)
    on_heads = norms(head, 2) if keys.get("use_qk_norm") else nn.ModuleList()
    return nn.ModuleList([norms(d, norm_count), mixer, on_heads, network])


def bailing_further(keys: Keys) -> nn.Module:
    """Return the layers of Ling 2.0 that predict further tokens: three norms and a matrix more than a layer."""
    d, depth = keys["hidden_size"], keys.get("num_nextn_predict_layers", 0)
    return nn.ModuleList(
        nn.ModuleList([_bailing(keys, dense=False, norm_count=5), linear(2 * d, d)]) for _ in range(depth)
    )


def mimo_further(keys: Keys) -> nn.Module:
    """Return those of MiMo: norms of token and state, a matrix, a layer of Qwen2, a last norm."""
    d, heads = keys["hidden_size"], keys["num_attention_heads"]
    sizes = d, heads, keys["num_key_value_heads"], keys.get("head_dim") or d // heads
    parts = (
        [norms(d, 5), linear(2 * d, d), attention(*sizes, qkv=True), gated(d, keys["intermediate_size"])]
        for _ in range(keys["num_nextn_predict_layers"])
    )
    return nn.ModuleList(map(nn.ModuleList, parts))


def mimo_v2(keys: Keys) -> nn.Module:
    d, bias = keys["hidden_size"], keys["attention_bias"]
    layers: list[nn.Module] = []
    for windowed, sparse in zip(keys["hybrid_layer_pattern"], keys["moe_layer_freq"], strict=True):
        heads, kv_heads, head, value = (keys[f"{'swa_' if windowed else ''}{key}"] for key in _MIMO)
        widths = heads * head, kv_heads * head, kv_heads * value
        parts: list[nn.Module] = [linear(d, width, bias) for width in widths]
        parts += [linear(heads * value, d), norms(d, 2)]
        if keys["add_swa_attention_sink_bias" if windowed else "add_full_attention_sink_bias"]:
            parts.append(nn.ParameterList([nn.Parameter(torch.empty(heads))]))
        experts = keys["moe_intermediate_size"], keys["n_routed_experts"], keys["num_experts_per_tok"]
        parts.append(mixture(d, *experts) if sparse else gated(d, keys["intermediate_size"]))
        layers.append(nn.ModuleList(parts))
    return model(keys, d, layers, keys["tie_word_embeddings"])


_MIMO = ("num_attention_heads", "num_key_value_heads", "head_dim", "v_head_dim")


def mimo_v2_further(keys: Keys) -> nn.Module:
    """Return those of MiMo-V2: a layer with a window and a dense network, between norms and a matrix."""
    d, depth = keys["hidden_size"], keys.get("num_nextn_predict_layers", 0)
    one = keys | {"hybrid_layer_pattern": [1], "moe_layer_freq": [0], "vocab_size": 0, "tie_word_embeddings": True}
    return nn.ModuleList(nn.ModuleList([mimo_v2(one), norms(d, 2), linear(2 * d, d)]) for _ in range(depth))


def grok(keys: Keys) -> nn.Module:
    d, heads = keys["hidden_size"], keys["num_attention_heads"]
    experts = keys.get("num_experts", 8), keys.get("num_experts_per_tok", 2)
    layers: list[nn.Module] = [
        nn.ModuleList(
            [
                norms(d, 4),
                attention(d, heads, keys["num_key_value_heads"], d // heads),
                mixture(d, keys["intermediate_size"], *experts),
            ]
        )
        for _ in range(keys["num_hidden_layers"])
    ]
    return model(keys, d, layers, keys.get("tie_word_embeddings", True))


def hunyuan(keys: Keys) -> nn.Module:
    d, heads, inner = keys["hidden_size"], keys["num_attention_heads"], keys["intermediate_size"]
    bias, head = keys["attention_bias"], d // heads
    shared = keys["num_shared_expert"] if keys["use_mixed_mlp_moe"] else 0
    layers: list[nn.Module] = []
    for _ in range(keys["num_hidden_layers"]):
        on_heads = norms(head, 2 if keys["use_qk_norm"] else 0)
        mixer = attention(d, heads, keys["num_key_value_heads"], head, bias, bias)
        several = keys["num_experts"] > 1
        network = mixture(d, inner, keys["num_experts"], keys["moe_topk"], shared) if several else gated(d, inner)
        layers.append(nn.ModuleList([norms(d, 2), on_heads, mixer, network]))
    return model(keys, d, layers, keys.get("tie_word_embeddings", False))


def arctic(keys: Keys) -> nn.Module:
    d, heads, d_ff = keys["hidden_size"], keys["num_attention_heads"], keys["intermediate_size"]
    layers: list[nn.Module] = []
    for index in range(keys["num_hidden_layers"]):
        sparse = (index + 1) % keys.get("moe_layer_frequency", 2) == 0
        experts = keys.get("num_local_experts", 8), keys.get("num_experts_per_tok", 1)
        parts = [norms(d, 2), attention(d, heads, keys.get("num_key_value_heads") or heads, d // heads)]
        parts.append(mixture(d, d_ff, *experts) if sparse else gated(d, d_ff))
        if sparse and keys.get("parallel_attn_mlp_res"):
            parts += [norms(d, 1), gated(d, d)]
        layers.append(nn.ModuleList(parts))
    return model(keys, d, layers, keys.get("tie_word_embeddings", False))


def decilm(keys: Keys) -> nn.Module:
    d, heads, bias = keys["hidden_size"], keys["num_attention_heads"], keys["attention_bias"]
    layers: list[nn.Module] = []
    for block in keys["block_configs"]:
        parts: list[nn.Module] = []
        mixer, network = block["attention"], block["ffn"]
        if not mixer["no_op"]:
            kv_heads = heads // mixer["n_heads_in_group"]
            parts += [nn.RMSNorm(d), attention(d, heads, kv_heads, d // heads, bias, bias)]
        if not network["no_op"]:
            wide = int(2 * network["ffn_mult"] * d / 3)
            wide += 256 - wide % 256 if wide % 256 else 0
            parts += [nn.RMSNorm(d), gated(d, wide, keys["mlp_bias"])]
        layers.append(nn.ModuleList(parts))
    return model(keys, d, layers, keys["tie_word_embeddings"])


def kimi_k3(wrapper: Keys) -> nn.Module:
    """Return Kimi K3 without its tower."""
    keys = wrapper["text_config"]
    d, told, heads = keys["hidden_size"], keys["linear_attn_config"], keys["num_attention_heads"]
    sums = bool(keys["attn_res_block_size"])
    layers: list[nn.Module] = []
    for index in range(keys["num_hidden_layers"]):
        mixer = _kimi_delta(d, told) if index + 1 in told["kda_layers"] else _kimi_latent(d, heads, keys)
        sparse = index >= keys["first_k_dense_replace"] and index % keys["moe_layer_freq"] == 0
        network = _kimi_experts(d, keys) if sparse else gated(d, keys["intermediate_size"])
        queries = [norms(d, 2), linear(d, 1), linear(d, 1)] if sums else []
        layers.append(nn.ModuleList([norms(d, 2), mixer, network, *queries]))
    last = nn.ModuleList([norms(d, 1), linear(d, 1)] if sums else [])
    return model(keys, d, [*layers, last], tied=False)


def _kimi_delta(d: int, keys: Keys) -> nn.Module:
    heads, head = keys["num_heads"], keys["head_dim"]
    inner = heads * head
    parts: list[nn.Module] = [linear(d, inner) for _ in range(3)] + [linear(inner, d), linear(d, heads)]
    parts += [nn.Conv1d(inner, inner, keys["short_conv_kernel_size"], groups=inner, bias=False) for _ in range(3)]
    parts += [linear(d, head), linear(head, inner), norms(head, 1)]
    parts += [linear(d, inner)] if keys.get("use_full_rank_gate") else [linear(d, head), linear(head, inner)]
    rates = nn.ParameterList([nn.Parameter(torch.empty(heads)), nn.Parameter(torch.empty(inner))])
    return nn.ModuleList([*parts, rates])


def _kimi_latent(d: int, heads: int, keys: Keys) -> nn.Module:
    nope, rope, value = keys["qk_nope_head_dim"], keys["qk_rope_head_dim"], keys["v_head_dim"]
    rank, latent = keys.get("q_lora_rank"), keys["kv_lora_rank"]
    parts = [
        linear(d, latent + rope),
        norms(latent, 1),
        linear(latent, heads * (nope + value)),
        linear(heads * value, d),
    ]
    if rank:
        parts += [linear(d, rank), norms(rank, 1), linear(rank, heads * (nope + rope))]
    else:
        parts.append(linear(d, heads * (nope + rope)))
    return nn.ModuleList(parts + ([linear(d, heads * value)] if keys.get("mla_use_output_gate") else []))


def _kimi_experts(d: int, keys: Keys) -> nn.Module:
    inner, width = keys["moe_intermediate_size"], keys.get("routed_expert_hidden_size") or d
    one = (gated(width, inner) for _ in range(keys["num_experts"]))
    parts: list[nn.Module] = [linear(d, keys["num_experts"]), Experts(one, keys["num_experts_per_token"])]
    if shared := keys.get("num_shared_experts", 0):
        parts.append(gated(d, inner * shared))
    if keys.get("routed_expert_hidden_size"):
        parts += [linear(d, width), linear(width, d)]
        parts += [norms(width, 1)] if keys.get("latent_moe_use_norm") else []
    return nn.ModuleList(parts)


BUILT: Mapping[str, Callable[[Keys], nn.Module]] = MappingProxyType(
    {
        "arctic": arctic,
        "bailing_moe": bailing,
        "bailing_moe_v2": bailing,
        "deepseek": deepseek,
        "grok-1": grok,
        "hunyuan": hunyuan,
        "kimi_k3": kimi_k3,
        "mimo_v2": mimo_v2,
        "nemotron-nas": decilm,
    }
)
FURTHER = MappingProxyType(
    {
        "bailing_moe": bailing_further,
        "bailing_moe_v2": bailing_further,
        "mimo": mimo_further,
        "mimo_v2": mimo_v2_further,
    }
)
