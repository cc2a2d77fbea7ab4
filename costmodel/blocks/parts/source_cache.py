"""Keys and values of an encoder's tokens, computed once and kept whatever the decoder does."""

from __future__ import annotations

from costmodel.site import Site
from costmodel.sizes import Size, round_up
from costmodel.things import State


def source_cache(at: Site, kv_heads: int, width: Size) -> State:
    """Return ``width`` values a source token and layer."""
    load = at.load
    source = load.source_new + load.source_cached
    return State(
        "kv",
        "cross",
        kept=source,
        read=load.source_cached,
        written=load.source_new,
        paged=round_up(source, load.page),
        pooled=source,
        stored=at.runs if at.keeps else 0,
        units=kv_heads,
        width=width,
        fresh=load.source_new,
    )
