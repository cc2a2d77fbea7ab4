"""T5 and its relatives: an encoder and a decoder with relative positions, RMS norms, and no biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.parts import attention, ffn, moe, router


def t5(c: Config) -> Draft:
    """Read T5, T5 1.1 and mT5: the first layer of each stack has the table of relative positions, for all of them.

    The class ties the tables whatever ``tie_word_embeddings`` says: checkpoints of T5 1.1 and mT5
    say false and bring a head of their own, which transformers 5.23 does not build.
    """
    return _t5(c, {})


def _t5(c: Config, span: dict[str, int]) -> Draft:
    """Return the two stacks; ``span`` is what an encoder's token sees, everything unless told otherwise."""
    c.get("tie_word_embeddings"), c.get("scalable_attention")  # the second is no key of the class either
    network = _network(c)
    encoder, decoder = ([network] * n for n in _depths(c))
    return _stacks(c, encoder, decoder, span=span)


def pop2piano(c: Config) -> Draft:
    """Read Pop2Piano: T5 that reads frames as wide as it is, behind a row of a table of composers.

    The head is none of the tables, whatever ``tie_word_embeddings`` says. Every frame is counted as
    if it were a row that is looked up: its values are as many.
    """
    draft = _t5(c, {})
    del draft.fields["tied"]
    assert draft.encoder is not None
    draft.encoder[0]["embedding"] = {"table": True, "rows": c.count("composer_vocab_size")}
    return draft


def umt5(c: Config) -> Draft:
    """Read UMT5: T5 with a table of relative positions in every layer."""
    draft = t5(c)
    draft.fields["relative_per_layer"] = True
    return draft


def longt5(c: Config) -> Draft:
    """Read LongT5 with local attention: T5 whose encoder looks ``local_radius`` tokens back and as many ahead.

    With transient global attention it would also see one token a block, summed from it.
    """
    c.require("encoder_attention_type", "local", why="adds tokens that stand for blocks")
    c.get("global_block_size")
    radius = c.count("local_radius")
    return _t5(c, {"window": radius + 1, "ahead": int(radius)})


def switch(c: Config) -> Draft:
    """Read Switch Transformers: one expert a token in every n-th layer, counted from the second.

    The numbers of sparse layers only give that n: it divides without remainder, so that 12 layers
    of which 5 should be sparse have 6. A step of the whole depth (0 sparse layers) makes the second
    layer sparse all the same. ``expert_capacity`` drops tokens and is no size of a batch that is known here.
    """
    c.require("tie_word_embeddings", True, why="needs tables of their own for encoder and decoder")
    c.require("is_gated_act", False, None)
    c.require("feed_forward_proj", "relu", None)
    c.require("num_selected_experts", 1, None)
    c.require("router_type", "tokens_masked", None)
    for key in ("expert_capacity", "router_ignore_padding_tokens", "add_router_probs"):
        c.get(key)  # which tokens an expert gets, and what is returned beside
    shape: dict[str, Any] = {"d_ff": c.count("d_ff"), "gated": False, "activation": act(c.word("dense_act_fn"))}
    dense = ffn(c, "dense", **shape)
    experts = moe(
        c,
        n_experts=c.count("num_experts"),
        top_k=1,
        d_ff=shape["d_ff"],
        router=router(c, bias=c.flag("router_bias")),
        activation=shape["activation"],
    )
    sparse = Part("moe", {**experts.fields, "gated": False})
    stacks = []
    for depth, side in zip(_depths(c), ("encoder", "decoder"), strict=True):
        wanted = c.natural(f"num_sparse_{side}_layers")
        step = c.natural(f"{side}_sparse_step", None)
        if step is None:
            step = depth // wanted if wanted else depth
        stacks.append([sparse if step == 1 or (step and index % step == 1) else dense for index in range(depth)])
    return _stacks(c, *stacks)


ACTIVATIONS = {
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_python": "gelu",
    "swish": "silu",
}


def act(word: str | None) -> str | None:
    """Return the name that the catalog has for an activation."""
    return ACTIVATIONS.get(word, word) if word else None


def _network(c: Config) -> Part:
    """Return the network of ``feed_forward_proj``: ``relu``, or ``gated-gelu``."""
    *gate, word = c.word("feed_forward_proj").split("-")
    if gate not in ([], ["gated"]):
        c.refuse("feed_forward_proj", "feed_forward_proj is neither an activation nor gated-activation")
    c.require("is_gated_act", bool(gate), None, why=f"contradicts feed_forward_proj {c.get('feed_forward_proj')}")
    c.get("dense_act_fn"), c.get("scale_decoder_outputs")  # written beside it, and follow from it
    return ffn(c, d_ff=c.count("d_ff"), gated=None if gate else False, activation=act(word))


def _depths(c: Config) -> tuple[int, int]:
    """Return the layers of encoder and decoder, which are as many unless told otherwise."""
    depth = c.count("num_layers")
    return depth, c.count("num_decoder_layers", depth)


def _stacks(
    c: Config, encoder: Sequence[Part], decoder: Sequence[Part], *, span: Mapping[str, int] = MappingProxyType({})
) -> Draft:
    """Return the two stacks around their networks."""
    c.get("relative_attention_max_distance"), c.get("n_positions")  # no table has so many rows
    heads = c.count("num_heads")
    shape: dict[str, Any] = {"n_heads": heads, "head_dim": c.count("d_kv")}
    own = attention(c, "self", heads=heads, kv_heads=heads, head_dim=shape["head_dim"])
    own = Part("self", {**own.fields, "rope": False})
    both_ways = Part("encode", {**own.fields, "causal": False, **span})
    cross = Part("cross", {"kind": "cross_attention", **shape})
    fields: dict[str, Any] = {"d_model": c.count("d_model"), "vocab_size": c.count("vocab_size"), "tied": True}
    fields |= {"relative_bias": c.count("relative_attention_num_buckets"), "relative_heads": heads}
    source: list[Layer] = [[both_ways, network] for network in encoder]
    return Draft(fields, [[own, cross, network] for network in decoder], encoder=({}, source))
