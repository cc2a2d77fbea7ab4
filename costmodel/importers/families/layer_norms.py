"""Families with layer norms and rotated heads: GPT-NeoX, GPT-J, Falcon, Phi and those after them."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families.llama_like import biased, even, stack
from costmodel.importers.parts import ALL, QKV, agrees, attention, ffn, top

LAYER = {"kind": "layer"}
PARALLEL = {"kind": "layer", "place": "parallel"}


def codegen(c: Config) -> Draft:
    """Read CodeGen: as GPT-J; ``n_ctx`` is an older name of its longest context."""
    c.get("n_ctx")
    return gptj(c)


def falcon(c: Config) -> Draft:
    """Read Falcon: old (one key head, or all of them) and new, which groups queries and has two norms side by side.

    ``num_kv_heads`` counts in the new one only. ALiBi rotates nothing. Older files say sizes twice.
    """
    n_heads = c.count("num_attention_heads")
    agrees(c, n_heads, "n_head")  # what its first files called it
    agrees(c, c.count("num_hidden_layers"), "n_layer")
    is_new, is_multi, is_parallel = (c.flag(k) for k in ("new_decoder_architecture", "multi_query", "parallel_attn"))
    norms = c.natural("num_ln_in_parallel_attn", 2 if is_new else 1)
    kv_heads = c.count("num_kv_heads", n_heads)
    if not is_new and not is_multi and kv_heads != n_heads:
        c.refuse("num_kv_heads", f"num_kv_heads is {kv_heads}, which only the new architecture or one head can have")
    if is_new and not is_parallel:
        c.refuse("parallel_attn", "the new architecture works in parallel", "parallel_attn: true")
    if norms not in ((1, 2) if is_new else (0, 1)):
        c.refuse("num_ln_in_parallel_attn", f"num_ln_in_parallel_attn {norms} is not understood")
    bias, d_model = c.flag("bias"), c.count("n_embed", None) or c.count("hidden_size")
    c.require("activation", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "relu2", "silu")
    c.get("hidden_size")  # n_embed, which older files have, comes first
    mixer = attention(
        c,
        bias=ALL if bias else (),
        kv_heads=kv_heads if is_new or not is_multi else 1,
        head_dim=d_model // n_heads,
        rope=not c.flag("alibi"),
    )
    network = ffn(c, d_ff=c.count("ffn_hidden_size", None) or 4 * d_model, gated=False, bias=bias or None)
    agrees(c, network.fields["d_ff"] / d_model, "ff_factor")
    norm: dict[str, Any] = PARALLEL | ({"separate": True} if is_new and norms == 2 else {}) if is_parallel else LAYER
    return Draft(top(c, norm=norm) | {"d_model": d_model}, [[mixer, network]] * c.count("num_hidden_layers"))


def gpt_neox(c: Config) -> Draft:
    """Read GPT-NeoX and Pythia: sublayers side by side, each behind its own norm; a quarter of a head is rotated."""
    mixer = attention(c, bias=biased(c), kv_heads=_ungrouped(c), head_dim=even(c), rope_dim=_rotary_pct(c, 0.25))
    norm = {**PARALLEL, "separate": True} if c.flag("use_parallel_residual") else LAYER
    return stack(c, mixer, ffn(c, gated=False, bias=True), norm=norm)


def gpt_neox_japanese(c: Config) -> Draft:
    """Read Japanese GPT-NeoX: no biases but one, on the output of the last layer's attention."""
    fields: dict[str, Any] = {"kv_heads": _ungrouped(c), "head_dim": even(c), "rope_dim": _rotary_pct(c, 1.0)}
    network = ffn(c, d_ff=c.count("hidden_size") * c.count("intermediate_multiple_size"), gated=False)
    n = c.count("num_hidden_layers")
    mixers = [attention(c, **fields)] * (n - 1) + [attention(c, "last" if n > 1 else "attention", bias=["o"], **fields)]
    return Draft(top(c, norm=LAYER), [[mixer, network] for mixer in mixers])


