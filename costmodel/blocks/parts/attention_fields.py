"""What the fields of attention must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.block import Impossible, require_known, require_multiple

if TYPE_CHECKING:
    from costmodel.blocks.attention import Attention

_OTHERS = ("window", "chunk", "ahead", "prefix", "indexer", "block_indexer", "dynamic_mask", "keep")


def check_fields(block: Attention) -> None:
    """Raise Impossible where fields of attention contradict each other."""
    if block.n_kv_heads is not None:
        require_multiple(block, "n_heads", "n_kv_heads")
    require_known(block.bias, ("q", "k", "v", "o", "gate", "mask"), "bias")
    absent = ([] if block.gate else ["gate"]) + ([] if block.dynamic_mask else ["mask"])
    absent += ["v"] if block.kv == "tied" else []
    if (wrong := next((name for name in absent if name in block.bias), None)) is not None:
        raise Impossible(f'bias names "{wrong}", and the block has no such projection', "bias")
    if block.gate_bias and block.gate != "element":
        raise Impossible("gate_bias stands beside a gate by value, and there is none", "gate_bias", "gate: element")
    if block.rope_dim and block.rope_dim > block.head_dim:
        raise Impossible(f"rope_dim {block.rope_dim} is more than head_dim {block.head_dim}", "rope_dim")
    if block.kv_conv and (wrong := next((f for f in ("kv_from", "keep") if getattr(block, f)), None)):
        raise Impossible(f"kv_conv works on keys of every token of the block, and {wrong} says other", "kv_conv")
    if block.kv_conv and block.kv == "tied":
        raise Impossible("kv_conv works on keys and values, and values are keys", "kv_conv", "leave kv: tied out")
    if block.dynamic_taps and not block.kv_conv:
        raise Impossible("dynamic_taps are those of kv_conv, and there is none", "dynamic_taps", "add kv_conv")
    if block.qk_clip and block.qk_norm:
        raise Impossible("qk_clip stands in place of qk_norm", "qk_clip", "leave one of them out")
    others = ("kv_from", "keep", "d_in", "extra_norm", "input_gate")
    if block.separate_inputs and (wrong := next((f for f in others if getattr(block, f)), None)):
        raise Impossible(f"separate_inputs are three, and {wrong} knows one", wrong, "leave one of them out")
    if block.separate_inputs and block.kv == "tied":
        raise Impossible("values are keys, so they have no input of their own", "separate_inputs", "leave it out")
    if block.relative and (block.keep or block.d_in):
        raise Impossible("relative mixes profiles for every token of the stream", "relative", "leave it out")
    given = [name for name in ("indexer", "block_indexer", "chunk", "kv_from", "keep") if getattr(block, name)]
    given += [] if block.causal else ["causal"]
    if block.dynamic_mask and given:
        raise Impossible(f"dynamic_mask picks among the block's own keys, and {given[0]} does otherwise", given[0])
    if block.kv == "tied" and block.v_head_dim not in (None, block.head_dim):
        raise Impossible(
            f"tied keys and values have one width, but v_head_dim is {block.v_head_dim} and head_dim {block.head_dim}",
            "v_head_dim",
            "leave v_head_dim out",
        )
    _check_span(block)


def _check_span(block: Attention) -> None:
    """Raise Impossible where two fields say different things about the keys that a query sees."""
    if block.window and block.chunk:
        raise Impossible("a layer has a window or a chunk, not both", "chunk", "leave one of them out")
    if not block.causal and block.window and not block.ahead:
        message = "without causal every token sees every other, and the window hides some"
        raise Impossible(message, "window", "leave window out, or add ahead")
    if block.ahead and (block.causal or not block.window or block.sink_tokens):
        message = "ahead stands beside a window that looks both ways"
        raise Impossible(message, "ahead", "add window and causal: false, without sink_tokens")
    if block.sink_tokens and not block.window:
        raise Impossible("sink_tokens stand beside a window, and there is none", "sink_tokens", "add window")
    if block.block_size:
        given = [name for name in _OTHERS if getattr(block, name)] + ([] if block.causal else ["causal"])
        if given:
            message = f"block_size lets a token see its block and all before it, and {given[0]} says other"
            raise Impossible(message, given[0], "leave one of them out")
    if block.prefix:
        _check_prefix(block)
    if block.indexer or block.block_indexer:
        _check_indexer(block)


def _check_prefix(block: Attention) -> None:
    """Raise Impossible unless the prefix adds to what a causal or sliding mask shows."""
    others = [name for name in ("chunk", "indexer", "block_indexer", "dynamic_mask", "keep") if getattr(block, name)]
    others += [] if block.causal else ["causal"]
    if others:
        message = f"a prefix adds to a causal mask or a window, and {others[0]} says other"
        raise Impossible(message, others[0], "leave one of them out")
    if block.prefix == "kept" and not block.window:
        raise Impossible("prefix: kept is what a window never drops, and there is none", "prefix", "add window")
    if block.prefix == "kept" and block.sink_tokens:
        message = "the first tokens are kept as sink_tokens or as a prefix, not both"
        raise Impossible(message, "sink_tokens", "leave one of them out")


def _check_indexer(block: Attention) -> None:
    """Raise Impossible unless an indexer has queries, and all earlier tokens of its own block to choose among."""
    if block.indexer and block.block_indexer:
        raise Impossible("one indexer picks the keys, not two", "block_indexer", "leave one out")
    if block.indexer and block.indexer.queries == "latent":
        raise Impossible(
            "the indexer reads the query latent, and attention has none", "indexer", "indexer: {queries: hidden}"
        )
    whys = {
        "chunk": (block.chunk, "picks among all tokens before"),
        "window": (block.window, "picks among all tokens before"),
        "causal": (not block.causal, "picks among all tokens before"),
        "d_in": (block.d_in, "reads the residual stream, and d_in is another width"),
        "kv_from": (block.kv_from, "picks among keys of the block itself"),
        "keep": (block.keep, "picks among all tokens, and keep lets only some in"),
    }
    for field, (given, why) in whys.items():
        if given:
            raise Impossible(f"an indexer {why}", field, "leave one out")
