"""Short clips of sound for the small specs of audio towers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Spec = dict[str, Any]


def side_of(tower: Mapping[str, Any]) -> int:
    """Return the tokens along an axis that the projector of a tower makes one of."""
    steps = tower.get("projector", [])
    return math.prod(step.get("pool") or step.get("merge") or step.get("stride") or 1 for step in steps)


def short_clip(tower: Mapping[str, Any], source: Mapping[str, Any], tokens: int) -> tuple[Spec, int]:
    """Return the frames of a clip whose pieces give so many tokens each through ``source``, and its tokens.

    There are two pieces where the tower has several. Where strides do not divide its frames they do
    not divide these.
    """
    frames, stride = tokens, 1
    for step in reversed(source.get("convolutions", [])):
        kernel, by = (_in_time(step, key) for key in ("kernel", "stride"))
        frames, stride = frames * by + (0 if step.get("padding", True) else kernel - by), stride * by
    piece, whole = tower.get("piece"), tower["frames"]
    before = math.prod(_in_time(step, "stride") for step in tower["input"].get("convolutions", []))
    if stride > 1 and (piece or whole) % before:
        frames -= 1  # the last position stands for fewer than the others
    pieces = min(2, whole // piece) if piece else 1
    return {"frames": pieces * frames} | ({"piece": frames} if piece else {}), pieces * tokens


def _in_time(step: Mapping[str, Any], key: str) -> int:
    """Return the kernel or the stride of a convolution along its first axis."""
    value = step.get(key, 1)
    found: int = value[0] if isinstance(value, list) else value
    return found
