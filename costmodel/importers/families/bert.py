"""BERT and what descends from it: tokens see each other both ways unless the file says ``is_decoder``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.families.bart import POST, PRE
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, ffn
from costmodel.importers.towers import add_towers

DENSE = {"bias": True, "dense": True, "dense_bias": True}  # the head of masked language models
LEFT = ("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type")


def bert(c: Config) -> Draft:
    """Read BERT: norms behind the sublayers and at the embedding, a dense head."""
    return _model(c)


def ernie(c: Config) -> Draft:
    """Read ERNIE: BERT; a table of tasks (``use_task_id``) is one that no field of ours holds."""
    c.require("use_task_id", False, why="adds a table of tasks to the embedding")
    c.get("task_type_vocab_size")
    return _model(c)


def roberta(c: Config) -> Draft:
    """Read RoBERTa, CamemBERT, XLM-RoBERTa and data2vec: BERT whose positions start behind the padding token's."""
    return _model(c, padded=True)


def roberta_prelayernorm(c: Config) -> Draft:
    """Read RoBERTa with norms before the sublayers, one at the embedding and one at the end."""
    return _model(c, padded=True, norms=PRE)


def xlm_roberta_xl(c: Config) -> Draft:
    """Read XLM-RoBERTa XL: norms before the sublayers and at the end, none at the embedding."""
    return _model(c, padded=True, norms=PRE, norm=False)


def megatron_bert(c: Config) -> Draft:
    """Read Megatron's BERT: norms before the sublayers and at the end, none at the embedding."""
    return _model(c, norms=PRE, norm=False)


def big_bird(c: Config) -> Draft:
    """Read BigBird with full attention: BERT; its block-sparse attention sees random blocks and is not covered."""
    c.require("attention_type", "original_full", why="sees random blocks")
    c.get("block_size"), c.get("num_random_blocks"), c.get("rescale_embeddings")
    return _model(c, bias=ALL if c.flag("use_bias") else ("o",))


def roc_bert(c: Config) -> Draft:
    """Read RoCBert: BERT that also sees the shape and the sound of a token, beside its own row."""
    for key in ("concat_input", "enable_shape", "enable_pronunciation"):
        c.require(key, True, why="leaves tables out that the class has all the same")
    draft = _model(c)
    views = [(f"{view}_vocab_size", f"{view}_embed_dim") for view in ("shape", "pronunciation")]
    beside = [{"rows": c.count(rows), "width": c.count(width)} for rows, width in views]
    draft.fields["embedding"] |= {"beside": beside, "bias": True}
    return draft


def xmod(c: Config) -> Draft:
    """Read X-MOD: RoBERTa with an adapter for each language behind every network.

    Which of its two inputs the adapter's output is added to changes no figure.
    """
    c.get("ln_before_adapter"), c.get("default_language")
    names = c.list_of(str, "languages", null=[])
    if not names or len(set(names)) < len(names):
        c.refuse("languages", "languages names none, or one of them twice")
    width = c.count("hidden_size") // c.count("adapter_reduction_factor")
    norm = "own" if c.flag("adapter_layer_norm") else "shared" if c.flag("adapter_reuse_layer_norm") else None
    adapters = {"languages": len(names), "adapter_width": width} | ({"adapter_norm": norm} if norm else {})
    draft = _model(c, padded=True, norms=PRE if c.flag("pre_norm") else POST)
    network = Part("mlp", {"kind": "language_ffn", "d_ff": c.count("intermediate_size"), **adapters})
    draft.layers = [[mixer, network] for mixer, _ in draft.layers]
    return draft


def bert_generation(c: Config) -> Draft:
    """Read BERT for generation: no token types, and a head that is one matrix."""
    return _model(c, types=False, head={"bias": True})


def electra(c: Config) -> Draft:
    """Read ELECTRA: BERT with a narrower embedding, whose norm, positions and token types are as narrow."""
    for key in ("summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout"):
        c.get(key)  # of a classifier
    return _narrow(_model(c), c.count("embedding_size"))


def rembert(c: Config) -> Draft:
    """Read RemBERT: a narrow embedding, always with a projection, and a wide head that is never its table."""
    c.require("tie_word_embeddings", False, why="ties tables of other widths")
    width = c.count("input_embedding_size")
    if width == c.count("hidden_size"):
        c.refuse("input_embedding_size", "input_embedding_size is hidden_size: a projection to the same width")
    return _narrow(_model(c, head={**DENSE, "width": c.count("output_embedding_size")}), width)


def _narrow(draft: Draft, width: int) -> Draft:
    if width != draft.fields["d_model"]:
        draft.fields["embedding"] = {"width": width, **draft.fields["embedding"], "bias": True, "narrow": True}
    return draft


def roformer(c: Config) -> Draft:
    """Read RoFormer: BERT that rotates queries and keys; the sines are stored, and no parameters of ours."""
    c.require("rotary_value", False, why="rotates the values too")
    return _narrow(_model(c, rope=True), c.count("embedding_size", None) or c.count("hidden_size"))


def git(c: Config) -> Draft:
    """Read GIT: a causal BERT without token types behind an image encoder, and a head that is one matrix."""
    draft = _model(c, types=False, head={"bias": True}, causal=True)
    draft.left_out = c.leave_out(*add_towers(c, draft, ["vision_config"]))
    return draft


def _model(
    c: Config,
    *,
    norms: dict[str, Any] = POST,
    norm: bool = True,
    types: bool = True,
    padded: bool = False,
    rope: bool = False,
    causal: bool = False,
    head: dict[str, Any] = DENSE,
    bias: Sequence[str] = ALL,
) -> Draft:
    """Return the one stack. ``norm``: at the embedding. ``padded``: positions start behind the padding token's.

    A bidirectional model has one step; what decoding would keep of it is what its layers compute.
    """
    c.require("add_cross_attention", False, None, why="reads an encoder of another configuration")
    c.require("position_embedding_type", "absolute", None)
    for key in ("directionality", "vocab_type", "_num_labels", *LEFT):
        c.get(key)  # of pooler and tokenizer
    width, heads, rows = c.count("hidden_size"), c.count("num_attention_heads"), c.count("max_position_embeddings")
    if width % heads:
        c.refuse("num_attention_heads", f"num_attention_heads {heads} do not divide hidden_size {width}")
    fields: dict[str, Any] = {"d_model": width, "vocab_size": c.count("vocab_size")}
    longest = rows - ((c.natural("pad_token_id", None) or 1) + 1 if padded else 0)
    fields |= {"max_context": longest} if longest > 0 else {}
    if c.flag("tie_word_embeddings"):
        fields["tied"] = True
    fields["norm"] = norms
    if not rope:
        fields["positions"] = rows
    embedding: dict[str, Any] = {"norm": "layer"} if norm else {}
    if types and (kinds := c.natural("type_vocab_size")):
        embedding["token_types"] = kinds
    if embedding:
        fields["embedding"] = embedding
    fields["head"] = head
    shape: dict[str, Any] = {"kind": "attention", "n_heads": heads, "head_dim": width // heads, "bias": list(bias)}
    shape |= {} if rope else {"rope": False}
    shape |= {} if causal or c.flag("is_decoder") else {"causal": False}
    word = act(c.word("hidden_act", None))
    network = ffn(c, gated=False, bias=True, activation=word)
    return Draft(fields, [[Part("attention", shape), network]] * c.count("num_hidden_layers"))
