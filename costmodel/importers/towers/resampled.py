"""Towers whose patches are read by learned queries: BLIP-2's Q-Former, Idefics 2's perceiver, Kosmos."""

from __future__ import annotations

from math import isqrt
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, attention, changed, ffn
from costmodel.importers.towers.parts import activation, look, side
from costmodel.importers.towers.patches import clip

Spec = dict[str, Any]


def blip(c: Config) -> Draft:
    """Read BLIP, whose decoder reads the class token and all patches as they are."""
    c.get("projection_dim")
    return _kept(c, ALL)


def blip2(c: Config) -> Draft:
    """Read BLIP-2: the bias of queries, keys and values is one key's."""
    return _kept(c, ALL if c.flag("qkv_bias") else ("o",))


def _kept(c: Config, bias: tuple[str, ...]) -> Draft:
    """Return a tower of which the class token stays."""
    fields: Spec = {"image_size": c.count("image_size"), "patch_size": c.count("patch_size")}
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True, "class_token": "kept"}
    fields |= {"positions": side(fields) ** 2 + 1}
    mixer = look(c, bias=bias, rope=False)
    return Draft(fields, [[mixer, ffn(c, gated=False, bias=True)]] * c.count("num_hidden_layers"))


def q_former(c: Config, tower: Draft, width: int) -> None:
    """Read a Q-Former: BERT's layers on queries, every second of which also reads the patches; then one matrix.

    One that reads text too is refused: the length of that text is in no key.
    """
    c.get("image_text_hidden_size")  # of the model that compares images and texts
    queries, inner = c.count("num_query_tokens"), c.sub("qformer_config")
    inner.require("use_qformer_text_input", False)
    inner.get("vocab_size"), inner.get("max_position_embeddings")
    inner.require("encoder_hidden_size", tower.fields["d_model"], why="is not the width of the patches")
    own = look(inner, "query-self", rope=False)
    shape = {key: own.fields[key] for key in ("n_heads", "head_dim", "bias")}
    cross = Part("query-cross", {"kind": "cross_attention", **shape})
    network = ffn(inner, "query-mlp", gated=False, bias=True)
    every, n = inner.count("cross_attention_frequency"), inner.count("num_hidden_layers")
    layers = [[own, None if index % every else cross, network] for index in range(n)]
    fields = {"queries": queries, "d_model": inner.count("hidden_size"), "pre_norm": True}
    fields |= {"norm": {"kind": "layer", "place": "post", "final": False}}
    tower.more["projector"] = [{"layers": tower.inner(fields, layers)}, {"linear": width, "bias": True}]


def perceiver(c: Config, tower: Draft, width: int) -> None:
    """Read Idefics 2: a gated network to the width of the language model, then queries that read the patches.

    Queries see each other in the same softmax; the network of the language model gives its width.
    """
    text, inner = c.parts[0], c.sub("perceiver_config")
    inner.require("hidden_size", width, why="is not the language model's")
    act = activation(text, "hidden_act", "silu")
    gate = {"linear": text.count("intermediate_size"), "gated": True, "activation": act}
    shape: Spec = {"kind": "merged_attention", "n_heads": inner.count("resampler_n_heads")}
    shape |= {"n_kv_heads": inner.count("num_key_value_heads"), "head_dim": inner.count("resampler_head_dim")}
    shape |= {"source_norm": "rms", "rope": False, "causal": False}
    layer = [Part("latent", shape), ffn(inner, "latent-mlp", d_ff=4 * width)]
    fields: Spec = {"queries": inner.count("resampler_n_latents"), "norm": {"kind": "rms"}}
    found = tower.inner(fields, [layer] * inner.count("resampler_depth"))
    tower.more["projector"] = [gate, {"linear": width}, {"layers": found}]


def kosmos2(c: Config) -> Draft:
    """Read Kosmos-2 and GIT: CLIP, of which the class token stays."""
    tower = clip(c)
    tower.fields["class_token"] = "kept"
    return tower


def kosmos2_5(c: Config) -> Draft:
    """Read Kosmos-2.5: Pix2Struct's patches, whose size no key says, with a table for rows and one for columns."""
    values, rows = c.count("patch_embed_hidden_size"), c.count("max_num_patches")
    patch = isqrt(values // 3)
    if 3 * patch * patch != values:
        c.refuse("patch_embed_hidden_size", f"{values} values are no square of three channels")
    across = isqrt(rows)
    fields: Spec = {"image_size": patch * across, "patch_size": patch, "d_model": c.count("hidden_size")}
    fields |= {"patch_bias": True, "positions": [rows, rows], "norm": {"kind": "rms"}}
    mixer = changed(attention(c, head_dim=c.count("head_dim"), rope=False), causal=False)
    network = ffn(c, activation=activation(c, "dense_act_fn"))
    remark = f"images have any shape, and here {patch * across} x {patch * across}"
    return Draft(fields, [[mixer, network]] * c.count("num_hidden_layers"), remarks=[remark])


def latent_queries(c: Config, tower: Draft, width: int) -> None:
    """Read Kosmos: one matrix, then queries that read the patches and each other in one softmax, in one layer.

    Nothing is added to what they read, which our layers do; sums are no products and no weights.
    """
    text, queries = c.parts[0], c.count("latent_query_num")
    n = text.count("attention_heads")
    if width % n:
        text.refuse("attention_heads", f"attention_heads {n} do not divide the width {width}")
    shape: Spec = {"kind": "merged_attention", "n_heads": n, "head_dim": width // n, "bias": list(ALL)}
    layer = [Part("latent", shape | {"rope": False, "causal": False})]
    fields: Spec = {"queries": queries, "norm": {"place": "none", "final": False}}
    tower.more["projector"] = [{"linear": width, "bias": True}, {"layers": tower.inner(fields, [layer])}]
