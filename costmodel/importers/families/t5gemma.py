"""T5Gemma: an encoder and a decoder that are each a Gemma 2, with cross-attention between; T5Gemma 2."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, attention, changed, ffn, layer_types
from costmodel.importers.towers import add_towers


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


def t5gemma2(c: Config) -> Draft:
    """Read T5Gemma 2: two Gemma 3 of one width, of which the decoder sees both in one softmax.

    They share a table where it is tied to the head. It has one row more, for the end of an image. A
    window of the encoder is half before a token and half behind it.
    """
    outer, above = c.sub("encoder"), c.sub("decoder")
    below = outer.sub("text_config")
    c.get("vocab_size")
    c.get("dropout_rate")
    width, rows = above.count("hidden_size"), above.count("vocab_size")
    below.require("hidden_size", width, why="is not the decoder's")
    below.require("vocab_size", rows, why="is not the decoder's")
    for part in (outer, below, above):
        part.get("tie_word_embeddings"), part.get("dropout_rate"), part.get("max_position_embeddings")
    source = [[mixer, _network(below)] for mixer in _both_ways(below)]
    layers = [[mixer, _network(above)] for mixer in _merged(above)]
    tied = c.flag("tie_word_embeddings")
    fields: dict[str, Any] = {"d_model": width, "vocab_size": rows} | ({"tied": True} if tied else {})
    fields |= {"max_context": above.count("max_position_embeddings"), "norm": {"place": "sandwich"}}
    fields |= {"embedding": {"rows": rows + 1}}
    draft = Draft(fields, layers, encoder=({} if tied else {"embedding": {"table": True, "rows": rows + 1}}, source))
    draft.left_out = outer.leave_out(*add_towers(outer, draft, ["vision_config"]))
    return draft


def _both_ways(c: Config) -> list[Part]:
    """Return the attention of every layer of the encoder."""
    full, _ = _mixers(c, "encode", causal=False)
    full, window = changed(full, qk_norm="head"), c.count("sliding_window", None)
    if not window or window < 2:
        return [full for kind in _in_turns(c) if not kind or c.refuse("sliding_window", "a window has no two sides")]
    local = Part("encode-local", {**full.fields, "window": (window + 1) // 2, "ahead": window // 2})
    return [local if kind else full for kind in _in_turns(c)]


def _merged(c: Config) -> list[Part]:
    """Return the attention of every layer of the decoder."""
    full, local = _mixers(c, "merged")
    found = []
    for kind in _in_turns(c):
        part = local if kind else full
        found.append(Part(part.name, {**part.fields, "kind": "merged_attention", "qk_norm": "head"}))
    return found


def _in_turns(c: Config) -> list[bool]:
    """Return whether each layer has a window: every one but each sixth where no key says otherwise."""
    turn = c.count("sliding_window_pattern", 6)
    missing = [bool((index + 1) % turn) for index in range(c.count("num_hidden_layers"))]
    return layer_types(c, {"sliding_attention": True, "full_attention": False}, missing)
