"""Ovis 2: patches become words of a vocabulary of pictures, by a share of each, and the words have a table."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import ALL, ffn
from costmodel.importers.towers.parts import grid, look, side


def ovis2(c: Config) -> Draft:
    """Read Ovis 2: a norm between patches and positions, which here stands behind the positions.

    Some words of the table are no share of a patch: they mark where a picture begins and ends.
    """
    fields: dict[str, Any] = grid(c) | {"d_model": c.count("hidden_size"), "norm": {"kind": "rms"}}
    fields |= {"patch_bias": True, "pre_norm": True, "positions": side(fields) ** 2}
    mixer = look(c, bias=ALL if c.flag("qkv_bias") else (), rope=False)
    layers = [[mixer, ffn(c, bias=c.flag("mlp_bias") or None)]] * c.count("num_hidden_layers")
    c.require("tokenize_function", "softmax", "st_argmax", "gumbel_argmax")
    merge, marks = c.count("hidden_stride"), c.natural("num_visual_indicator_tokens")
    words = {"linear": c.count("vocab_size") - marks}
    steps = [*([{"merge": merge}] if merge > 1 else []), words, {"norm": "layer", "activation": "softmax"}]
    more: dict[str, Any] = {"projector": steps} | ({"separators": marks} if marks else {})
    return Draft(fields, layers, more)


def table(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Add the table of words, which is as wide as the wrapper says."""
    tower.more["projector"] = [*tower.more["projector"], {"linear": c.count("hidden_size")}]
