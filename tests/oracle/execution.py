"""What transformers 5.23 runs or keeps beside the architecture's own work: closed forms with reasons.

archcalc counts what an architecture needs, or what the kernels that engines use execute. The
reference implementation differs in the few ways written here. Each function returns torch's count
less ours, for one operation or one state, and its docstring says why they differ. There is no other
allowance in these tests: every comparison is an equality of integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

from costmodel.architecture import Architecture
from costmodel.figures import CacheRow
from costmodel.ops import Attend, Conv, Experts, Op, Project, Scan
from costmodel.workload import Workload

Routed = Iterable[tuple[str, Counter[int]]]
Products = Counter[tuple[int, ...]]
FP32 = 4


def block_of(architecture: Architecture, path: str) -> Any:
    """Return the block, or the feature, whose operation or state stands at a path (layers.NAME.rest)."""
    name = path.split(".")[1]
    return architecture.blocks[name] if name in architecture.blocks else architecture.features[name]


# FLOPs of one operation


def padded_convolution(op: Conv, load: Workload) -> int:
    """Causal convolutions are ``conv1d`` with padding on both sides, cut to length afterwards.

    A first step computes d_conv - 1 columns that are thrown away; with a cache, one that is shorter
    than d_conv is filled up to it before. Later steps of several tokens put
    the d_conv kept columns in front and pad again; a step of one token does not pad, but computes
    the column before it once more.
    """
    if not load.cached_tokens:
        extra = op.d_conv - 1 + max(0, op.d_conv - load.new_tokens)
    elif load.new_tokens > 1:
        extra = 2 * op.d_conv - 1
    else:
        extra = 1
    return 2 * op.runs * op.width * op.per_group * op.d_conv * load.batch * extra


def columns_again(op: Conv, _load: Workload, block: Any) -> int:
    """CCA keeps columns before both convolutions, and computes the first one again for what the second one sees."""
    return 2 * op.runs * op.width * op.d_conv * _load.batch * (block.d_conv_heads - 1) if op.per_group == 1 else 0


def summed_columns(op: Conv, load: Workload, _block: Any) -> int:
    """RG-LRU's convolution is padded on both sides at every step, what is cached ignored; for one token it is a sum."""
    extra = op.d_conv - 1 if load.new_tokens > 1 else -1
    return 2 * op.runs * op.width * op.per_group * op.d_conv * load.batch * extra


def taps_of_each_token(op: Conv, _load: Workload, _block: Any) -> int:
    """Convolutions whose taps differ by token (Inkling 2) are products of single values, which nobody counts."""
    return -op.flops


CONVOLUTIONS: Mapping[str, Callable[[Conv, Workload, Any], int]] = {"rg_lru": summed_columns, "cca": columns_again}


def value_of_nothing(op: Project, load: Workload, block: Any) -> int:
    """Return the rows of a first step of CCA, which projects zeros to the late half of the first token's value."""
    return load.batch if block.kind == "cca" and op.path.endswith(".kv") and not load.cached_tokens else 0


# Products of one recurrence, as (batch, m, k, n, bytes of a value): how often


def read_out_of_channels(op: Scan, load: Workload, block: Any, size: int) -> Products:
    """Selective scans (Mamba) go token by token and update the state elementwise.

    Only the read-out is a product, of every channel's state with C.
    """
    return Counter({(load.batch, block.d_inner, block.d_state, 1, size): op.runs * load.new_tokens})


