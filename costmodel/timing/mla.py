"""Latent attention: absorbed (every head reads one shared latent) or over expanded keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from costmodel.sizes import Size, ceil_div, maximum
from costmodel.spans import causal_pairs
from costmodel.timing.attention import AttentionShape
from costmodel.timing.fit import Ceilings, Fit, Measured, NonNegative, Numbers, Positive, Share, Texts

_HEADS = 64  # heads that a block works on, filled or not
_RAMP = 100_000.0  # bytes a multiprocessor moves before all of them run at full speed
_EVEN = 1e4
_TILE = 128
# DeepSeek-V3's dims, which all measured rows have: latent, rope, nope, value (arXiv:2412.19437, section 4.2).
RANK, ROPE, NOPE, VALUE = 512, 64, 128, 128


class AbsorbedTime(Fit):
    """fixed + split x sqrt(keys/10^4) + ramp x B' / (B' + 100 kB) + row x batch x heads / units + max(compute, memory).

    compute = F / (compute P), memory = B / (memory W). F of whole blocks of 64 heads; B' are the
    bytes of one multiprocessor. ``chain_ns``: a key, where the kernel reads a sequence in turn (two
    blocks at most share a multiprocessor). The other terms as for attention with one query a sequence.
    """

    family: ClassVar[str] = "mla_absorbed"
    start: ClassVar[Mapping[str, float]] = {
        "fixed_us": 12.0, "compute": 0.6, "memory": 0.9, "row_us": 0.15, "split_us": 3.5, "ramp_us": 3.0,
        "chain_ns": 5.0,
    }  # fmt: skip
    most: ClassVar[Mapping[str, float]] = {"compute": 1.0, "memory": 1.0}

    fixed_us: Positive
    compute: Share
    memory: Share
    row_us: NonNegative = 0.0
    split_us: NonNegative = 0.0
    ramp_us: NonNegative = 0.0
    chain_ns: NonNegative = 0.0

    def time_us(self, shape: AttentionShape, ceilings: Ceilings) -> Size:
        """Return the time of one attention."""
        units = ceilings.units or 1.0
        moved = shape.bytes
        heads = ceil_div(shape.heads, _HEADS) * _HEADS
        flops = shape.flops / shape.heads * heads
        each = moved / units
        compute = flops / (self.compute * ceilings.flop_per_us)
        memory = moved / (self.memory * ceilings.bytes_per_us)
        waves = maximum(1.0, 2.0 * shape.batch * shape.new * heads / _HEADS / units)
        chain = self.chain_ns * 1e-3 * shape.keys * waves
        return (
            self.fixed_us
            + self.split_us * (shape.keys / _EVEN) ** 0.5
            + self.ramp_us * each / (each + _RAMP)
            + self.row_us * shape.batch * shape.new * shape.heads / units
            + maximum(maximum(compute, memory), chain)
        )


class ExpandedTime(Fit):
    """fixed + (pairs + unfinished last wave) x 2 (qk + v) / (compute P) + B / (memory W).

    ``tail``: the part of a block of 128 queries over all keys for which multiprocessors wait.
    """

    family: ClassVar[str] = "mla_expanded"
    start: ClassVar[Mapping[str, float]] = {"fixed_us": 16.0, "compute": 0.7, "memory": 0.6, "tail": 0.6}
    most: ClassVar[Mapping[str, float]] = {"compute": 1.0, "memory": 1.0}

    fixed_us: Positive
    compute: Share
    memory: Share
    tail: NonNegative = 0.0

    def time_us(self, shape: AttentionShape, ceilings: Ceilings) -> Size:
        """Return the time of one attention."""
        pair = 2.0 * (shape.qk + shape.v) / (self.compute * ceilings.flop_per_us)
        waiting = self.tail * _TILE * shape.keys * (ceilings.units or 1.0)
        work = (shape.batch * shape.heads * shape.pairs + waiting) * pair
        return self.fixed_us + work + shape.bytes / (self.memory * ceilings.bytes_per_us)


class AbsorbedShape(AttentionShape):
    """Absorbed latent attention: keys and values are one vector, read once."""

    __slots__ = ()

    @property
    def bytes(self) -> Size:
        """Return queries, latents with their rotated keys, and outputs."""
        own = self.new * self.heads * (self.query_width * self.qk + 2.0 * self.v)
        return self.batch * (own + self.kv_width * self.keys * self.qk)


def absorbed_shape(
    batch: Size, new: Size, keys: Size, pairs: Size, heads: Size, rank: Size, rope: Size, width: float
) -> AbsorbedShape:
    """Return the sizes of absorbed attention over latents of ``rank`` and keys of ``rope`` values."""
    return AbsorbedShape(batch, new, keys, pairs, heads, 1, rank + rope, rank, 2.0, width)


def measured(texts: Texts, n: Numbers) -> Measured:
    """Return rows of a file; all are judged. One new token is absorbed, several are expanded.

    The absorbed kernel multiplies fp8 where the cache holds it, the expanded one bf16.
    """
    key, width = ("fp8", 1.0) if texts["kv_cache_dtype"] == "fp8" else ("bf16", 2.0)
    batch, new, heads, step = n["batch_size"], n["isl"], n["num_heads"], n["step"]
    pairs, every = causal_pairs(new, step), heads > 0
    if texts["phase"] == "decode":
        # One latent and one rotated key for all heads; the value is the latent itself.
        shape = absorbed_shape(batch, new, step + new, pairs, heads, RANK, ROPE, width)
        return Measured(f"decode:{key}", key, shape, every)
    expanded = AttentionShape(batch, new, step + new, pairs, heads, heads, NOPE + ROPE, VALUE, 2.0, 2.0)
    return Measured(f"prefill:{key}", "bf16", expanded, every)


FITS: Mapping[str, type[Fit]] = {"decode": AbsorbedTime, "prefill": ExpandedTime}
