"""Models with experts whose class stands beside their published weights; ``remote.json`` says where each was read."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer
from costmodel.importers.expert_parts import after, alike, deepseek_experts, dense, every, stack
from costmodel.importers.families.llama_like import SANDWICH, biased, even
from costmodel.importers.parts import QKV, agrees, attention, ffn, further, moe, router, top


def deepseek(c: Config) -> Draft:
    """Read DeepSeek-MoE: every so many layers have experts, scored by a softmax, behind a few that have none."""
    n, step, first = c.count("num_hidden_layers"), c.count("moe_layer_freq"), c.natural("first_k_dense_replace")
    mixers = every(c, attention(c, bias=biased(c), head_dim=even(c)))
    if not c.natural("n_routed_experts", 0):
        for key in ("moe_intermediate_size", "n_shared_experts", "num_experts_per_tok"):
            c.get(key)  # of no use in a dense model
        return Draft(top(c), [[mixer, ffn(c)] for mixer in mixers])
    sparse = [index >= first and index % step == 0 for index in range(n)]
    experts = deepseek_experts(c, "softmax", correction_bias=False)
    return Draft(top(c), stack(mixers, sparse, experts, dense(c)))


_SECOND = ("use_qk_norm", "moe_router_enable_expert_bias", "n_group", "topk_group", "score_function")


def bailing_moe(c: Config) -> Draft:
    """Read Ling, of which two generations have one model type: the second's class has keys that the first lacks."""
    return bailing_moe_v2(c) if any(key in c.given for key in _SECOND) else _bailing_moe_v1(c)


def _bailing_moe_v1(c: Config) -> Draft:
    c.require("num_nextn_predict_layers", None, 0)
    c.require("use_sliding_window", None, False)
    for key in ("sliding_window", "max_window_layers"):
        c.get(key)  # of no use without windows
    return _bailing(c, {}, None)


def bailing_moe_v2(c: Config) -> Draft:
    """Read Ling 2.0: norms on heads, sigmoid scores with a correction bias, and further layers."""
    c.stated("use_qk_norm", "head_dim", "num_shared_experts")
    c.get("max_window_layers")
    c.require("score_function", None, "sigmoid")
    c.require("moe_router_enable_expert_bias", True)
    c.get("mtp_loss_scaling_factor")
    rotated = c.count("rotary_dim", None)
    head_dim = c.count("head_dim")
    agrees(c, c.count("moe_intermediate_size") * c.natural("num_shared_experts"), "moe_shared_expert_intermediate_size")
    share = c.share("partial_rotary_factor", None)
    if share is not None:
        agrees(c, int(head_dim * share), "rotary_dim")
        rotated = int(head_dim * share)
    fields: dict[str, Any] = {"qk_norm": "head"} if c.flag("use_qk_norm") else {}
    if rotated and rotated != head_dim:
        fields["rope_dim"] = rotated
    return _bailing(c, fields, router(c, "sigmoid", correction_bias=True))


def _bailing(c: Config, fields: dict[str, Any], scores: dict[str, Any] | None) -> Draft:
    """Return a model of either generation; no network has a bias. ``norm_head`` is applied once, not at every step."""
    c.stated("num_key_value_heads", "use_bias", "use_qkv_bias", "first_k_dense_replace", "num_shared_experts")
    for key in ("norm_head", "using_split_qkv_in_self_attention"):
        c.get(key)
    c.require("norm_softmax", None, False)
    c.require("use_rmsnorm", None, True)
    bias = [*biased(c, QKV, "use_qkv_bias"), *biased(c, ("o",), "use_bias")]
    mixer = attention(c, bias=bias, **fields)
    experts = moe(c, shared=c.natural("num_shared_experts", 0), router=scores)
    sparse = after(c, c.natural("first_k_dense_replace"))
    layers = stack(every(c, mixer), sparse, experts, dense(c))
    return Draft(top(c), layers, mtp=further(c, [mixer, experts], "num_nextn_predict_layers"))


