"""CLIP, SigLIP and Pixtral: square patches, a stack, and no projector of their own."""

from __future__ import annotations

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.parts import agrees, ffn
from costmodel.importers.towers.parts import free_grid, grid, look, side


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
    """Read SigLIP, as it is in Idefics 3 too: biases everywhere, no class token.

    Files of Idefics 3 say in it how pictures are cut into images, and what their first code did.
    """
    for key in ("max_image_size", "size", "use_base_siglip"):
        c.get(key)
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


def siglip2(c: Config) -> Draft:
    """Read SigLIP 2 with images of any size: its table of positions is stretched over them."""
    if "vision_use_head" in c.keys:
        c.require("vision_use_head", False)
    merge = c.count("spatial_merge_size", 1)
    rows = c.count("num_patches")
    fields, remark = free_grid(c, max(merge, 2), rows)
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True, "positions": rows}
    layer = [look(c, rope=False), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), remarks=[remark])


def paddle(c: Config) -> Draft:
    """Read PaddleOCR-VL: SigLIP with rotated positions beside a table of them, for images of any size."""
    rows = (c.count("image_size") // c.count("patch_size")) ** 2
    fields, remark = free_grid(c, c.count("spatial_merge_size"), rows)
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True, "positions": rows}
    layer = [look(c), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), remarks=[remark])


def phi4(c: Config) -> Draft:
    """Read Phi-4-multimodal: SigLIP, whose head, one vector for an image, nothing reads; it is not counted."""
    c.get("crop_size")
    layer = c.get("feature_layer")
    if type(layer) is not int:
        c.refuse("feature_layer", "feature_layer is no layer")
    return siglip(c)


def video_llama3(c: Config) -> Draft:
    """Read VideoLLaMA 3: SigLIP with rotated positions, and no table of them."""
    fields, remark = free_grid(c, 1)
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True}
    layer = [look(c), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), remarks=[remark])


def kimi(c: Config) -> Draft:
    """Read MoonViT of Kimi K2.5: a square table of positions, stretched over images of any size, and rotation.

    What tells pictures of a video apart is not learned. Files for the code on the hub have other names.
    """
    c = c.overlaid({name: c.get(key) for key, name in _KIMI.items() if c.has(key)})
    c.require("merge_type", None, "sd2_tpool")
    c.require("mm_projector_type", None, "patchmerger")
    c.require("pos_emb_type", None, "divided_fixed")
    c.require("video_attn_type", None, "spatial_temporal")
    c.get("text_hidden_size"), c.get("projector_hidden_act")
    agrees(c, c.count("hidden_size"), "mm_hidden_size")
    across = c.count("pos_emb_height")
    c.require("pos_emb_width", across)
    c.count("pos_emb_time")
    merge = merge_kernel(c)
    fields, remark = free_grid(c, merge, across * across, channels=None)
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True, "positions": across * across}
    layer = [look(c), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), remarks=[remark])


_KIMI = {
    "init_pos_emb_height": "pos_emb_height",
    "init_pos_emb_time": "pos_emb_time",
    "init_pos_emb_width": "pos_emb_width",
    "vt_hidden_size": "hidden_size",
    "vt_intermediate_size": "intermediate_size",
    "vt_num_attention_heads": "num_attention_heads",
    "vt_num_hidden_layers": "num_hidden_layers",
}


def merge_kernel(c: Config) -> int:
    """Return the side of a square of patches that become one."""
    height, width = c.list_of(int, "merge_kernel_size", 2)
    if height != width or not height:
        c.refuse("merge_kernel_size", f"{height} x {width} patches are no square")
    return int(height)


def pixtral(c: Config) -> Draft:
    """Read Pixtral: Llama's layers, with a norm before them and none after; positions are rotated."""
    c.get("vocab_size"), c.get("is_composition")
    fields = grid(c)
    fields |= {"d_model": c.count("hidden_size"), "norm": {"kind": "rms", "final": False}, "pre_norm": True}
    mixer = look(c, bias=())
    agrees(c, mixer.fields["head_dim"], "head_dim")
    return Draft(fields, [[mixer, ffn(c)]] * c.count("num_hidden_layers"))
