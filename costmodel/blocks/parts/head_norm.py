"""A norm on the heads of queries, keys or outputs."""

from __future__ import annotations

from typing import Literal

from costmodel.block import Model
from costmodel.ops import Op
from costmodel.site import Site
from costmodel.sizes import Size

NormShape = Literal["head", "full", "heads", "l2"]


class HeadNorm(Model):
    """A norm on the heads of queries and keys, or of the output.

    ``shape``: ``head`` one weight of head_dim for all heads; ``heads`` one for every head
    (n, head_dim); ``full`` one over all heads together; ``l2`` no weight. ``kind`` rms or layer
    (mean subtracted); ``bias`` as layer norms may have.
    """

    shape: NormShape
    kind: Literal["rms", "layer"] = "rms"
    bias: bool = False

    def lower(self, at: Site, name: str, n_heads: Size, head_dim: Size) -> Op:
        """Return the norm of ``n_heads`` vectors of ``head_dim`` a token."""
        if self.shape == "full":
            return at.norm(name, n_heads * head_dim, kind=self.kind, bias=self.bias)
        if self.shape == "l2":
            return at.norm(name, head_dim, count=n_heads, kind="none")
        shape = (head_dim,) if self.shape == "head" else (n_heads, head_dim)
        return at.norm(name, head_dim, count=n_heads, kind=self.kind, bias=self.bias, shape=shape)


def head_norm(value: HeadNorm | NormShape | None) -> HeadNorm | None:
    """Return the norm that a field means, which may be its shape alone."""
    return HeadNorm(shape=value) if isinstance(value, str) else value
