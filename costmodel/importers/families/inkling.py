"""Inkling and Inkling 2: short convolutions on keys, values and what sublayers give; a bias by distance, no rotation.

Inkling 2 reads sums over depth in place of a residual stream.
"""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import attention, changed, ffn, layer_types, moe, top

WORDS = {"hybrid": False, "hybrid_sliding": True}


def inkling_text(c: Config) -> Draft:
    """Read Inkling; layers with a window have heads of their own, and their bias reaches as far as the window.

    The router scores the shared experts as well. The tables are never tied, and the head is computed in
    full whatever ``unpadded_vocab_size`` says. Older files call the width of experts
    ``intermediate_size`` and that of dense layers ``dense_intermediate_size``. Layers that predict
    further tokens are left out, as the class does.
    """
    for key in (
        "unpadded_vocab_size", "log_scaling_n_floor", "log_scaling_alpha", "route_scale", "logits_mup_width_multiplier",
        "tie_word_embeddings", "chain_hidden_post_norm", "mtp_hidden_states_first", "mtp_local_layer_ids",
    ):  # fmt: skip
        c.get(key)
    c.require("number_of_conv_states", None, 4)
    c.require("shared_expert_sink", True)
    d_ff, expert_d_ff = c.count("intermediate_size"), c.count("moe_intermediate_size")
    if dense := c.count("dense_intermediate_size", None):
        d_ff, expert_d_ff = dense, d_ff
    experts = moe(
        c,
        n_experts=c.count("n_routed_experts"),
        d_ff=expert_d_ff,
        shared=c.count("n_shared_experts"),
        router={"score": "sigmoid", "correction_bias": True, "output_scale": True},
    )
    experts.fields["shared"]["scored"] = True
    network = ffn(c, "dense", d_ff=d_ff, output_scale=True)
    layers = [
        [mixer, experts if is_sparse else network] for mixer, is_sparse in zip(_mixers(c), _sparse(c), strict=True)
    ]
    more = {"output_conv": {"d_conv": c.count("conv_kernel_size")}}
    fields = top(c, tied=False, embedding={"norm": "rms"})
    return Draft(fields, layers, more, left_out=["num_mtp_layers"] if c.natural("num_mtp_layers", 0) else [])


def inkling2_text(c: Config) -> Draft:
    """Read Inkling 2: sums over blocks of layers, sinks that the input projects, and experts in every layer.

    In layers without a window queries, keys and values read sums of their own, and the taps on keys and
    values have a part that the token projects. The tables are never tied, and the head is computed in
    full whatever ``unpadded_vocab_size`` says.
    """
    for key in (
        "unpadded_vocab_size", "log_scaling_n_floor", "log_scaling_alpha", "route_scale", "scoring_func",
        "tie_word_embeddings", "qk_l2_clip_threshold", "rel_l2_clip_threshold", "mlp_gate_softcap", "mlp_up_softcap",
        "final_logit_softcapping",
    ):  # fmt: skip
        c.get(key)
    c.require("number_of_conv_states", None, 4)
    experts = moe(c, n_experts=c.count("n_routed_experts"), router={"score": "sigmoid", "correction_bias": True})
    depth = {"block_layers": c.count("n_layers_per_attn_res_block"), "norm": "none", "first": False}
    more = {"attention_residuals": depth, "output_conv": {"d_conv": c.count("conv_kernel_size")}}
    n = c.count("num_hidden_layers")
    fields = {"qk_clip": True, "v_norm": "l2", "gate": "element", "sinks": "projected"}
    mixers = _by_window(c, [bool((index + 1) % 6) for index in range(n)], {"clip": True}, fields)
    own = {"dynamic_taps": True, "separate_inputs": True}
    layers = [[mixer if "window" in mixer.fields else changed(mixer, **own), experts] for mixer in mixers]
    return Draft(top(c, tied=False, embedding={"norm": "rms"}), layers, more)


def _mixers(c: Config) -> list[Part]:
    """Return the attention of each layer of Inkling."""
    given = c.list_of(int, "local_layer_ids", None, None)
    n = c.count("num_hidden_layers")
    local = [index in given if given is not None else bool((index + 1) % 6) for index in range(n)]
    return _by_window(c, local, {}, {"qk_norm": "head"})


def _by_window(c: Config, local: list[bool], bias: dict[str, Any], more: dict[str, Any]) -> list[Part]:
    """Return the attention of each layer, with a window or none; ``local`` where the file has no types of layers."""
    taps, width = c.count("conv_kernel_size"), c.count("d_rel")
    fields: dict[str, Any] = {"rope": False, "kv_conv": taps, **more}
    everything = attention(c, "global", relative={"width": width, "extent": c.count("rel_extent"), **bias}, **fields)
    span = c.count("sliding_window_size")
    window = attention(
        c,
        "local",
        heads=c.count("swa_num_attention_heads"),
        kv_heads=c.count("swa_num_key_value_heads"),
        head_dim=c.count("swa_head_dim"),
        window=span,
        relative={"width": width, "extent": span, **bias},
        **fields,
    )
    return [window if is_local else everything for is_local in layer_types(c, WORDS, local)]


def _sparse(c: Config) -> list[bool]:
    """Say which layers have experts: by name, or all after the first few."""
    first = c.natural("dense_mlp_idx", 0)
    missing = [index >= first for index in range(c.count("num_hidden_layers"))]
    return layer_types(c, {"dense": False, "sparse": True}, missing, "mlp_layer_types")
