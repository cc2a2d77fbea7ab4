"""Llama, and families that differ from it in biases, norms on heads, or windows."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.parts import ALL, QKV, attention, ffn, layer_types, top


def llama(c: Config) -> Draft:
    """Read Llama: grouped queries, one gated network, RMS norms."""
    c.get("max_sequence_length")  # of the first files; the class reads another key
    bias = ALL if c.flag("attention_bias") else ()
    layer = [attention(c, bias=bias), ffn(c, bias=c.flag("mlp_bias") or None)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def mistral(c: Config) -> Draft:
    """Read Mistral: a window in every layer, or in none."""
    window = c.count("sliding_window", None)
    layer = [attention(c, window=window), ffn(c)]
    return Draft(top(c), [layer] * c.count("num_hidden_layers"))


def qwen2(c: Config) -> Draft:
    """Read Qwen2 and Qwen2.5: biases on q, k and v; windows in the last layers where they are used."""
    c.require("attention_bias", True, None)  # no key of the class, whose biases are fixed
    return Draft(top(c), [[mixer, ffn(c)] for mixer in windows(c, bias=QKV)])


def qwen3(c: Config) -> Draft:
    """Read Qwen3: norms on the heads of queries and keys."""
    bias = ALL if c.flag("attention_bias") else ()
    return Draft(top(c), [[mixer, ffn(c)] for mixer in windows(c, bias=bias, qk_norm="head")])


def windows(c: Config, **fields: Any) -> list[Part]:
    """Return the attention of each layer: full below ``max_window_layers``, then windows, if those are used."""
    full = attention(c, **fields)
    window = c.count("sliding_window", None)
    window = window if c.flag("use_sliding_window") else None
    first = c.natural("max_window_layers", None)
    local = attention(c, "local", window=window, **fields) if window else full
    n = c.count("num_hidden_layers")
    missing = [full if not window or index < first else local for index in range(n)]
    return layer_types(c, {"full_attention": full, "sliding_attention": local}, missing)
