"""Attention over a cache: many queries at once (prefill), or one a sequence (decode)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from costmodel.sizes import Size, indicator, maximum, minimum
from costmodel.spans import causal_pairs
from costmodel.timing.fit import Ceilings, Fit, Measured, NonNegative, Numbers, Positive, Shape, Share, Texts, known

_TILE = 128  # queries a block works on
_RAMP = 150_000.0  # bytes a multiprocessor moves before all of them run at full speed
_GROUP = 32  # query heads that share a key head in one block; more run apart
_APART_NS = 11.0  # a head, key of 128 values and multiprocessor, where they run apart
_RESIDENT = 0.5  # of the on-chip memory: a cache below it stays there between replays
_EVEN = 1e4  # keys, where splitting a sequence costs ``split_us``


@dataclass(slots=True)
class AttentionShape(Shape):
    """``batch`` sequences with ``new`` queries each over ``keys`` keys; ``pairs`` of one sequence and head.

    ``window`` 0: none. Bytes a value: queries, cached keys and values; outputs have two.
    """

    batch: Size
    new: Size
    keys: Size
    pairs: Size
    heads: Size
    kv_heads: Size
    qk: Size
    v: Size
    query_width: float
    kv_width: float
    window: Size = 0

    @property
    def flops(self) -> Size:
        """Return scores and weighted sums of the pairs."""
        return 2.0 * self.batch * self.heads * self.pairs * (self.qk + self.v)

    @property
    def bytes(self) -> Size:
        """Return queries, the keys and values they see, and outputs."""
        own = self.new * self.heads * (self.query_width * self.qk + 2.0 * self.v)
        return self.batch * (own + self.kv_width * self.keys * self.kv_heads * (self.qk + self.v))


class PrefillTime(Fit):
    """fixed + (pairs + unfinished last wave) x pair + rows x row / units + B / (memory W).

    pair = 2 (qk + v) / (compute P) + softmax / units: a query, key and head. ``softmax_ps``: the
    exponential of one score on one multiprocessor. ``row_ns``: one query and head on one
    multiprocessor (rotation, writing the cache, normalising). ``tail``: the part of a block of
    128 queries over all keys for which multiprocessors wait at the end.
    """

    family: ClassVar[str] = "attention_prefill"
    start: ClassVar[Mapping[str, float]] = {
        "fixed_us": 15.0, "compute": 0.7, "memory": 0.5, "softmax_ps": 20.0, "row_ns": 40.0, "tail": 0.5,
    }  # fmt: skip
    most: ClassVar[Mapping[str, float]] = {"compute": 1.0, "memory": 1.0}

    fixed_us: Positive
    compute: Share
    memory: Share
    softmax_ps: NonNegative = 0.0
    row_ns: NonNegative = 0.0
    tail: NonNegative = 0.0

    def time_us(self, shape: AttentionShape, ceilings: Ceilings) -> Size:
        """Return the time of one attention."""
        units = ceilings.units or 1.0
        pair = 2.0 * (shape.qk + shape.v) / (self.compute * ceilings.flop_per_us) + self.softmax_ps * 1e-6 / units
        heads = shape.batch * shape.heads
        # A windowed block computes the whole tile at the window's edge.
        edge = indicator(shape.window > 0) * indicator(shape.keys > shape.window + _TILE) * _TILE * shape.new
        seen = shape.keys - indicator(shape.window > 0) * maximum(0, shape.keys - shape.window)
        waiting = self.tail * _TILE * seen * units
        work = (heads * (shape.pairs + edge) + waiting) * pair
        rows = heads * shape.new * self.row_ns * 1e-3 / units
        return self.fixed_us + work + rows + shape.bytes / (self.memory * ceilings.bytes_per_us)


class DecodeTime(Fit):
    """fixed + split x sqrt(keys/10^4) + ramp x B' / (B' + 150 kB) + row x batch x heads / units + B / (memory W).

    B' are the bytes of one multiprocessor. ``split_us``: cutting a sequence into parts and merging
    them balances at the square root. ``ramp_us``: until every multiprocessor is busy. ``row_us``: one
    sequence and head. ``whole_ps``: a key value where every query head has its own key head and
    the kernel leaves the matrix units (cached in fp8). ``chain_ns``: a key of 128 values where key heads
    are shared and the kernel reads a sequence in turn, not in parts. ``resident``: bandwidth, of the
    memory's, of a cache that stays on the chip from one replay to the next. More than 32 query heads to a key head run
    apart, 11 ns a key.
    """

    family: ClassVar[str] = "attention_decode"
    start: ClassVar[Mapping[str, float]] = {
        "fixed_us": 9.0, "memory": 0.9, "row_us": 0.3, "split_us": 3.0, "ramp_us": 4.0, "whole_ps": 50.0,
        "chain_ns": 5.0, "resident": 2.0,
    }  # fmt: skip
    most: ClassVar[Mapping[str, float]] = {"memory": 1.0, "resident": 20.0}

    fixed_us: Positive
    memory: Share
    row_us: NonNegative = 0.0
    split_us: NonNegative = 0.0
    ramp_us: NonNegative = 0.0
    whole_ps: NonNegative = 0.0
    chain_ns: NonNegative = 0.0
    resident: Positive | None = None

    def time_us(self, shape: AttentionShape, ceilings: Ceilings) -> Size:
        """Return the time of one attention."""
        units = ceilings.units or 1.0
        moved = shape.bytes
        core = moved / (self.memory * ceilings.bytes_per_us)
        if self.resident and self.resident > self.memory and ceilings.on_chip:
            cached = minimum(1.0, maximum(0.0, 2.0 - moved / (_RESIDENT * ceilings.on_chip)))
            core = core * (1.0 - cached * (1.0 - self.memory / self.resident))
        if self.chain_ns:
            shared = indicator(shape.heads > shape.kv_heads) * indicator(shape.heads <= _GROUP * shape.kv_heads)
            core = maximum(core, shared * self.chain_ns * 1e-3 * shape.keys * shape.qk / _TILE)
        if self.whole_ps:
            own = indicator(shape.heads == shape.kv_heads)
            values = shape.batch * shape.kv_heads * shape.keys * (shape.qk + shape.v)
            core = maximum(core, own * self.whole_ps * 1e-6 * values / units)
        each = moved / units
        rows = shape.batch * shape.heads
        apart = indicator(shape.heads > _GROUP * shape.kv_heads) * _APART_NS * 1e-3 * shape.keys * shape.qk / _TILE
        return (
            self.fixed_us
            + self.split_us * (shape.keys / _EVEN) ** 0.5
            + self.ramp_us * each / (each + _RAMP)
            + rows * (self.row_us + apart) / units
            + core
        )


_WIDTH: Mapping[str, float] = {"bfloat16": 2.0, "float16": 2.0, "fp8": 1.0, "int8": 1.0}


def measured(texts: Texts, n: Numbers) -> Measured:
    """Return rows of a file: ``isl`` new tokens after ``step`` cached ones; one new token is decode.

    Judged: head dims of 64 or 128, no window, 512 tokens or more. An fp8 cache is read by kernels
    that multiply fp8 where the device does, whatever format the queries have.
    """
    query, kv = (known(_WIDTH, texts[name], name) for name in ("attn_dtype", "kv_cache_dtype"))
    phase = texts["phase"]
    multiplies = "fp8" if "fp8" in (texts["attn_dtype"], texts["kv_cache_dtype"]) else "bf16"
    key = "bf16-fp8" if phase == "prefill" and texts["attn_dtype"] != "fp8" and multiplies == "fp8" else multiplies
    new, cached, window, width = n["isl"], n["step"], n["window_size"], n["head_dim"]
    context = cached + new
    limit = window + (window == 0) * context
    pairs = causal_pairs(new, cached, limit)
    shape = AttentionShape(
        n["batch_size"], new, minimum(context, limit + new - 1), pairs, n["num_heads"], n["num_key_value_heads"],
        width, width, 2.0 if phase == "decode" else query, kv, window,
    )  # fmt: skip
    judged = ((width == 64) | (width == 128)) & (window == 0) & (context >= 512)
    return Measured(f"{phase}:{key}", multiplies, shape, judged)


def phase(row: Texts) -> str:
    """Return decode for one new token after others, else prefill."""
    return "decode" if row["isl"] == "1" and row["step"] != "0" else "prefill"


FITS: Mapping[str, type[Fit]] = {"decode": DecodeTime, "prefill": PrefillTime}
