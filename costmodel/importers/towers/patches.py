"""CLIP, SigLIP and Pixtral: square patches, a stack, and no projector of their own."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import agrees, ffn
from costmodel.importers.towers.parts import grid, look, side


def clip(c: Config) -> Draft:
    """Read CLIP: a class token, norms before and after the layers.

    The last norm works on the class token alone, which is nothing in the figures of weights and
    products. ``projection_dim`` belongs to the model that compares images and texts.
    """
    c.get("projection_dim"), c.get("vocab_size")
    fields = grid(c)
    fields |= {"d_model": c.count("hidden_size"), "class_token": True, "positions": side(fields) ** 2 + 1}
    layer = [look(c, rope=False), ffn(c, gated=False, bias=True)]
    return Draft(fields | {"pre_norm": True}, [layer] * c.count("num_hidden_layers"))


def siglip(c: Config) -> Draft:
    """Read SigLIP, as it is in Idefics 3 too: biases everywhere, no class token."""
    fields = grid(c)
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True, "positions": side(fields) ** 2}
    layer = [look(c, rope=False), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("num_hidden_layers"))


def siglip_with_head(c: Config) -> Draft:
    """Read SigLIP where it may have a head that pools an image into one vector, which no language model reads.

    Keys of PaliGemma stand in it and say again what the wrapper does.
    """
    c.require("vision_use_head", False)
    for key in ("num_image_tokens", "projection_dim", "projector_hidden_act", "vocab_size"):
        c.get(key)
    return siglip(c)


def pixtral(c: Config) -> Draft:
    """Read Pixtral: Llama's layers, with a norm before them and none after; positions are rotated."""
    c.get("vocab_size")
    fields = grid(c)
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms", "final": False}, "pre_norm": True}
    mixer = look(c, bias=())
    agrees(c, mixer.fields["head_dim"], "head_dim")
    return Draft(fields, [[mixer, ffn(c)]] * c.count("num_hidden_layers"))
