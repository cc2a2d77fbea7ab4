"""Latent attention after DeepSeek-V2: dense families, and those with experts, indexers, two halves of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.expert_parts import after, biased, deepseek_experts, dense, every, sparse_layers, stack
from costmodel.importers.parts import ffn, further, layer_types, mla, moe, top

NEXT = "num_nextn_predict_layers"


def deepseek_v2(c: Config) -> Draft:
    """Read DeepSeek-V2: experts scored by a softmax, chosen in groups or not; V2-Lite has no query latent.

    A bias of the networks is one of the shared experts too, and not of the routed ones.
    """
    bias = c.flag("mlp_bias")
    c.require("moe_layer_freq", None, 1)
    experts = biased(deepseek_experts(c, "softmax", correction_bias=False), bias)
    sparse = after(c, c.natural("first_k_dense_replace"))
    return Draft(top(c), stack(every(c, _latent(c)), sparse, experts, dense(c, bias=bias or None)))


def glm4_moe_lite(c: Config) -> Draft:
    """Read GLM-4.7-Flash: DeepSeek-V3 at a smaller size; the first layer is dense unless a list says otherwise."""
    sparse = sparse_layers(c, after(c, 1))
    _first(c, sparse)
    layers = stack(every(c, _latent(c)), sparse, deepseek_experts(c), dense(c))
    return Draft(top(c), layers, mtp=further(c, layers[-1], NEXT))


def mistral4(c: Config) -> Draft:
    """Read Mistral 4: DeepSeek-V3 with a softmax and no correction bias."""
    experts = deepseek_experts(c, "softmax", correction_bias=False)
    sparse = after(c, c.natural("first_k_dense_replace"))
    return Draft(top(c), stack(every(c, _latent(c)), sparse, experts, dense(c)))


def axk1(c: Config) -> Draft:
    """Read A.X-K1: DeepSeek-V3 with a norm after the experts, and none after a dense network."""
    first, step = c.natural("first_k_dense_replace", 1), c.count("moe_layer_freq", 1)
    usual = [index >= first and index % step == 0 for index in range(c.count("num_hidden_layers"))]
    experts = deepseek_experts(c, extra_norm="post")
    layers = stack(every(c, _latent(c)), sparse_layers(c, usual), experts, dense(c))
    return Draft(top(c), layers, mtp=further(c, layers[-1], NEXT))


def minicpm3(c: Config) -> Draft:
    """Read MiniCPM3: latent attention and one dense network; values are as wide as hidden_size allows."""
    for key in ("scale_emb", "scale_depth", "dim_model_base"):
        c.get(key)
    heads, width = c.count("num_attention_heads"), c.count("hidden_size")
    layer = [_latent(c, v_head_dim=c.count("v_head_dim", width // heads)), ffn(c, bias=c.flag("mlp_bias") or None)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def youtu(c: Config) -> Draft:
    """Read Youtu: latent attention and one dense network, with tied tables."""
    return Draft(top(c), [[_latent(c), ffn(c)]] * c.count("num_hidden_layers"))


def deepseek_v32(c: Config) -> Draft:
    """Read DeepSeek-V3.2: DeepSeek-V3 whose attention reads only the keys that an indexer picks."""
    picks = _indexed(c)
    layers = stack(every(c, picks), _sparse_after(c), _counted_experts(c), dense(c))
    return Draft(top(c), layers, mtp=further(c, layers[-1], NEXT))


def glm_moe_dsa(c: Config) -> Draft:
    """Read GLM-5: as DeepSeek-V3.2; some layers reuse the choice of the indexer before them."""
    c.get("index_share_for_mtp_iteration")  # whether a further draft reuses the choice made for the first
    experts = _counted_experts(c)
    layers = stack(_full_or_shared(c, _indexed(c), _glm_pattern(c)), _sparse_after(c), experts, dense(c))
    return Draft(top(c), layers, mtp=further(c, [_indexed(c), experts], NEXT))


def hy_v4(c: Config) -> Draft:
    """Read Hunyuan 4: an indexer every fourth layer, gates and sinks, and several residual streams."""
    for key in ("hc_magnitude", "learnable_sink_init", "swiglu_limit", "head_dim"):
        c.get(key)
    n = c.count("num_hidden_layers")
    picks = _indexed(c, gate="element", sinks=True)
    usual = [index == 0 or (index - 1) % 4 == 0 for index in range(n)]
    sparse = sparse_layers(c, after(c, 1))
    _first(c, sparse)
    layers = stack(_full_or_shared(c, picks, usual), sparse, deepseek_experts(c), dense(c))
    streams = {"hyper_connections": {"n_streams": c.count("hc_mult"), "kind": "hc"}}
    return Draft(top(c), layers, more=streams)


def axk2(c: Config) -> Draft:
    """Read A.X-K2: queries and a gate from the query latent, norms with a gate before attention and experts."""
    rank = c.count("gated_norm_rank")
    first, step = c.natural("first_k_dense_replace", 1), c.count("moe_layer_freq", 1)
    usual = [index >= first and index % step == 0 for index in range(c.count("num_hidden_layers"))]
    picks = _indexed(c, gate="element", gate_from="latent", input_gate=rank)
    experts = deepseek_experts(c, input_gate=rank)
    return Draft(top(c), stack(every(c, picks), sparse_layers(c, usual), experts, dense(c)))


def mistral_large4(c: Config) -> Draft:
    """Read Mistral Large 4: no query latent, learned scales by position; every fourth layer has no rope dims.

    Where there are none, their width is added to the others. ``kv_source_layers`` says whose latent
    a layer reads.
    """
    n, turn = c.count("num_hidden_layers"), c.count("no_rope_layer_interval", 4)
    rotated = c.list_of(int, "no_rope_layers", n, [int((index + 1) % turn != 0) for index in range(n)])
    with_rope = _indexed(c, position_scale=True)
    nope, rope = with_rope.fields["qk_nope_head_dim"], with_rope.fields["qk_rope_head_dim"]
    picks = {**with_rope.fields["indexer"], "queries": "hidden", "position_scale": True}
    with_rope = Part("dsa", {**with_rope.fields, "indexer": picks | {"rope_dim": rope}})
    sizes = {"qk_nope_head_dim": nope + rope, "qk_rope_head_dim": 0, "indexer": picks | {"rope_dim": 0}}
    without = Part("nope", {**with_rope.fields, **sizes})
    own = layer_types(c, {"full": True, "shared": False}, _glm_pattern(c), "indexer_types")
    mixers, last = [], None
    for turned, full in zip(rotated, own, strict=True):
        part = with_rope if turned else without
        last = part.name if full else last
        mixers.append(part if full else _reuse(part, last)._replace(name=f"{part.name}-by-{last}"))
    experts = _counted_experts(c, "softmax", correction_bias=False)
    return Draft(top(c), stack(_with_shared_latents(c, mixers), _sparse_after(c), experts, dense(c)))


def longcat_flash(c: Config) -> Draft:
    """Read LongCat-Flash: a layer is two attentions and two dense networks, with experts beside the first.

    Zero experts pass their input on. ``num_hidden_layers`` counts halves of layers.
    """
    n = c.count("num_layers")
    c.require("num_hidden_layers", None, 2 * n)
    c.require("zero_expert_type", None, "identity")
    c.require("attention_method", None, "MLA")
    for key in ("mla_scale_q_lora", "mla_scale_kv_lora"):
        c.get(key)
    attention = _latent(c)
    network = ffn(c, "dense", d_ff=c.count("ffn_hidden_size"))
    router = {"correction_bias": True}
    zero = c.natural("zero_expert_num", 0)
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        top_k=c.count("moe_topk"),
        d_ff=c.count("expert_ffn_hidden_size"),
        zero_experts=zero or None,
        router=router | ({"bias": True} if c.flag("router_bias") else {}),
    )
    return Draft(top(c), [[attention, (network, experts), attention, network]] * n)


def _latent(c: Config, name: str = "mla", **more: Any) -> Part:
    """Return latent attention with DeepSeek's keys; what a class computes from them may stand in the file."""
    part = mla(c, name, bias=("q_a", "kv_a", "o") if c.flag("attention_bias") else (), **more)
    c.get("num_key_value_heads")
    c.get("head_dim")
    c.require("qk_head_dim", None, part.fields["qk_nope_head_dim"] + part.fields["qk_rope_head_dim"])
    return part


