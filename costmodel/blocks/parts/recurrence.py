"""What recurrent mixers share: short convolutions, scans, gated outputs, and their chunked kernels."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.ops import Conv, Op, Scan
from costmodel.site import Site
from costmodel.sizes import Size, ceil_div, indicator
from costmodel.steps import STEPS
from costmodel.things import State, Weight


def conv(
    at: Site,
    name: str,
    channels: Size,
    d_conv: Size,
    *,
    bias: bool = False,
    units: Size,
    per_group: Size = 1,
    role: str = "conv",
) -> Conv:
    """Return a causal convolution of ``d_conv`` taps on each of ``channels``, by itself or in groups.

    Kept: the last ``d_conv`` columns, in the model's dtype, or in fp32 with ``role`` "state". The next
    output needs one less; what is kept is what transformers and mamba_ssm allocate.
    """
    shape = (channels, d_conv) if per_group == 1 else (channels, per_group, d_conv)
    split = "out" if units != 1 else "none"
    weights: tuple[Weight, ...] = (at.weight(name, *shape, split=split, units=units),)
    if bias:
        weights += (at.weight(f"{name}.bias", channels, split=split, units=units),)
    return Conv(
        path=f"{at.path}.{name}",
        component=at.component,
        runs=at.runs,
        tokens=at.tokens,
        weights=weights,
        states=(at.fixed(name, channels * d_conv, kind="conv", role=role, units=units),),
        width=channels,
        d_conv=d_conv,
        per_group=per_group,
        biased=bias,
    )


def scan(
    at: Site,
    *,
    state: Size,
    products: Size,
    width: Size,
    units: Size,
    weights: tuple[Weight, ...] = (),
    chunk_size: Size | None = None,
    per_chunk: Size = 0,
    decays: Size = 1,
    beside: Size = 0,
    role: str = "state",
) -> Scan:
    """Return a recurrence over ``state`` values a sequence, which are kept in fp32.

    ``beside``: values that are kept with them and take no product. ``role`` "conv": the model's dtype.
    With a ``chunk_size``, a step of more than one new token is executed in whole chunks of that
    many tokens of one sequence, the last one padded, at ``per_chunk`` FLOPs each; a step of one
    token is executed as the recurrence it is.
    """
    kept: State = at.fixed("state", state + beside if beside else state, role=role, units=units)
    found = Scan(
        path=f"{at.path}.scan",
        component=at.component,
        runs=at.runs,
        tokens=at.tokens,
        weights=weights,
        states=(kept,),
        state=state,
        products=products,
        width=width,
        decays=decays,
    )
    if chunk_size is not None:
        several = indicator(at.new > 1)
        chunks = at.batch * ceil_div(at.tokens, at.batch * chunk_size)
        found.chunked = several * chunks * per_chunk + (1 - several) * (2 * products * state * at.tokens)
    return found


def token_shift(at: Site, *names: str) -> Iterator[Op]:
    """Yield mixtures of a token and the one before it, with a learned share for every channel.

    Each takes two products and their sum. Kept: the token before, in the model's dtype.
    """
    for name in names:
        mixed = at.vector(f"shift_{name}", at.width, 3, inputs=2, weights=(at.weight(f"mix_{name}", at.width),))
        if name == names[0]:
            mixed.states = (at.fixed("shift", at.width, kind="conv", role="conv"),)
        yield mixed


def gated(at: Site, width: Size) -> Op:
    """Return the product of an output and the activation of its gate."""
    return at.vector("gated", width, STEPS["activation"] + STEPS["gate"], inputs=2)


def state_space_chunk(n_heads: Size, n_groups: Size, head_dim: Size, d_state: Size, chunk: Size) -> Size:
    """Return the FLOPs of one chunk of a state space dual model.

    Scores of the chunk's outputs C and inputs B, once a group; in every head the weighted sum of
    the chunk, the state that it adds (B x), and what is read from the state before it (C h).
    Scores are counted as full squares; the states are passed from chunk to chunk elementwise.
    This is the kernel ``mamba_chunk_scan_combined`` of mamba_ssm (ssd_bmm.py, ssd_chunk_state.py,
    ssd_chunk_scan.py, ssd_state_passing.py), without the tiles it may skip above the diagonal.
    Source: arXiv:2405.21060; github.com/state-spaces/mamba, mamba_ssm/ops/triton.
    """
    scores = 2 * n_groups * chunk * chunk * d_state
    return scores + n_heads * (2 * chunk * chunk * head_dim + 4 * chunk * head_dim * d_state)


def delta_chunk(n_heads: Size, k_head_dim: Size, v_head_dim: Size, chunk: Size) -> Size:
    """Return the FLOPs of one chunk of a delta rule, in the form of its UT transform.

    In every head: the squares K K^T and Q K^T; a unit triangular system solved by substitution
    for values and decayed keys (n (n - 1) FLOPs a column); the state read by the keys and by the
    queries, the weighted sum of the chunk, and the state that it adds. Squares are counted full.
    Source: arXiv:2406.06484; gated: arXiv:2412.06464; transformers' torch_chunk_gated_delta_rule.
    """
    squares = 4 * chunk * chunk * k_head_dim
    solved = chunk * (chunk - 1) * (k_head_dim + v_head_dim)
    state = 6 * chunk * k_head_dim * v_head_dim
    return n_heads * (squares + solved + state + 2 * chunk * chunk * v_head_dim)


def unit_norms(at: Site, head_dim: Size, n_heads: Size) -> Iterator[Op]:
    """Yield the scaling of queries and keys to length 1, which has no weight."""
    yield at.norm("q_norm", head_dim, count=n_heads, kind="none")
    yield at.norm("k_norm", head_dim, count=n_heads, kind="none")
