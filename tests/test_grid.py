"""Counts over arrays equal counts at every point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small import spec

from costmodel import catalog, figures, grid
from costmodel.architecture import Architecture
from costmodel.dtypes import Recipe
from costmodel.workload import Workload

CONTEXTS = np.array([1, 2, 15, 16, 17, 127, 128, 129, 1024, 1025, 8191, 8192, 8193, 100_000, 131_072])


def at_point(model: Architecture, load: Workload, recipe: Recipe) -> tuple[int, ...]:
    """Every count of one point, in the order of the fields of Counts."""
    ops = model.lower(load)
    work, kept = figures.flops(ops), figures.cache(ops, recipe)
    return (
        *(work.forward, work.executed, work.attention, work.elementwise, work.training),
        *(kept.values, kept.bytes, kept.state_bytes, kept.paged_bytes, kept.one_pool_bytes),
    )


@pytest.mark.parametrize("name", catalog.names())
def test_a_sweep_equals_its_points(name: str) -> None:
    model = catalog.load(name)
    if not isinstance(model, Architecture):
        return
    recipe = Recipe.parse("kv=fp8,index=mxfp4")
    swept = grid.counts(model, Workload(new_tokens=1, cached_tokens=CONTEXTS - 1, source_cached=9), recipe)
    columns = [getattr(swept, column) for column in grid._NAMES]
    for i, context in enumerate(CONTEXTS.tolist()):
        point = at_point(model, Workload(new_tokens=1, cached_tokens=context - 1, source_cached=9), recipe)
        found = tuple(column[i].item() for column in columns)
        assert found == point
        assert swept.exact == all(block.keep is None for block in model.blocks.values())


SOURCE = {"n_layers": 1, "mixer": "e"}
HEADS = {"n_heads": 2, "head_dim": 3}
EXPECTATIONS: dict[str, dict[str, Any]] = {
    "a router that may choose nothing": {"kind": "moe", "n_experts": 4, "zero_experts": 3, "top_k": 3, "d_ff": 5},
    "experts at a capacity, tenths of the tokens": {
        "kind": "moe",
        "n_experts": 4,
        "top_k": 2,
        "d_ff": 5,
        "capacity_factor": 1.25,
        "keep": "1/10",
    },
    "thirds of the tokens": {"kind": "attention", **HEADS, "window": 7, "keep": "1/3"},
    "a scan in chunks": {
        "kind": "mamba2",
        "n_heads": 2,
        "head_dim": 3,
        "d_state": 4,
        "d_conv": 2,
        "chunk_size": 8,
        "keep": "3/10",
    },
    "queries of a source": {"kind": "cross_attention", **HEADS, "qk_norm": "head", "keep": "3/7"},
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_expectations_over_a_sweep_round_as_its_points_do(name: str) -> None:
    block = EXPECTATIONS[name]
    blocks = {"it": block, "e": {"kind": "attention", **HEADS, "causal": False}}
    model = spec(blocks=blocks, mixer="it", **({"encoder": SOURCE} if block["kind"] == "cross_attention" else {}))
    new = np.arange(1, 200)
    for sizes in ({"new_tokens": new, "source_new": 5}, {"new_tokens": 7, "source_new": new}):
        swept = grid.counts(model, Workload(**sizes, batch=3, cached_tokens=4))
        assert not swept.exact
        for i, size in enumerate(new.tolist()):
            at = {key: size if value is new else value for key, value in sizes.items()}
            point = at_point(model, Workload(**at, batch=3, cached_tokens=4), Recipe())
            assert tuple(getattr(swept, column)[i].item() for column in grid._NAMES) == point


@pytest.mark.parametrize("fields", [{"prefix": "bidirectional"}, {"prefix": "kept", "window": 7}, {"block_size": 5}])
def test_masks_over_a_sweep_equal_their_points(fields: dict[str, Any]) -> None:
    model = spec(blocks={"it": {"kind": "attention", **HEADS, **fields}}, mixer="it")
    prefix, cached = np.arange(0, 40)[:, None], np.arange(0, 50)
    for axis in (prefix, 11, None):
        swept = grid.counts(model, Workload(new_tokens=9, cached_tokens=cached, prefix=axis))
        assert swept.exact
        for i, j in np.ndindex(*np.broadcast_shapes(np.shape(prefix) if axis is prefix else (1, 1), cached.shape)):
            first = int(prefix[i, 0]) if axis is prefix else axis
            point = at_point(model, Workload(new_tokens=9, cached_tokens=int(cached[j]), prefix=first), Recipe())
            at = (i, j) if axis is prefix else j
            assert tuple(getattr(swept, column)[at].item() for column in grid._NAMES) == point


def test_axes_are_broadcast() -> None:
    model = catalog.load("deepseek-v3")
    assert isinstance(model, Architecture)
    batch, new = np.array([[1], [8], [64]]), np.array([1, 7, 300])
    swept = grid.counts(model, Workload(batch=batch, new_tokens=new, cached_tokens=100))
    assert swept.forward.shape == (3, 3)
    for i, j in np.ndindex(3, 3):
        point = Workload(batch=int(batch[i, 0]), new_tokens=int(new[j]), cached_tokens=100)
        assert swept.forward[i, j] == figures.flops(model.lower(point)).forward


def test_counts_that_64_bits_cannot_hold_are_floats_and_never_wrap() -> None:
    model = catalog.load("llama-3.1-405b")
    assert isinstance(model, Architecture)
    batch = np.array([1, 2**20, 2**34])
    swept = grid.counts(model, Workload(batch=batch, new_tokens=8192))
    assert not swept.exact
    for i, size in enumerate(batch.tolist()):
        point = figures.flops(model.lower(Workload(batch=size, new_tokens=8192))).forward
        assert swept.forward[i] == pytest.approx(point, rel=1e-12)
