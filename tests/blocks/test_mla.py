"""Latent attention by hand, in its three executions, with every option and with an indexer."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, moved, of, refused, rows, spec

from costmodel import figures
from costmodel.ops import Attend, Op
from costmodel.workload import Workload

MLA: dict[str, Any] = {
    "kind": "mla", "n_heads": 2, "q_lora_rank": 7, "kv_lora_rank": 3,
    "qk_nope_head_dim": 4, "qk_rope_head_dim": 2, "v_head_dim": 5,
}  # fmt: skip
INDEXER: dict[str, Any] = {"n_heads": 3, "head_dim": 2, "top_k": 2}
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
AROUND = {
    "q_a": (70, 280, 0),  # 10 * 7
    "q_a_norm": (7, 0, 56),  # 4 steps * 7 * 2 tokens
    "q_b": (84, 336, 0),  # 7 * 2*(4+2)
    "kv_a": (50, 200, 0),  # 10 * (3+2)
    "kv_a_norm": (3, 0, 24),
    "rope": (0, 0, 36),  # 3 * (2+1 heads) * 2 * 2 tokens
    "o": (100, 400, 0),  # 2*5 * 10
}
ABSORBED = AROUND | {
    "absorb_k": (24, 96, 0),  # 3 * 2*4, two tokens
    "absorb_v": (30, 120, 0),  # 3 * 2*5
    "attend": (0, 288, 90),  # 2 * 2 heads * (3+2 + 3) * (4+5 pairs); softmax 5 * 2 * 9
}
EXPANDED = AROUND | {
    "kv_b": (54, 540, 0),  # all five latents
    "attend": (0, 396, 90),  # 2 * 2 * (4+2 + 5) * 9
}
INDEXED = {
    "indexer.q": (42, 168, 0),  # 7 * 3*2
    "indexer.k": (20, 80, 0),  # 10 * 2
    "indexer.k_norm": (4, 0, 28),  # weight and bias; 7 * 2 * 2 tokens
    "indexer.head_weights": (30, 120, 0),  # 10 * 3
    "indexer.rope": (0, 0, 48),  # 3 * (3+1) * 2 * 2
    "indexer.score": (0, 162, 27),  # 2 * 3 * (2 + 1 weighted sum) * 9; ReLU 3 * 9
    "attend": (0, 128, 40),  # two keys for each of two queries: 2 * 2 * 8 * 4; 5 * 2 * 4
}


def states(ops: list[Op]) -> dict[str, tuple[Any, ...]]:
    return {
        s.name: (s.kind, s.role, s.kept, s.read, s.written, s.stored, s.units, s.width) for op in ops for s in op.states
    }


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("absorbed", ABSORBED),
        ("expanded", EXPANDED),
        ("expanded-cached", EXPANDED | {"kv_b": (54, 216, 0)}),  # only what is new
        ("auto", ABSORBED),  # 504 against 936
    ],
)
def test_executions_by_hand(mode: str, expected: dict[str, tuple[int, int, int]]) -> None:
    ops = block(MLA, mla=mode)
    assert rows(ops) == expected
    if mode == "expanded-cached":
        assert states(ops) == {"kv": ("full", "kv", 5, 3, 2, 1, 2, 22)}  # 2 * (4+2+5)
    else:
        assert states(ops) == {
            "latent": ("latent", "kv", 5, 3, 2, 1, 1, 3),
            "rope": ("latent", "kv_rope", 5, 3, 2, 1, 1, 2),
        }


@pytest.mark.parametrize(
    ("mode", "heads", "keys"),
    [("absorbed", (2, 1, 5, 3), 5), ("expanded", (2, 2, 6, 5), 5)],
)
def test_heads_of_the_products(mode: str, heads: tuple[int, ...], keys: int) -> None:
    (found,) = [op for op in block(MLA, mla=mode, batch=3) if isinstance(op, Attend)]
    assert (found.n_heads, found.n_kv_heads, found.qk_head_dim, found.v_head_dim) == heads
    assert (found.keys, found.tokens, found.pairs, found.variant) == (keys, 6, 9, mode)


def test_heads_of_the_scores() -> None:
    (found,) = [op for op in block(MLA | {"indexer": INDEXER}) if isinstance(op, Attend) and op.variant == "index"]
    assert (found.n_heads, found.n_kv_heads, found.qk_head_dim, found.v_head_dim, found.keys) == (3, 1, 2, 1, 5)


def test_a_batch() -> None:
    for mode, expected in (("absorbed", ABSORBED), ("expanded", EXPANDED)):
        tripled = {name: (values, 3 * flops, 3 * steps) for name, (values, flops, steps) in expected.items()}
        assert rows(block(MLA, mla=mode, batch=3)) == tripled


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        (
            {"bias": ["q_a", "kv_a", "o"]},
            {"q_a": (77, 280, 14), "kv_a": (55, 200, 10), "o": (110, 400, 20)},
        ),
        ({"gate": "element"}, {"gate": (100, 400, 0), "gated": (0, 0, 40)}),  # 10 * 2*5; 2 * 10 * 2
        ({"gate": "head"}, {"gate": (20, 80, 0), "gated": (0, 0, 40)}),
        ({"gate": "head", "bias": ["gate"]}, {"gate": (22, 80, 4), "gated": (0, 0, 40)}),
        ({"sinks": True}, {"attend": (2, 288, 90)}),
        ({"rope_norm": True}, {"k_rope_norm": (2, 0, 16)}),
        ({"window": 3}, {"attend": (0, 192, 60)}),  # 3+3 pairs
        ({"indexer": INDEXER}, INDEXED),
        (
            {"indexer": INDEXER | {"queries": "hidden"}},
            INDEXED | {"indexer.q": (60, 240, 0), "indexer.q_norm": (20, 0, 140)},  # 10 * 3*2; 7 * 10 * 2
        ),
        ({"indexer": INDEXER | {"top_k": 99}}, INDEXED | {"attend": (0, 288, 90)}),
    ],
    ids=str,
)
def test_an_option_changes(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert rows(block(MLA | fields)) == ABSORBED | changed


def test_without_rotary_embeddings_nothing_else_changes() -> None:
    assert rows(block(MLA | {"rope": False})) == {name: row for name, row in ABSORBED.items() if name != "rope"}


def test_without_a_query_latent() -> None:
    expected = {name: row for name, row in ABSORBED.items() if not name.startswith("q_")}
    assert rows(block(MLA | {"q_lora_rank": None})) == expected | {"q": (120, 480, 0)}
    # An indexer then reads the hidden state.
    hidden = {"q_lora_rank": None, "indexer": INDEXER | {"queries": "hidden"}}
    assert rows(block(MLA | hidden))["indexer.q"] == (60, 240, 0)


def test_a_window_keeps_its_entries() -> None:
    kept = states(block(MLA | {"window": 3}))
    assert kept == {
        "latent": ("window", "kv", 3, 2, 2, 1, 1, 3),
        "rope": ("window", "kv_rope", 3, 2, 2, 1, 1, 2),
    }


def test_an_indexer_reads_what_it_picked_and_every_score() -> None:
    picked = MLA | {"indexer": INDEXER}
    assert states(block(picked))["latent"] == ("latent", "kv", 5, 2, 2, 1, 1, 3)  # both queries may pick the same two
    kept = states(block(picked, new_tokens=1, cached_tokens=4))
    assert kept == {
        "latent": ("latent", "kv", 5, 2, 1, 1, 1, 3),
        "rope": ("latent", "kv_rope", 5, 2, 1, 1, 1, 2),
        "index": ("index", "index", 5, 4, 1, 1, 1, 2),
    }


def test_in_full_nothing_is_left_out() -> None:
    ops = block(MLA | {"indexer": INDEXER}, attention="full")
    assert [op.pairs for op in ops if isinstance(op, Attend)] == [10, 10]
    assert [op.keys for op in ops if isinstance(op, Attend)] == [5, 5]


def test_the_choice_of_another_block_is_reused() -> None:
    found = spec(
        blocks={"it": MLA | {"index_from": "own"}, "own": MLA | {"indexer": INDEXER}}, mixer=["own", "it"], n_layers=2
    )
    ops = of(found.lower(Workload(new_tokens=2, cached_tokens=3)), "layers.it")
    assert rows(ops) == ABSORBED | {"attend": (0, 128, 40)}
    assert set(states(ops)) == {"latent", "rope"}
    decode = of(found.lower(Workload(new_tokens=1, cached_tokens=9)), "layers.it")
    assert states(decode)["latent"][3] == 2


@pytest.mark.parametrize(
    ("new", "cached", "expected"),
    [
        # Heads of nope 4 and v 5 over a latent of 5: absorbed, a pair costs 2*5 - 9 = 1 more (times 2
        # and the heads), and the 5 * 9 of every cached latent is saved.
        (15, 4, ("expanded",)),  # 15*4 + 120 = 180 = 45*4: a tie
        (15, 5, ("absorbed",)),  # 195 < 225
        (16, 4, ("expanded",)),  # 200 > 180
        (1, 0, ("expanded",)),  # 1 > 0
        (1, 1, ("absorbed",)),
        (300, 0, ("expanded",)),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_automatic_way_needs_fewer_flops(new: int, cached: int, expected: tuple[str, ...], batch: int) -> None:
    found = spec(blocks={"it": MLA | {"kv_lora_rank": 5}}, mixer="it")
    sizes: dict[str, Any] = {"new_tokens": new, "cached_tokens": cached, "batch": batch}
    steps = {m: figures.flops(found.lower(Workload(**sizes, mla=m))) for m in ("auto", "absorbed", "expanded")}
    assert steps["auto"].latent == expected
    assert steps["auto"].forward == min(steps["absorbed"].forward, steps["expanded"].forward)
    assert (steps["absorbed"].forward == steps["expanded"].forward) == ((new, cached) == (15, 4))


def test_what_a_run_reads_and_writes() -> None:
    options = {"gate": "element", "indexer": INDEXER}
    assert moved(block(MLA | options, mla="absorbed")) == {
        "q_a": (20, 14),  # 10 and 7 values, two tokens
        "q_a_norm": (14, 14),
        "q_b": (14, 24),
        "kv_a": (20, 10),
        "kv_a_norm": (6, 6),
        "rope": (12, 12),
        "indexer.q": (14, 12),
        "indexer.k": (20, 4),
        "indexer.k_norm": (4, 4),
        "indexer.head_weights": (20, 6),
        "indexer.rope": (16, 16),
        "indexer.score": (12, 6),
        "absorb_k": (16, 12),  # two heads of 4 to two of 3
        "absorb_v": (12, 20),
        "attend": (20, 12),  # queries of 2*(3+2), latents of 2*3
        "gate": (20, 20),
        "gated": (40, 20),  # the gate and what it multiplies
        "o": (20, 20),
    }
    assert moved(block(MLA, mla="expanded"))["kv_b"] == (15, 90)  # five latents


def test_weights_are_cut_by_heads() -> None:
    options = {"gate": "head", "sinks": True, "indexer": INDEXER}
    ops = block(MLA | options, mla="absorbed")
    cuts = {f"{op.path.split('.', 2)[2]}.{w.name}": (w.split, w.units) for op in ops for w in op.weights}
    whole = ("none", 1)
    assert cuts == {
        "q_a.q_a": whole,
        "q_a_norm.q_a_norm": whole,
        "q_b.q_b": ("out", 2),
        "kv_a.kv_a": whole,
        "kv_a_norm.kv_a_norm": whole,
        "indexer.q.q": whole,  # the choice needs every head's score, so every device has them all
        "indexer.k.k": whole,
        "indexer.k_norm.k_norm": whole,
        "indexer.k_norm.k_norm.bias": whole,
        "indexer.head_weights.head_weights": whole,
        "absorb_k.k_up": ("out", 2),
        "absorb_v.v_up": ("out", 2),
        "attend.sinks": ("out", 2),
        "gate.gate": ("out", 2),
        "o.o": ("in", 2),
    }


@pytest.mark.parametrize(
    ("fields", "words", "details"),
    [
        ({}, "mla", "2 heads, q_lora 7, kv_lora 3, rope 2, nope 4, v 5"),
        ({"q_lora_rank": None, "window": 6}, "mla", "2 heads, kv_lora 3, rope 2, nope 4, v 5, window 6"),
        ({"indexer": INDEXER}, "mla + indexer", "2 heads, q_lora 7, kv_lora 3, rope 2, nope 4, v 5, top 2"),
        (
            {"index_from": "own"},
            "mla + indexer",
            "2 heads, q_lora 7, kv_lora 3, rope 2, nope 4, v 5, keys that own picks",
        ),
    ],
    ids=str,
)
def test_words(fields: dict[str, Any], words: str, details: str) -> None:
    blocks = {"it": MLA | fields, "own": MLA | {"indexer": INDEXER}}
    found = spec(blocks=blocks, mixer=["own", "it"] if "index_from" in fields else "it", n_layers=2)
    assert (found.blocks["it"].describe(), found.blocks["it"].details()) == (words, details)
    assert figures.reach(found) == (1 + 2 * 5 if fields.get("window") else None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"indexer": INDEXER, "index_from": "own"},
            "blocks.it.index_from: a layer has an indexer or reuses one, not both (AC120) leave one out",
        ),
        (
            {"indexer": INDEXER, "q_lora_rank": None},
            "blocks.it.indexer: the indexer reads the query latent, and there is no q_lora_rank (AC120) "
            "set q_lora_rank, or indexer: {queries: hidden}",
        ),
        (
            {"indexer": INDEXER, "window": 4},
            "blocks.it.window: an indexer picks among all tokens, and the window hides some (AC120) leave one out",
        ),
        (
            {"index_from": "own", "window": 4},
            "blocks.it.window: an indexer picks among all tokens, and the window hides some (AC120) leave one out",
        ),
        ({"bias": ["gate"]}, 'blocks.it.bias: bias names "gate", and the block has no such projection (AC120)'),
        (
            {"bias": ["q_a"], "q_lora_rank": None},
            'blocks.it.bias: bias names "q_a", and the block has no such projection (AC120)',
        ),
        ({"bias": ["q"]}, 'blocks.it.bias: bias knows no "q" (AC103) it may list q_a, kv_a, o, gate'),
        ({"index_from": "no"}, 'blocks.it.index_from: index_from names "no", which has no indexer (AC121)'),
        ({"index_from": "plain"}, 'blocks.it.index_from: index_from names "plain", which has no indexer (AC121)'),
        ({"index_from": "mlp"}, 'blocks.it.index_from: index_from names "mlp", which has no indexer (AC121)'),
    ],
    ids=str,
)
def test_what_latent_attention_cannot_be(fields: dict[str, Any], expected: str) -> None:
    others = {"own": MLA | {"indexer": INDEXER}, "plain": MLA, "mlp": {"kind": "ffn", "d_ff": 4}}
    assert refused(MLA | fields, **others) == [expected]


def test_queries_and_gate_from_the_latent_before_and_after_its_norm() -> None:
    found = rows(block(MLA | {"gate": "element", "gate_from": "latent"}, mla="absorbed"))
    # Both from 2*7 values: 14 * (12 + 10).
    assert found == ABSORBED | {"q_b": (308, 1232, 0), "gated": (0, 0, 40)}


def test_queries_are_scaled_by_position() -> None:
    found = rows(block(MLA | {"position_scale": True}, mla="absorbed"))
    assert found == ABSORBED | {"position_scale": (4, 0, 24)}  # two numbers a head; 2*6 values, 2 tokens
    found = rows(block(MLA | {"indexer": INDEXER | {"position_scale": True}}, mla="absorbed"))
    assert found == ABSORBED | INDEXED | {"indexer.position_scale": (6, 0, 12)}


def test_a_gate_from_no_latent_is_refused() -> None:
    (problem,) = refused(MLA | {"gate_from": "latent"})
    assert "no such latent or no gate by value" in problem


def test_the_latent_of_another_block_is_read_and_not_kept() -> None:
    reader = MLA | {"kv_from": "own"}
    found = spec(blocks={"own": MLA, "reader": reader}, n_layers=2, mixer=["own", "reader"])
    ops = of(found.lower(Workload(new_tokens=2, cached_tokens=3, mla="absorbed")), "layers.reader")
    assert not {"kv_a", "kv_a_norm"} & {op.path.rpartition(".")[2] for op in ops}
    assert {(s.name, s.read, s.stored) for op in ops for s in op.states} == {("latent", 3, 0), ("rope", 3, 0)}
