"""Speech to text: an encoder that reads frames or samples through convolutions, and a decoder of text."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.bart import PRE, stacks
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, QKV, attention, changed, ffn, top

AUGMENT = ("mask_time_prob", "mask_time_length", "mask_time_min_masks", "mask_feature_prob", "mask_feature_length",
           "mask_feature_min_masks", "apply_spec_augment")  # fmt: skip


def whisper(c: Config) -> Draft:
    """Read Whisper: no bias on keys; the sines of the encoder's positions are stored as parameters.

    Two convolutions of three frames, of which the second halves the length: 3000 frames become 1500 tokens.
    """
    for key in (*AUGMENT, "use_weighted_layer_sum", "classifier_proj_size", "median_filter_width"):
        c.get(key)  # of training, of a classifier and of word times
    width = c.count("d_model")
    one = {"out": width, "kernel": 3, "activation": "gelu"}
    source = {"input": {"channels": c.count("num_mel_bins"), "convolutions": [one, {**one, "stride": 2}]}}
    below, layers = stacks(c, width, ("q", "v", "o"))
    rows = c.count("max_target_positions")
    fields = _fields(c, width) | {"positions": rows}
    return Draft(fields, layers, encoder=(source | {"positions": c.count("max_source_positions")}, below))


def speech_to_text(c: Config) -> Draft:
    """Read Speech2Text: gated convolutions that halve the length each; positions are sines, and no parameters."""
    c.get("max_source_positions")
    width, n = c.count("d_model"), c.count("num_conv_layers")
    steps: list[dict[str, Any]] = []
    for index, kernel in enumerate(c.list_of(int, "conv_kernel_sizes", n)):
        if kernel % 2 == 0:
            c.refuse("conv_kernel_sizes", f"conv_kernel_sizes[{index}] is {kernel}: of an even one the ends differ")
        out = 2 * width if index == n - 1 else c.count("conv_channels")
        steps.append({"out": out, "kernel": kernel, "stride": 2, "gated": True})
    c.get("conv_channels")
    channels = c.count("input_feat_per_channel") * c.count("input_channels")
    below, layers = stacks(c, width)
    source = {"input": {"channels": channels, "convolutions": steps}}
    return Draft(_fields(c, width), layers, encoder=(source, below))


def _fields(c: Config, width: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"d_model": width, "vocab_size": c.count("vocab_size")}
    fields["max_context"] = c.count("max_target_positions")
    return fields | ({"tied": True} if c.flag("tie_word_embeddings") else {}) | {"norm": PRE}


def moonshine(c: Config) -> Draft:
    """Read Moonshine: samples through three convolutions without padding; norms without a bias, rotated positions.

    The class writes the heads of the encoder over those of the decoder, so both must be the same; and
    it can only run with a key and a value for each head. Heads are padded while they work, and not kept so.
    """
    c.get("pad_head_dim_to_multiple_of")
    width, heads = c.count("hidden_size"), c.count("encoder_num_attention_heads")
    for key in ("decoder_num_attention_heads", "encoder_num_key_value_heads", "decoder_num_key_value_heads"):
        c.require(key, heads, *([None] if "key_value" in key else []), why="differs from encoder_num_attention_heads")
    if width % heads:
        c.refuse("encoder_num_attention_heads", f"{heads} heads do not divide hidden_size {width}")
    bias = QKV if c.flag("attention_bias") else ()
    own = attention(c, "self", bias=bias, heads=heads, kv_heads=heads, head_dim=width // heads, rope_share=0.9)
    cross = {"kind": "cross_attention", "n_heads": heads, "head_dim": width // heads}
    cross |= {"bias": list(bias)} if bias else {}
    encode = changed(Part("encode", own.fields), causal=False)
    networks = [
        ffn(c, name, gated=gated, bias=True, activation=act(c.word(f"{side}_hidden_act")))
        for name, side, gated in (("plain", "encoder", False), ("gated", "decoder", True))
    ]
    below: list[Layer] = [[encode, networks[0]]] * c.count("encoder_num_hidden_layers")
    layers: list[Layer] = [[own, Part("cross", cross), networks[1]]] * c.count("decoder_num_hidden_layers")
    steps = [
        {"out": width, "kernel": 127, "stride": 64, "bias": False, "activation": "tanh", "norm": "layer"},
        {"out": 2 * width, "kernel": 7, "stride": 3, "activation": "gelu"},
        {"out": width, "kernel": 3, "stride": 2, "activation": "gelu"},
    ]
    source = {"channels": 1, "convolutions": [step | {"padding": False} for step in steps]}
    fields = top(c, norm={"kind": "layer", "bias": False})
    return Draft(fields, layers, encoder=({"input": source}, below))


def moonshine_streaming(c: Config) -> Draft:
    """Read Moonshine's streaming version: its encoder looks back and a few tokens ahead, by layer.

    Samples are compressed with one learned number. The table of positions stands behind the encoder and
    is counted before it, where it costs the same. A decoder of another width would need a projection.
    """
    c.get("pad_head_dim_to_multiple_of")
    inner, width = c.sub("encoder_config", fill=True), c.count("hidden_size")
    if inner.count("hidden_size") != width:
        inner.refuse("hidden_size", f"hidden_size of the encoder is not the decoder's {width}: not covered")
    heads = c.count("num_attention_heads")
    c.require(
        "num_key_value_heads", heads, None, why="differs from num_attention_heads, and its class needs them equal"
    )
    head_dim = c.count("head_dim", None) or width // heads
    bias = QKV if c.flag("attention_bias") else ()
    share = None if c.get("rope_parameters") else 0.8
    own = attention(c, "self", bias=bias, heads=heads, kv_heads=heads, head_dim=head_dim, rope_share=share or 1.0)
    cross = {"kind": "cross_attention", "n_heads": heads, "head_dim": head_dim} | ({"bias": list(bias)} if bias else {})
    network = ffn(c, "gated", gated=True, bias=True, activation=act(c.word("hidden_act", None)))
    layers: list[Layer] = [[own, Part("cross", cross), network]] * c.count("num_hidden_layers")
    full = attention(inner, "encode", bias=ALL if inner.flag("attention_bias") else (), rope=False)
    plain = ffn(inner, "plain", gated=False, bias=True, activation=act(inner.word("hidden_act", None)))
    below: list[Layer] = [[_both_ways(full, *pair), plain] for pair in _windows(inner)]
    inner.get("max_position_embeddings")
    frame = round(inner.count("sample_rate") * inner.share("frame_ms") / 1000)
    steps = [
        {"out": width, "kernel": frame, "stride": frame, "bias": False, "activation": "silu"},
        {"out": 2 * width, "kernel": 5, "stride": 2, "activation": "silu"},
        {"out": width, "kernel": 5, "stride": 2},
    ]
    source = {"input": {"channels": 1, "convolutions": steps, "scalars": 1}}
    source |= {"positions": c.count("max_position_embeddings")}
    return Draft(top(c, norm={"kind": "layer", "bias": False}), layers, encoder=(source, below))


def _windows(c: Config) -> list[tuple[int, int]]:
    """Return for each layer how many tokens are seen up to the own one, and how many after it."""
    found = c.list_of(list, "sliding_windows", c.count("num_hidden_layers"))
    for index, pair in enumerate(found):
        if len(pair) != 2 or not all(type(n) is int and n >= 0 for n in pair) or not pair[0]:
            c.refuse("sliding_windows", f"sliding_windows[{index}] should be a pair of numbers")
    return [(before, max(0, after - 1)) for before, after in found]


def _both_ways(full: Part, window: int, ahead: int) -> Part:
    """Return the attention with a window; one that looks only back is causal."""
    return changed(full, window=window, **({"causal": False, "ahead": ahead} if ahead else {}))
