"""BART and what else descends from fairseq: layer norms, a bias everywhere, widths and heads for each stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.families.t5 import act
from costmodel.importers.parts import ALL, ffn, moe, router

POST = {"kind": "layer", "place": "post", "final": False}
PRE = {"kind": "layer"}


def bart(c: Config) -> Draft:
    """Read BART and PLBART: norms behind the sublayers; learned positions, of which the first two are not used."""
    return _tied(c, POST, offset=2, norm=True)


def mvp(c: Config) -> Draft:
    """Read MVP: BART; its prompts (``use_prompt``) are keys and values before those of every layer."""
    c.require("use_prompt", False, why="puts learned prompts before every attention")
    c.get("prompt_length"), c.get("prompt_mid_dim")
    return bart(c)


def mbart(c: Config) -> Draft:
    """Read mBART: BART with norms before the sublayers, and one behind each stack."""
    return _tied(c, PRE, offset=2, norm=True)


def blenderbot(c: Config) -> Draft:
    """Read Blenderbot and Pegasus: norms before the sublayers, none at the embedding.

    The positions of Pegasus are sines that its class stores as parameters.
    """
    return _tied(c, PRE, offset=0, norm=False)


def bigbird_pegasus(c: Config) -> Draft:
    """Read BigBird-Pegasus with full attention: Pegasus whose attentions have a bias or not.

    Its block-sparse encoder attends to random blocks and is not covered.
    """
    c.require("attention_type", "original_full", why="sees random blocks")
    c.get("block_size"), c.get("num_random_blocks")
    bias = ALL if c.flag("use_bias") else ()
    return _tied(c, PRE, offset=0, norm=False, bias=bias)


def blenderbot_small(c: Config) -> Draft:
    """Read Blenderbot's small version: norms behind the sublayers and at the embedding."""
    return _tied(c, POST, offset=0, norm=True)


def m2m(c: Config) -> Draft:
    """Read M2M-100 and NLLB: norms before the sublayers; positions are sines that are no parameters."""
    return _tied(c, PRE, offset=None, norm=False)


def marian(c: Config) -> Draft:
    """Read Marian: sines stored as parameters; encoder and decoder may have a table each."""
    c.require("tie_word_embeddings", True, why="needs a table that nothing reads")
    vocabulary = c.count("vocab_size")
    own = 0 if c.flag("share_encoder_decoder_embeddings") else vocabulary
    target = c.count("decoder_vocab_size", vocabulary)
    if not own and target != vocabulary:
        message = f"decoder_vocab_size {target} is not vocab_size {vocabulary}, and their table is one"
        c.refuse("decoder_vocab_size", message)
    which = "decoder_vocab_size" if target != vocabulary else "vocab_size"
    positions = c.count("max_position_embeddings")
    return _model(c, POST, positions=positions, norm=False, tied=True, own_table=own, vocabulary=which)


def fsmt(c: Config) -> Draft:
    """Read FSMT (WMT19 of fairseq): sines stored as parameters, from the padding token on.

    Tables of the encoder, of the decoder and of the head are one or three.
    """
    source, target = c.count("src_vocab_size"), c.count("tgt_vocab_size")
    c.get("langs"), c.get("decoder")  # which the class drops
    padding = c.natural("pad_token_id") if c.has("pad_token_id") else 1
    tied = c.flag("tie_word_embeddings")
    if tied and source != target:
        c.refuse("src_vocab_size", f"src_vocab_size {source} is not tgt_vocab_size {target}, and their table is one")
    positions = c.count("max_position_embeddings") + padding + 1
    own = 0 if tied else source
    return _model(c, POST, positions=positions, norm=False, tied=tied, own_table=own, vocabulary="tgt_vocab_size")


def nllb_moe(c: Config) -> Draft:
    """Read NLLB-MoE: M2M-100 with two experts a token in every n-th layer, the n-th, 2n-th and so on.

    The capacity of experts and its policies only choose which tokens an expert drops.
    """
    c.require("tie_word_embeddings", True, why="needs a table that nothing reads")
    c.require("second_expert_policy", "all", why="leaves out the second expert of some tokens")
    for key in (
        "expert_capacity", "router_ignore_padding_tokens", "normalize_router_prob_before_dropping",
        "batch_prioritized_routing", "moe_eval_capacity_token_fraction",
    ):  # fmt: skip
        c.get(key)
    scores = router(c, bias=c.flag("router_bias"))
    networks = []
    for side in ("encoder", "decoder"):
        width, dense = c.count(f"{side}_ffn_dim"), _network(c, side, "dense")
        experts = moe(c, n_experts=c.count("num_experts"), top_k=2, d_ff=width, router=scores, bias=True)
        sparse = Part("moe", {**experts.fields, "gated": False})
        step, depth = c.natural(f"{side}_sparse_step"), c.count(f"{side}_layers")
        networks.append([sparse if step and (index + 1) % step == 0 else dense for index in range(depth)])
    return _model(c, PRE, positions=None, norm=False, tied=True, networks=networks)


