"""Imported configurations of few layers and short windows: FLOPs and caches of a forward, each day of others."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from costmodel.importers.families import TABLE

from .forwards import compare, variations
from .survey import quiet
from .test_zoo import SEED

CHUNKS, TYPES = 8, 72

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_flops_and_caches_are_those_of_the_class(chunk: int) -> None:
    quiet()
    able = sorted(name for name in TABLE if variations(name, 0, 0))
    outcomes: Counter[str] = Counter()
    for model_type in Random(SEED).sample(able, TYPES)[chunk::CHUNKS]:
        for data in variations(model_type, 1, SEED):
            outcome = compare(data)
            assert not outcome.startswith("wrong"), f"ARCHCALC_ZOO_SEED={SEED} {data}: {outcome}"
            outcomes[outcome] += 1
    assert outcomes["equal"]  # among 18 that are drawn, some that can be run without memory