def gptj(c: Config) -> Draft:
    """Read GPT-J: sublayers side by side behind one norm, a bias on the head; no biases in attention."""
    c.require("rotary", True, None)  # as its published file says; no key of the class
    d_model, n_heads = c.count("n_embd"), c.count("n_head")
    head_dim = d_model // n_heads
    rotated = c.count("rotary_dim")
    mixer = attention(c, heads=n_heads, kv_heads=n_heads, head_dim=head_dim, rope_dim=_part(rotated, head_dim))
    network = ffn(c, d_ff=c.count("n_inner", None) or 4 * d_model, gated=False, bias=True)
    fields: dict[str, Any] = {
        "d_model": d_model,
        "vocab_size": c.count("vocab_size"),
        "max_context": c.count("n_positions"),
    }
    if c.flag("tie_word_embeddings"):
        fields["tied"] = True
    return Draft(fields | {"norm": PARALLEL, "head": {"bias": True}}, [[mixer, network]] * c.count("n_layer"))


def jais2(c: Config) -> Draft:
    """Read Jais 2: biases, and squared ReLU without a gate."""
    return stack(c, attention(c, bias=biased(c)), ffn(c, gated=False, bias=c.flag("mlp_bias") or None), norm=LAYER)


def nemotron(c: Config) -> Draft:
    """Read Nemotron-4 and Minitron: half of a head is rotated; squared ReLU without a gate."""
    mixer = attention(c, bias=biased(c), rope_share=0.5)
    agrees(c, mixer.fields["head_dim"], "kv_channels")
    return stack(c, mixer, ffn(c, gated=False, bias=c.flag("mlp_bias") or None), norm=LAYER)


def persimmon(c: Config) -> Draft:
    """Read Persimmon: norms with biases on heads; half of a head is rotated."""
    mixer = attention(
        c,
        bias=ALL,
        kv_heads=_ungrouped(c),
        head_dim=even(c),
        rope_share=0.5,
        qk_norm=_head_norm(c.flag("qk_layernorm")),
    )
    return stack(c, mixer, ffn(c, gated=False, bias=True), norm=LAYER)


def phi(c: Config) -> Draft:
    """Read Phi-1 and Phi-2: sublayers side by side, half of a head is rotated, a bias on the head."""
    norms = c.flag("qk_layernorm")
    head_dim = even(c) if norms else None  # the class makes these norms for heads that are the model's share
    mixer = attention(c, bias=ALL, head_dim=head_dim, rope_share=0.5, qk_norm=_head_norm(norms))
    return stack(c, mixer, ffn(c, gated=False, bias=True), norm=PARALLEL, head={"bias": True})


def stablelm(c: Config) -> Draft:
    """Read StableLM: a quarter of a head is rotated; side by side, both sublayers have one norm."""
    qk_norm = {"shape": "heads", "kind": "layer"} if c.flag("qk_layernorm") else None
    mixer = attention(c, bias=biased(c, QKV, "use_qkv_bias"), head_dim=even(c), rope_share=0.25, qk_norm=qk_norm)
    return stack(c, mixer, ffn(c), norm=PARALLEL if c.flag("use_parallel_residual") else LAYER)


def starcoder2(c: Config) -> Draft:
    """Read StarCoder 2: biases, no gate, perhaps a window in every layer."""
    c.require("norm_type", "layer_norm", None)  # keys of its published files
    c.require("mlp_type", "default", None)
    for key in ("attention_softmax_in_fp32", "scale_attention_softmax_in_fp32"):
        c.get(key)
    bias = c.flag("use_bias")
    mixer = attention(c, bias=ALL if bias else (), window=c.count("sliding_window", None))
    return stack(c, mixer, ffn(c, gated=False, bias=bias or None), norm=LAYER)


def _ungrouped(c: Config) -> int:
    """Return the heads of a class that has as many of keys; a file that says so is right."""
    n_heads: int = c.count("num_attention_heads")
    c.require("num_key_value_heads", n_heads, None)
    return n_heads


def _head_norm(there: bool) -> dict[str, Any] | None:
    return {"shape": "head", "kind": "layer", "bias": True} if there else None


def _rotary_pct(c: Config, missing: float) -> int | None:
    inner = c.get("rope_parameters")
    share = inner.get("partial_rotary_factor") if isinstance(inner, dict) else None
    given = c.share("rotary_pct", missing)
    return _part(int(even(c) * (given if share is None else share)), even(c))


def _part(rotated: int, head_dim: int) -> int | None:
    return rotated if rotated != head_dim else None
