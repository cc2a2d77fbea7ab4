"""Softmax attention by hand, every option of it."""

from __future__ import annotations

from typing import Any

import pytest
from small import block, moved, of, problems, refused, rows, spec

from costmodel import figures
from costmodel.ops import Attend
from costmodel.workload import Workload

PLAIN: dict[str, Any] = {"kind": "attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 3, "v_head_dim": 5}
# Two tokens at positions 4 and 5 of a model 10 wide: (parameters, FLOPs, elementwise steps).
BASE = {
    "q": (120, 480, 0),  # 10 * 4*3; 2 * 120 * 2 tokens
    "kv": (160, 640, 0),  # 10 * 2*(3+5)
    "rope": (0, 0, 108),  # 3 steps * (4+2) heads * 3 * 2 tokens
    "attend": (0, 576, 180),  # 2 * 4 heads * (3+5) * (4+5 pairs); softmax 5 * 4 * 9
    "o": (200, 800, 0),  # 4*5 * 10
}


def state(ops: list[Any]) -> tuple[Any, ...]:
    (found,) = [s for op in ops for s in op.states]
    return (found.kind, found.kept, found.read, found.written, found.stored, found.width)


def test_attention_by_hand() -> None:
    ops = block(PLAIN)
    assert rows(ops) == BASE
    # 5 entries of 2 * (3+5) values, 3 of them read and 2 written.
    assert state(ops) == ("full", 5, 3, 2, 1, 16)


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        # A bias on every column: 12, 16 and 10, added for both tokens.
        ({"bias": ["q", "k", "v", "o"]}, {"q": (132, 480, 24), "kv": (176, 640, 32), "o": (210, 800, 20)}),
        ({"bias": ["k"]}, {"kv": (166, 640, 12)}),
        # A gate for each of 4*5 values: 10*20; sigmoid and product, 2 * 20 * 2 tokens.
        ({"gate": "element"}, {"gate": (200, 800, 0), "gated": (0, 0, 80)}),
        # With one number a head beside it: 4, added to 20 values.
        ({"gate": "element", "gate_bias": "head"}, {"gate": (200, 800, 0), "gated": (4, 0, 120)}),
        ({"gate": "head"}, {"gate": (40, 160, 0), "gated": (0, 0, 80)}),
        ({"gate": "head", "bias": ["gate"]}, {"gate": (44, 160, 8), "gated": (0, 0, 80)}),
        # 3 taps of 2*(3+5) channels, and the sum with what came in.
        ({"kv_conv": 3}, {"kv_conv": (48, 192, 0), "kv_conv_add": (0, 0, 32)}),
        # And taps of the token: 10*2*3 for keys, as many for values; three adds more a value.
        (
            {"kv_conv": 3, "dynamic_taps": True},
            {"kv": (280, 1120, 0), "kv_conv": (48, 192, 0), "kv_conv_add": (0, 0, 128)},
        ),
        # 4*3 factors and 2*3 values without: 4 and 3 steps a value.
        ({"qk_clip": True}, {"q_clip": (12, 0, 96), "k_clip": (0, 0, 36)}),
        ({"sinks": "projected"}, {"sinks": (40, 160, 0)}),
        # 2 numbers a head, 10*8; 7 distances for 4 heads of both tokens; one add a pair and head.
        (
            {"relative": {"width": 2, "extent": 7}},
            {"relative": (80, 320, 0), "profiles": (14, 224, 0), "attend": (0, 576, 216)},
        ),
        (
            {"relative": {"width": 2, "extent": 7, "clip": True}},
            {
                "relative": (80, 320, 0),
                "relative_clip": (8, 0, 64),
                "profiles": (14, 224, 0),
                "attend": (0, 576, 216),
            },
        ),
        # RMS, 4 steps a value of 12 and of 6, for both tokens.
        ({"qk_norm": "head"}, {"q_norm": (3, 0, 96), "k_norm": (3, 0, 48)}),
        ({"qk_norm": "heads"}, {"q_norm": (12, 0, 96), "k_norm": (6, 0, 48)}),
        ({"qk_norm": "full"}, {"q_norm": (12, 0, 96), "k_norm": (6, 0, 48)}),
        ({"qk_norm": "l2"}, {"q_norm": (0, 0, 72), "k_norm": (0, 0, 36)}),
        # Layer norm, 7 steps a value.
        ({"qk_norm": {"shape": "head", "kind": "layer"}}, {"q_norm": (3, 0, 168), "k_norm": (3, 0, 84)}),
        ({"qk_norm": {"shape": "full", "kind": "layer"}}, {"q_norm": (12, 0, 168), "k_norm": (6, 0, 84)}),
        (
            {"qk_norm": {"shape": "heads", "kind": "layer", "bias": True}},
            {"q_norm": (24, 0, 168), "k_norm": (12, 0, 84)},
        ),
        ({"v_norm": "l2"}, {"v_norm": (0, 0, 60)}),  # 3 steps * 2*5 * 2 tokens
        # On 4*5 values of the output: 4 steps of 20 values, 2 tokens.
        ({"out_norm": "full"}, {"out_norm": (20, 0, 160)}),
        ({"out_norm": "head"}, {"out_norm": (5, 0, 160)}),
        ({"out_norm": {"shape": "full", "kind": "layer", "bias": True}}, {"out_norm": (40, 0, 280)}),
        ({"rope_dim": 2}, {"rope": (0, 0, 72)}),  # 3 * (4+2) * 2 * 2 tokens
        ({"sinks": True}, {"attend": (4, 576, 180)}),
        ({"softcap": 50.0}, {"attend": (0, 576, 288)}),  # 3 more steps: 8 * 4 * 9
        ({"window": 3}, {"attend": (0, 384, 120)}),  # 3+3 pairs
        ({"window": 2, "sink_tokens": 1}, {"attend": (0, 384, 120)}),
        # 2 numbers of the 2*5 values of 5 keys, 2*10*2*5 and 3 steps each; 3+3 pairs, a sum more for each.
        (
            {"dynamic_mask": 3, "bias": ["mask"]},
            {"mask": (22, 200, 10), "mask_scale": (2, 0, 30), "attend": (0, 384, 144)},
        ),
        ({"chunk": 4}, {"attend": (0, 320, 100)}),  # position 4 closes its chunk, 5 opens one: 4+1
        ({"causal": False}, {"attend": (0, 640, 200)}),  # 2 * 5 pairs
        # 3+3 pairs back, and the first of the two sees the second
        ({"causal": False, "window": 3, "ahead": 4}, {"attend": (0, 448, 140)}),
        ({"n_kv_heads": 4}, {"kv": (320, 1280, 0), "rope": (0, 0, 144)}),
        # The input is 20 wide, the output still 10.
        ({"d_in": 20}, {"q": (240, 960, 0), "kv": (320, 1280, 0)}),
        (
            {"d_in": 20, "gate": "head"},
            {"q": (240, 960, 0), "kv": (320, 1280, 0), "gate": (80, 320, 0), "gated": (0, 0, 80)},
        ),
        # Values 3 wide: kv 10 * 2*6, attend 2 * 4 * 6 * 9, o 12 * 10. Tied, keys are the values.
        ({"v_head_dim": None}, {"kv": (120, 480, 0), "attend": (0, 432, 180), "o": (120, 480, 0)}),
        (
            {"v_head_dim": None, "kv": "tied"},
            {"kv": (60, 240, 0), "attend": (0, 432, 180), "o": (120, 480, 0)},
        ),
    ],
    ids=str,
)
def test_an_option_changes(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert rows(block(PLAIN | fields)) == BASE | changed


def test_without_rotary_embeddings_nothing_else_changes() -> None:
    assert rows(block(PLAIN | {"rope": False})) == {name: row for name, row in BASE.items() if name != "rope"}


def test_kv_heads_are_the_heads_unless_told_otherwise() -> None:
    assert rows(block(PLAIN | {"n_kv_heads": None})) == rows(block(PLAIN | {"n_kv_heads": 4}))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"window": 3}, ("window", 3, 2, 2, 1, 16)),  # the next token sees 2 of those kept
        ({"window": 1}, ("window", 1, 0, 1, 1, 16)),
        ({"window": 2, "sink_tokens": 1}, ("window", 3, 2, 2, 1, 16)),
        ({"chunk": 4}, ("chunk", 4, 3, 2, 1, 16)),
        ({"kv": "tied", "v_head_dim": None}, ("full", 5, 3, 2, 1, 12)),  # both copies of 2*3
        ({"kv": "tied", "v_head_dim": None, "kv_copies": 1}, ("full", 5, 3, 2, 1, 6)),
        ({"kv_copies": 1}, ("full", 5, 3, 2, 1, 16)),  # what is not tied cannot be one
        ({"keep": "2/3"}, ("full", 3, 2, 1, 1, 16)),  # 10/3, 2 and 4/3
        ({"keep": "1/2"}, ("full", 2, 1, 1, 1, 16)),  # half of 5, 3 and 2, rounded down
    ],
    ids=str,
)
def test_what_is_kept(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert state(block(PLAIN | fields)) == expected


def test_a_convolution_of_keys_reaches_further_and_needs_them() -> None:
    found = spec(blocks={"it": PLAIN | {"window": 4, "kv_conv": 3}}, mixer="it")
    assert figures.reach(found) == 1 + 3 + 2
    around = spec(blocks={"it": PLAIN | {"window": 4}}, mixer="it", output_conv={"d_conv": 3})
    assert figures.reach(around) == 1 + 3 + 2
    tied = {"kv": "tied", "v_head_dim": None}
    assert refused(PLAIN | tied | {"kv_conv": 3}) == [
        "blocks.it.kv_conv: kv_conv works on keys and values, and values are keys (AC120) leave kv: tied out"
    ]
    assert refused(PLAIN | {"kv_conv": 3, "keep": "1/2"}) == [
        "blocks.it.kv_conv: kv_conv works on keys of every token of the block, and keep says other (AC120)"
    ]
    assert refused(PLAIN | {"relative": {"width": 2, "extent": 3}, "d_in": 20}) == [
        "blocks.it.relative: relative mixes profiles for every token of the stream (AC120) leave it out"
    ]


def test_columns_of_a_convolution_are_kept_in_fp32() -> None:
    kept = [s for op in block(PLAIN | {"kv_conv": 3}) for s in op.states]
    assert [(s.kind, s.role, s.width, s.kept, s.units) for s in kept][:1] == [("conv", "state", 48, 1, 2)]


def test_what_engines_allocate() -> None:
    # 37 tokens and 3: pages of 16 round 40 up to 48; a window of 20 touches (20-2)//16 + 2 = 3 pages,
    # one of 5 touches 2; one pool keeps all 40.
    for fields, expected in (({}, (48, 40)), ({"window": 20}, (48, 40)), ({"window": 5}, (32, 40))):
        (found,) = [s for op in block(PLAIN | fields, new_tokens=3, cached_tokens=37) for s in op.states]
        assert (found.paged, found.pooled) == expected


def test_engines_fill_pages_with_the_tokens_that_are_kept() -> None:
    # An eighth of 40 tokens: 5 in one page of 16. Half: 20 in two. A window of 20 holds 10 of those,
    # which touch (10-2)//16 + 2 = 2 pages; one of 2 holds 1, in one page, and 3 sinks hold 2 at most, in another.
    cases: list[tuple[dict[str, Any], int]] = [
        ({"keep": "1/8"}, 16),
        ({"keep": "1/2"}, 32),
        ({"keep": "1/2", "window": 20}, 32),
        ({"keep": "1/2", "window": 2}, 16),
        ({"keep": "1/3", "window": 2}, 16),  # less than one of two is a token still
        ({"keep": "1/2", "window": 2, "sink_tokens": 3}, 32),
    ]
    for fields, paged in cases:
        (found,) = [s for op in block(PLAIN | fields, new_tokens=3, cached_tokens=37) for s in op.states]
        assert found.paged == paged


def test_in_full_every_query_meets_every_resident_key() -> None:
    for fields, keys in (({}, 5), ({"window": 3}, 4), ({"window": 1}, 2), ({"chunk": 4}, 5), ({"causal": False}, 5)):
        (found,) = [op for op in block(PLAIN | fields, attention="full") if isinstance(op, Attend)]
        assert (found.keys, found.pairs) == (keys, 2 * keys)


def test_a_layer_may_read_the_cache_of_another() -> None:
    reading = PLAIN | {"kv_from": "own", "qk_norm": "head", "v_norm": "l2"}
    ops = block(reading, {"own": PLAIN})
    # No keys, values or norms of theirs; 4 heads of queries are rotated: 3 * 12 * 2.
    expected = {name: BASE[name] for name in ("q", "attend", "o")}
    assert rows(ops) == expected | {"q_norm": (3, 0, 96), "rope": (0, 0, 72)}
    assert state(ops) == ("full", 5, 3, 0, 0, 16)  # reads 3, writes and stores none


def test_a_share_of_the_tokens_enters() -> None:
    # Half of 2 tokens work. Of 9 pairs 2 are of a token with itself: (9-2)/4 + 2/2 = 2.75.
    ops = block(PLAIN | {"keep": "1/2", "keep_router": True})
    found = {op.path.removeprefix("layers.it."): op for op in ops}
    assert found["keep_router"].flops == 2 * 10 * 1 * 2  # the router sees all of them
    assert found["q"].flops == 240
    assert found["attend"].flops == 2 * 4 * 8 * 2.75
    assert (found["attend"].tokens, found["attend"].keys) == (1, 2.5)
    work = figures.flops(ops)
    assert (work.forward, type(work.forward)) == (40 + (480 + 640 + 800) // 2 + 176, int)
    # 480 parameters: half of each matrix is a token's expectation, the router's 10 are used by all.
    halves = spec(blocks={"it": PLAIN | {"keep": "1/2", "keep_router": True}}, mixer="it")
    params = figures.params(halves)
    assert params.active == 2 * 160 + 240 + 10
    assert (params.active_min, params.active_max) == (320 + 10, 320 + 480 + 10)


def test_weights_stand_apart_by_heads() -> None:
    # What parallelism may cut: queries by 4 heads, keys and values by 2, the output's input side.
    ops = block(PLAIN | {"gate": "head", "sinks": True, "bias": ["q"]})
    cuts = {w.name: (w.shape, w.split, w.units) for op in ops for w in op.weights}
    assert cuts == {
        "q": ((12, 10), "out", 4),
        "q.bias": ((12,), "out", 4),
        "k": ((6, 10), "out", 2),
        "v": ((10, 10), "out", 2),
        "sinks": ((4,), "out", 4),
        "gate": ((4, 10), "out", 4),
        "o": ((10, 20), "in", 4),
    }
    assert {w.role for op in ops for w in op.weights} == {"attention"}


@pytest.mark.parametrize(
    ("fields", "sizes", "pairs", "kept"),
    [
        # Of blocks of 4, the first new token ends one and the second begins the next.
        ({"block_size": 4}, {}, 4 + 5, 5),
        ({"block_size": 5}, {}, 5 + 5, 5),
        # All five are the prefix unless it is said to be shorter.
        ({"prefix": "bidirectional"}, {}, 5 + 5, 5),
        ({"prefix": "bidirectional"}, {"prefix": 4}, 4 + 5, 5),
        ({"prefix": "bidirectional", "window": 2}, {"prefix": 0}, 2 + 2, 2),
        # A window of 2 beside a prefix: of 1 token, and of all.
        ({"prefix": "kept", "window": 2}, {"prefix": 1}, 3 + 3, 3),
        ({"prefix": "kept", "window": 2}, {}, 4 + 5, 5),
    ],
    ids=str,
)
def test_prefixes_and_blocks_by_hand(fields: dict[str, Any], sizes: dict[str, int], pairs: int, kept: int) -> None:
    model = spec(d_model=10, blocks={"it": PLAIN | fields}, mixer="it", n_layers=1)
    ops = of(model.lower(Workload(new_tokens=2, cached_tokens=3, **sizes)), "layers.it")
    assert rows(ops)["attend"] == (0, 2 * 4 * (3 + 5) * pairs, 5 * 4 * pairs)
    assert state(ops)[1] == kept


def test_the_matrix_products_of_attention() -> None:
    (found,) = [op for op in block(PLAIN, batch=3) if isinstance(op, Attend)]
    # 3 sequences * 4 heads of 2 queries against 5 keys.
    assert list(found.matmuls()) == [(1, 12, 2, 3, 5, "attention"), (1, 12, 2, 5, 5, "attention")]
    assert (found.takes, found.gives, found.batch) == (6 * 12, 6 * 20, 3)


def test_what_a_run_reads_and_writes() -> None:
    assert moved(block(PLAIN | {"gate": "element", "qk_norm": "head", "v_norm": "l2"})) == {
        "q": (20, 24),  # 10 and 4*3 values, two tokens
        "kv": (20, 32),
        "q_norm": (24, 24),
        "k_norm": (12, 12),
        "v_norm": (20, 20),
        "rope": (36, 36),
        "attend": (24, 40),
        "gate": (20, 40),
        "gated": (80, 40),  # the gate and what it multiplies
        "o": (40, 20),
    }


def test_two_copies_of_tied_keys_unless_told_otherwise() -> None:
    tied = PLAIN | {"kv": "tied", "v_head_dim": None}
    assert state(block(tied | {"kv_copies": 2})) == state(block(tied))
    assert spec(blocks={"it": tied}, mixer="it").blocks["it"].kv_copies == 2
    assert len(refused(tied | {"kv_copies": 3})) == 1


def test_layers_and_loops_multiply() -> None:
    once = of(spec(blocks={"it": PLAIN}, mixer="it").lower(Workload(new_tokens=2)), "layers.it")
    many = spec(blocks={"it": PLAIN}, mixer="it", n_layers=3, loops=5).lower(Workload(new_tokens=2))
    looped = of(many, "layers.it")
    # 3 layers of weights and 15 of work; every loop keeps a cache of its own.
    for one, all_of_them in zip(rows(once).values(), rows(looped).values(), strict=True):
        assert all_of_them == (3 * one[0], 15 * one[1], 15 * one[2])
    assert state(looped)[4] == 15


@pytest.mark.parametrize(
    ("fields", "reach", "words"),
    [
        ({}, None, "full"),
        ({"window": 7}, 1 + 6, "window"),
        ({"chunk": 7}, 1 + 6, "chunk"),
        ({"window": 7, "sink_tokens": 2}, None, "window"),
        ({"causal": False}, None, "bidirectional"),
        ({"causal": False, "window": 7, "ahead": 3}, 1 + 6, "window"),
        ({"block_size": 7}, None, "blockwise"),
        ({"prefix": "bidirectional"}, None, "full"),
        ({"prefix": "bidirectional", "window": 7}, None, "window"),
        ({"prefix": "kept", "window": 7}, None, "window"),
    ],
    ids=str,
)
def test_how_far_back_a_layer_sees(fields: dict[str, Any], reach: int | None, words: str) -> None:
    found = spec(blocks={"it": PLAIN | fields}, mixer="it")
    assert figures.reach(found) == reach
    assert found.blocks["it"].describe() == words


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"v_head_dim": None, "n_kv_heads": None}, "full, 4 heads, head_dim 3"),
        ({}, "full, 4 heads, 2 kv heads, head_dim 3, v 5"),
        ({"causal": False}, "bidirectional, 4 heads, 2 kv heads, head_dim 3, v 5"),
        (
            {"causal": False, "window": 7, "ahead": 3},
            "window 7, 4 heads, 2 kv heads, head_dim 3, v 5, 3 ahead",
        ),
        (
            {"window": 7, "sink_tokens": 2, "qk_norm": "head", "sinks": True, "gate": "head"},
            "window 7, 4 heads, 2 kv heads, head_dim 3, v 5, 2 sink tokens, qk norm, sinks, head gate",
        ),
        ({"block_size": 32}, "blockwise, 4 heads, 2 kv heads, head_dim 3, v 5, blocks of 32"),
        ({"prefix": "kept", "window": 7}, "window 7, 4 heads, 2 kv heads, head_dim 3, v 5, prefix kept"),
        (
            {"chunk": 7, "kv": "tied", "v_head_dim": None},
            "chunk 7, 4 heads, 2 kv heads, head_dim 3, values are keys",
        ),
        (
            {"v_head_dim": 3, "kv_conv": 4, "relative": {"width": 2, "extent": 9}},
            "full, 4 heads, 2 kv heads, head_dim 3, 4 taps on keys and values, bias by distance up to 9",
        ),
    ],
)
def test_details(fields: dict[str, Any], expected: str) -> None:
    assert spec(blocks={"it": PLAIN | fields}, mixer="it").blocks["it"].details() == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"n_heads": 5},
            "blocks.it.n_heads: n_heads 5 is not a multiple of n_kv_heads 2 (AC120) 4, 6; or n_kv_heads 1, 5",
        ),
        ({"n_heads": 1}, "blocks.it.n_heads: n_heads 1 is not a multiple of n_kv_heads 2 (AC120) 2; or n_kv_heads 1"),
        (
            {"n_heads": 12, "n_kv_heads": 5},
            "blocks.it.n_heads: n_heads 12 is not a multiple of n_kv_heads 5 (AC120) 10, 15; or n_kv_heads 3, 4, 6",
        ),
        ({"bias": ["q", "w"]}, 'blocks.it.bias: bias knows no "w" (AC103) it may list q, k, v, o, gate, mask'),
        (
            {"window": 4, "chunk": 4},
            "blocks.it.chunk: a layer has a window or a chunk, not both (AC120) leave one of them out",
        ),
        (
            {"sink_tokens": 4},
            "blocks.it.sink_tokens: sink_tokens stand beside a window, and there is none (AC120) add window",
        ),
        (
            {"kv": "tied"},
            "blocks.it.v_head_dim: tied keys and values have one width, but v_head_dim is 5 and head_dim 3 (AC120) "
            "leave v_head_dim out",
        ),
        (
            {"kv_from": "it"},
            'blocks.it.kv_from: kv_from names "it", which is no attention block with a cache of its own (AC121)',
        ),
        (
            {"kv_from": "no"},
            'blocks.it.kv_from: kv_from names "no", which is no attention block with a cache of its own (AC121)',
        ),
        (
            {"kv_from": "mlp"},
            'blocks.it.kv_from: kv_from names "mlp", which is no attention block with a cache of its own (AC121)',
        ),
        ({"kv_from": "a"}, 'blocks.it.kv_from: the cache of "a" has kv_heads 1, this block reads 2 (AC121)'),
        ({"kv_from": "b"}, 'blocks.it.kv_from: the cache of "b" has head_dim 4, this block reads 3 (AC121)'),
        ({"kv_from": "c"}, 'blocks.it.kv_from: the cache of "c" has v_dim 6, this block reads 5 (AC121)'),
        (
            {"kv_from": "narrow"},
            'blocks.it.kv_from: "narrow" keeps 3 tokens, and this block reads all (AC121) '
            "give both blocks the same window",
        ),
        (
            {"kv_from": "narrow", "window": 4},
            'blocks.it.kv_from: "narrow" keeps 3 tokens, and this block reads 4 (AC121) '
            "give both blocks the same window",
        ),
        (
            {"causal": False, "window": 4},
            "blocks.it.window: without causal every token sees every other, and the window hides some (AC120) "
            "leave window out, or add ahead",
        ),
        (
            {"ahead": 2, "window": 4},
            "blocks.it.ahead: ahead stands beside a window that looks both ways (AC120) "
            "add window and causal: false, without sink_tokens",
        ),
        (
            {"block_size": 4, "window": 4},
            "blocks.it.window: block_size lets a token see its block and all before it, and window says other (AC120) "
            "leave one of them out",
        ),
        (
            {"block_size": 4, "causal": False},
            "blocks.it.causal: block_size lets a token see its block and all before it, and causal says other (AC120) "
            "leave one of them out",
        ),
        (
            {"prefix": "bidirectional", "chunk": 4},
            "blocks.it.chunk: a prefix adds to a causal mask or a window, and chunk says other (AC120) "
            "leave one of them out",
        ),
        (
            {"prefix": "bidirectional", "causal": False},
            "blocks.it.causal: a prefix adds to a causal mask or a window, and causal says other (AC120) "
            "leave one of them out",
        ),
        (
            {"prefix": "kept"},
            "blocks.it.prefix: prefix: kept is what a window never drops, and there is none (AC120) add window",
        ),
        (
            {"prefix": "kept", "window": 4, "sink_tokens": 2},
            "blocks.it.sink_tokens: the first tokens are kept as sink_tokens or as a prefix, not both (AC120) "
            "leave one of them out",
        ),
        (
            {"kv_from": "narrow", "window": 3, "prefix": "kept"},
            'blocks.it.kv_from: "narrow" does not keep the prefix that this block reads (AC121) '
            "give both blocks prefix: kept",
        ),
        ({"prefix": "seen"}, 'blocks.it.prefix: prefix must be bidirectional or kept, not "seen" (AC103)'),
        ({"bias": ["gate"]}, 'blocks.it.bias: bias names "gate", and the block has no such projection (AC120)'),
        (
            {"bias": ["v"], "kv": "tied", "v_head_dim": 3},
            'blocks.it.bias: bias names "v", and the block has no such projection (AC120)',
        ),
        ({"rope_dim": 4}, "blocks.it.rope_dim: rope_dim 4 is more than head_dim 3 (AC120)"),
        (
            {"keep_router": True},
            "blocks.it.keep_router: keep_router picks the tokens to keep, and all are kept (AC120) add keep",
        ),
        ({"window": 0}, "blocks.it.window: window must be above 0, not 0 (AC104)"),
        ({"keep": 0}, "blocks.it.keep: keep must be above 0, not 0 (AC104)"),
    ],
    ids=str,
)
def test_what_attention_cannot_be(fields: dict[str, Any], expected: str) -> None:
    others = {
        "mlp": {"kind": "ffn", "d_ff": 4},
        "a": PLAIN | {"n_kv_heads": 1},
        "b": PLAIN | {"head_dim": 4},
        "c": PLAIN | {"v_head_dim": 6},
        "narrow": PLAIN | {"window": 3},
    }
    assert refused(PLAIN | fields, **others) == [expected]


def test_tied_values_may_state_the_width_of_the_keys() -> None:
    stated = block(PLAIN | {"kv": "tied", "v_head_dim": 3})
    assert rows(stated) == rows(block(PLAIN | {"kv": "tied", "v_head_dim": None}))


@pytest.mark.parametrize("edge", [{"window": 3}, {"window": 2}, {"window": 2, "sink_tokens": 1}, {"chunk": 3}])
def test_a_reader_may_see_as_much_as_is_kept(edge: dict[str, Any]) -> None:
    assert block(PLAIN | edge | {"kv_from": "own", "rope_dim": 3}, {"own": PLAIN | {"window": 3}})


def test_a_cache_is_read_after_it_is_written() -> None:
    blocks = {"it": PLAIN | {"kv_from": "own"}, "own": PLAIN}
    row = 'mixer: mixer has "it" where no "own", which it reads, stands before it (AC130) put a layer with "own" first'
    assert problems(blocks=blocks, mixer=["it", "own"], n_layers=2) == [row]
    # Within a layer, sublayers and blocks side by side come in order.
    both = spec(blocks=blocks, layer=["own", "it"])
    assert both.stack.layout.counts == {"own": 1, "it": 1}
    assert spec(blocks=blocks, mixer="own & it")
