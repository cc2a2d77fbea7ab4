"""Layers that see a window beside layers that see everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Part
from costmodel.importers.parts import attention, layer_types

WORDS = {"full_attention": False, "sliding_attention": True}


def sliding(c: Config, missing: Callable[[int], object]) -> list[bool]:
    """Say of each layer whether it has a window: by ``layer_types``, or else by ``missing`` of its index."""
    given = c.has("layer_types")
    return layer_types(c, WORDS, None if given else [bool(missing(i)) for i in range(c.count("num_hidden_layers"))])


def windowed(
    c: Config,
    missing: Callable[[int], object],
    *,
    full: Mapping[str, Any] | None = None,
    **fields: Any,
) -> list[Part]:
    """Return the attention of each layer: ``fields``, those of ``full`` over them in layers without a window."""
    found = sliding(c, missing)
    window = c.count("sliding_window") if any(found) else None
    c.get("sliding_window")  # of no use where no layer has it
    names = ("global", "local") if len(set(found)) > 1 else ("attention", "attention")
    everything = attention(c, names[0], **{**fields, **(full or {})})
    local = attention(c, names[1], window=window, **fields)
    return [local if is_local else everything for is_local in found]
