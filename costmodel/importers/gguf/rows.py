"""What a row of the table is, and the parts of configurations that many rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from costmodel.importers.gguf.facts import Facts

Part: TypeAlias = Callable[[Facts], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """How the keys of an architecture are those of a configuration.

    ``keys``: key of the file -> key of the configuration, beside the usual ones. ``flags``: a key that is
    true where some layer has one of these tensors. ``fixed``: what the architecture is. ``unused``: keys
    that the family's class has and no file of the architecture needs. ``parts``: functions for what is
    not one key.
    """

    model_type: str
    keys: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    unused: str = ""
    parts: Sequence[Part] = ()


Choice: TypeAlias = Callable[[Facts], Row]

BIAS = {"attention_bias": "attn_q.bias attn_qkv.bias"}
BIASES = BIAS | {"mlp_bias": "ffn_up.bias"}
BIAS_OF_LATENT = {"attention_bias": "attn_kv_a_mqa.bias", "mlp_bias": "ffn_up.bias"}
ROUTER, CORRECTION = "ffn_gate_inp.weight", "exp_probs_b.bias"
# Keys of windows that say that there is none.
NO_WINDOWS = {"sliding_window": None, "layer_types": None, "use_sliding_window": False}


def windows(turn: int | None, *, dense_first: bool = False) -> Part:
    """Return what reads windows of all layers but every ``turn``-th one, unless a key says otherwise."""
    return lambda facts: facts.windows(turn, dense_first=dense_first)


def number(key: str, name: str, missing: int | None = None) -> Part:
    """Return what reads a number that may be missing."""
    return lambda facts: {name: facts.number(key, missing)}


def dense_first(name: str = "first_k_dense_replace") -> Part:
    """Return what reads how many layers come before those with experts."""
    return number("leading_dense_block_count", name, 0)


def further(facts: Facts) -> dict[str, Any]:
    """Return how many layers predict further tokens."""
    return {"num_nextn_predict_layers": facts.further}


def experts_only(facts: Facts) -> dict[str, Any]:
    """Return the width of an expert as that of the network, where a family calls it so."""
    return {"intermediate_size": facts.expert_width}


def beside(name: str) -> Part:
    """Return what reads how many experts of the same width every token uses: as a number, and as their width."""

    def shared(facts: Facts) -> dict[str, Any]:
        wide, one = facts.number("expert_shared_feed_forward_length", 0), facts.expert_width
        count = facts.number("expert_shared_count", wide // one)
        if wide not in (0, count * one):
            facts.wrong("expert_shared_feed_forward_length", f"{count * one}, as experts are wide")
        return {name: count}

    return shared


def gating(*known: int) -> Part:
    """Return what takes note of how experts are scored: 1 by a softmax, 2 by a sigmoid."""

    def scored(facts: Facts) -> dict[str, Any]:
        if facts.number("expert_gating_func", known[0]) not in known:
            facts.wrong("expert_gating_func", f"{known[0]}, as this architecture scores experts")
        return {}

    return scored


SOFTMAX, SIGMOID = gating(1), gating(2)


def rotary_share(facts: Facts) -> dict[str, Any]:
    """Return the share of a head that is rotated under the name that GPT-NeoX has for it."""
    return {"rotary_pct": facts.rotated(facts.head_dim), "partial_rotary_factor": None}


def latent(facts: Facts) -> dict[str, Any]:
    """Return the sizes of latent attention: ``key_length`` is what is cached, ``key_length_mla`` what a head has."""
    rope = facts.number("rope.dimension_count")
    keys, values = facts.number("attention.key_length"), facts.number("attention.value_length", 0)
    whole = facts.number("attention.key_length_mla", keys)
    values = facts.number("attention.value_length_mla", values) or facts.shape("attn_output.weight")[1] // facts.heads
    if whole < rope:
        facts.wrong("rope.dimension_count", f"at most {whole}, the width of a head")
    return {
        "q_lora_rank": facts.number("attention.q_lora_rank", 0) or None,
        "kv_lora_rank": facts.number("attention.kv_lora_rank"),
        "qk_nope_head_dim": whole - rope,
        "qk_rope_head_dim": rope,
        "v_head_dim": values,
        "head_dim": None,
    }


def sparse(facts: Facts) -> dict[str, Any]:
    """Return which layers have experts."""
    return {"mlp_layer_types": ["sparse" if one else "dense" for one in facts.where_is(ROUTER)]}


def kinds(with_heads: str, without: str) -> Part:
    """Return what each layer is, by whether it has heads of keys."""

    def words(facts: Facts) -> dict[str, Any]:
        return {"layer_types": [with_heads if n else without for n in facts.by_layer("attention.head_count_kv")]}

    return words


def indexer(facts: Facts) -> dict[str, Any]:
    """Return the sizes of what picks the keys that are attended."""
    names = {"head_count": "index_n_heads", "key_length": "index_head_dim", "top_k": "index_topk"}
    return {name: facts.number(f"attention.indexer.{key}") for key, name in names.items()}


def own_indexer(facts: Facts) -> dict[str, Any]:
    """Return which layers pick keys themselves; the others take the choice of the one before."""
    facts.get("attention.indexer.types")  # which the tensors say too
    own = facts.where_is("indexer.proj.weight")
    return {"indexer_types": ["full" if one else "shared" for one in own]}


def window(facts: Facts) -> dict[str, Any]:
    """Return the window of every layer, if there is one."""
    return {"sliding_window": facts.number("attention.sliding_window", 0) or None}


def head_bias(facts: Facts) -> dict[str, Any]:
    """Say whether the head has a bias."""
    return {"lm_head_bias": "output.bias" in facts.tensors}


def parallel(facts: Facts) -> dict[str, Any]:
    """Say whether both sublayers of a layer work side by side on one norm, as the tensors say too."""
    facts.get("use_parallel_residual")
    return {"use_parallel_residual": not facts.has("ffn_norm.weight")}
