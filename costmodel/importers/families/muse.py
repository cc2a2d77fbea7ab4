"""Muse: windows and full attention, norms on both sides of every sublayer, and on the embedding."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, attention, changed, ffn, layer_types, moe, router, top


def muse_glimmer_text(c: Config) -> Draft:
    """Read Muse Glimmer: weightless norms on heads and on the embedding, weights in those of the layers."""
    network = ffn(c)
    fields = top(c, norm={"place": "sandwich"}, embedding={"norm": "none"})
    return Draft(fields, [[mixer, network] for mixer in _mixers(c)])


def muse_spark_text(c: Config) -> Draft:
    """Read Muse Spark: as Muse Glimmer, with gated residuals and experts at a width of their own.

    The norm behind attention and the one on its output have no weights. Experts stand between two
    norms of their width; there is no shared one.
    """
    c.get("residual_gate_temperature")
    mixers = [changed(mixer, out_norm="l2", extra_norm="plain") for mixer in _mixers(c)]
    experts = moe(
        c,
        n_experts=c.count("num_local_experts"),
        latent=c.count("moe_hidden_size"),
        latent_norms=True,
        router=router(c, "sigmoid", correction_bias=True),
        extra_norm="post",
    )
    dense = ffn(c, "dense", extra_norm="post")
    networks = layer_types(c, {"dense": dense, "sparse": experts}, [experts] * len(mixers), "mlp_layer_types")
    layers = [[mixer, network] for mixer, network in zip(mixers, networks, strict=True)]
    return Draft(top(c, embedding={"norm": "none"}), layers, {"residual_gate": {}})


def _mixers(c: Config) -> list[Part]:
    """Return the attention of each layer: weightless norms on heads, and a gate by value without a bias.

    Every fourth layer, counted back from the last, is full and not rotated. ``layer_rope_theta`` says
    which layers are rotated, those with a base other than 0, whatever their span.
    """
    for key in ("qk_scale_factor", "output_multiplier"):
        c.get(key)
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    fields: dict[str, Any] = {"bias": ALL if c.flag("attention_bias") else (), "qk_norm": "l2", "gate": "element"}
    full = attention(c, "global", **fields)
    local = attention(c, "local", window=window, **fields) if window else full
    fourth = [(n - 1 - index) % 4 == 0 for index in range(n)]
    missing = [full if found else local for found in fourth]
    mixers: list[Part] = layer_types(c, {"full_attention": full, "sliding_attention": local}, missing)
    bases = c.get("layer_rope_theta")
    if bases is None:
        bases = [0 if found else 1 for found in fourth]
    if not isinstance(bases, list) or len(bases) != n or any(type(base) not in (int, float) for base in bases):
        c.refuse("layer_rope_theta", f"layer_rope_theta should be a list of {n} numbers", code="AC403")
    return [mixer if base else changed(mixer, rope=False) for mixer, base in zip(mixers, bases, strict=True)]
