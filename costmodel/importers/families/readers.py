"""Decoders of text that read a picture by cross-attention: an encoder of patches, or one that another model is."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.bart import POST, PRE
from costmodel.importers.families.bert import DENSE
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, attention, changed, ffn, top
from costmodel.importers.towers import add_towers

SCALES = ("initializer_factor", "initializer_range", "logit_scale_init_value", "label_smoothing")


def pix2struct(c: Config) -> Draft:
    """Read Pix2Struct: patches through one matrix, with a table for rows and one for columns; a T5 reads them.

    The decoder alone has relative positions. Widths of both sides are one, as cross-attention needs.
    """
    text, vision = c.sub("text_config"), c.sub("vision_config")
    for part in (c, text, vision):
        [part.get(key) for key in SCALES]
    (
        c.get("is_vqa"),
        text.get("is_decoder"),
        text.get("add_cross_attention"),
        text.get("is_encoder_decoder"),
        text.get("tie_word_embeddings"),
    )
    for part in (text, vision):
        part.get("relative_attention_max_distance")
    vision.get("relative_attention_num_buckets")
    width, heads, inner = text.count("hidden_size"), text.count("num_heads"), text.count("d_kv")
    if heads * inner != width:
        text.refuse("d_kv", f"{heads} heads of {inner} are not hidden_size {width}, which the class needs")
    if vision.count("hidden_size") != width:
        vision.refuse("hidden_size", f"hidden_size of the encoder is not the decoder's {width}: nothing can read it")
    below = vision.count("num_attention_heads")
    encode = {"kind": "attention", "n_heads": below, "head_dim": vision.count("d_kv"), "rope": False, "causal": False}
    own = {"kind": "attention", "n_heads": heads, "head_dim": inner, "rope": False}
    cross = {"kind": "cross_attention", "n_heads": heads, "head_dim": inner}
    networks = [
        ffn(part, d_ff=part.count("d_ff"), activation=act(part.word("dense_act_fn"))) for part in (text, vision)
    ]
    step = {"out": width}
    source: dict[str, Any] = {"input": {"channels": vision.count("patch_embed_hidden_size"), "convolutions": [step]}}
    source |= {"positions": [vision.count("seq_len")] * 2, "relative_bias": 0}
    fields: dict[str, Any] = {"d_model": width, "vocab_size": text.count("vocab_size")}
    fields |= {"tied": True} if c.flag("tie_word_embeddings") else {}
    fields |= {"relative_bias": text.count("relative_attention_num_buckets"), "relative_heads": heads}
    encoder: list[Layer] = [[Part("encode", encode), networks[1]]] * vision.count("num_hidden_layers")
    layers: list[Layer] = [[Part("self", own), Part("cross", cross), networks[0]]] * text.count("num_layers")
    return Draft(fields, layers, encoder=(source, encoder))


def trocr(c: Config) -> Draft:
    """Read the decoder of TrOCR: BART's, which reads the patches of another model. Sines are no parameters."""
    width = c.count("d_model")
    fields = _reader(c, width, c.count("cross_attention_hidden_size", width))
    rows = c.count("max_position_embeddings") + 2
    fields |= {"norm": POST}
    if c.flag("use_learned_position_embeddings"):
        fields["positions"] = rows
    if c.flag("layernorm_embedding"):
        fields["embedding"] = {"norm": "layer"}
    return Draft(fields, _layers(c, width))


def pp_formulanet(c: Config) -> Draft:
    """Read PP-FormulaNet: mBART's decoder beside an encoder of windows over a picture, which is left out.

    Both tables are there whatever a key says of ties; keys of an encoder of text build none.
    """
    text = c.sub("text_config")
    text.get("tie_word_embeddings"), text.get("encoder_layers"), text.get("encoder_attention_heads")
    width = text.count("d_model")
    fields = _reader(text, width, width, tied=False)
    fields |= {"norm": PRE, "positions": text.count("max_position_embeddings") + 2, "embedding": {"norm": "layer"}}
    return Draft(fields, _layers(text, width), left_out=c.leave_out("vision_config"))


