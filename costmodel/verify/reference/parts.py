"""What the reference model is made of: norms, tensors, masks, one softmax attention, a cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .log import Log

Spec = dict[str, Any]


class Slot(dict[str, Tensor]):
    """The tensors of one place, and the bytes of them that a step read and wrote, as far as modules say.

    Of a state and of the columns of a convolution nobody says it: where a step asks for them, all are
    read and written.
    """

    read = written = 0
    asked = False


@dataclass
class Cache:
    """Exactly what has to be kept between steps: named tensors for every place that keeps any."""

    length: int = 0
    source_length: int = 0
    slots: dict[Any, Slot] = field(default_factory=dict)

    def slot(self, key: Any) -> Slot:
        """Return the tensors of one place; empty at the start."""
        found = self.slots.setdefault(key, Slot())
        found.asked = True
        return found

    def moved(self) -> dict[Any, int]:
        """Return the bytes that were read and written in every place since this was asked last, attention apart."""
        found = {}
        for key, slot in self.slots.items():
            states = sum(tensor.nbytes for name, tensor in slot.items() if name.startswith(("state", "conv")))
            found[key] = slot.read + slot.written + 2 * states * slot.asked
            slot.read, slot.written, slot.asked = 0, 0, False
        return found

    def tensors(self, kinds: tuple[str, ...] = ()) -> list[Tensor]:
        """Return all tensors, or those whose names begin with one of ``kinds``."""
        return [t for slot in self.slots.values() for name, t in slot.items() if not kinds or name.startswith(kinds)]


@dataclass
class Step:
    """One forward pass: its choices, what it has of earlier steps, and what it did."""

    cache: Cache
    new: int
    past: int
    mla: str = "expanded"
    padded: bool = False
    last_only: bool = False
    x0: Tensor | None = None
    source: Tensor | None = None
    source_past: int = 0
    seen: Tensor | None = None  # source tokens that there are as each query comes, where they grow with the queries
    loop: int = 0
    prefix: int = 0  # first tokens of the sequence that a block may see otherwise
    shared: dict[str, Any] = field(default_factory=dict)  # block name -> what later blocks read of it
    log: Log = field(default_factory=Log)
    executed_pairs: int = 0  # FLOPs of all scores and sums that were computed
    full_pairs: Any = 0  # the same for every query against every resident key: in expectation, under ``keep``
    useful_pairs: Any = 0  # the same for the ones in the masks
    dropped: int = 0  # FLOPs of rows beyond a fixed capacity, which a real run would not compute
    router: dict[Any, Tensor] = field(default_factory=dict)
    sticky: bool = False  # every loop chooses the experts that the first one chose

    @property
    def positions(self) -> Tensor:
        """Return the positions of the new tokens."""
        return torch.arange(self.past, self.past + self.new)


class Block(nn.Module):
    """One mechanism: built from the fields of a block and the width of the stream.

    ``forward(x, step, key)`` maps x (B, S, width) of the new tokens to what is added to the stream;
    ``step.cache.slot(key)`` has what earlier steps left here, and gets what later ones need.
    """


class Norm(nn.Module):
    """A normalisation over the last axis; ``shape`` is the weight's. ``kinds``: the tokens' take turns."""

    def __init__(
        self, kind: str, width: int, *, bias: bool = True, shape: tuple[int, ...] | None = None, kinds: int = 1
    ) -> None:
        super().__init__()
        self.kind, self.width, self.kinds = kind, width, kinds
        shape = shape or ((width,) if kinds == 1 else (kinds, width))
        if kind != "none":
            self.weight = nn.Parameter(1 + 0.1 * torch.randn(shape))
        if kind == "layer" and bias:
            self.bias = nn.Parameter(0.1 * torch.randn(shape))
        for parameter in self.parameters() if kinds > 1 else ():
            parameter.keep = Fraction(1, kinds)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        if self.kind == "layer":
            x = F.layer_norm(x, x.shape[-1:])
        else:
            x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)
        kind = slice(None) if self.kinds == 1 else torch.arange(x.shape[1]) % self.kinds
        if self.kind != "none":
            x = x * self.weight[kind]
        return x + self.bias[kind] if hasattr(self, "bias") else x


def matrix(*shape: int) -> nn.Parameter:
    """Return a weight whose last axis is summed over."""
    return nn.Parameter(torch.randn(shape) / math.sqrt(shape[-1]))


def stack(*shape: int) -> nn.Parameter:
    """Return a stack of weights along the first axis, of which one token uses some."""
    weight = matrix(*shape)
    weight.stacked = True
    return weight


class Linear(nn.Linear):
    """A projection of all rows by one product, its bias included."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., d_out) of (..., d_in)."""
        return super().forward(x.flatten(0, -2)).unflatten(0, x.shape[:-1])


