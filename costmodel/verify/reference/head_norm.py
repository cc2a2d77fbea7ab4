"""A norm on the heads of queries, keys or outputs."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .parts import Norm, heads, merged


def head_norm(spec: Any, n_heads: int, width: int) -> Norm | None:
    """Return the norm on queries or keys that a spec asks for."""
    if spec is None:
        return None
    spec = {"shape": spec} if isinstance(spec, str) else spec
    kind, bias = spec.get("kind", "rms"), spec.get("bias", False)
    if spec["shape"] == "l2":
        return Norm("none", width)
    if spec["shape"] == "full":
        return Norm(kind, n_heads * width, bias=bias)
    return Norm(kind, width, bias=bias, shape=(n_heads, 1, width) if spec["shape"] == "heads" else (width,))


def apply_norm(norm: Norm | None, x: Tensor) -> Tensor:
    """Normalise x (B, heads, S, width), over all heads together where the norm is that wide."""
    if norm is None:
        return x
    if norm.width != x.shape[-1]:
        return heads(norm(merged(x)), x.shape[1])
    return norm(x)
