"""Hierarchical reasoning models: two stacks of layers that run in turn, several times over their weights."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.parts import ALL, attention, ffn, top


def hrm_text(c: Config) -> Draft:
    """Read HRM-Text: a low stack that runs ``L_cycles`` times, then a high one, all of that ``H_cycles`` times.

    Unrolled, each place caches for itself and the weights of a layer are shared, so layers are shared
    blocks with as many copies as a stack has layers. Whenever a stack runs, the state of the other is
    added to its input and a norm without weights follows its last layer: an add and a norm more,
    which the block ``state`` stands for where it begins. The first state is learned.
    ``num_hidden_layers`` is that of a stack, or of all places where ``num_layers_per_stack`` is there.
    With ``prefix_lm`` the tokens of a prompt see each other both ways.
    """
    for key in ("L_bp_cycles", "embedding_scale"):
        c.get(key)
    high, low = c.count("H_cycles"), c.count("L_cycles")
    depth = c.count("num_layers_per_stack", c.count("num_hidden_layers"))
    places = depth * high * (low + 1)
    if c.has("num_layers_per_stack") and c.count("num_hidden_layers") != places:
        c.refuse("num_hidden_layers", f"{depth} layers a stack in these cycles are {places} places")
    heads = c.count("num_attention_heads")
    bias = (*ALL, "gate") if c.flag("attention_bias") else ()
    prefix = "bidirectional" if c.flag("prefix_lm") else None
    full = attention(c, kv_heads=heads, bias=bias, gate="element", prefix=prefix)
    network = ffn(c, bias=c.flag("mlp_bias") or None)
    stacks = {}
    for name in ("low", "high"):
        parts = ((f"{name}-{inner.name}", inner.name) for inner in (full, network))
        stacks[name] = [
            Part(part, {"kind": "shared", "copies": depth, "of": [of], "norm": "none"}) for part, of in parts
        ]
    start = Part("start", {"kind": "custom", "weights": {"z": [c.count("hidden_size")]}})
    state = Part("state", {"kind": "custom"})
    layers: list[Layer] = []
    for _ in range(high):
        for name in (*["low"] * low, "high"):
            mixer, mlp = stacks[name]
            layers += [[(mixer, state if layers else start), mlp], *[[mixer, mlp]] * (depth - 1)]
    return Draft(top(c, norm={"kind": "none", "final": False}), layers, blocks=(full, network))