def repeated_groups(op: Scan, load: Workload, block: Any, size: int) -> Products:
    """Chunks of a state space dual model, with B and C repeated for every head.

    ``torch_forward`` computes the scores of a chunk in each head, though heads of a group share
    them, and passes states between chunks by a product with a (chunks + 1) squared matrix of
    decays; all in fp32. One token: the state is updated elementwise, the read-out is a product.
    """
    heads, width, state, chunk = block.n_heads, block.head_dim, block.d_state, block.chunk_size
    batch = load.batch * heads
    if load.new_tokens == 1 and load.cached_tokens:
        return Counter({(batch, width, state, 1, size): op.runs})
    chunks = -(-load.new_tokens // chunk)
    shapes = [
        (batch * chunks, chunk, state, chunk),  # scores: C B
        (batch * chunks, chunk, chunk, width),  # their weighted sums
        (batch * chunks, width, chunk, state),  # the state that a chunk adds: B x
        (batch, chunks + 1, chunks + 1, width * state),  # states passed from chunk to chunk
        (batch * chunks, chunk, state, width),  # what is read from the state before: C h
    ]
    return sum((Counter({(*shape, FP32): op.runs}) for shape in shapes), Counter())


def chunks_of_a_delta_rule(op: Scan, load: Workload, block: Any, _: int) -> Products:
    """Chunks of a delta rule, in fp32, one after the other.

    FlopCounterMode has no formula for the triangular solves; we count substitution, n (n - 1) FLOPs
    a column of the two right-hand sides. Gated DeltaNet: the squares K K^T and Q K^T are products.
    KDA, whose decay differs by channel, computes both squares elementwise, but multiplies both
    right-hand sides with the inverse that it solved for: as many FLOPs, since keys and values have
    one width. One token: elementwise.
    """
    if load.new_tokens == 1 and load.cached_tokens:
        return Counter()
    kda = block.kind == "kda"
    heads = block.n_heads if kda else block.n_v_heads
    k, v = (block.head_dim, block.head_dim) if kda else (block.k_head_dim, block.v_head_dim)
    chunk, batch = block.chunk_size, load.batch * heads
    chunks = -(-load.new_tokens // chunk)
    shapes = [
        *[(batch * chunks, chunk, chunk, k) if kda else (batch * chunks, chunk, k, chunk)] * 2,
        *[(batch, chunk, k, v)] * 2 * chunks,  # the state read by the keys and by the queries
        *[(batch, chunk, chunk, v)] * chunks,  # the weighted sum of the chunk
        *[(batch, k, chunk, v)] * chunks,  # the state that it adds
    ]
    return sum((Counter({(*shape, FP32): op.runs}) for shape in shapes), Counter())


def elementwise(_op: Scan, _load: Workload, _block: Any, _size: int) -> Products:
    """Recurrences of one value a channel (RG-LRU, RWKV) go token by token and run no product at all."""
    return Counter()


def blocks_of_linear_attention(op: Scan, load: Workload, block: Any, size: int) -> Products:
    """Lightning attention of a first step goes block by block, the last one as long as it is.

    With a cache, every token is a product of key and value and one of query and state.
    """
    batch, width = load.batch * block.n_heads, block.head_dim
    found: Products = Counter()
    if load.cached_tokens:
        for shape in ((batch, width, 1, width), (batch, 1, width, width)):
            found[(*shape, size)] += op.runs * load.new_tokens
        return found
    for start in range(0, load.new_tokens, block.chunk_size):
        n = min(block.chunk_size, load.new_tokens - start)
        shapes = [
            (batch, n, width, n),  # scores of the block
            (batch, n, n, width),  # their weighted sums
            (batch, n, width, width),  # what is read from the state before
            (batch, width, n, width),  # the state that the block adds
        ]
        for shape in shapes:
            found[(*shape, size)] += op.runs
    return found


def chunks_then_tokens(op: Scan, load: Workload, block: Any, size: int) -> Products:
    """mLSTM: whole chunks, then the tokens that are left one after another, instead of a padded chunk.

    The normaliser is read by a product of its own; what is added to it is a sum, no product.
    """
    batch, k, v, chunk = load.batch * block.n_heads, block.qk_head_dim, block.v_head_dim, block.chunk_size
    chunks, rest = divmod(load.new_tokens, chunk)
    found: Products = Counter()
    for shape in ((batch, k, 1, v), (batch, 1, k, v), (batch, 1, k, 1)):
        found[(*shape, size)] += op.runs * rest
    if chunks:
        shapes = [
            (batch * chunks, chunk, k, chunk),  # scores
            (batch * chunks, chunk, chunk, v),  # their weighted sums
            (batch * chunks, chunk, k, v),  # what is read from the memory before
            (batch * chunks, chunk, k, 1),  # and from the normaliser
            *[(batch, k, chunk, v)] * chunks,  # what a chunk adds to the memory
        ]
        for shape in shapes:
            found[(*shape, size)] += op.runs
    return +found


SCANS: Mapping[str, Callable[[Scan, Workload, Any, int], Products]] = {
    "mamba": read_out_of_channels,
    "mamba2": repeated_groups,
    "gated_deltanet": chunks_of_a_delta_rule,
    "kda": chunks_of_a_delta_rule,
    "rg_lru": elementwise,
    "rwkv4_time_mix": elementwise,
    "lightning": blocks_of_linear_attention,
    "mlstm": chunks_then_tokens,
}


def flops(products: Products) -> int:
    """Return the FLOPs of products."""
    return sum(2 * prod(key[:4]) * times for key, times in products.items())


def products_of_scan(op: Scan, load: Workload, block: Any, size: int = FP32) -> Products:
    """Return the products that torch runs for a recurrence in a model of ``size`` bytes a value."""
    return SCANS[block.kind](op, load, block, size)


def scan_beside(op: Scan, load: Workload, block: Any) -> int:
    """Return the FLOPs that torch counts for a recurrence less ours."""
    return flops(products_of_scan(op, load, block)) - op.executed


def two_calls(op: Attend) -> int:
    """DiffLlama's module attends twice, once with each half of the values: scores are computed twice."""
    return 2 * op.runs * op.batch * op.n_heads * (op.tokens // op.batch) * op.keys * op.qk_head_dim


def every_expert_runs(op: Experts) -> int:
    """Llama 4's module multiplies every token, scaled by zero where not chosen, with every expert."""
    return op.executed * op.n_experts // op.chosen - op.executed


def drawn_experts(ops: Iterable[Op], routed: Routed) -> int:
    """Where zero experts may be drawn, a router decides how many products there are.

    We count the expectation; this counts the rows that the routers of this run sent to real experts
    (zaya sends those of its zero expert to the first one, and multiplies the result by zero).
    """
    found = [op for op in ops if isinstance(op, Experts)]
    shapes = {(op.path.rpartition(".")[2], op.d_in, op.d_out, op.n_experts) for op in found}
    rows = {n_experts: sum(n for _, c in routed for e, n in c.items() if e < n_experts) for *_, n_experts in shapes}
    return sum(2 * d_in * d_out * rows[n] for _, d_in, d_out, n in shapes) - sum(op.executed for op in found)


def flops_beside(
    architecture: Architecture, ops: Iterable[Op], load: Workload, differences: Iterable[str], routed: Routed
) -> int:
    """Return what torch counts in one forward less what we say is executed."""
    total, ops = 0, list(ops)
    for op in ops:
        if isinstance(op, Conv):
            block = block_of(architecture, op.path)
            own = CONVOLUTIONS.get(getattr(block, "kind", ""))
            own = taps_of_each_token if getattr(block, "dynamic_taps", False) else own
            total += padded_convolution(op, load) if own is None else own(op, load, block)
        elif isinstance(op, Project) and op.path.startswith("layers.") and op.path.endswith(".kv"):
            rows = value_of_nothing(op, load, block_of(architecture, op.path))
            total += 2 * op.runs * op.d_in * op.weights[-1].shape[0] * rows
        elif isinstance(op, Scan):
            total += scan_beside(op, load, block_of(architecture, op.path))
        elif isinstance(op, Attend) and "two_calls" in differences:
            total += two_calls(op)
        elif isinstance(op, Experts) and "every_expert_runs" in differences:
            total += every_expert_runs(op)
    if "zero_experts_are_drawn" in differences:
        total += drawn_experts(ops, routed)
    return total


# Values of one state, of one sequence


def window_less_one(row: CacheRow, architecture: Architecture, load: Workload) -> int:
    """A sliding cache keeps window - 1 tokens: the next step brings the last one itself.

    Chunked layers are stored the same way, with the chunk as window.
    """
    block = block_of(architecture, row.path + ".")
    limit: int = block.window or block.chunk
    return -row.values // limit if load.context >= limit else 0


def keys_and_values_of_every_head(row: CacheRow, architecture: Architecture) -> int:
    """Falcon's grouped decoder copies keys and values to all query heads before it caches them."""
    block = block_of(architecture, row.path + ".")
    return row.values // block.kv_heads * (block.n_heads - block.kv_heads)


def columns_less_one(row: CacheRow, architecture: Architecture) -> int:
    """Convolutions of RG-LRU and CCA keep d_conv - 1 columns: the next token brings the last one itself."""
    block = block_of(architecture, row.path + ".")
    return -row.values // (block.d_conv_heads if row.state.name == "conv_heads" else block.d_conv)


def values_beside_keys(row: CacheRow, load: Workload, architecture: Architecture) -> int:
    """DeepSeek V4's layers without compression have an ordinary cache: the one key is stored as value too."""
    limit = block_of(architecture, row.path + ".").window
    return row.values // min(load.context, limit) * min(load.context, limit - 1)


def cache_beside(row: CacheRow, architecture: Architecture, load: Workload, differences: Iterable[str]) -> int:
    """Return the values that transformers keeps for one state less those that we say."""
    if row.kind in ("window", "chunk"):
        total = window_less_one(row, architecture, load)
        if "values_beside_keys" in differences and block_of(architecture, row.path + ".").ratio is None:
            total += values_beside_keys(row, load, architecture)
        return total
    if row.kind == "conv" and getattr(block_of(architecture, row.path + "."), "kind", "") in ("rg_lru", "cca"):
        return columns_less_one(row, architecture)
    if "keys_and_values_of_every_head" in differences:
        return keys_and_values_of_every_head(row, architecture)
    return 0
