"""MiniCPM-V: patches are merged in the middle of the tower, and again behind it."""

from __future__ import annotations

from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft, Layer, Part
from costmodel.importers.parts import changed, ffn
from costmodel.importers.towers.parts import free_grid, look
from costmodel.importers.towers.patches import merge_kernel

Spec = dict[str, Any]


def minicpm(c: Config) -> Draft:
    """Read MiniCPM-V 4.6: SigLIP's layers; the table of positions is shared out over images of any size."""
    c.get("insert_layer_id")  # the wrapper's, which its class writes here
    across = c.count("image_size") // c.count("patch_size")
    fields, remark = free_grid(c, 4, across * across)
    fields |= {"d_model": c.count("hidden_size"), "patch_bias": True, "positions": across * across}
    layer = [look(c, rope=False), ffn(c, gated=False, bias=True)]
    return Draft(fields, [layer] * c.count("num_hidden_layers"), remarks=[remark])


def projector(c: Config, tower: Draft, width: int) -> None:
    """Read what merges patches: a step in the middle of the tower unless "4x" is asked for, and rounds behind it.

    In the middle squares of patches look at each other in one more layer, and two matrices make one of
    them; the mean that is added to it costs nothing that is counted. The other layers work on a quarter
    of the patches. With "4x" the step in the middle is there and passed by, and not counted.
    """
    inside, after = c.parts[-1], c.natural("insert_layer_id") + 1
    inside.require("window_kernel_size", [2, 2], why="is no square of two patches")
    for key in ("image_size", "drop_vision_last_layer"):
        c.get(key)
    if merge_kernel(c) != 2:
        c.refuse("merge_kernel_size", "the matrices behind the tower are made for four patches")
    d_model, steps = tower.fields["d_model"], []
    if c.require("downsample_mode", "16x", "4x") == "16x":
        steps = _in_the_middle(inside, tower, after)
    for turn in range(times := c.count("merger_times")):
        out = width if turn == times - 1 else d_model
        steps += [{"merge": 2}, {"norm": "layer"}, _linear(4 * d_model, "gelu"), _linear(out)]
    tower.more["projector"] = steps


def _in_the_middle(c: Config, tower: Draft, after: int) -> list[Spec]:
    """Cut the tower behind so many layers; return what stands there, and its other layers."""
    below, above = list(tower.layers[:after]), tower.layers[after:]
    if len(below) < after:
        c.refuse("num_hidden_layers", f"patches are merged behind layer {after}, and there is none")
    mixer = below[0][0]
    assert isinstance(mixer, Part)
    near: Layer = [Part("window", changed(mixer, chunk=4).fields)]
    tower.layers = [*below, near]
    tower.fields["norm"] = {"kind": "layer", "final": False}
    width = tower.fields["d_model"]
    steps: list[Spec] = [
        {"merge": 2},
        {"norm": "layer"},
        _linear(4 * c.count("intermediate_size"), "gelu"),
        _linear(width),
    ]
    others: Spec = {"layers": tower.inner({"norm": {"kind": "layer"}}, above)} if above else {"norm": "layer"}
    return [*steps, others]


def _linear(columns: int, act: str | None = None) -> Spec:
    return {"linear": columns, "bias": True} | ({"activation": act} if act else {})
