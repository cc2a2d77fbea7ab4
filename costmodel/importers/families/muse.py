"""Muse: windows and full attention, norms on both sides of every sublayer, and on the embedding."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, attention, changed, ffn, layer_types, top


def muse_glimmer_text(c: Config) -> Draft:
    """Read Muse Glimmer: weightless norms on heads and on the embedding; a gate by value without a bias.

    Every fourth layer, counted back from the last, is full and not rotated. ``layer_rope_theta`` says
    which layers are rotated, those with a base other than 0, whatever their span.
    """
    for key in ("qk_scale_factor", "output_multiplier"):
        c.get(key)
    n, window = c.count("num_hidden_layers"), c.count("sliding_window", None)
    bias = ALL if c.flag("attention_bias") else ()
    full = attention(c, "global", bias=bias, qk_norm="l2", gate="element")
    local = attention(c, "local", bias=bias, qk_norm="l2", gate="element", window=window) if window else full
    fourth = [(n - 1 - index) % 4 == 0 for index in range(n)]
    missing = [full if found else local for found in fourth]
    mixers: list[Part] = layer_types(c, {"full_attention": full, "sliding_attention": local}, missing)
    bases = c.get("layer_rope_theta")
    if bases is None:
        bases = [0 if found else 1 for found in fourth]
    if not isinstance(bases, list) or len(bases) != n or any(type(base) not in (int, float) for base in bases):
        c.refuse("layer_rope_theta", f"layer_rope_theta should be a list of {n} numbers", code="AC403")
    mixers = [mixer if base else changed(mixer, rope=False) for mixer, base in zip(mixers, bases, strict=True)]
    network = ffn(c)
    fields = top(c, norm={"place": "sandwich"}, embedding={"norm": "none"})
    return Draft(fields, [[mixer, network] for mixer in mixers])
