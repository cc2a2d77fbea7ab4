"""Indexers of grouped keys by hand and by brute force: what is scored, read, and kept."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, refused, rows

from costmodel.blocks.parts.pools import pooled_pairs, selected_pairs
from costmodel.ops import Attend, Op

POOLED: dict[str, Any] = {"n_heads": 3, "head_dim": 2, "top_k": 2, "pool": 2}
MLA: dict[str, Any] = {
    "kind": "mla", "n_heads": 2, "q_lora_rank": 7, "kv_lora_rank": 3,
    "qk_nope_head_dim": 4, "qk_rope_head_dim": 0, "v_head_dim": 5, "rope": False,
}  # fmt: skip
ATTENTION: dict[str, Any] = {"kind": "attention", "n_heads": 2, "head_dim": 4}
MEAN = POOLED | {"queries": "hidden", "pooling": "mean"}


def indexed(ops: list[Op]) -> dict[str, tuple[int, int, int]]:
    return {name: row for name, row in rows(ops).items() if "indexer" in name}


def states(ops: list[Op]) -> dict[str, tuple[Any, ...]]:
    return {s.name: (s.kind, s.role, s.kept, s.read, s.written, s.width) for op in ops for s in op.states}


def test_groups_weighed_by_a_gate() -> None:
    # Two tokens at positions 4 and 5: the first closes the second group of two.
    assert indexed(block(MLA | {"indexer": POOLED | {"rope_dim": 0}})) == {
        "indexer.q": (42, 168, 0),  # 7 * 3*2
        "indexer.k": (40, 160, 0),  # 10 * (2 + 2)
        "indexer.k_norm": (4, 0, 28),
        "indexer.head_weights": (30, 120, 0),  # 10 * 3
        "indexer.pool": (4, 0, 32),  # 2*2 biases; 8 steps on 4 values of one group
        "indexer.score": (0, 72, 12),  # 2 * 3 * (2 + 1) on the 2 + 2 groups that are closed; ReLU 3 * 4
    }


def test_groups_averaged() -> None:
    assert indexed(block(ATTENTION | {"indexer": MEAN})) == {
        "indexer.q": (60, 240, 0),  # 10 * 3*2
        "indexer.k": (20, 80, 0),
        "indexer.q_norm": (2, 0, 48),  # 4 steps * 3*2 * 2 tokens
        "indexer.rope": (0, 0, 36),  # 3 * 3*2 * 2
        "indexer.pool": (0, 0, 4),  # one group closes: 4 values
        "indexer.k_norm": (2, 0, 8),
        "indexer.entry_rope": (0, 0, 6),
        "indexer.score": (0, 48, 24),  # 2 * 3 * 2 * 4; ReLU and sum 2 * 3 * 4
    }


@pytest.mark.parametrize(("data", "width"), [(MLA | {"indexer": POOLED}, 4), (ATTENTION | {"indexer": MEAN}, 2)])
def test_closed_groups_and_the_open_one_are_kept(data: dict[str, Any], width: int) -> None:
    found = states(block(data))
    # Three tokens before: one group and one token; now two groups and one token.
    assert found["index"] == ("index", "index", 2, 1, 1, 2)
    assert found["index_open"] == ("index", "activations", 1, 1, 1, width)


def test_a_query_reads_its_group_beside_the_chosen_ones() -> None:
    (attend,) = [op for op in block(ATTENTION | {"indexer": MEAN}) if isinstance(op, Attend) and op.variant != "index"]
    assert attend.pairs == 2 + 3  # position 4: two of four tokens; position 5: two, and itself
    (attend,) = [op for op in block(ATTENTION | {"indexer": MEAN}, attention="full") if op.path.endswith("it.attend")]
    assert attend.pairs == 10  # type: ignore[attr-defined]
    (cache,) = [
        s
        for op in block(ATTENTION | {"indexer": MEAN}, new_tokens=1, cached_tokens=9)
        for s in op.states
        if s.name == "kv"
    ]
    assert (cache.kept, cache.read, cache.fresh) == (10, 3, 0)


def test_without_rope_dims_the_latent_is_all_that_is_kept() -> None:
    assert set(states(block(MLA))) == {"latent"}
    assert "rope" not in rows(block(MLA | {"rope": True}))


@pytest.mark.parametrize("pool", [1, 2, 3, 5])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_pairs_one_by_one(pool: int, groups: int) -> None:
    for cached in range(0, 31, 3):
        for new in range(8):
            seen = range(cached + 1, cached + new + 1)
            assert pooled_pairs(new, cached, pool, "causal") == sum(t // pool for t in seen)
            assert pooled_pairs(new, cached, pool, "full") == new * ((cached + new) // pool)
            chosen = sum(min(t // pool, groups) * pool + t % pool for t in seen)
            assert selected_pairs(new, cached, pool, groups * pool) == chosen


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ATTENTION | {"indexer": MEAN | {"top_k": 3}}, "top_k 3 is not a multiple of pool 2"),
        (MLA | {"indexer": POOLED | {"pool": None, "pooling": "mean"}}, "there is no pool"),
        (MLA | {"indexer": POOLED | {"pooling": "mean"}}, "takes queries from the hidden state"),
        (ATTENTION | {"indexer": POOLED}, "reads the query latent, and attention has none"),
        (ATTENTION | {"indexer": MEAN, "window": 4}, "picks among all tokens before"),
        (ATTENTION | {"indexer": MEAN, "causal": False}, "picks among all tokens before"),
        (ATTENTION | {"indexer": MEAN, "d_in": 20}, "d_in is another width"),
        (ATTENTION | {"indexer": MEAN, "keep": "1/2"}, "keep lets only some in"),
        (MLA | {"rope_norm": True}, "there are none"),
    ],
)
def test_what_cannot_be(data: dict[str, Any], message: str) -> None:
    assert message in "; ".join(refused(data))