def grok_1(c: Config) -> Draft:
    """Read Grok-1: norms around sublayers, scores of attention that are capped, gated experts."""
    for key in ("attn_output_multiplier", "embedding_multiplier_scale", "output_multiplier_scale"):
        c.get(key)
    mixer = attention(c, head_dim=even(c), softcap=float(c.share("max_attn_value")))
    layer = [mixer, moe(c, d_ff=c.count("intermediate_size"))]
    return Draft(top(c, norm=SANDWICH), [layer] * c.count("num_hidden_layers"))


def hunyuan(c: Config) -> Draft:
    """Read Hunyuan-A13B as its repository has it; experts are as wide as ``intermediate_size`` says.

    Sizes may be lists with an entry a layer, which must all be alike. Layers that share keys and values
    are refused: each has a norm of its own on keys that others made.
    """
    for key, fixed in (("use_cla", False), ("use_mla", False), ("moe_layer_num_skipped", 0)):
        c.require(key, None, fixed)
    c.require("vit_path", None)
    c.require("use_rotary_pos_emb", True)
    for key in c.given:
        if key.startswith(("vit_", "anyres_")) or key.endswith(("_id", "_rank", "_dim")):
            c.get(key)  # of a tower, of tokens, or of latent attention: there is none of the first and last
    n, d_ff, head_dim = c.count("num_hidden_layers"), c.count("intermediate_size"), even(c)
    c.require("moe_intermediate_size", None, d_ff, [d_ff] * n)
    agrees(c, head_dim, "attention_head_dim")
    for key in (
        "add_classification_head", "cla_share_factor", "class_num", "dense_list", "group_limited_greedy", "mlp_bias",
        "moe_drop_tokens", "moe_random_routing_dropped_token", "n_group", "norm_type", "num_media_embeds",
        "org_vocab_size", "pool_type", "position_embedding_xdrope", "skip_cls_token", "topk_group",
    ):  # fmt: skip
        c.get(key)  # the class of the language model uses none of them, and its networks have no bias
    qk_norm = "head" if c.flag("use_qk_norm") else None
    mixer = attention(c, bias=biased(c), head_dim=head_dim, qk_norm=qk_norm)
    n_experts, top_k = alike(c, "num_experts"), alike(c, "moe_topk")
    shared = alike(c, "num_shared_expert")
    shared = shared if c.flag("use_mixed_mlp_moe") else 0
    network = moe(c, n_experts=n_experts, top_k=top_k, d_ff=d_ff, shared=shared) if n_experts > 1 else ffn(c)
    return Draft(top(c), [[mixer, network]] * n)


def arctic(c: Config) -> Draft:
    """Read Arctic: some layers have experts, and those may have a dense network as wide as the model before them.

    The experts then read what entered the layer, behind a norm of their own, which costs the same as
    reading what the network gives. ``use_residual`` is another key for that network.
    """
    for key in (
        "enable_expert_tensor_parallelism", "moe_eval_capacity_factor", "moe_min_capacity", "moe_token_dropping",
        "moe_train_capacity_factor",
    ):  # fmt: skip
        c.get(key)
    c.require("sliding_window", None)
    c.require("quantization", None)
    has_residual, step = c.flag("parallel_attn_mlp_res"), c.count("moe_layer_frequency")
    c.require("use_residual", None, has_residual)
    mixer = attention(c, head_dim=even(c))
    experts = moe(c, n_experts=c.count("num_local_experts"), d_ff=c.count("intermediate_size"))
    beside = [ffn(c, "residual", d_ff=c.count("hidden_size"))] if has_residual else []
    sparse: Layer = [mixer, *beside, experts]
    plain: Layer = [mixer, dense(c)]
    return Draft(top(c), [plain if (index + 1) % step else sparse for index in range(c.count("num_hidden_layers"))])
