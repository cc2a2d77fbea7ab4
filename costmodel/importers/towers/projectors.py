"""Projectors: from the patches of a tower to the width of the language model, by the keys of the wrapper."""

from __future__ import annotations

from math import isqrt
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft
from costmodel.importers.towers.parts import activation, side
from costmodel.importers.towers.patches import merge_kernel


def merged(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Read nothing: the tower's own merger is the projector, and ends at the width of the language model."""
    if "projector" not in tower.more:
        c.refuse("vision_config", "the tower has no merger")


def nothing(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Read BLIP: cross-attention reads the patches as they are. Its other keys are of models that compare."""
    for key in ("projection_dim", "logit_scale_init_value", "image_text_hidden_size", "label_smoothing"):
        c.get(key)


def git(c: Config, tower: Draft, width: int) -> None:
    """Read GIT: a matrix and a norm; what tells pictures of a video apart is refused."""
    c.require("num_image_with_embedding", None)
    add(tower, {"linear": width, "bias": True}, {"norm": "layer"})


def omni(c: Config, tower: Draft, width: int) -> None:
    """Read Qwen's models that also hear: how time is counted changes positions alone."""
    c.get("position_id_per_seconds"), c.get("seconds_per_chunk")
    merged(c, tower, width)


def linear(c: Config, tower: Draft, width: int) -> None:
    """Add the last matrix of Llama 4 to the tower's own."""
    merged(c, tower, width)
    tower.more["projector"] = [*tower.more["projector"], {"linear": width}]


def hyperclovax(c: Config, tower: Draft, width: int) -> None:
    """Add a matrix with a bias to the tower's own merger."""
    merged(c, tower, width)
    tower.more["projector"] = [*tower.more["projector"], {"linear": width, "bias": True}]


def llava(c: Config, tower: Draft, width: int) -> None:
    """Read LLaVA: two matrices, on the outputs of one layer or of several side by side.

    All layers are built and run, whichever is read. Features without the class token are
    ``default``, which would drop a patch where there is no such token.
    """
    _features(c, tower)
    c.get("image_seq_length")
    add(tower, *two(width, c.flag("multimodal_projector_bias"), activation(c, "projector_hidden_act")))


def llava_next(c: Config, tower: Draft, width: int) -> None:
    """Read LLaVA-NeXT and OneVision: as LLaVA, with a learned end of a row; tiles are images of their own."""
    llava(c, tower, width)
    c.get("image_grid_pinpoints"), c.get("vision_aspect_ratio"), c.get("use_image_newline_parameter")
    tower.more["separators"] = 1


def llava_next_video(c: Config, tower: Draft, width: int) -> None:
    """Read LLaVA-NeXT-Video: LLaVA-NeXT, whose pictures of a video are pooled without a weight."""
    c.require("spatial_pool_mode", "average", "max")
    c.get("spatial_pool_stride"), c.get("video_seq_length")
    llava_next(c, tower, width)


def vipllava(c: Config, tower: Draft, width: int) -> None:
    """Read ViP-LLaVA: outputs of five layers side by side, and a norm."""
    c.get("image_seq_length")
    layers = c.get("vision_feature_layer")
    if not isinstance(layers, (list, int)) or isinstance(layers, bool) or not tower.fields.get("class_token"):
        c.refuse("vision_feature_layer", "these features are not understood")
    _several(c, tower, layers)
    add(tower, {"norm": "layer"}, *two(width, True, activation(c, "projector_hidden_act")))


def pooled(c: Config, tower: Draft, width: int) -> None:
    """Read Gemma 3: means over squares, so many that ``mm_tokens_per_image`` are left; then a norm and a matrix."""
    across, left = side(tower.fields), isqrt(c.count("mm_tokens_per_image"))
    if across % left:
        c.refuse("mm_tokens_per_image", f"{across} patches a side do not become {left}")
    pool = across // left
    add(tower, *([{"pool": pool}] if pool > 1 else []), {"norm": "rms"}, {"linear": width})


def paligemma(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Read PaliGemma: one matrix with a bias. ``hidden_size`` and ``vocab_size`` are the language model's."""
    c.get("hidden_size"), c.get("num_image_tokens")
    add(tower, {"linear": c.count("projection_dim"), "bias": True})


def shuffled(c: Config, tower: Draft, width: int) -> None:
    """Read Idefics 3: patches side by side and one matrix."""
    add(tower, {"merge": c.count("scale_factor")}, {"linear": width})


def cohere2_vision(c: Config, tower: Draft, width: int) -> None:
    """Read Command A Vision: merged patches, and a network whose first matrix makes both gate and values."""
    add(tower, {"merge": c.count("downsample_factor")}, *_halves(c, width, c.count("alignment_intermediate_size")))


def aya_vision(c: Config, tower: Draft, width: int) -> None:
    """Read Aya Vision: as Command A Vision, with a norm before the matrices and features of any one layer."""
    _features(c, tower)
    if "feature_layers" in tower.more:
        c.refuse("vision_feature_layer", "this projector reads one layer")
    inner = c.count("alignment_intermediate_size", width)
    add(tower, {"merge": c.count("downsample_factor")}, {"norm": "layer"}, *_halves(c, width, inner))


def mistral3(c: Config, tower: Draft, width: int) -> None:
    """Read Mistral Small 3.1: a norm, a matrix that makes one patch of a square, then LLaVA's two."""
    layer = c.get("vision_feature_layer")
    if type(layer) is not int and not (isinstance(layer, list) and len(layer) == 1):
        c.refuse("vision_feature_layer", "this projector reads one layer")
    bias, act = c.flag("multimodal_projector_bias"), activation(c, "projector_hidden_act")
    add(tower, *_square(c, tower), *two(width, bias, act))


def lighton_ocr(c: Config, tower: Draft, width: int) -> None:
    """Read LightOnOCR: as Mistral Small 3.1, without biases."""
    add(tower, *_square(c, tower), *two(width, False, "gelu"))


def ernie(c: Config, tower: Draft, width: int) -> None:
    """Read ERNIE 4.5 VL: merged patches, two pictures of a video side by side; a single picture stands for both.

    Norms of the tower's kind stand behind two matrices each, the last one is the language model's.
    """
    inside = c.parts[-1]
    merge = inside.count("spatial_merge_size")
    inside.require("temporal_merge_size", 2, why="is not what the class merges of a video")
    inner = merge * merge * tower.fields["d_model"]
    steps = [*_through(inner, inner), {"norm": "layer"}]
    add(tower, {"merge": merge}, *steps, {"repeat": 2}, *steps, {"linear": width, "bias": True}, {"norm": "rms"})


def phi4(c: Config, tower: Draft, width: int) -> None:
    """Read Phi-4-multimodal: means over squares, learned vectors that end rows and images, two matrices."""
    if side(tower.fields) % 2:
        c.refuse("vision_config", "patches that are copied to make squares are not understood")
    add(tower, {"pool": 2}, {"separators": 2}, *_through(width, width))


def paddle(c: Config, tower: Draft, width: int) -> None:
    """Read PaddleOCR-VL: a norm on patches, merged ones, two matrices as wide as these."""
    merge, inner = c.parts[-1].count("spatial_merge_size"), tower.fields["d_model"]
    add(tower, {"norm": "layer"}, {"merge": merge}, *_through(merge * merge * inner, width))


def plain(c: Config, tower: Draft, width: int) -> None:  # noqa: ARG001
    """Read DeepSeek-VL and VideoLLaMA 3: two matrices with biases."""
    add(tower, *two(width, True, "gelu"))


def lfm2_vl(c: Config, tower: Draft, width: int) -> None:
    """Read LFM2-VL: merged patches, a norm or none, two matrices. Published files say how pictures are cut up."""
    for key in (
        "do_image_splitting", "encoder_patch_size", "max_image_tokens", "max_pixels_tolerance", "max_tiles",
        "min_image_tokens", "min_tiles", "tile_size", "use_image_special_tokens", "use_thumbnail",
    ):  # fmt: skip
        c.get(key)
    norm: list[dict[str, Any]] = [{"norm": "layer"}] if c.flag("projector_use_layernorm") else []
    biased = {"bias": True} if c.flag("projector_bias") else {}
    act = activation(c, "projector_hidden_act")
    first = {"linear": c.count("projector_hidden_size"), **biased, "activation": act}
    add(tower, {"merge": c.count("downsample_factor")}, *norm, first, {"linear": width, **biased})


def cosmos3_edge(c: Config, tower: Draft, width: int) -> None:
    """Read Cosmos 3 Edge: a norm on patches, merged ones, two matrices."""
    merge, inner = c.parts[-1].count("spatial_merge_size"), c.count("projector_hidden_size")
    add(tower, {"norm": "layer"}, {"merge": merge}, *_through(inner, width))


def kimi(c: Config, tower: Draft, width: int) -> None:
    """Read Kimi K2.5: as wide between the matrices as merged patches are."""
    c.get("use_unified_vision_chunk"), c.get("video_placeholder")
    across, inner = merge_kernel(c.parts[-1]), tower.fields["d_model"]
    c.require("projection_hidden_size", inner)
    add(tower, {"norm": "layer"}, {"merge": across}, *_through(inner * across * across, width))


def internvl(c: Config, tower: Draft, width: int) -> None:
    """Read InternVL: merged patches, a norm and LLaVA's two matrices."""
    _features(c, tower)
    if "feature_layers" in tower.more:
        c.refuse("vision_feature_layer", "this projector reads one layer")
    c.get("image_seq_length")
    merge = int(1 / c.share("downsample_ratio"))
    if merge * c.share("downsample_ratio") != 1:
        c.refuse("downsample_ratio", "downsample_ratio is not one over a whole number")
    add(tower, {"merge": merge}, {"norm": "layer"}, *two(width, True, activation(c, "projector_hidden_act")))


def add(tower: Draft, *steps: dict[str, Any]) -> None:
    """Make steps the projector of a tower that has none of its own."""
    if "projector" in tower.more:
        raise KeyError("projector")  # the tower has one of its own, and two are not understood
    tower.more["projector"] = list(steps)


def two(width: int, bias: bool, act: str) -> list[dict[str, Any]]:
    """Return two matrices to the width of the language model."""
    biased = {"bias": True} if bias else {}
    return [{"linear": width, **biased, "activation": act}, {"linear": width, **biased}]


def _through(inner: int, width: int) -> list[dict[str, Any]]:
    """Return two matrices with biases, and ``inner`` values between them."""
    return [{"linear": inner, "bias": True, "activation": "gelu"}, {"linear": width, "bias": True}]


def _square(c: Config, tower: Draft) -> list[dict[str, Any]]:
    """Return a norm, and a matrix that makes one patch of a square of them."""
    return [{"norm": "rms"}, {"merge": c.count("spatial_merge_size")}, {"linear": tower.fields["d_model"]}]


def _halves(c: Config, width: int, inner: int) -> list[dict[str, Any]]:
    """Return a gated network; half of ``inner`` columns are its gate."""
    if inner % 2:
        c.refuse("alignment_intermediate_size", f"alignment_intermediate_size {inner} has no two halves")
    first = {"linear": inner // 2, "bias": True, "gated": True, "activation": "silu"}
    return [first, {"linear": width, "bias": True}]


def _features(c: Config, tower: Draft) -> None:
    """Read which layers' outputs the projector gets, and that it gets all patches and no class token."""
    c.require("vision_feature_select_strategy", "default" if tower.fields.get("class_token") else "full")
    layers = c.get("vision_feature_layer")
    if type(layers) is not int and not isinstance(layers, list):
        c.refuse("vision_feature_layer", "vision_feature_layer is neither a layer nor a list of layers")
    _several(c, tower, layers)


def _several(c: Config, tower: Draft, layers: int | list[Any]) -> None:
    n = len(layers) if isinstance(layers, list) else 1
    if not n:
        c.refuse("vision_feature_layer", "vision_feature_layer lists no layer")
    if n > 1:
        tower.more["feature_layers"] = n
