"""Random specs: archcalc's figures equal those of a PyTorch model written independently of it.

One spec again: ``ARCHCALC_FUZZ_SEED=17 pytest tests/fuzz``. More: ``ARCHCALC_FUZZ_SPECS=5000``.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
import torch
import yaml

from costmodel.architecture import Architecture
from costmodel.loader import read_document, resolve
from costmodel.validation import parse
from costmodel.verify.compare import Comparison

from .specs import random_spec

CHUNKS = 12
SPECS = int(os.environ.get("ARCHCALC_FUZZ_SPECS", "312"))
ONE = os.environ.get("ARCHCALC_FUZZ_SEED")
OPTIONS = (
    "encoder",
    "patches",
    "components",
    "mtp",
    "shared",
    "loops",
    "altup",
    "laurel",
    "ple",
    "ngrams",
    "residual_gate",
    "hyper_connections",
    "residual_scale",
    "attention_residuals",
    "layer_scale",
    "relative_bias",
)


@pytest.mark.parametrize("chunk", [0] if ONE else range(CHUNKS))
def test_random_specs_equal_a_model_written_from_the_papers(chunk: int, record_property: pytest.RecordProperty) -> None:
    torch.set_num_threads(1)
    seen: Counter[str] = Counter()
    for seed in [int(ONE)] if ONE else range(chunk, SPECS, CHUNKS):
        spec = random_spec(seed)
        text = yaml.safe_dump(spec, sort_keys=False)
        document = resolve(read_document(text), lambda name: pytest.fail(f"no base {name}"))
        try:
            found = parse(document.data)
            assert isinstance(found, Architecture)
            for row in Comparison(found, spec, seed).run():
                assert row.equal, str(row)
                seen["figures"] += 1
                seen["steps"] += row.figure == "cache.values" and not row.at.startswith("mtp")
        except Exception as error:
            raise AssertionError(f"{error}\n\nARCHCALC_FUZZ_SEED={seed}\n{text}") from error
        seen.update({block["kind"] for block in spec["blocks"].values()})
        seen.update(f for f in OPTIONS if f in spec)
        seen["encoder.input"] += "input" in spec.get("encoder", {})
        seen["specs"] += 1
    record_property("fuzz", dict(seen))
