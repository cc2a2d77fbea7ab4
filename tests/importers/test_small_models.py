"""Small models of which torch proved every figure: imported from their configuration, they have the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.importers import import_text
from costmodel.importers.families import TABLE
from costmodel.validation import parse
from costmodel.workload import Workload
from tests.oracle.families import FAMILIES, Family

STEPS = (
    Workload(new_tokens=7, source_new=5),
    Workload(new_tokens=1, cached_tokens=40, source_cached=5, attention="full"),
    Workload(batch=2, new_tokens=9, cached_tokens=300, source_cached=5),
)


def of(model: Architecture, load: Workload) -> dict[str, Any]:
    """Return the figures of a step."""
    ops = model.lower(load)
    flops, cache = figures.flops(ops), figures.cache(ops)
    return {
        "forward": flops.forward,
        "executed": flops.executed,
        "attention": flops.attention,
        "elementwise": flops.elementwise,
        "cache": [(row.state.kind, row.state.name) for row in cache.rows] and (cache.values, cache.bytes),
        "state": cache.state_bytes,
    }


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_import_has_the_figures_of_the_spec_that_torch_proved(family: Family) -> None:
    if family.config["model_type"] not in TABLE:
        pytest.skip("no adapter yet")
    found = parse(import_text(json.dumps(dict(family.config)), "config.json").document)
    assert isinstance(found, Architecture)
    params, wanted = figures.params(found), figures.params(family.architecture)
    assert (params.total, params.active, params.active_without_lookup) == (
        wanted.total,
        wanted.active,
        wanted.active_without_lookup,
    )
    for load in STEPS:
        assert of(found, load) == of(family.architecture, load)