def _indexed(c: Config, **more: Any) -> Part:
    """Return latent attention over what an indexer picks; every layer keeps the whole context."""
    layer_types(c, {"indexed_attention": None}, every(c, Part("", {})))
    c.get("indexer_rope_interleave")
    c.get("mlp_bias")  # a key of the classes, whose networks have none
    indexer = {
        "n_heads": c.count("index_n_heads"),
        "head_dim": c.count("index_head_dim"),
        "top_k": c.count("index_topk"),
    }
    return _latent(c, "dsa", indexer=indexer, **more)


def _full_or_shared(c: Config, picks: Part, usual: Sequence[bool]) -> list[Part]:
    """Return the attention of each layer: with an indexer of its own, or with the choice of the last one."""
    reuse = _reuse(picks, picks.name)
    missing = [picks if one else reuse for one in usual]
    return layer_types(c, {"full": picks, "shared": reuse}, missing, "indexer_types")


def _reuse(picks: Part, source: str | None) -> Part:
    """Return attention with the choice of another block."""
    fields = {key: value for key, value in picks.fields.items() if key != "indexer"}
    return Part("reuse", fields | {"index_from": source or picks.name})


def _with_shared_latents(c: Config, mixers: list[Part]) -> list[Part]:
    """Return the same layers where some read the latent of an earlier one.

    A block reads the last place of the one it names, so the source must be that: the last layer of
    its kind with a latent of its own. The class has the same limit, by kind of rotation.
    """
    sources = c.list_of(int, "kv_source_layers", len(mixers), [*range(len(mixers))])
    found: list[Part] = []
    last: dict[str, int] = {}
    for index, (part, source) in enumerate(zip(mixers, sources, strict=True)):
        if source == index:
            last[part.name] = index
            found.append(part)
            continue
        name = mixers[source].name if source < index else ""
        ropes = [mixers[i].fields["qk_rope_head_dim"] for i in (min(source, index), index)]
        if last.get(name) != source or ropes[0] != ropes[1]:
            c.refuse(
                "kv_source_layers", f"layer {index} reads the latent of layer {source}, which is not the last like it"
            )
        bias: dict[str, Any] = {"bias": ["o"]} if "bias" in part.fields else {}  # the one of the latent is the source's
        found.append(Part("shared", {**part.fields, **bias, "kv_from": name}))
    return found


