"""RG-LRU, RWKV, lightning attention and the matrix memory: by hand, and what must always hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowering import executed, kept, lower, parameters, states, useful
from small import block, moved, rows, spec

from costmodel.block import Block
from costmodel.blocks import block_class
from costmodel.dtypes import BF16
from costmodel.kernels import Device
from costmodel.machine import Machine
from costmodel.ops import Conv, Op, Scan
from costmodel.plan import Plan
from costmodel.workload import Workload

WIDTH = 10
RG_LRU: dict[str, Any] = {"kind": "rg_lru", "n_heads": 2, "head_dim": 3, "d_conv": 3}
TIME: dict[str, Any] = {"kind": "rwkv4_time_mix", "d_inner": 6}
CHANNEL: dict[str, Any] = {"kind": "rwkv4_channel_mix", "d_ff": 7}
LIGHTNING: dict[str, Any] = {"kind": "lightning", "n_heads": 3, "head_dim": 4}
MLSTM: dict[str, Any] = {"kind": "mlstm", "n_heads": 3, "qk_head_dim": 4, "v_head_dim": 5}
KINDS = {data["kind"]: data for data in (RG_LRU, TIME, CHANNEL, LIGHTNING, MLSTM)}
EVERY = pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
CHUNKED = {"lightning": LIGHTNING | {"chunk_size": 7}, "mlstm": MLSTM | {"chunk_size": 7}}

Rows = dict[str, tuple[int, int, int]]
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
OF_RG_LRU: Rows = {
    "in": (132, 480, 24),  # 10 * (6+6) and biases
    "conv": (24, 72, 12),  # 6 channels of 3 taps and a bias
    "gates": (48, 144, 24),  # two matrices of 2 blocks of 3 * 3, and biases
    "input_gate": (0, 0, 24),  # 2 steps * 6 * 2
    "decay": (6, 0, 72),  # 6 * 6 * 2
    "scan": (0, 24, 12),  # 2 * 1 product * 6 * 2; 6 * 2
    "gated": (0, 0, 24),
    "out": (70, 240, 20),
}
OF_TIME: Rows = {
    "shift_k": (10, 0, 60),  # 3 * 10 * 2
    "shift_v": (10, 0, 60),
    "shift_r": (10, 0, 60),
    "k": (60, 240, 0),
    "v": (60, 240, 0),
    "r": (60, 240, 0),
    "exponents": (12, 0, 144),  # decay and bonus; 12 * 6 * 2
    "scan": (0, 96, 48),  # 2 * 2 products * 12 * 2; 2 steps * 12 * 2
    "mean": (0, 0, 12),
    "gated": (0, 0, 24),
    "out": (60, 240, 0),
}
OF_CHANNEL: Rows = {
    "shift_k": (10, 0, 60),
    "shift_r": (10, 0, 60),
    "k": (70, 280, 0),
    "activation": (0, 0, 28),  # 2 * 7 * 2
    "v": (70, 280, 0),
    "r": (100, 400, 0),
    "gated": (0, 0, 40),
}
OF_LIGHTNING: Rows = {
    "qkv": (360, 1440, 0),  # 10 * 3*12
    "activation": (0, 0, 72),
    "scan": (0, 384, 96),  # 2 * 2 products * 3*4*4 * 2
    "norm": (12, 0, 96),
    "gate": (120, 480, 0),
    "gated": (0, 0, 48),
    "out": (120, 480, 0),
}
OF_MLSTM: Rows = {
    "qkv": (540, 2160, 0),  # 10 * (12+12+15+15)
    "gates": (66, 240, 12),  # 10 * (3+3) and biases
    "softcap": (0, 0, 36),  # 3 * 6 * 2
    "decay": (0, 0, 42),  # 7 * 3 * 2
    "scaled": (0, 0, 48),
    "scan": (0, 576, 144),  # 2 * 2 products * 3*(4*5 + 4) * 2
    "normaliser": (0, 0, 18),
    "normalised": (0, 0, 30),
    "norm": (15, 0, 210),  # 7 * 15 * 2; a weight a channel
    "gated": (0, 0, 60),
    "out": (150, 600, 0),
}
ROWS = {
    "rg_lru": OF_RG_LRU,
    "rwkv4_time_mix": OF_TIME,
    "rwkv4_channel_mix": OF_CHANNEL,
    "lightning": OF_LIGHTNING,
    "mlstm": OF_MLSTM,
}


def made(data: dict[str, Any]) -> Block:
    return block_class(data["kind"])(**data)


def scan_of(ops: list[Op]) -> Scan:
    (found,) = [op for op in ops if isinstance(op, Scan)]
    return found


@EVERY
def test_operations_by_hand(data: dict[str, Any]) -> None:
    assert rows(block(data)) == ROWS[data["kind"]]


@pytest.mark.parametrize(
    ("data", "values", "flops", "recurrent", "conv"),
    [
        # in 132, conv 24, gates 48, rate 6, out 70; in 120, conv 18, gates 36, out 60, one product with 6 values.
        (RG_LRU, 280, 2 * (234 + 6), 6, 18),
        # shifts 30, k, v, r 180, decay and bonus 12, out 60; 240, and two products with 12 of 18 values.
        (TIME, 282, 2 * (240 + 24), 18, 10),
        (CHANNEL, 260, 2 * 240, 0, 10),
        (LIGHTNING, 612, 2 * (600 + 96), 48, 0),
        # 771: 540 + 66 + 15 + 150; memory 60, normaliser 12, and 3 exponents that are only kept.
        (MLSTM, 771, 2 * (750 + 144), 75, 0),
    ],
    ids=KINDS,
)
def test_figures_by_hand(data: dict[str, Any], values: int, flops: int, recurrent: int, conv: int) -> None:
    found = made(data)
    assert parameters(lower(found, WIDTH)) == values
    assert useful(lower(found, WIDTH, cached=99)) == flops
    for new, cached in ((1, 0), (1, 10**6), (500, 3)):
        ops = lower(found, WIDTH, new=new, cached=cached, places=2)
        assert (kept(ops, "recurrent"), kept(ops, "conv")) == (2 * recurrent, 2 * conv)
        assert {(s.kind, s.role) for s in states(ops)} <= {("recurrent", "state"), ("conv", "conv")}


@EVERY
@given(new=st.integers(1, 200), cached=st.integers(0, 200), batch=st.integers(1, 3))
def test_useful_flops_are_linear_in_tokens(data: dict[str, Any], new: int, cached: int, batch: int) -> None:
    found = made(data)
    assert useful(lower(found, WIDTH, new=new, cached=cached, batch=batch)) == new * batch * useful(lower(found, WIDTH))


@EVERY
def test_one_token_is_executed_as_the_recurrence(data: dict[str, Any]) -> None:
    ops = lower(made(data), WIDTH, cached=1000, batch=4)
    assert executed(ops) == useful(ops)


@pytest.mark.parametrize("data", [RG_LRU, TIME, CHANNEL], ids=["rg_lru", "time", "channel"])
def test_a_state_of_channels_has_no_chunks(data: dict[str, Any]) -> None:
    ops = lower(made(data), WIDTH, new=100)
    assert executed(ops) == useful(ops)


@pytest.mark.parametrize(
    ("name", "per_chunk"),
    [
        # 7 tokens, 3 heads of 4: scores and sums 2 * 2*7*7*4, read and added 2 * 2*7*4*4.
        ("lightning", 3 * (784 + 448)),
        # Scores 2*7*7*4, sums 2*7*7*6 for 5 values and the one that is always 1, read and added 2 * 2*7*4*6.
        ("mlstm", 3 * (392 + 588 + 672)),
    ],
)
@pytest.mark.parametrize(("new", "chunks"), [(2, 1), (7, 1), (8, 2), (14, 2), (15, 3)])
def test_several_tokens_are_executed_in_whole_chunks(name: str, per_chunk: int, new: int, chunks: int) -> None:
    for batch in (1, 3):
        scan = scan_of(lower(made(CHUNKED[name]), WIDTH, new=new, batch=batch, places=2, cached=5))
        assert scan.executed == 2 * batch * chunks * per_chunk


def test_published_chunks_are_the_default() -> None:
    assert made(LIGHTNING).chunk_size == 256  # type: ignore[attr-defined]
    assert made(MLSTM).chunk_size == 64  # type: ignore[attr-defined]


def test_an_array_of_steps_equals_its_points() -> None:
    import numpy

    new = numpy.array([1, 2, 7, 30])
    for data in (KINDS | CHUNKED).values():
        swept = lower(made(data), WIDTH, new=new)  # type: ignore[arg-type]
        for i, n in enumerate(new.tolist()):
            ops = lower(made(data), WIDTH, new=n)
            total = executed(swept)
            assert (total if isinstance(total, int) else total[i]) == executed(ops)


def test_a_share_of_the_tokens() -> None:
    for data in KINDS.values():
        half, whole = (lower(made(data | more), WIDTH, new=56) for more in ({"keep": "1/2"}, {}))
        assert 2 * useful(half) == useful(whole)
        assert kept(half) == kept(whole)


def test_the_state_of_lightning_may_have_the_dtype_of_the_model() -> None:
    for dtype, role in (("fp32", "state"), ("model", "conv")):
        (state,) = states(lower(made(LIGHTNING | {"state_dtype": dtype}), WIDTH))
        assert (state.kind, state.role, state.width) == ("recurrent", role, 48)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            RG_LRU,
            {
                "x": ("out", 2), "y": ("out", 2), "conv": ("out", 2), "input": ("out", 2), "recurrence": ("out", 2),
                "rate": ("out", 2), "out": ("in", 2),
            },
        ),
        (
            TIME,
            {
                "mix_k": ("none", 1), "mix_v": ("none", 1), "mix_r": ("none", 1), "k": ("out", 6), "v": ("out", 6),
                "r": ("out", 6), "decay": ("out", 6), "bonus": ("out", 6), "out": ("in", 6),
            },
        ),
        (
            CHANNEL,
            {"mix_k": ("none", 1), "mix_r": ("none", 1), "k": ("out", 7), "v": ("in", 7), "r": ("none", 1)},
        ),
        (
            LIGHTNING,
            {
                "q": ("out", 3), "k": ("out", 3), "v": ("out", 3), "norm": ("none", 1), "gate": ("out", 3),
                "out": ("in", 3),
            },
        ),
        (
            MLSTM,
            {
                "q": ("out", 3), "k": ("out", 3), "v": ("out", 3), "gate": ("out", 3), "i": ("out", 3),
                "f": ("out", 3), "norm": ("none", 1), "out": ("in", 3),
            },
        ),
    ],
    ids=KINDS,
)  # fmt: skip
def test_cuts(data: dict[str, Any], expected: dict[str, tuple[str, int]]) -> None:
    ops = block(data)
    assert {w.name: (w.split, w.units) for op in ops for w in op.weights if not w.name.endswith("bias")} == expected
    units = {s.name: s.units for op in ops for s in op.states}
    assert units.get("shift", 1) == 1
    assert {n for name, n in units.items() if name != "shift"} <= {max(n for _, n in expected.values())}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (RG_LRU, {"input_gate": 2, "decay": 1, "scan": 1, "gated": 2}),
        (TIME, {"shift_k": 2, "shift_v": 2, "shift_r": 2, "exponents": 1, "scan": 1, "mean": 2, "gated": 2}),
        (CHANNEL, {"shift_k": 2, "shift_r": 2, "activation": 1, "gated": 2}),
        (LIGHTNING, {"activation": 1, "scan": 1, "norm": 1, "gated": 2}),
        (MLSTM, {"softcap": 1, "decay": 2, "scaled": 1, "scan": 1, "normaliser": 1, "normalised": 1, "gated": 2}),
    ],
    ids=KINDS,
)
def test_operands_of_the_size_of_the_output(data: dict[str, Any], expected: dict[str, int]) -> None:
    found = moved(block(data))
    for name, operands in expected.items():
        takes, gives = found[name]
        assert takes == operands * gives > 0


def test_outputs_of_scans() -> None:
    widths = {kind: scan_of(block(data)).width for kind, data in KINDS.items() if kind != "rwkv4_channel_mix"}
    assert widths == {"rg_lru": 6, "rwkv4_time_mix": 6, "lightning": 12, "mlstm": 15}


def test_gates_of_rg_lru_are_blocks() -> None:
    gates = next(op for op in block(RG_LRU) if op.path.endswith(".gates"))
    (product, other) = gates.matmuls()
    assert product == other
    assert (product.batch, product.m, product.k, product.n) == (2, 2, 3, 3)
    assert (gates.takes, gates.gives) == (12, 24)


def test_the_gates_of_a_matrix_memory_run_with_its_projections() -> None:
    assert [op.path.rpartition(".")[2] for op in block(MLSTM) if getattr(op, "beside", False)] == ["gates"]


@pytest.mark.parametrize(
    ("data", "words", "details", "reach"),
    [
        (RG_LRU, "rg-lru", "n_heads 2, head_dim 3, d_conv 3", None),
        (TIME, "rwkv", "d_inner 6", None),
        (CHANNEL, "dense", "d_ff 7, gated output", 1),
        (LIGHTNING, "lightning", "n_heads 3, head_dim 4", None),
        (MLSTM, "mlstm", "n_heads 3, qk_head_dim 4, v_head_dim 5", None),
    ],
    ids=KINDS,
)
def test_in_words(data: dict[str, Any], words: str, details: str, reach: int | None) -> None:
    found = made(data)
    assert (found.describe(), found.details(), found.reach()) == (words, details, reach)


@pytest.mark.parametrize("fused", [True, False])
def test_the_token_before_is_read_and_written_by_a_kernel(fused: bool) -> None:
    """Mixing with the token before runs inside another kernel, or is one; its state moves either way."""
    model = spec(blocks={"t": TIME, "c": CHANNEL}, mixer="t", ffn="c")
    device = Device(Machine("made-up", {"bf16": 1.0}, 1.0, 1), Plan(), BF16, fused=fused)
    found = device.kernels(model.lower(Workload(batch=3, new_tokens=1, cached_tokens=9)), 3)
    kept = [op.path for op in block(TIME) for state in op.states if state.name == "shift"]
    assert kept == ["layers.it.shift_k"]  # once, where the first mixture is made
    # A sequence: 18 values in fp32, and two tokens of 10 values in bf16.
    assert sum(kernel.state_bytes for kernel in found) == 3 * (18 * 4 + 2 * 10 * 2)
    assert sum(kernel.written_bytes for kernel in found) == 3 * (18 * 4 + 2 * 10 * 2)


@EVERY
def test_an_encoder_keeps_nothing(data: dict[str, Any]) -> None:
    cross = {"kind": "cross_attention", "n_heads": 1, "head_dim": 3}
    found = spec(blocks={"m": data, "cross": cross}, mixer="cross", encoder={"n_layers": 1, "mixer": "m"})
    ops = found.lower(Workload(new_tokens=2, source_new=9))
    assert {s.stored for op in ops for s in op.states if op.path.startswith("encoder.")} == {0}
    assert all(op.states[0].width == op.width * op.d_conv for op in ops if isinstance(op, Conv))
