"""Delta rules between attention layers: Gated DeltaNet (Qwen3-Next, Qwen3.5, OLMo Hybrid) and KDA (Kimi, Ling)."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part, Sublayer
from costmodel.importers.parts import ALL, agrees, attention, changed, ffn, further, layer_types, mla, moe, router, top


def gated_deltanet(c: Config) -> Part:
    """Return Gated DeltaNet with the keys of Qwen3-Next."""
    fields = {
        "kind": "gated_deltanet",
        "n_k_heads": c.count("linear_num_key_heads"),
        "k_head_dim": c.count("linear_key_head_dim"),
        "n_v_heads": c.count("linear_num_value_heads"),
        "v_head_dim": c.count("linear_value_head_dim"),
        "d_conv": c.count("linear_conv_kernel_dim"),
    }
    c.require("mamba_ssm_dtype", "float32", None)
    return Part("linear", fields)


def gated_attention(c: Config, name: str = "full", share: float = 0.25) -> Part:
    """Return attention with norms on heads and a gate by value; a ``share`` of a head is rotated.

    The gate comes out of the projection of the queries, so a bias is its bias too.
    """
    c.require("attn_output_gate", True, None)
    c.require("output_gate_type", "swish", "sigmoid", None)  # of published files: which activation the gate has
    bias = (*ALL, "gate") if c.flag("attention_bias") else ()
    return attention(c, name, bias=bias, qk_norm="head", gate="element", rope_share=share)


def qwen_mixers(c: Config, linear: Part, full: Part) -> list[Part]:
    """Return the mixer of each layer: attention in every ``full_attention_interval``-th unless listed."""
    interval = c.count("full_attention_interval", None) or 4
    missing = [linear if (index + 1) % interval else full for index in range(c.count("num_hidden_layers"))]
    return layer_types(c, {"linear_attention": linear, "full_attention": full}, missing)


def qwen_experts(c: Config) -> Part:
    """Return experts behind a softmax, with a shared one that has a gate."""
    return changed(moe(c), shared={"d_ff": c.count("shared_expert_intermediate_size"), "gate": True})


def qwen3_next(c: Config) -> Draft:
    """Read Qwen3-Next: experts in every ``decoder_sparse_step``-th layer that ``mlp_only_layers`` leaves."""
    step, only = c.count("decoder_sparse_step"), c.list_of(int, "mlp_only_layers", null=[])
    for key in ("intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size", "num_experts_per_tok"):
        c.get(key)  # each is used where a layer of its kind is
    mixers = qwen_mixers(c, gated_deltanet(c), gated_attention(c))
    sparse = [c.natural("num_experts") > 0 and not (i + 1) % step and i not in only for i in range(len(mixers))]
    experts = qwen_experts(c) if any(sparse) else None
    dense = None if all(sparse) else ffn(c, "dense")
    layers: list[Layer] = [[mixer, experts if chosen else dense] for mixer, chosen in zip(mixers, sparse, strict=True)]
    return _with_mtp(c, layers, experts or dense)


def qwen3_5_text(c: Config) -> Draft:
    """Read the language model of Qwen3.5: dense."""
    network = ffn(c)
    mixers = qwen_mixers(c, gated_deltanet(c), gated_attention(c))
    c.require("mlp_only_layers", [], None)
    return _with_mtp(c, [[mixer, network] for mixer in mixers], network)


def qwen3_5_moe_text(c: Config) -> Draft:
    """Read the language model of Qwen3.5 with experts in every layer; ``intermediate_size`` is not used."""
    c.get("intermediate_size")
    c.require("mlp_only_layers", [], None)
    c.require("decoder_sparse_step", 1, None)
    network = qwen_experts(c)
    mixers = qwen_mixers(c, gated_deltanet(c), gated_attention(c))
    return _with_mtp(c, [[mixer, network] for mixer in mixers], network)


def _with_mtp(c: Config, layers: Sequence[Layer], network: Sublayer) -> Draft:
    """Return the draft with layers that predict further tokens: full attention, whatever the last layer is."""
    c.require("mtp_use_dedicated_embeddings", False, None)
    mtp = further(c, [gated_attention(c), network], "mtp_num_hidden_layers", "num_nextn_predict_layers")
    return Draft(top(c), layers, mtp=mtp)


def olmo_hybrid(c: Config) -> Draft:
    """Read OLMo Hybrid: norms before linear layers and behind attention ones, which changes no count.

    Attention is rotated unless ``rope_theta`` is there and null, as in the released models. Norms of
    queries and keys are as wide as all heads. Missing head counts and widths follow the attention's.
    """
    heads, d, n = c.count("num_attention_heads"), c.count("hidden_size"), c.count("num_hidden_layers")
    k_heads = c.count("linear_num_key_heads", heads)
    k_width = c.count("linear_key_head_dim", int(0.75 * d / k_heads))
    fields = {
        "kind": "gated_deltanet",
        "n_k_heads": k_heads,
        "k_head_dim": k_width,
        "n_v_heads": c.count("linear_num_value_heads", heads),
        "v_head_dim": c.count("linear_value_head_dim", 2 * k_width),
        "d_conv": c.count("linear_conv_kernel_dim"),
    }
    for key in ("linear_a_log_min", "linear_a_log_max", "linear_dt_min", "linear_dt_max", "linear_dt_init_floor"):
        c.get(key)  # first values
    c.get("linear_allow_neg_eigval")
    c.require("linear_use_gate", True, None)
    linear = Part("linear", fields)
    full = attention(c, "full", bias=ALL if c.flag("attention_bias") else (), qk_norm="full")
    rope = c.get("rope_scaling") or c.get("rope_parameters") or {}
    given = c.given.get("rope_theta", True)
    if rope.get("rope_theta", given) is None:
        full = changed(full, rope=False)
    missing = [full if index % 4 == 3 else linear for index in range(n)]
    if full not in missing:
        missing[-1] = full
    mixers = layer_types(c, {"linear_attention": linear, "full_attention": full}, missing)
    network = ffn(c)
    return Draft(top(c), [[mixer, network] for mixer in mixers])


def kimi_delta(c: Config) -> tuple[Config, Part]:
    """Return ``linear_attn_config`` and KDA with its sizes, or else those of the keys beside it."""
    told = c.sub("linear_attn_config", c.model_type)
    keys = {"n_heads": "num_heads", "head_dim": "head_dim", "d_conv": "short_conv_kernel_size"}
    beside = {"n_heads": "linear_num_heads", "head_dim": "linear_head_dim", "d_conv": "linear_conv_kernel_dim"}
    sizes = {field: c.count(key) for field, key in beside.items()}
    sizes |= {field: told.count(key) for field, key in keys.items() if told.has(key)}
    return told, Part("kda", {"kind": "kda", **sizes})


def kimi_linear(c: Config) -> Draft:
    """Read Kimi Linear: KDA, and latent attention whose rope dims are not rotated.

    Files keep the sizes and the lists of layers, counted from 1, in ``linear_attn_config``, whose
    sizes win; the lists only where ``layer_types`` is missing. Without either, attention is in every
    fourth layer counted from 0, the first excepted.
    """
    c.get("num_key_value_heads")
    told, kda = kimi_delta(c)
    n = c.count("num_hidden_layers")
    c.require("mla_use_nope", True, None)
    c.get("head_dim")  # of the class's own making
    full = changed(mla(c, bias=_latent_bias(c)), rope=False)
    missing = [full if index and not index % 4 else kda for index in range(n)]
    full_at, kda_at = (told.list_of(int, key, null=None) for key in ("full_attn_layers", "kda_layers"))
    if full_at is not None and kda_at is not None:
        if sorted([*full_at, *kda_at]) != list(range(1, n + 1)):
            c.refuse("linear_attn_config", f"kda_layers and full_attn_layers do not share out layers 1 to {n}")
        missing = [full if index + 1 in full_at else kda for index in range(n)]
    mixers = layer_types(c, {"linear_attention": kda, "full_attention": full}, missing)
    first = c.natural("first_k_dense_replace", 1)
    c.require("moe_layer_freq", 1, None)
    c.require("moe_router_activation_func", "sigmoid", None)
    c.require("use_grouped_topk", True, None)
    return _latent_draft(c, mixers, first)


def bailing_hybrid(c: Config) -> Draft:
    """Read Ling 3.0: KDA with full-rank gates in heads as wide as ``head_dim``; latent attention with a gate by head.

    Attention is the last layer of every group of ``layer_group_size``. A file that transformers
    wrote has the width of KDA's heads in ``linear_head_dim``, and in ``head_dim`` that of rotation.
    Ling 2.5 and 2.6 have the same model type and another recurrence, and name another class.
    """
    c.get("num_key_value_heads")
    classes = c.given.get("architectures") or ()
    if other := [name for name in classes if isinstance(name, str) and name.startswith("BailingMoeV2")]:
        c.refuse("architectures", f"{other[0]} has lightning attention in place of KDA, which is not read here")
    c.require("gated_attention_proj_granularity_type", None, "head_wise")
    c.require("moe_router_enable_expert_bias", None, True)
    c.require("no_kda_lora", None, True)
    for key in ("use_kda_lora", "use_mla_nope", "use_bias", "use_qkv_bias", "up_proj_norm", "value_norm", "use_nGPT"):
        c.require(key, None, False)
    c.require("score_function", None, "sigmoid")
    c.require("scoring_func", None, "sigmoid")
    c.require("group_norm_size", None, 1)
    c.require("linear_attention", None, "kda")
    shared = c.natural("n_shared_experts", 0) * c.count("moe_intermediate_size")
    agrees(c, shared, "moe_shared_expert_intermediate_size")
    c.require("mtp_use_kda", None, False)
    for key in (
        "linear_silu", "max_window_layers", "num_kv_heads_for_linear_attn", "partial_rotary_factor", "rotary_dim",
        "use_qk_norm", "scale_router_input", "expert_swiglu_limit_list", "share_expert_swiglu_limit_list",
    ):  # fmt: skip
        c.get(key)  # of Ling 2.6, and of training; the published class has no use for them
    for key in ("kda_safe_gate", "kda_lower_bound", "mtp_loss_scaling_factor"):
        c.get(key)
    fields = {
        "kind": "kda",
        "n_heads": c.count("linear_num_heads", c.count("num_attention_heads")),
        "head_dim": c.count("linear_head_dim", c.count("head_dim")),
        "d_conv": c.count("linear_conv_kernel_dim", c.count("short_conv_kernel_size")),
        "gates": "full_rank",
    }
    kda, full = Part("kda", fields), mla(c, bias=_latent_bias(c), gate="head")
    size = c.count("layer_group_size")
    missing = [kda if (index + 1) % size else full for index in range(c.count("num_hidden_layers"))]
    mixers = layer_types(c, {"linear_attention": kda, "full_attention": full}, missing)
    return _latent_draft(c, mixers, c.natural("first_k_dense_replace"), full)


def _latent_bias(c: Config) -> tuple[str, ...]:
    return ("q_a", "kv_a", "o") if c.flag("attention_bias") else ()


def _latent_draft(c: Config, mixers: list[Part], first: int, full: Part | None = None) -> Draft:
    """Return layers with DeepSeek-V3's experts behind ``first`` dense ones; attention in those of the MTP."""
    agrees(c, c.count("qk_nope_head_dim") + c.count("qk_rope_head_dim"), "qk_head_dim")
    c.require("tie_word_embeddings", False, why="is not what the class builds: it never ties the tables")
    experts = moe(
        c,
        n_experts=c.count("num_local_experts"),
        shared=c.natural("n_shared_experts", 0),
        router=router(c, "sigmoid", correction_bias=True),
    )
    dense = ffn(c, "dense")
    missing = [dense if index < first else experts for index in range(len(mixers))]
    networks = layer_types(c, {"dense": dense, "sparse": experts}, missing, "mlp_layer_types")
    layers = [[mixer, network] for mixer, network in zip(mixers, networks, strict=True)]
    mtp = further(c, [full or mixers[-1], experts], "num_nextn_predict_layers", "num_mtp_layers")
    return Draft(top(c), layers, mtp=mtp)