def _glm_pattern(c: Config) -> list[bool]:
    """Say which layers of GLM-5 have an indexer where no list does: a pattern of letters, or every so many."""
    n, pattern = c.count("num_hidden_layers"), c.get("index_topk_pattern")
    step, first = c.natural("index_topk_freq", 1), c.natural("index_skip_topk_offset", 2)
    if pattern is not None:
        letters = {"F": True, "full": True, "S": False, "shared": False}
        if len(pattern) != n or any(one not in letters for one in pattern):
            c.refuse("index_topk_pattern", f"index_topk_pattern should have F or S for each of {n} layers")
        return [letters[one] for one in pattern]
    return [max(index - first + 1, 0) % max(step, 1) == 0 for index in range(n)]


def _sparse_after(c: Config) -> list[bool]:
    c.require("moe_layer_freq", None, 1)
    return sparse_layers(c, after(c, c.natural("first_k_dense_replace")))


def _counted_experts(c: Config, score: str = "sigmoid", *, correction_bias: bool = True) -> Part:
    """Return DeepSeek's experts; these classes take ``num_experts`` before ``n_routed_experts``."""
    return deepseek_experts(c, score, correction_bias=correction_bias, n_experts=c.count("num_experts", None))


def _first(c: Config, sparse: Sequence[bool]) -> None:
    """Refuse ``first_k_dense_replace``, which these classes do not read, where it says something else."""
    dense_first = sparse.index(True) if True in sparse else len(sparse)
    c.require("first_k_dense_replace", None, dense_first)
    c.require("moe_layer_freq", None, 1)
