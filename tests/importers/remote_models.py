"""Random configurations of models whose class is not in transformers, in the words of their published files.

What each must be counted as: a torch module (remote_modules.py), or a class of transformers that
has the same parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

import torch

from .remote_modules import BUILT, FURTHER, Experts, Keys
from .zoo import build, count, model_class, size

LLAMA = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")


def llama(keys: Keys, *, model_type: str = "llama", tied: bool = False, **more: Any) -> Keys:
    """Return the keys of Llama, with those that a class calls otherwise given; no bias unless told."""
    found = {key: more.pop(key, keys.get(key)) for key in (*LLAMA, "num_key_value_heads")}
    found["num_key_value_heads"] = found["num_key_value_heads"] or found["num_attention_heads"]
    return {"model_type": model_type, "tie_word_embeddings": keys.get("tie_word_embeddings", tied), **found, **more}


def chatglm(keys: Keys) -> Keys:
    heads, has_groups = keys["num_attention_heads"], keys.get("multi_query_attention", False)
    names = {
        "vocab_size": keys["padded_vocab_size"],
        "intermediate_size": keys["ffn_hidden_size"],
        "num_hidden_layers": keys["num_layers"],
        "num_key_value_heads": keys.get("multi_query_group_num", 1) if has_groups else heads,
        "partial_rotary_factor": 0.5,
    }
    bias = keys.get("add_qkv_bias", False)
    if keys.get("rmsnorm", True):
        names |= {"head_dim": keys["kv_channels"], "pad_token_id": None}  # the class's own is beyond the vocabulary
        return llama(keys, model_type="glm", attention_bias=bias, **names)
    return llama(keys, model_type="stablelm", use_qkv_bias=bias, **names)


def minicpm(keys: Keys) -> Keys:
    if keys.get("num_experts"):
        experts = {"num_local_experts": keys["num_experts"], "num_experts_per_tok": keys["num_experts_per_tok"]}
        return llama(keys, model_type="mixtral", tied=True, **experts, sliding_window=None)
    return llama(keys, tied=True, attention_bias=keys.get("attention_bias", False))


def phi(keys: Keys) -> Keys:
    heads = keys["n_head"]
    names = {
        "hidden_size": keys["n_embd"],
        "intermediate_size": keys.get("n_inner") or 4 * keys["n_embd"],
        "num_hidden_layers": keys["n_layer"],
        "num_attention_heads": heads,
        "num_key_value_heads": keys.get("n_head_kv") or heads,
        "partial_rotary_factor": keys["rotary_dim"] / (keys["n_embd"] // heads),
    }
    return llama(keys, model_type="phi", **names)


def falcon(keys: Keys, *, new: bool) -> Keys:
    names = {"n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_head_kv": "num_kv_heads"}
    found = {names.get(key, key): value for key, value in keys.items()}
    return found | {"model_type": "falcon", "new_decoder_architecture": new}


def phi3(keys: Keys) -> Keys:
    more = {"sliding_window": keys.get("sliding_window"), "pad_token_id": None}
    return llama(keys, model_type="phi3", partial_rotary_factor=keys.get("partial_rotary_factor", 1), **more)


def exaone(keys: Keys) -> Keys:
    wide = keys.get("intermediate_size") or 4 * keys["hidden_size"]
    return llama(keys, tied=True, intermediate_size=wide, num_hidden_layers=keys["num_layers"])


# A class of transformers with the same parameters, norms, pairs of queries and keys, and cache.
SAME: Mapping[str, Callable[[Keys], Keys]] = MappingProxyType(
    {
        "RefinedWeb": lambda keys: falcon(keys, new=True),
        "RefinedWebModel": lambda keys: falcon(keys, new=False),
        "Yi": lambda keys: llama(keys, num_key_value_heads=keys.get("num_key_value_heads", 4)),
        "aquila": llama,
        "baichuan": llama,
        "chatglm": chatglm,
        "exaone": exaone,
        "internlm": lambda keys: llama(keys, attention_bias=keys.get("bias", True)),
        "internlm2": lambda keys: llama(keys, attention_bias=keys.get("bias", True)),
        "mimo": lambda keys: {k: v for k, v in keys.items() if "nextn" not in k} | {"model_type": "qwen2"},
        "minicpm": minicpm,
        "orion": lambda keys: llama(keys, model_type="stablelm", use_qkv_bias=False, partial_rotary_factor=1.0),
        "phi-msft": phi,
        "phi3_v": phi3,
        "phi4mm": phi3,
        "qwen": lambda keys: llama(keys, model_type="qwen2", intermediate_size=keys["intermediate_size"] // 2),
        "xverse": lambda keys: llama(keys, attention_bias=keys.get("bias", False)),
    }
)


def theirs(keys: Keys) -> tuple[int, int, int]:
    """Return total and active parameters, and those of the layers that predict further tokens."""
    kind = keys["model_type"]
    with torch.device("meta"):
        further = size(FURTHER[kind](keys)) if kind in FURTHER else 0
        if kind in BUILT:
            whole = BUILT[kind](keys)
            found = [module for module in whole.modules() if isinstance(module, Experts)]
            idle = sum((len(module) - module.chosen) * size(module[0]) for module in found)
            return size(whole), size(whole) - idle, further
    same = SAME[kind](keys)
    cls = model_class(same["model_type"])
    assert cls is not None
    counts = count(build(same, cls))
    assert isinstance(counts.active, int)
    return counts.total, counts.active, further


def draw(kind: str, random: Random) -> Keys:
    """Return a random configuration of a type; keys that have a default in its class are sometimes missing."""
    heads, head = random.choice((2, 4, 6, 8, 12)), random.choice((8, 16, 20))
    kv_heads = random.choice([n for n in range(1, heads + 1) if heads % n == 0])
    wide = random.randint(30, 90)
    sizes = {
        "vocab_size": random.randint(60, 200),
        "hidden_size": heads * head,
        "intermediate_size": wide,
        "num_hidden_layers": random.randint(1, 7),
        "num_attention_heads": heads,
    }
    tied = {"tie_word_embeddings": random.random() < 0.5}
    experts = {"num_experts": random.randint(3, 9), "num_experts_per_tok": random.randint(1, 3)}
    keys: Keys = {"model_type": kind} | OWN[kind](random, {**sizes, "num_key_value_heads": kv_heads}, tied, experts)
    for key in OPTIONAL.get(kind, ()):
        if random.random() < 0.3:
            keys.pop(key, None)
    return keys


def _flag(random: Random) -> bool:
    return random.random() < 0.5


def _renamed(keys: Keys, **names: str) -> Keys:
    return {names.get(key, key): value for key, value in keys.items()}


def _decilm(random: Random, sizes: Keys, tied: Keys) -> Keys:
    heads = sizes["num_attention_heads"]
    groups = [n for n in range(1, heads + 1) if heads % n == 0]
    off = {"replace_with_linear": False, "sparsify": None}
    blocks = []
    for _ in range(sizes["num_hidden_layers"]):
        idle, skipped = random.random() < 0.3, random.random() < 0.2
        mixer = {"no_op": idle, "n_heads_in_group": None if idle else random.choice(groups), "window_length": None}
        network = {"no_op": skipped, "ffn_mult": None if skipped else random.choice((0.5, 1.3125, 2.625, 3.28125))}
        blocks.append({"attention": mixer | off, "ffn": network | off})
    flags = {"attention_bias": _flag(random), "mlp_bias": _flag(random), "block_configs": blocks}
    return sizes | tied | flags | {"num_key_value_heads": None, "intermediate_size": None}


def _bailing_keys(random: Random, sizes: Keys, tied: Keys, experts: Keys, *, second: bool) -> Keys:
    keys = sizes | tied | experts
    keys |= {"num_shared_experts": random.randint(0, 2), "moe_intermediate_size": random.randint(5, 30)}
    keys |= {"first_k_dense_replace": random.randint(0, 3), "use_qkv_bias": _flag(random), "use_bias": _flag(random)}
    if not second:
        return keys | {"head_dim": random.choice((None, 8))}
    keys |= {"head_dim": random.choice((8, 16)), "use_qk_norm": _flag(random), "partial_rotary_factor": 0.5}
    return keys | {"n_group": 1, "topk_group": 1, "num_nextn_predict_layers": random.randint(0, 2)}


def _deepseek(random: Random, sizes: Keys, tied: Keys) -> Keys:
    keys = sizes | tied | {"attention_bias": _flag(random), "moe_layer_freq": random.randint(1, 3)}
    keys |= {"first_k_dense_replace": random.randint(0, 2), "n_shared_experts": random.choice((None, 1, 2))}
    keys |= {"moe_intermediate_size": random.randint(5, 30), "num_experts_per_tok": random.randint(1, 3)}
    return keys | {"n_routed_experts": random.choice((None, 4, 7))}


def _chatglm(random: Random, sizes: Keys) -> Keys:
    keys = _renamed(
        sizes,
        vocab_size="padded_vocab_size",
        intermediate_size="ffn_hidden_size",
        num_hidden_layers="num_layers",
        num_key_value_heads="multi_query_group_num",
    )
    keys |= {"kv_channels": sizes["hidden_size"] // sizes["num_attention_heads"], "tie_word_embeddings": False}
    return keys | {key: _flag(random) for key in ("add_qkv_bias", "multi_query_attention", "rmsnorm")}


def _kimi_k3(random: Random, sizes: Keys, experts: Keys) -> Keys:
    """Return Kimi K3, whose language model is inside."""
    n = sizes["num_hidden_layers"]
    linear = [index + 1 for index in range(n) if _flag(random)]
    told: Keys = {"num_heads": random.randint(1, 5), "head_dim": random.choice((4, 9)), "short_conv_kernel_size": 4}
    told |= {"kda_layers": linear, "full_attn_layers": [one for one in range(1, n + 1) if one not in linear]}
    text = sizes | {"num_key_value_heads": sizes["num_attention_heads"], "linear_attn_config": told}
    text |= {"use_grouped_topk": True, "mla_use_nope": True, "mla_use_output_gate": _flag(random)}
    text |= {"first_k_dense_replace": random.randint(0, 2), "moe_layer_freq": random.randint(1, 2)}
    text |= {"num_experts": experts["num_experts"], "num_experts_per_token": experts["num_experts_per_tok"]}
    text |= {"moe_intermediate_size": random.randint(5, 30), "num_shared_experts": random.randint(1, 2)}
    text |= {"q_lora_rank": random.choice((None, 11)), "kv_lora_rank": 13, "v_head_dim": random.choice((6, 7))}
    text |= {"qk_nope_head_dim": 5, "qk_rope_head_dim": 2, "latent_moe_use_norm": _flag(random)}
    text |= {"routed_expert_hidden_size": random.choice((None, 17)), "attn_res_block_size": random.choice((None, 2, 3))}
    if _flag(random):
        told["use_full_rank_gate"] = _flag(random)
    return {"text_config": text, "vision_config": {"vt_num_hidden_layers": 2}}


def _mimo_v2(random: Random, sizes: Keys) -> Keys:
    n, heads = sizes["num_hidden_layers"], sizes["num_attention_heads"]
    kv_heads = random.choice([one for one in range(1, heads + 1) if heads % one == 0])
    keys = {"head_dim": 12, "v_head_dim": random.choice((7, 12)), "swa_head_dim": 10, "swa_v_head_dim": 9}
    keys |= {"swa_num_attention_heads": heads, "swa_num_key_value_heads": kv_heads, "sliding_window": 4}
    keys |= {"hybrid_layer_pattern": [int(_flag(random)) for _ in range(n)]}
    keys |= {"moe_layer_freq": [int(_flag(random)) for _ in range(n)], "n_routed_experts": random.randint(3, 9)}
    keys |= {"num_experts_per_tok": random.randint(1, 3), "moe_intermediate_size": random.randint(5, 30)}
    keys |= {"partial_rotary_factor": random.choice((1.0, 0.5)), "num_nextn_predict_layers": random.randint(0, 2)}
    flags = ("attention_bias", "add_full_attention_sink_bias", "add_swa_attention_sink_bias")
    return sizes | keys | {key: _flag(random) for key in flags}


def _phi(sizes: Keys) -> Keys:
    names = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
    keys = _renamed(sizes, **names, num_key_value_heads="n_head_kv", intermediate_size="n_inner")
    return keys | {"n_positions": 2048, "rotary_dim": sizes["hidden_size"] // sizes["num_attention_heads"] // 2}


def _falcon(random: Random, sizes: Keys, tied: Keys, *, new: bool) -> Keys:
    keys = _renamed(sizes, num_hidden_layers="n_layer", num_attention_heads="n_head", num_key_value_heads="n_head_kv")
    keys |= tied | {"bias": _flag(random), "alibi": _flag(random)}
    del keys["intermediate_size"]
    if new:
        return keys | {"parallel_attn": True}
    del keys["n_head_kv"]
    return keys | {"parallel_attn": _flag(random), "multi_query": _flag(random)}


def _without_groups(sizes: Keys) -> Keys:
    return {key: value for key, value in sizes.items() if key != "num_key_value_heads"}


OWN: Mapping[str, Callable[[Random, Keys, Keys, Keys], Keys]] = MappingProxyType(
    {
        "RefinedWeb": lambda random, sizes, tied, _: _falcon(random, sizes, tied, new=True),
        "RefinedWebModel": lambda random, sizes, tied, _: _falcon(random, sizes, tied, new=False),
        "Yi": lambda _random, sizes, tied, _: sizes | tied,
        "aquila": lambda _random, sizes, tied, _: sizes | tied,
        "arctic": lambda random, sizes, tied, experts: (
            _renamed(sizes | tied | experts, num_experts="num_local_experts")
            | {"moe_layer_frequency": random.randint(1, 3), "parallel_attn_mlp_res": _flag(random)}
        ),
        "baichuan": lambda random, sizes, tied, _: (
            _without_groups(sizes) | tied | ({"max_position_embeddings": 4096} if _flag(random) else {})
        ),
        "bailing_moe": lambda random, *rest: _bailing_keys(random, *rest, second=_flag(random)),
        "bailing_moe_v2": lambda random, *rest: _bailing_keys(random, *rest, second=True),
        "chatglm": lambda random, sizes, _tied, _: _chatglm(random, sizes),
        "deepseek": lambda random, sizes, tied, _: _deepseek(random, sizes, tied),
        "exaone": lambda _random, sizes, tied, _: _renamed(sizes | tied, num_hidden_layers="num_layers"),
        "grok-1": lambda _random, sizes, tied, experts: sizes | tied | experts,
        "hunyuan": lambda random, sizes, tied, _: (
            sizes
            | tied
            | {"num_experts": random.choice((1, 5)), "moe_topk": random.randint(1, 3)}
            | {"num_shared_expert": random.randint(1, 2), "use_mixed_mlp_moe": _flag(random)}
            | {"use_qk_norm": _flag(random), "attention_bias": _flag(random)}
        ),
        "internlm": lambda random, sizes, tied, _: _without_groups(sizes) | tied | {"bias": _flag(random)},
        "internlm2": lambda random, sizes, tied, _: sizes | tied | {"bias": _flag(random)},
        "kimi_k3": lambda random, sizes, _tied, experts: _kimi_k3(random, sizes, experts),
        "mimo": lambda random, sizes, tied, _: (
            sizes | tied | {"head_dim": random.choice((8, 24)), "num_nextn_predict_layers": random.randint(0, 2)}
        ),
        "mimo_v2": lambda random, sizes, tied, _: _mimo_v2(random, sizes | tied),
        "minicpm": lambda random, sizes, tied, experts: (
            sizes | tied | (experts if _flag(random) else {"attention_bias": _flag(random)})
        ),
        "nemotron-nas": lambda random, sizes, tied, _: _decilm(random, sizes, tied),
        "orion": lambda _random, sizes, tied, _: sizes | tied,
        "phi-msft": lambda _random, sizes, _tied, _: _phi(sizes),
        "phi3_v": lambda _random, sizes, tied, _: sizes | tied | {"max_position_embeddings": 4096},
        "phi4mm": lambda random, sizes, tied, _: (
            sizes
            | tied
            | {"sliding_window": random.choice((None, 5)), "partial_rotary_factor": random.choice((1, 0.5))}
        ),
        "qwen": lambda _random, sizes, tied, _: (
            _without_groups(sizes)
            | tied
            | {"intermediate_size": 2 * sizes["intermediate_size"]}
            | {"kv_channels": sizes["hidden_size"] // sizes["num_attention_heads"]}
        ),
        "xverse": lambda random, sizes, tied, _: sizes | tied | {"bias": _flag(random)},
    }
)

_TIED = ("tie_word_embeddings",)
OPTIONAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "aquila": ("num_key_value_heads", *_TIED),
        "arctic": ("num_key_value_heads", "num_local_experts", "num_experts_per_tok", "moe_layer_frequency", *_TIED),
        "baichuan": _TIED,
        "bailing_moe": _TIED,
        "chatglm": ("add_qkv_bias", "multi_query_attention", "multi_query_group_num", "rmsnorm"),
        "deepseek": ("attention_bias", "moe_layer_freq", "first_k_dense_replace", "n_shared_experts", *_TIED),
        "exaone": ("num_key_value_heads", "intermediate_size", *_TIED),
        "grok-1": ("num_experts", "num_experts_per_tok", *_TIED),
        "internlm": ("bias", *_TIED),
        "internlm2": ("num_key_value_heads", "bias", *_TIED),
        "minicpm": ("num_key_value_heads", "attention_bias", *_TIED),
        "orion": _TIED,
        "phi-msft": ("n_inner", "n_head_kv"),
        "phi4mm": ("num_key_value_heads", "sliding_window", "partial_rotary_factor", *_TIED),
        "qwen": _TIED,
        "xverse": ("num_key_value_heads", "bias", *_TIED),
    }
)