def seamless(c: Config) -> Draft:
    """Read SeamlessM4T from text to text, which is M2M-100; speech on both sides stands beside it."""
    c.require("tie_word_embeddings", True, why="needs a table that nothing reads")
    draft = _model(c, PRE, positions=None, norm=False, tied=True, width_key="hidden_size")
    draft.left_out = c.leave_out("speech_encoder_layers", "t2u_encoder_layers", "unit_hifi_gan_vocab_size")
    return draft


def _tied(c: Config, norms: dict[str, Any], *, offset: int | None, norm: bool, bias: Sequence[str] = ALL) -> Draft:
    """Return a model with one table for both stacks and the head.

    Without ties the class has three tables and a fourth that nothing reads, and older versions of
    it had two: such a configuration is refused.
    """
    c.require("tie_word_embeddings", True, why="means other tables in other versions of transformers")
    positions = None if offset is None else c.count("max_position_embeddings") + offset
    return _model(c, norms, positions=positions, norm=norm, tied=True, bias=bias)


def _model(
    c: Config,
    norms: dict[str, Any],
    *,
    positions: int | None,
    norm: bool,
    tied: bool,
    own_table: int = 0,
    vocabulary: str = "vocab_size",
    width_key: str = "d_model",
    bias: Sequence[str] = ALL,
    networks: Sequence[Sequence[Part]] | None = None,
) -> Draft:
    """Return the two stacks. ``norm``: each has one at its embedding. ``own_table``: rows of the encoder's own.

    Keys that fairseq's options became are in many files; the classes have them fixed.
    """
    pre = norms is PRE
    for key, value in (
        ("normalize_before", pre),
        ("add_final_layer_norm", pre),
        ("normalize_embedding", norm),
        ("add_bias_logits", False),
        ("layernorm_variant", "prelayernorm" if pre else "postlayernorm"),
        ("extra_layer_norm", False),
        ("router_type", "tokens_masked"),
    ):
        c.require(key, value, None)
    c.get("static_position_embeddings"), c.get("extra_pos_embeddings")  # of what the positions are; counted above
    for key in ("_num_labels", "force_bos_token_to_be_generated", "do_blenderbot_90_layernorm"):
        c.get(key)
    width = c.count(width_key)
    fields: dict[str, Any] = {"d_model": width, "vocab_size": c.count(vocabulary)}
    fields["max_context"] = c.count("max_position_embeddings")
    fields |= {"tied": True} if tied else {}
    fields["norm"] = norms
    source: dict[str, Any] = {}
    if positions:
        fields["positions"] = source["positions"] = positions
    if norm:
        fields["embedding"] = source["embedding"] = {"norm": "layer"}
    if own_table:
        rows = {"rows": own_table} if own_table != fields["vocab_size"] else {}
        source["embedding"] = {"table": True, **rows}
    below, layers = stacks(c, width, bias, networks)
    return Draft(fields, layers, encoder=(source, below))


def stacks(
    c: Config, width: int, bias: Sequence[str] = ALL, networks: Sequence[Sequence[Part]] | None = None
) -> tuple[list[Layer], list[Layer]]:
    """Return the layers of encoder and decoder, with heads, networks and depths of each side's own keys."""
    encode, own, cross = (
        _attention(c, width, "encoder", "encode", bias, causal=False),
        _attention(c, width, "decoder", "self", bias),
        _attention(c, width, "decoder", "cross", bias, kind="cross_attention"),
    )
    if networks is None:
        networks = [[_network(c, side)] * c.count(f"{side}_layers") for side in ("encoder", "decoder")]
    return [[encode, network] for network in networks[0]], [[own, cross, network] for network in networks[1]]


def _attention(
    c: Config, width: int, side: str, name: str, bias: Sequence[str], kind: str = "attention", **more: Any
) -> Part:
    """Return an attention of a side. Heads that do not divide the width are none of its class."""
    heads = c.count(f"{side}_attention_heads")
    if width % heads:
        c.refuse(f"{side}_attention_heads", f"{side}_attention_heads {heads} do not divide the width {width}")
    fields: dict[str, Any] = {"kind": kind, "n_heads": heads, "head_dim": width // heads}
    fields |= {"bias": list(bias)} if bias else {}
    return Part(name, fields | ({"rope": False} if kind == "attention" else {}) | more)


def _network(c: Config, side: str, name: str = "mlp") -> Part:
    word = act(c.word("activation_function", None))
    return ffn(c, name, d_ff=c.count(f"{side}_ffn_dim"), gated=False, bias=True, activation=word)