def linear(d_in: int, d_out: int, bias: bool = False) -> nn.Linear:
    """Return a projection with small random values."""
    layer = Linear(d_in, d_out, bias=bias)
    nn.init.normal_(layer.weight, std=d_in**-0.5)
    if bias:
        nn.init.normal_(layer.bias, std=0.1)
    return layer


def grouped(x: Tensor, weight: Tensor) -> Tensor:
    """Return a product by group: x (B, g, S, in) and weight (g, in, out) -> (B, g, S, out)."""
    batch, groups, new, _ = x.shape
    out = torch.bmm(x.transpose(0, 1).reshape(groups, batch * new, -1), weight)
    return out.unflatten(1, (batch, new)).transpose(0, 1)


def by_expert(rows: Tensor, expert: Tensor, compute: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Return what ``compute(e, its rows)`` makes of the rows of every expert that has any, in their order.

    rows (N, in), expert (N,): the expert of every row.
    """
    places = {e: (expert == e).nonzero()[:, 0] for e in expert.unique().tolist()}
    made = torch.cat([compute(e, rows[at]) for e, at in places.items()])
    return torch.zeros_like(made).index_copy(0, torch.cat(list(places.values())), made)


def heads(x: Tensor, n: int) -> Tensor:
    """Split the last axis of (B, S, n*k) into heads: (B, n, S, k)."""
    return x.unflatten(-1, (n, -1)).transpose(1, 2)


def merged(x: Tensor) -> Tensor:
    """Undo ``heads``."""
    return x.transpose(1, 2).flatten(-2)


def kept_positions(context: int, window: int | None, sinks: int = 0) -> list[int]:
    """Return the positions kept after ``context`` tokens: the first ``sinks`` and the last ``window``."""
    if window is None:
        return list(range(context))
    return sorted({*range(min(sinks, context)), *range(max(0, context - window), context)})


def resident_positions(past: int, window: int | None, sinks: int = 0) -> list[int]:
    """Return the positions left by earlier steps that the next token can still see."""
    if window is None:
        return list(range(past))
    return sorted({*range(min(sinks, past)), *range(max(0, past - window + 1), past)})


class Span:
    """Which keys a query sees, told position by position."""

    def __init__(self, block: dict[str, Any]) -> None:
        self.window, self.chunk = block.get("window"), block.get("chunk")
        self.sinks, self.causal = block.get("sink_tokens", 0), block.get("causal", True)
        self.limit, self.ahead = self.chunk or self.window, block.get("ahead", 0)
        self.block, self.prefix = block.get("block_size"), block.get("prefix")

    def mask(self, queries: Tensor, keys: Tensor, prefix: int = 0) -> Tensor:
        """Return the (query, key) pairs that may attend; the first ``prefix`` tokens are the prefix."""
        q, k = queries[:, None], keys[None, :]
        if self.block:
            return k // self.block <= q // self.block
        if not self.causal and not self.ahead:
            return q // self.chunk == k // self.chunk if self.chunk else torch.ones_like(q * k, dtype=torch.bool)
        seen = k - q <= self.ahead
        if self.window:
            seen &= (q - k < self.window) | (k < self._held(prefix))
        if self.chunk:
            seen &= q // self.chunk == k // self.chunk
        return seen | ((q < prefix) & (k < prefix)) if self.prefix == "bidirectional" else seen

    def _held(self, prefix: int) -> int:
        """Return how many first tokens are never dropped."""
        return prefix if self.prefix == "kept" else int(self.sinks)

    def extend(self, step: Step, slot: Slot, fresh: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return resident and new tensors together with their positions, and keep what must be kept.

        Tensors are (B, positions, ...).
        """
        sinks = self._held(step.prefix)
        held = kept_positions(step.past, self.limit, sinks)
        resident = resident_positions(step.past, self.limit, sinks)
        take = torch.tensor([held.index(p) for p in resident], dtype=torch.long)
        both, every = {}, torch.tensor(resident + list(range(step.past, step.past + step.new)), dtype=torch.long)
        keep = kept_positions(step.past + step.new, self.limit, sinks)
        for name, tensor in fresh.items():
            old = slot.get(name)
            # A window of W keeps W tokens, of which the oldest is out of sight of the next one.
            whole = tensor if old is None else torch.cat([old, tensor], 1)
            at = held + list(range(step.past, step.past + step.new)) if old is not None else every.tolist()
            both[name] = tensor if old is None else torch.cat([old[:, take], tensor], 1)
            slot[name] = whole[:, torch.tensor([at.index(p) for p in keep], dtype=torch.long)].clone()
            slot.written += tensor[:, : sum(p >= step.past for p in keep)].nbytes
        return both, every


def attend(
    step: Step,
    key: Any,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor,
    *,
    sinks: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Return softmax(q k^T) v for q (B, H, S, k), k (B, G, K, k) and v (B, G, K, v)."""
    batch, n_heads, new, width = q.shape
    scores = shared_product(q, k.transpose(-1, -2)) / math.sqrt(width)
    tally(step, batch, n_heads, mask, width + v.shape[-1], new * k.shape[2])
    if bias is not None:
        scores = scores + bias
    scores = scores.masked_fill(~(mask if mask.dim() == 2 else mask[:, None]), -1e9)
    if sinks is not None:
        one_a_head = sinks[None, :, None] if sinks.dim() == 1 else sinks.transpose(1, 2)
        scores = torch.cat([scores, one_a_head[..., None].expand(batch, -1, new, 1)], -1)
    weights = scores.float().softmax(-1).to(v.dtype)
    out = shared_product(weights[..., : k.shape[2]], v)
    step.log.attend(key, q, k, v, out, picked=mask.dim() == 3)
    return out


def shared_product(x: Tensor, shared: Tensor) -> Tensor:
    """Return x (B, H, S, a) times shared (B, G, a, b): consecutive heads share one, which is read once."""
    batch, n_heads, new, _ = x.shape
    groups = shared.shape[1]
    together = x.reshape(batch, groups, n_heads // groups * new, x.shape[-1]) @ shared
    return together.reshape(batch, n_heads, new, shared.shape[-1])


def tally(step: Step, batch: int, n_heads: int, mask: Tensor, widths: int, pairs: int) -> None:
    """Remember the FLOPs of a score matrix as executed, and those of the ones in its mask."""
    ones = int(mask.sum()) * (batch if mask.dim() == 2 else 1)
    step.executed_pairs += 2 * batch * n_heads * pairs * widths
    step.full_pairs += 2 * batch * n_heads * pairs * widths
    step.useful_pairs += 2 * n_heads * ones * widths


def conv(
    weight: Tensor, bias: Tensor | None, x: Tensor, slot: dict[str, Tensor], name: str, *, exact: bool = False
) -> Tensor:
    """Return a causal depthwise convolution of x (B, S, channels); keep its last ``d_conv`` columns.

    ``exact``: in fp32, what is kept included.
    """
    if exact:
        return conv(weight.float(), None, x.float(), slot, name).to(x.dtype)
    channels, taps = weight.shape
    old = slot.get(name)
    columns = x.transpose(1, 2)
    if old is None:
        old = columns.new_zeros(x.shape[0], channels, taps)
    whole = torch.cat([old, columns], -1)
    slot[name] = whole[..., -taps:].clone()
    seen = whole[..., whole.shape[-1] - x.shape[1] - taps + 1 :]
    return F.conv1d(seen, weight[:, None], bias, groups=channels).transpose(1, 2)


def silu(x: Tensor) -> Tensor:
    """Return a smooth activation: nothing is exactly zero, so every weight has a gradient."""
    return F.silu(x)
