"""Cross-attention by hand, every option of it."""

from __future__ import annotations

from typing import Any

import pytest
from lowering import lower
from small import of, problems, rows, spec

from costmodel import figures
from costmodel.blocks.cross_attention import CrossAttention
from costmodel.ops import Attend, Op, Project
from costmodel.workload import Workload

CROSS: dict[str, Any] = {"kind": "cross_attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 3, "v_head_dim": 5}
FIELDS: dict[str, Any] = {
    "blocks": {"it": CROSS, "both": {"kind": "attention", "n_heads": 1, "head_dim": 2, "causal": False}},
    "encoder": {"n_layers": 1, "mixer": "both"},
    "mixer": "it",
}
# Two tokens after three of a model 10 wide, against 6 new tokens of the source and 1 cached:
# (parameters, FLOPs, elementwise steps).
BASE = {
    "q": (120, 480, 0),  # 10 * 4*3, two tokens
    "kv": (160, 1920, 0),  # 10 * 2*(3+5), the six new tokens of the source
    "attend": (0, 896, 280),  # 2 * 4 heads * (3+5) * 2 * 7; softmax 5 * 4 * 14
    "o": (200, 800, 0),  # 4*5 * 10
}


def cross(fields: dict[str, Any], **choices: Any) -> list[Op]:
    changed = spec(**FIELDS | {"blocks": FIELDS["blocks"] | {"it": CROSS | fields}})
    sizes = {"new_tokens": 2, "cached_tokens": 3, "source_new": 6, "source_cached": 1}
    return of(changed.lower(Workload(**sizes | choices)), "layers.it")


def test_cross_attention_by_hand() -> None:
    ops = cross({})
    assert rows(ops) == BASE
    (kept,) = [s for op in ops for s in op.states]
    # 7 entries of 2 * (3+5), one of which was there; a page of 16; one layer.
    sizes = (kept.kept, kept.read, kept.written, kept.paged, kept.pooled, kept.stored)
    assert (kept.kind, kept.width, kept.units, *sizes) == ("cross", 16, 2, 7, 1, 6, 16, 7, 1)


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"bias": ["q", "k", "v", "o"]}, {"q": (132, 480, 24), "kv": (176, 1920, 96), "o": (210, 800, 20)}),
        # 4 steps on 4 * 3 values of two tokens, and on 2 * 3 of the six new ones of the source.
        ({"qk_norm": "head"}, {"q_norm": (3, 0, 96), "k_norm": (3, 0, 144)}),
        ({"qk_norm": {"shape": "heads", "kind": "layer"}}, {"q_norm": (12, 0, 168), "k_norm": (6, 0, 252)}),
        ({"gate": "tanh"}, {"gate": (1, 0, 40)}),  # tanh and product of 10 values, two tokens
        ({"d_source": 10}, {}),
        # Four heads of keys; then values as wide as keys: kv 10 * 4*6, attend 2 * 4 * 6 * 14.
        ({"n_kv_heads": None}, {"kv": (320, 3840, 0)}),
        (
            {"n_kv_heads": None, "v_head_dim": None},
            {"kv": (240, 2880, 0), "attend": (0, 672, 280), "o": (120, 480, 0)},
        ),
    ],
    ids=str,
)
def test_an_option_changes(fields: dict[str, Any], changed: dict[str, tuple[int, int, int]]) -> None:
    assert rows(cross(fields)) == BASE | changed


def test_decoding_reads_what_the_source_left() -> None:
    decode = cross({}, new_tokens=1, source_new=0, source_cached=7, batch=3)
    # No source token is new: no keys are computed. 3 * (2 * 4 * 8 * 7).
    assert rows(decode) == {"q": (120, 720, 0), "kv": (160, 0, 0), "attend": (0, 1344, 420), "o": (200, 1200, 0)}
    # And none is normalised again.
    decode = cross({"qk_norm": "head"}, new_tokens=1, source_new=0, source_cached=7)
    assert rows(decode)["k_norm"] == (3, 0, 0)


