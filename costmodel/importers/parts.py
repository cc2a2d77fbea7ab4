"""What most families have in common: widths, softmax attention, dense networks, experts, windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Layer, Part

ALL = ("q", "k", "v", "o")
QKV = ("q", "k", "v")


def top(c: Config, *, tied: bool | None = None, **more: Any) -> dict[str, Any]:
    """Return the fields above the blocks: widths, tied tables, longest context; ``more`` as given."""
    fields: dict[str, Any] = {"d_model": c.count("hidden_size"), "vocab_size": c.count("vocab_size")}
    longest = c.natural("max_position_embeddings", None)
    if longest:
        fields["max_context"] = longest
    if c.flag("tie_word_embeddings") if tied is None else tied:
        fields["tied"] = True
    return fields | more


def attention(
    c: Config,
    name: str = "attention",
    *,
    bias: Sequence[str] = (),
    heads: int | None = None,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    rope_share: float | None = None,
    rope: bool = True,
    **more: Any,
) -> Part:
    """Return softmax attention with the usual keys; sizes that are given are not looked up.

    ``rope_share`` is the share of a head that is rotated where no key says so; None looks at none.
    ``more`` are further fields of the block; None and false are left out.
    """
    n_heads = heads or c.count("num_attention_heads")
    n_kv_heads = kv_heads or c.count("num_key_value_heads", n_heads)
    width = head_dim or c.count("head_dim", None) or c.count("hidden_size") // n_heads
    fields: dict[str, Any] = {"kind": "attention", "n_heads": n_heads}
    if n_kv_heads != n_heads:
        fields["n_kv_heads"] = n_kv_heads
    fields["head_dim"] = width
    if bias:
        fields["bias"] = list(bias)
    if rope_share is not None:
        rotated = rope_dim(c, width, rope_share)
        if rotated != width:
            fields["rope_dim"] = rotated
    if not rope:
        fields["rope"] = False
    return Part(name, fields | {key: value for key, value in more.items() if value not in (None, False)})


def rope_dim(c: Config, head_dim: int, missing: float = 1.0) -> int:
    """Return how many of a head's values are rotated: ``partial_rotary_factor`` of them."""
    inner = c.get("rope_scaling") or c.get("rope_parameters")
    share = inner.get("partial_rotary_factor") if isinstance(inner, dict) else None
    beside = c.share("partial_rotary_factor", None)  # of older files; what is inside wins
    if share is None:
        share = beside
    return int(head_dim * (missing if share is None else share))


def changed(part: Part, **fields: Any) -> Part:
    """Return a block with a few fields set to what they are here, false ones included."""
    return Part(part.name, {**part.fields, **fields})


def ffn(c: Config, name: str = "mlp", *, d_ff: int | None = None, **more: Any) -> Part:
    """Return a dense network of ``intermediate_size``; gated without a bias unless told otherwise."""
    fields = {"kind": "ffn", "d_ff": d_ff or c.count("intermediate_size")}
    return Part(name, fields | {key: value for key, value in more.items() if value is not None and value != []})


# Names that files had, and what transformers 5 reads them as.
_OLDER_WORDS = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}


def layer_types(
    c: Config, known: Mapping[str, Any], missing: Sequence[Any] | None = None, key: str = "layer_types"
) -> list[Any]:
    """Return what each layer is, by the words of ``key``; ``missing`` is what the class puts there."""
    n = c.count("num_hidden_layers")
    words = c.list_of(str, key, n, None)
    if words is None:
        if missing is None:
            c.refuse(key, f"{key} is missing, and the model type has no default for it")
        return list(missing)
    if key == "layer_types":
        words = [word if word in known else _OLDER_WORDS.get(word, word) for word in words]
    for index, word in enumerate(words):
        if word not in known:
            c.refuse(key, f'{key}[{index}] is "{word[:64]}"', f"known: {', '.join(known)}")
    return [known[word] for word in words]


def agrees(c: Config, value: Any, *keys: str) -> None:
    """Refuse keys that say again what is known already, and say something else."""
    for key in keys:
        found = c.get(key)
        if found is not None and found != value:
            c.refuse(key, f"{key} is {found}, and should be {value} as other keys have it")


def router(
    c: Config, score: str = "softmax", *, groups: str = "n_group", top_groups: str = "topk_group", **more: Any
) -> dict[str, Any]:
    """Return how experts are scored; choices among groups of experts where there are several groups."""
    fields: dict[str, Any] = {"score": score}
    n, top_n = c.natural(groups, None), c.natural(top_groups, None)
    fields |= {key: value for key, value in more.items() if value}
    if n and n > 1:
        fields |= {"groups": n, "top_groups": top_n}
    return fields


def moe(
    c: Config,
    name: str = "moe",
    *,
    n_experts: int | None = None,
    top_k: int | None = None,
    d_ff: int | None = None,
    shared: int = 0,
    shared_d_ff: int | None = None,
    **more: Any,
) -> Part:
    """Return a mixture of experts; ``shared`` experts of ``shared_d_ff`` (the routed ones' unless told)."""
    inner = d_ff or c.count("moe_intermediate_size")
    fields: dict[str, Any] = {
        "kind": "moe",
        "n_experts": n_experts or c.count("num_experts"),
        "top_k": top_k or c.count("num_experts_per_tok"),
        "d_ff": inner,
    }
    if shared:
        fields["shared"] = {"d_ff": shared_d_ff or inner} | ({"n_experts": shared} if shared > 1 else {})
    return Part(name, fields | {key: value for key, value in more.items() if value not in (None, False)})


def mla(c: Config, name: str = "mla", *, bias: Sequence[str] = (), v_head_dim: int | None = None, **more: Any) -> Part:
    """Return multi-head latent attention with DeepSeek's keys."""
    fields: dict[str, Any] = {"kind": "mla", "n_heads": c.count("num_attention_heads")}
    if q_lora_rank := c.count("q_lora_rank", None):
        fields["q_lora_rank"] = q_lora_rank
    for key in ("kv_lora_rank", "qk_nope_head_dim"):
        fields[key] = c.count(key)
    fields["qk_rope_head_dim"] = c.natural("qk_rope_head_dim")
    fields["v_head_dim"] = v_head_dim or c.count("v_head_dim")
    if bias:
        fields["bias"] = [one for one in bias if one != "q_a" or q_lora_rank]
    return Part(name, fields | {key: value for key, value in more.items() if value not in (None, False)})


def further(c: Config, layer: Layer, *keys: str) -> tuple[dict[str, Any], list[Layer]] | None:
    """Return the layers that predict further tokens, all like ``layer``.

    There are as many as the first key that the file has says, be it 0; else as many as the class does.
    """
    found = {key: c.natural(key, 0) for key in keys}
    depth = next((n for key, n in found.items() if c.has(key)), max(found.values()))
    return ({}, [layer] * depth) if depth else None
