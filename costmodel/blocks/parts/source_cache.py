"""Keys and values of an encoder's tokens, computed once and kept whatever the decoder does."""

from __future__ import annotations

from costmodel.site import Site
from costmodel.sizes import Size, minimum, round_up
from costmodel.things import State


def source_cache(at: Site, kv_heads: int, width: Size, window: int | None = None) -> State:
    """Return ``width`` values a source token and layer, or for each of the last ``window`` of them."""
    load = at.load
    source, read, written = load.source_new + load.source_cached, load.source_cached, load.source_new
    if window:
        source, read, written = (minimum(entries, window) for entries in (source, read, written))
    return State(
        "kv",
        "cross",
        kept=source,
        read=read,
        written=written,
        paged=round_up(source, load.page),
        pooled=source,
        stored=at.runs if at.keeps else 0,
        units=kv_heads,
        width=width,
        fresh=load.source_new,
    )
