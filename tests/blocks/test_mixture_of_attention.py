"""Experts of queries and outputs by hand, and the gate on the input of a block."""

from __future__ import annotations

from typing import Any

from small import block, refused, rows

CHOSEN: dict[str, Any] = {"kind": "mixture_of_attention", "n_experts": 5, "top_k": 3, "n_kv_heads": 2, "head_dim": 4}
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
BASE = {
    "router.scores": (50, 200, 0),  # 10 * 5
    "router.choice": (0, 0, 50),  # softmax, 5 steps * 5 * 2 tokens
    "experts.q": (400, 960, 0),  # 5 * 10*8; 3 chosen: 2 * 80 * 3 * 2 tokens
    "kv": (160, 640, 0),  # 10 * 2 * 8
    "rope": (0, 0, 192),  # 3 steps * (3 + 1) * 8 * 2 tokens
    "attend": (0, 864, 270),  # 2 * 3*2 heads * (4+4) * (4+5 pairs); softmax 5 * 6 * 9
    "experts.o": (400, 960, 0),
    "experts.combine": (0, 0, 120),  # scaled and added: 2 * 10 * 3 * 2 tokens
}


def test_a_token_attends_once_for_every_chosen_expert() -> None:
    ops = block(CHOSEN)
    assert rows(ops) == BASE
    (state,) = [s for op in ops for s in op.states]
    assert (state.kind, state.kept, state.read, state.written, state.width) == ("full", 5, 3, 2, 16)


def test_options() -> None:
    assert rows(block(CHOSEN | {"output_bias": True})) == BASE | {"output_bias": (10, 0, 20)}
    assert "rope" not in rows(block(CHOSEN | {"rope": False}))


def test_no_more_experts_are_chosen_than_there_are() -> None:
    (problem,) = refused(CHOSEN | {"top_k": 6})
    assert "top_k 6 is more than the 5 experts there are" in problem


def test_a_gate_on_the_input() -> None:
    found = rows(block({"kind": "ffn", "d_ff": 7, "input_gate": 3}))
    plain = rows(block({"kind": "ffn", "d_ff": 7}))
    assert found == plain | {
        "input_gate.down": (30, 120, 0),
        "input_gate.activation": (0, 0, 6),
        "input_gate.up": (30, 120, 0),
        "input_gate.gated": (0, 0, 40),  # a sigmoid and a product of 10 values, 2 tokens
    }
