"""N-gram tables: rows found by hashes of the last tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from costmodel.verify.reference.parts import Norm, Spec, linear, matrix


class NGrams(nn.Module):
    """Hashes of the last tokens, a table, a gate by the streams, a dilated convolution (transformers' qwen4_exp)."""

    def __init__(self, spec: Spec, width: int, rows: int) -> None:
        super().__init__()
        self.n, self.heads, self.dilation = spec.get("streams", 1), spec["heads"], spec.get("dilation", 1)
        self.table = matrix(rows, spec["width"] // self.heads)
        self.key, self.value = linear(spec["width"], self.n * width), linear(spec["width"], width)
        self.norms = nn.ModuleList(Norm("rms", width, shape=(self.n, width)) for _ in range(3))
        self.taps = matrix(self.n * width, spec["d_conv"])

    def forward(self, tokens: Tensor, streams: Tensor, slot: dict[str, Tensor]) -> Tensor:
        """Return what is added to the streams (B, S, N, d)."""
        ids = torch.stack([tokens * (2 * head + 1) for head in range(self.heads)], -1)  # any hash will do
        found = self.table[ids % len(self.table)].flatten(-2)
        key, query = self.norms[0](self.key(found).unflatten(-1, (self.n, -1))), self.norms[1](streams)
        score = (key * query).mean(-1, keepdim=True)
        gated = torch.sigmoid(score.abs().clamp_min(1e-6).sqrt() * score.sign()) * self.value(found)[..., None, :]
        return gated + self._conv(self.norms[2](gated).flatten(-2), slot).unflatten(-1, (self.n, -1))

    def _conv(self, x: Tensor, slot: dict[str, Tensor]) -> Tensor:
        channels, taps = self.taps.shape
        reach = (taps - 1) * self.dilation
        columns = x.transpose(1, 2)
        old = slot["conv"] if "conv" in slot else columns.new_zeros(len(x), channels, reach)
        whole = torch.cat([old, columns], -1)
        slot["conv"] = whole[..., whole.shape[-1] - reach :].clone()
        out = F.conv1d(whole, self.taps[:, None], groups=channels, dilation=self.dilation)
        return F.silu(out).transpose(1, 2)
