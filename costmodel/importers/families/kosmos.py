"""Kosmos-2 and 2.5: layer norms also inside the sublayers (Magneto); positions are sines that are no parameters."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.families.gpt import LAYER, fields, heads
from costmodel.importers.parts import ffn


def kosmos2(c: Config) -> Draft:
    """Read the language model of Kosmos-2: norms on the output of the heads and on the inner values of networks."""
    c.require("add_cross_attention", False, None)
    return _model(c, out_norm={"shape": "full", "kind": "layer", "bias": True})


def kosmos2_5(c: Config) -> Draft:
    """Read the language model of Kosmos-2.5: no norm on heads; a row each for tokens of an image and of the text."""
    draft = _model(c)
    draft.fields["embedding"] = {"token_types": 2}
    return draft


def _model(c: Config, **more: Any) -> Draft:
    mixer = heads(c, "embed_dim", "attention_heads", **more)
    network = ffn(c, d_ff=c.count("ffn_dim"), gated=False, bias=True, inner_norm="layer")
    return Draft(fields(c, "embed_dim", "max_position_embeddings", norm=LAYER), [[mixer, network]] * c.count("layers"))
