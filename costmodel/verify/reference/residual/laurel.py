"""LAuReL: a low-rank path around a layer."""

from __future__ import annotations

from torch import Tensor, nn

from costmodel.verify.reference.parts import Norm, Spec, linear


class Laurel(nn.Module):
    """A low-rank path and a norm (arXiv:2411.07501)."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.left, self.right = linear(width, spec["rank"]), linear(spec["rank"], width)
        self.norm = Norm("rms", width)

    def forward(self, x: Tensor) -> Tensor:
        """Return x and its low-rank path."""
        return x + self.norm(self.right(self.left(x)))
