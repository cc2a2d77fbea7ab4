"""What most towers have in common: an image cut into patches, attention both ways, plain networks."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

from costmodel.importers.config import Config
from costmodel.importers.draft import Part
from costmodel.importers.harmless import LEARNED
from costmodel.importers.parts import ALL, attention, changed

VIDEO: dict[str, Any] = {"channels": "in_channels", "frames": "temporal_patch_size"}
_PATCHES = 32  # along a side of an image, where no key says how large one is


def grid(c: Config, channels: str = "num_channels") -> dict[str, Any]:
    """Return the fields of an image and its patches, which are square."""
    fields = {"image_size": c.count("image_size"), "patch_size": c.count("patch_size")}
    if fields["patch_size"] > fields["image_size"]:
        c.refuse("patch_size", "a patch is larger than the image")
    return fields | others(c, channels)


def others(c: Config, channels: str) -> dict[str, Any]:
    """Return the fields of a patch beside its size."""
    n = c.count(channels)
    return {} if n == 3 else {"channels": n}


def side(fields: dict[str, Any]) -> int:
    """Return the patches along one side of an image."""
    return int(fields["image_size"] // fields["patch_size"])


def free_grid(
    c: Config, unit: int, rows: int = 0, *, channels: str | None = "num_channels", frames: str | None = None
) -> tuple[dict[str, Any], str]:
    """Return the fields of an image of any size, and a remark: the size is ours.

    It is as large as the table of positions, of ``rows`` of them, where that is a square; else it has
    about 32 patches a side. ``unit``: patches along a side that become one, or see each other.
    ``channels`` and ``frames`` are the keys of these; None: three, and one.
    """
    patch, depth = c.count("patch_size"), c.count(frames) if frames else 1
    across = isqrt(rows)
    if not across or across * across != rows or across % unit:
        across = -(-_PATCHES // unit) * unit
    fields = {"image_size": patch * across, "patch_size": patch} | ({"frames": depth} if depth > 1 else {})
    remark = f"images have any size, and here {fields['image_size']} x {fields['image_size']}"
    return fields | (others(c, channels) if channels else {}), remark


def look(
    c: Config,
    name: str = "attention",
    *,
    heads: str = "num_attention_heads",
    width: str = "hidden_size",
    kv_heads: int | None = None,
    bias: Sequence[str] = ALL,
    **more: Any,
) -> Part:
    """Return attention in which patches see each other; heads share the whole width."""
    n, d_model = c.count(heads), c.count(width)
    if d_model % n:
        c.refuse(heads, f"{width} {d_model} is not a multiple of {heads} {n}")
    part = attention(c, name, heads=n, kv_heads=kv_heads or n, head_dim=d_model // n, bias=bias, **more)
    return changed(part, causal=False)


def activation(c: Config, key: str, missing: str | None = None) -> str:
    """Return the name of an activation, which learns nothing; ``missing`` where the class's default is not noted."""
    name: str = c.word(key, missing) if missing else c.word(key)
    if name in LEARNED:
        c.refuse(key, f"{key} {name} learns numbers, which is not understood")
    return name