def test_keys_of_a_batch() -> None:
    assert rows(cross({}, batch=3))["kv"] == (160, 3 * 1920, 0)


def test_a_share_of_the_tokens_enters() -> None:
    # A kept query meets every source token: half of 14 pairs, and half of the queries.
    (found,) = [op for op in cross({"keep": "1/2"}) if isinstance(op, Attend)]
    assert (found.pairs, found.tokens, found.keys) == (7, 1, 7)


def test_the_source_is_as_wide_as_the_decoder_unless_told_otherwise() -> None:
    (kv,) = [op for op in cross({}) if op.path.endswith(".kv")]
    assert [w.shape for w in kv.weights] == [(6, 10), (10, 10)]
    assert kv.takes == 10 * 6


def test_by_itself_the_block_reads_what_it_says() -> None:
    for fields, width in (({"d_source": 20}, 20), ({}, 10)):
        found = lower(CrossAttention.model_validate(CROSS | fields), 10)
        assert [op.d_in for op in found if isinstance(op, Project) and op.path.endswith(".kv")] == [width]


def test_reach_and_words() -> None:
    found = spec(**FIELDS)
    assert found.blocks["it"].describe() == "cross"
    assert found.blocks["it"].details() == "4 heads, 2 kv heads, head_dim 3"
    alike = spec(**FIELDS | {"blocks": FIELDS["blocks"] | {"it": CROSS | {"n_kv_heads": 4}}})
    assert alike.blocks["it"].details() == "4 heads, head_dim 3"
    assert figures.reach(found) is None


def test_a_source_that_another_model_makes() -> None:
    fields = {"blocks": {"it": CROSS}, "mixer": "it", "d_source": 7}
    found = spec(**fields)
    assert (found.sort, found.extra_components) == ("decoder of a source", [])
    load = Workload(new_tokens=2, cached_tokens=3, source_new=6, source_cached=1)
    # 7 * 2*(3+5), six new tokens of the source; nothing else works on them
    assert rows(of(found.lower(load), "layers.it")) == BASE | {"kv": (112, 1344, 0)}
    assert next(op for op in found.lower(load) if op.path == "embedding").tokens == 2
    assert problems(**fields | {"mixer": "other", "blocks": {"other": {"kind": "ffn", "d_ff": 3}}}) == [
        "d_source: no block reads a source (AC120) add a cross_attention block to the layers"
    ]
    assert problems(**FIELDS | {"d_source": 7}) == [
        "d_source: the encoder makes what d_source is the width of (AC120) leave d_source out"
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"n_heads": 5},
            "blocks.it.n_heads: n_heads 5 is not a multiple of n_kv_heads 2 (AC120) 4, 6; or n_kv_heads 1, 5",
        ),
        (
            {"d_source": 20},
            "blocks.it.d_source: d_source is 20, but the source is 10 wide (AC120) leave d_source out",
        ),
        ({"bias": ["gate"]}, 'blocks.it.bias: bias knows no "gate" (AC103) it may list q, k, v, o'),
    ],
    ids=str,
)
def test_what_cross_attention_cannot_be(fields: dict[str, Any], expected: str) -> None:
    assert problems(**FIELDS | {"blocks": FIELDS["blocks"] | {"it": CROSS | fields}}) == [expected]


def test_without_an_encoder_there_is_nothing_to_read() -> None:
    fields = {name: value for name, value in FIELDS.items() if name != "encoder"}
    assert problems(**fields) == [
        "blocks: cross-attention reads an encoder, and there is none (AC120) "
        "add encoder, or d_source where another model is the encoder"
    ]
    # A block that stands nowhere reads nothing.
    assert spec(**fields | {"mixer": "both"})


def test_an_encoder_cannot_read_itself_and_must_be_read() -> None:
    stands = FIELDS | {"encoder": {"n_layers": 1, "mixer": "it"}}
    assert problems(**stands) == ['encoder: "it" reads the encoder, so it cannot stand in it (AC120)']
    (unread,) = problems(**FIELDS | {"mixer": "both"})
    assert unread.startswith("encoder: ")
