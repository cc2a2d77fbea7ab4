"""Speech to text behind a conformer: its encoder is Parakeet's, its decoder a plain one with cross-attention."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, attention, ffn, top
from costmodel.importers.towers.conformers import fast_conformer


def cohere_asr(c: Config) -> Draft:
    """Read Cohere's transcriber: learned positions, and a matrix to the decoder's width, whatever the encoder's."""
    encoder = c.sub("encoder_config", fill=True)
    source = {"project": True, "project_bias": True}
    return _transcriber(c, c, encoder, source, positions=c.count("max_position_embeddings"))


def canary(c: Config) -> Draft:
    """Read Canary, whose positions are sines and whose decoder is as wide as its encoder."""
    encoder, decoder = c.sub("encoder_config"), c.sub("decoder_config")
    if (inner := encoder.count("hidden_size")) != decoder.count("hidden_size"):
        encoder.refuse("hidden_size", f"hidden_size of the encoder is {inner}, and the decoder has no matrix for it")
    if c.count("vocab_size") != decoder.count("vocab_size"):
        c.refuse("vocab_size", f"vocab_size is {c.count('vocab_size')}, and not that of the decoder")
    return _transcriber(c, decoder, encoder, {})


def _transcriber(c: Config, decoder: Config, encoder: Config, source: dict[str, Any], **more: Any) -> Draft:
    """Return both stacks; layer norms, one of them behind the embedding, and a head with a bias."""
    below, encode = fast_conformer(encoder)
    bias = ALL if decoder.flag("attention_bias") else ()
    own = attention(decoder, "self", bias=bias, rope=False)
    shape = ("n_heads", "n_kv_heads", "head_dim", "bias")
    cross = {"kind": "cross_attention", **{key: own.fields[key] for key in shape if key in own.fields}}
    plain = ffn(decoder, gated=False, bias=True, activation=act(decoder.word("hidden_act", None)))
    layers: list[Layer] = [[own, Part("cross", cross), plain]] * decoder.count("num_hidden_layers")
    fields = top(
        decoder,
        tied=c.flag("tie_word_embeddings"),
        norm={"kind": "layer"},
        embedding={"norm": "layer"},
        head={"bias": True},
        **more,
    )
    return Draft(fields, layers, encoder=({**below, **source}, encode))
