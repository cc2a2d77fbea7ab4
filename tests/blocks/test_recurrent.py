"""Mamba, Mamba-2, delta rules and the short convolution: by hand, and what must always hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowering import executed, kept, lower, parameters, states, useful

from costmodel.block import Block, Impossible
from costmodel.blocks.gated_deltanet import GatedDeltaNet
from costmodel.blocks.kda import KimiDeltaAttention
from costmodel.blocks.mamba import Mamba
from costmodel.blocks.mamba2 import Mamba2
from costmodel.blocks.parts.recurrence import delta_chunk, state_space_chunk
from costmodel.blocks.short_conv import ShortConv
from costmodel.ops import Conv, Op, Scan

WIDTH = 10
MAMBA: dict[str, Any] = {"kind": "mamba", "d_inner": 6, "d_state": 4, "d_conv": 3, "dt_rank": 2}
MAMBA2: dict[str, Any] = {"kind": "mamba2", "n_heads": 4, "head_dim": 3, "d_state": 5, "n_groups": 2, "d_conv": 3}
DELTA: dict[str, Any] = {
    "kind": "gated_deltanet", "n_k_heads": 2, "k_head_dim": 3, "n_v_heads": 4, "v_head_dim": 5, "d_conv": 3,
}  # fmt: skip
KDA: dict[str, Any] = {"kind": "kda", "n_heads": 3, "head_dim": 4, "d_conv": 2}

BLOCKS: dict[str, Block] = {
    "mamba": Mamba(**MAMBA),
    "mamba2": Mamba2(**MAMBA2, chunk_size=7),
    "gated_deltanet": GatedDeltaNet(**DELTA, chunk_size=7),
    "kda": KimiDeltaAttention(**KDA, chunk_size=7),
    "short_conv": ShortConv(kind="short_conv", d_conv=3),
}
EVERY = pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)


def one(ops: list[Op], kind: type[Op]) -> Op:
    found = [op for op in ops if isinstance(op, kind)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        # in 10*12; conv 6*3 + 6; x 6*(2+4+4); dt 2*6 + 6; A 6*4; D 6; out 6*10.
        (Mamba(**MAMBA), 120 + 24 + 60 + 18 + 24 + 6 + 60),
        # and the norms of dt, B and C: 2 + 4 + 4.
        (Mamba(**MAMBA, norms=True), 312 + 10),
        (Mamba(**MAMBA, norms="weightless"), 312),
        # biases of in and out: 12 + 10; none in the convolution: -6.
        (Mamba(**MAMBA, bias=True, conv_bias=False), 312 + 22 - 6),
        # in 10*(12+12+4) + 10*(10+10); conv (12+20)*3 + 32; A, D, dt 3*4; norm 12; out 12*10.
        (Mamba2(**MAMBA2), 280 + 200 + 128 + 12 + 12 + 120),
        (Mamba2(**MAMBA2, gated_norm=False, conv_bias=False), 752 - 12 - 32),
        # biases: in 12+12+4+20, out 10.
        (Mamba2(**MAMBA2, bias=True), 752 + 48 + 10),
        (Mamba2(**MAMBA2, bias="in"), 752 + 48),
        (Mamba2(**MAMBA2, bias="out"), 752 + 10),
        # q, k 10*(6+6); v, gate 10*(20+20); beta, decay 10*(4+4); conv (12+20)*3; A, dt 4+4; norm 5; out 20*10.
        (GatedDeltaNet(**DELTA), 120 + 400 + 80 + 96 + 8 + 5 + 200),
        # q, k, v 3*10*12; beta 10*3; conv 3*12*2; f, g 2*(10*4 + 4*12); A 3; dt 12; norm 4; out 12*10.
        (KimiDeltaAttention(**KDA), 360 + 30 + 72 + 176 + 3 + 12 + 4 + 120),
        # f, g 2*10*12 instead.
        (KimiDeltaAttention(**KDA, gates="full_rank"), 777 - 176 + 240),
        # f as before, half of 176; g 10*12.
        (KimiDeltaAttention(**KDA, gates="full_rank_output"), 777 - 176 + 88 + 120),
        # in 10*30; conv 10*3; out 10*10; biases 30 + 10 + 10.
        (ShortConv(kind="short_conv", d_conv=3), 300 + 30 + 100),
        (ShortConv(kind="short_conv", d_conv=3, bias=True), 430 + 50),
    ],
)
def test_parameters_by_hand(block: Block, expected: int) -> None:
    assert parameters(lower(block, WIDTH)) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        # in 120; conv 18; x 60; dt 12; out 60; the state 6*4 is written and read.
        (Mamba(**MAMBA), 2 * (120 + 18 + 60 + 12 + 60 + 2 * 24)),
        # in 480; conv 96; out 120; the state 4*3*5 is written and read.
        (Mamba2(**MAMBA2), 2 * (480 + 96 + 120 + 2 * 60)),
        # in 600; conv 96; out 200; the state 4*3*5 is read, written and read.
        (GatedDeltaNet(**DELTA), 2 * (600 + 96 + 200 + 3 * 60)),
        # q, k, v, beta 390; conv 72; f, g 176; out 120; the state 3*4*4, three times.
        (KimiDeltaAttention(**KDA), 2 * (390 + 72 + 176 + 120 + 3 * 48)),
        (ShortConv(kind="short_conv", d_conv=3), 2 * (300 + 30 + 100)),
    ],
    ids=BLOCKS,
)
def test_useful_flops_of_a_token_by_hand(block: Block, expected: int) -> None:
    assert useful(lower(block, WIDTH, cached=99)) == expected
    assert useful(lower(block, WIDTH, new=5, batch=3, places=2)) == 5 * 3 * 2 * expected


@pytest.mark.parametrize(
    ("block", "recurrent", "conv"),
    [
        (Mamba(**MAMBA), 6 * 4, 6 * 3),
        (Mamba2(**MAMBA2), 4 * 3 * 5, (12 + 20) * 3),
        (GatedDeltaNet(**DELTA), 4 * 3 * 5, (12 + 20) * 3),
        (KimiDeltaAttention(**KDA), 3 * 4 * 4, 36 * 2),
        (ShortConv(kind="short_conv", d_conv=3), 0, 10 * 3),
    ],
    ids=BLOCKS,
)
def test_states_by_hand_whatever_the_context(block: Block, recurrent: int, conv: int) -> None:
    for new, cached in ((1, 0), (1, 10**6), (500, 3)):
        ops = lower(block, WIDTH, new=new, cached=cached, places=2)
        assert kept(ops, "recurrent") == 2 * recurrent
        assert kept(ops, "conv") == 2 * conv
        assert {(s.kind, s.role) for s in states(ops)} <= {("recurrent", "state"), ("conv", "conv")}


@EVERY
@given(new=st.integers(1, 200), cached=st.integers(0, 200), batch=st.integers(1, 3))
def test_useful_flops_are_linear_in_tokens(block: Block, new: int, cached: int, batch: int) -> None:
    assert useful(lower(block, WIDTH, new=new, cached=cached, batch=batch)) == new * batch * useful(lower(block, WIDTH))


@EVERY
def test_one_token_is_executed_as_the_recurrence(block: Block) -> None:
    ops = lower(block, WIDTH, cached=1000, batch=4)
    assert executed(ops) == useful(ops)


def test_chunks_of_a_state_space_by_hand() -> None:
    # 2 tokens, 2 groups, 4 heads of 3, 5 state values. C B 2*2*2*2*5 = 80; in each head the sum of
    # 2*2*2*3 = 24, and what the chunk adds to the state and reads from it, 2 * 2*2*3*5 = 120.
    assert state_space_chunk(4, 2, 3, 5, 2) == 80 + 4 * (24 + 120)


def test_chunks_of_a_delta_rule_by_hand() -> None:
    # 3 tokens, 2 heads, keys of 4, values of 5. K K^T and Q K^T 2 * 2*3*3*4 = 144; a triangle of 3
    # has 3 coefficients, so 9 columns take 2*3*9 = 54; W S, Q S, K^T U 3 * 2*3*4*5 = 360; sum 2*3*3*5 = 90.
    assert delta_chunk(2, 4, 5, 3) == 2 * (144 + 54 + 360 + 90)


@pytest.mark.parametrize("name", ["mamba2", "gated_deltanet", "kda"])
@pytest.mark.parametrize(("new", "chunks"), [(2, 1), (7, 1), (8, 2), (14, 2), (15, 3)])
def test_several_tokens_are_executed_in_whole_chunks(name: str, new: int, chunks: int) -> None:
    block = BLOCKS[name]
    per_chunk = {
        "mamba2": state_space_chunk(4, 2, 3, 5, 7),
        "gated_deltanet": delta_chunk(4, 3, 5, 7),
        "kda": delta_chunk(3, 4, 4, 7),
    }[name]
    for batch in (1, 3):
        scan = one(lower(block, WIDTH, new=new, batch=batch, places=2, cached=5), Scan)
        assert scan.executed == 2 * batch * chunks * per_chunk
        assert scan.executed >= scan.flops


def test_published_chunks_are_the_default() -> None:
    assert Mamba2(**MAMBA2).chunk_size == 256
    assert GatedDeltaNet(**DELTA).chunk_size == KimiDeltaAttention(**KDA).chunk_size == 64


def test_a_share_of_the_tokens_takes_a_share_of_the_chunks() -> None:
    # A quarter of 56 tokens is 14: two chunks of 7. FLOPs are a quarter, the state stays whole.
    block = Mamba2(**MAMBA2, chunk_size=7, keep="1/4")
    ops = lower(block, WIDTH, new=56)
    whole = lower(Mamba2(**MAMBA2, chunk_size=7), WIDTH, new=56)
    assert one(ops, Scan).executed == 2 * state_space_chunk(4, 2, 3, 5, 7)
    assert 4 * useful(ops) == useful(whole)
    assert kept(ops) == kept(whole)


def test_an_array_of_steps_equals_its_points() -> None:
    import numpy

    new = numpy.array([1, 2, 7, 30])
    for block in BLOCKS.values():
        swept = lower(block, WIDTH, new=new)
        for i, n in enumerate(new.tolist()):
            ops = lower(block, WIDTH, new=n)
            assert (useful(swept)[i], executed(swept)[i]) == (useful(ops), executed(ops))


@EVERY
def test_convolutions_have_a_column_for_every_tap(block: Block) -> None:
    for op in lower(block, WIDTH):
        if isinstance(op, Conv):
            assert op.states[0].width == op.width * op.d_conv == op.weights[0].total


def test_only_a_convolution_has_a_finite_reach() -> None:
    assert {name: block.reach() for name, block in BLOCKS.items()} == {
        "mamba": None, "mamba2": None, "gated_deltanet": None, "kda": None, "short_conv": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("block", "fields", "message"),
    [
        (Mamba2, MAMBA2 | {"n_groups": 3}, "n_heads 4 is not a multiple of n_groups 3"),
        (GatedDeltaNet, DELTA | {"n_k_heads": 3}, "n_v_heads 4 is not a multiple of n_k_heads 3"),
    ],
)
def test_heads_that_cannot_share(block: type[Block], fields: dict[str, Any], message: str) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as caught:
        block(**fields)
    cause = caught.value.errors()[0]["ctx"]["error"]
    assert isinstance(cause, Impossible)
    assert cause.message == message