def _reader(c: Config, width: int, source: int, *, tied: bool | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = {"d_model": width, "vocab_size": c.count("vocab_size")}
    fields["max_context"] = c.count("max_position_embeddings")
    fields |= {"tied": True} if (c.flag("tie_word_embeddings") if tied is None else tied) else {}
    return fields | {"d_source": source}


def _layers(c: Config, width: int) -> list[Layer]:
    heads = c.count("decoder_attention_heads")
    if width % heads:
        c.refuse("decoder_attention_heads", f"decoder_attention_heads {heads} do not divide the width {width}")
    shape = {"n_heads": heads, "head_dim": width // heads, "bias": list(ALL)}
    own, cross = {"kind": "attention", **shape, "rope": False}, {"kind": "cross_attention", **shape}
    word = act(c.word("activation_function", None))
    network = ffn(c, d_ff=c.count("decoder_ffn_dim"), gated=False, bias=True, activation=word)
    return [[Part("self", own), Part("cross", cross), network]] * c.count("decoder_layers")


def blip(c: Config) -> Draft:
    """Read BLIP: the text decoder reads its picture, as wide as the class has the tower's hidden size."""
    text, width = c.sub("text_config"), c.sub("vision_config").count("hidden_size")
    c.parts.pop()  # the tower, which is read as a whole below, or left out
    ties = [part.flag("tie_word_embeddings") for part in (c, text)]
    draft = _blip(text, width, tied=any(ties))
    draft.left_out = c.leave_out(*add_towers(c, draft, ["vision_config"]))
    return draft


def _blip(c: Config, source: int, *, tied: bool) -> Draft:
    """Return BERT with cross-attention, without token types."""
    c.require("is_decoder", True, None, why="leaves out what reads the picture")
    c.get("encoder_hidden_size"), c.get("projection_dim")  # of the wrapper, and of another class
    [c.get(key) for key in SCALES]
    width, heads = c.count("hidden_size"), c.count("num_attention_heads")
    if width % heads:
        c.refuse("num_attention_heads", f"num_attention_heads {heads} do not divide hidden_size {width}")
    fields = _reader(c, width, source, tied=tied)
    fields |= {"norm": POST, "positions": fields["max_context"], "embedding": {"norm": "layer"}, "head": DENSE}
    shape = {"n_heads": heads, "head_dim": width // heads, "bias": list(ALL)}
    own, cross = {"kind": "attention", **shape, "rope": False}, {"kind": "cross_attention", **shape}
    network = ffn(c, gated=False, bias=True, activation=act(c.word("hidden_act", None)))
    return Draft(fields, [[Part("self", own), Part("cross", cross), network]] * c.count("num_hidden_layers"))


def mllama(c: Config) -> Draft:
    """Read Llama 3.2 Vision: the tower and its projector are left out."""
    draft = mllama_text(c.sub("text_config"))
    draft.left_out = c.leave_out("vision_config")
    return draft


def mllama_text(c: Config) -> Draft:
    """Read its language model: some layers read the picture in place of the text, and gate what they add.

    The table has eight rows more than there are words, so that it cannot be the head's. The picture's
    tokens come out of the projector as wide as the model is.
    """
    c.require("tie_word_embeddings", False, None, why="ties tables of other sizes")
    depth = c.count("num_hidden_layers")
    listed = c.list_of(int, "cross_attention_layers", None, null=[3, 8, 13, 18, 23, 28, 33, 38])
    own, network = attention(c), ffn(c)
    if c.count("hidden_size") % own.fields["n_heads"]:
        c.refuse("num_attention_heads", "num_attention_heads do not divide hidden_size")
    shape = {key: own.fields[key] for key in ("n_heads", "n_kv_heads", "head_dim") if key in own.fields}
    cross = Part("cross", {"kind": "cross_attention", **shape, "qk_norm": "head", "gate": "tanh"})
    gated = Part("gated-mlp", changed(network, output_scale=True).fields)
    layers: list[Layer] = [[cross, gated] if index in listed else [own, network] for index in range(depth)]
    fields = top(c, tied=False, embedding={"rows": c.count("vocab_size") + 8})
    if any(layer[0] is cross for layer in layers):
        fields["d_source"] = fields["d_model"]
    return Draft(fields, layers)
