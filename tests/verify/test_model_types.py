"""Every model type that is imported: the default of its class is proved, made small and at full size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import CONFIG_MAPPING

import costmodel as cm
from costmodel.importers.families import TABLE
from costmodel.verify.published import model_class
from tests.importers.zoo import bare

# Types whose default configuration is refused, and why.
REFUSED = {"big_bird": "random blocks", "bigbird_pegasus": "random blocks", "deepseek_ocr2_text": "mlp_layer_types"}
# Those without a class in transformers have no default.
TYPES = [name for name in sorted(TABLE) if name in CONFIG_MAPPING and name not in REFUSED]


@pytest.mark.parametrize("model_type", TYPES)
def test_the_default_of_every_class_is_proved(model_type: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(bare(model_type)))
    found = cm.verify_(str(path))
    assert found.proved, str(found.specs[0].differs)
    at_full_size = [row.figure for row in found.specs[0].figures if row.figure.startswith("full_size")]
    assert bool(at_full_size) == (model_class(model_type) is not None), found.specs[0].full_size


@pytest.mark.parametrize("model_type", REFUSED)
def test_what_is_refused_says_why(model_type: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(cm.ArchcalcError, match=REFUSED[model_type]):
        cm.verify_(str(path))
