"""Cohere's Command R and its successors: one norm for both sublayers, which work side by side."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families.llama_like import biased, stack
from costmodel.importers.parts import attention, ffn, top
from costmodel.importers.windows import windowed

NORM = {"kind": "layer", "bias": False, "place": "parallel"}


def cohere(c: Config) -> Draft:
    """Read Command R: norms on heads, with weights for every head, where a flag says so."""
    c.get("model_max_length")  # of the published file: how far the model was tried
    qk_norm = {"shape": "heads", "kind": "layer"} if c.flag("use_qk_norm") else None
    return stack(c, attention(c, bias=biased(c), qk_norm=qk_norm), ffn(c), norm=NORM)


def cohere2(c: Config) -> Draft:
    """Read Command R7B and Command A: windows; layers without one rotate nothing.

    Published files repeat what the class fixes in further keys.
    """
    turn = c.count("sliding_window_pattern", 4)
    c.require("layer_switch", turn, None)
    c.require("order_of_interleaved_layers", "local_attn_first", None)
    c.require("position_embedding_type", "rope_gptj", None)
    c.require("rotary_pct", 1.0, None)
    c.get("use_parallel_embedding")  # how its table is spread over devices
    for key in ("use_embedding_sharing", "use_gated_activation", "use_parallel_block"):
        c.require(key, True, None)
    mixers = windowed(c, lambda index: (index + 1) % turn, full={"rope": False}, bias=biased(c))
    return Draft(top(c, norm=NORM), [[mixer, ffn(c)] for mixer in mixers])
