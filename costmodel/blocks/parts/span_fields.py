"""What the fields of attention that say which keys a query sees must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.block import Impossible

if TYPE_CHECKING:
    from costmodel.blocks.attention import Attention

_OTHERS = ("window", "chunk", "ahead", "prefix", "indexer", "block_indexer", "dynamic_mask", "keep")


def check_span(block: Attention) -> None:
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
