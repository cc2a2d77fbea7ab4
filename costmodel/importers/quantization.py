"""``quantization_config`` -> the dtype recipe of ``--dtype`` that stores weights the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_ALGORITHM = {"FP8": "fp8", "NVFP4": "nvfp4", "MXFP4": "mxfp4", "MXFP8": "mxfp8"}

_FLOATS: Mapping[tuple[object, object], str] = {(8, None): "fp8", (4, 16): "nvfp4", (4, 32): "mxfp4"}


def recipe(found: object) -> str | None:
    """Return a recipe such as ``weights=fp8``, or None where no format of ours is that of the weights.

    Which modules are left unquantised is not followed: embedding, head, router and norms keep bf16
    in every recipe.
    """
    if not isinstance(found, Mapping):
        return None
    method = str(found.get("quant_method", "")).lower()
    if method == "mxfp4":  # the experts alone, as gpt-oss is published
        return "experts=mxfp4"
    name = _format(method, found)
    return f"weights={name}" if name else None


def _format(method: str, found: Mapping[str, Any]) -> str | None:
    """Return the format of the weights."""
    if method in ("fp8", "fbgemm_fp8"):
        return "fp8"
    if method == "bitsandbytes":
        return "int8" if found.get("load_in_8bit") else None
    if method in ("gptq", "awq"):
        return _integer(found.get("bits"), found.get("group_size"))
    if method == "modelopt":
        return _BY_ALGORITHM.get(str(found.get("quant_algo", "")).upper())
    if method == "compressed-tensors":
        groups = found.get("config_groups")
        first = next(iter(groups.values()), None) if isinstance(groups, Mapping) and len(groups) == 1 else None
        weights = first.get("weights") if isinstance(first, Mapping) else None
        if isinstance(weights, Mapping):
            bits, group = weights.get("num_bits"), weights.get("group_size")
            if weights.get("type") == "float":
                return next((name for kind, name in _FLOATS.items() if kind == (bits, group)), None)
            return _integer(bits, group)
    return None


def _integer(bits: object, group: object) -> str | None:
    """Return the integer format of so many bits and values to a scale factor."""
    if bits == 8:
        return "int8"
    return "int4" if (bits, group) == (4, 128) else None
