"""T5Gemma: an encoder and a decoder that are each a Gemma 2, with cross-attention between."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, attention, ffn, layer_types


def t5gemma(c: Config) -> Draft:
    """Read T5Gemma: two configurations of their own, each with its width and its table; one head.

    Windows alternate in both stacks where no key says otherwise. Those of the encoder look both
    ways, as far each as the key says, the token itself not counted.
    """
    below, above = c.sub("encoder"), c.sub("decoder")
    c.get("vocab_size")  # the decoder's is the model's
    vocabulary = above.count("vocab_size")
    rows = below.count("vocab_size")
    above.require("cross_attention_hidden_size", below.count("hidden_size"), None, why="is not the encoder's width")
    for part in (below, above):
        (
            part.get("tie_word_embeddings"),
            part.get("dropout_rate"),
            part.get("cross_attention_hidden_size"),
        )  # the model's own key and width count, and dropout is of training
    full, local = _mixers(below, "encode", causal=False)
    source: list[Layer] = [[local if kind else full, _network(below)] for kind in _kinds(below)]
    full, local = _mixers(above, "self")
    shape = {key: value for key, value in full.fields.items() if key in ("n_heads", "n_kv_heads", "head_dim", "bias")}
    cross, network = Part("cross", {"kind": "cross_attention", **shape}), _network(above)
    layers: list[Layer] = [[local if kind else full, cross, network] for kind in _kinds(above)]
    fields: dict[str, Any] = {"d_model": above.count("hidden_size"), "vocab_size": vocabulary}
    fields["max_context"] = above.count("max_position_embeddings")
    below.get("max_position_embeddings")
    fields |= {"tied": True} if c.flag("tie_word_embeddings") else {}
    own: dict[str, Any] = {"embedding": {"table": True} | ({"rows": rows} if rows != vocabulary else {})}
    width = below.count("hidden_size")
    return Draft(
        fields | {"norm": {"place": "sandwich"}},
        layers,
        encoder=(own if width == fields["d_model"] else {"d_model": width, **own}, source),
    )


def _kinds(c: Config) -> list[bool]:
    """Return whether each layer has a window."""
    missing = [not index % 2 for index in range(c.count("num_hidden_layers"))]
    return layer_types(c, {"sliding_attention": True, "full_attention": False}, missing)


def _mixers(c: Config, name: str, *, causal: bool = True) -> tuple[Part, Part]:
    """Return the attention without and with a window; one and the same where there is none."""
    heads = c.count("num_attention_heads")
    if c.count("hidden_size") % heads:
        c.refuse("num_attention_heads", f"num_attention_heads {heads} do not divide hidden_size")
    bias = ALL if c.flag("attention_bias") else ()
    full = attention(c, name, bias=bias, softcap=c.share("attn_logit_softcapping", None))
    if not causal:
        full = Part(name, {**full.fields, "causal": False})
    window = c.count("sliding_window", None)
    span = {"window": window} if causal or not window else {"window": window + 1, "ahead": int(window)}
    return full, Part(f"{name}-local", {**full.fields, **span}) if window else full


def _network(c: Config) -> Part:
    return ffn(c, activation=act(c.word("hidden_activation", None)))
