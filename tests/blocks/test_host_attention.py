"""Attention to the cache of another model, and where a drafter's input comes from, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small import of, problems, rows, spec

from costmodel import figures
from costmodel.ops import Op
from costmodel.workload import Workload

HOST: dict[str, Any] = {"kind": "host_attention", "n_heads": 4, "n_kv_heads": 2, "head_dim": 3}
FIELDS: dict[str, Any] = {"blocks": {"it": HOST}, "mixer": "it", "host": {"d_model": 7}}
# Two tokens of a model 10 wide, after three that the host has: (parameters, FLOPs, elementwise steps).
BASE = {
    "q": (120, 480, 0),
    "rope": (0, 0, 72),  # 3 * 4*3 * 2
    "attend": (0, 288, 120),  # 2 * 4 heads * (3+3) * 2 * 3; softmax 5 * 4 * 6
    "o": (120, 480, 0),
}


def lowered(fields: dict[str, Any], **choices: Any) -> list[Op]:
    changed = spec(**FIELDS | {"blocks": {"it": HOST | fields}})
    return changed.lower(Workload(**{"new_tokens": 2, "cached_tokens": 3} | choices))


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"window": 2}, {"attend": (0, 192, 80)}),  # the host's last 2, not one of them the token itself
        ({"window": 9}, {}),
        ({"bias": ["q", "o"]}, {"q": (132, 480, 24), "o": (130, 480, 20)}),
        ({"q_norm": "head"}, {"q_norm": (3, 0, 96)}),
        ({"rope_dim": 2}, {"rope": (0, 0, 48)}),
        ({"v_head_dim": 5}, {"attend": (0, 384, 120), "o": (200, 800, 0)}),
    ],
)
def test_by_hand(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    assert rows(of(lowered(fields), "layers.it")) == BASE | changed


@pytest.mark.parametrize("attention", ["causal", "full"])
def test_the_cache_is_the_hosts(attention: Any) -> None:
    ops = lowered({}, attention=attention)
    (state,) = [state for op in ops for state in op.states]
    assert (state.stored, state.written, state.read, state.width) == (0, 0, 3, 12)
    assert figures.cache(ops).values == 0
    assert rows(of(ops, "layers.it")) == BASE


def test_without_cached_tokens_there_is_nothing_to_see() -> None:
    assert rows(of(lowered({}, cached_tokens=0), "layers.it"))["attend"] == (0, 0, 0)


def test_the_input_comes_from_the_host() -> None:
    ops = {op.path: op for op in lowered({})}
    assert (ops["host.project"].flops, ops["host.back"].flops) == (2 * 2 * 14 * 10, 2 * 2 * 10 * 7)
    assert "embedding" not in ops
    total = 120 + 120 + 14 * 10 + 10 * 7 + 16 * 10  # one table, the head
    assert figures.params(spec(**FIELDS)).total == figures.params(spec(**FIELDS)).active == total


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"host": None}, 'blocks: "it" reads the cache of a host, and there is none (AC120) add host'),
        ({"tied": True}, "tied: the input comes from the host, and tied asks for tables of its own (AC120)"),
        (
            {"blocks": {"it": {"kind": "ffn", "d_ff": 3}}},
            "host: no block reads the host (AC120) add a host_attention block to the layers",
        ),
        ({"blocks": {"it": HOST | {"rope_dim": 4}}}, "blocks.it.rope_dim: rope_dim 4 is more than head_dim 3 (AC120)"),
        (
            {"blocks": {"it": HOST | {"keep": "1/2"}}},
            "blocks.it.keep: every token reads the host's cache, and keep lets only some in (AC120) leave keep out",
        ),
    ],
)
def test_refused(fields: dict[str, Any], found: str) -> None:
    assert problems(**FIELDS | fields) == [found]
