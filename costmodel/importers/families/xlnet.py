"""XLNet: Transformer-XL's attention, both ways, over a memory of hidden states."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Part
from costmodel.importers.families.gpt import POST, plain


def xlnet(c: Config) -> Draft:
    """Read XLNet. The vector that stands for tokens to be predicted is counted as a row of the table.

    A ``mem_len`` of null or 0 keeps everything. The second stream, which runs beside the first in
    pretraining and while a text is written, is not counted.
    """
    for key in ("bi_data", "clamp_len", "end_n_top", "ff_activation", "start_n_top", "untie_r", "use_mems_train"):
        c.get(key)  # which distances there are, heads for questions, training
    c.require("use_mems_eval", True, None, why="keeps nothing between steps")
    c.require("reuse_len", None, 0, why="keeps only the first tokens of a step")
    c.require("same_length", False, None, why="hides the oldest tokens from the later ones of a step")
    width, heads = c.count("d_model"), c.count("n_head")
    if width % heads:
        c.refuse("n_head", f"{heads} heads do not divide the {width} values of d_model")
    c.require("d_head", None, width // heads)
    mixer: dict[str, Any] = {"kind": "xl_attention", "n_heads": heads, "head_dim": width // heads, "segments": 2}
    if memory := c.natural("mem_len", None):
        mixer["memory"] = memory
    if c.require("attn_type", "bi", "uni") == "bi":
        mixer["causal"] = False
    rows = c.count("vocab_size")
    fields = {
        "d_model": width,
        "vocab_size": rows,
        "norm": POST,
        "head": {"bias": True},
        "embedding": {"rows": rows + 1},
    }
    if c.flag("tie_word_embeddings"):
        fields["tied"] = True
    return Draft(fields, [[Part("attention", mixer), plain(c, c.count("d_inner"))]] * c.count("n_layer"))
