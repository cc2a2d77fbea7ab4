"""Every architecture that ships, made small: the reference model holds and computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel import catalog
from costmodel.architecture import Architecture
from costmodel.validation import parse
from costmodel.verify.scaling import scaled
from tests.oracle.families import FAMILIES, Family

NAMES = [name for name in catalog.names() if "blocks" in catalog.document(name).data]


def options(fields: Any) -> Any:
    """Return what is neither a number nor a name of a layer: which fields there are, and their words."""
    if isinstance(fields, dict):
        skipped = (
            "claims",
            "source",
            "title",
            "aliases",
            "confidence",
            "max_context",
            "format",
            "layer",
            "mixer",
            "ffn",
        )
        of_experts = ("expected_top_k", "router")
        return {key: options(value) for key, value in fields.items() if key not in (*skipped, *of_experts)}
    if isinstance(fields, list):
        return [options(item) for item in fields]
    return "number" if isinstance(fields, int) and not isinstance(fields, bool) else fields


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_is_proved(name: str) -> None:
    found = cm.verify_(name)
    assert found.proved, str(found.specs[0].differs)
    assert found.specs[0].equal >= 43


@pytest.mark.parametrize("name", NAMES)
def test_a_small_spec_has_every_block_and_option_of_the_large_one(name: str) -> None:
    data = catalog.document(name).data
    large, small = parse(data), parse(scaled(data))
    assert isinstance(large, Architecture)
    assert isinstance(small, Architecture)
    for field in ("blocks", "shared", "norm", "encoder", "mtp", "components", "embedding", "head", "altup", "ple"):
        mine, theirs = options(scaled(data).get(field)), options(data.get(field))
        assert str(mine).replace("active", "") == str(theirs).replace("active", "") or mine == theirs, field
    assert set(small.stack.layout.counts) == set(large.stack.layout.counts)
    assert {layer for _, layer in small.stack.layout.groups()} == {layer for _, layer in large.stack.layout.groups()}
    assert small.n_layers <= 2 * len(large.stack.layout.groups())


def test_sizes_that_differ_go_on_to_differ() -> None:
    small = scaled(catalog.document("deepseek-v3").data)
    mla, moe, dense = (small["blocks"][name] for name in ("mla", "moe", "dense"))
    widths = [small["d_model"], mla["q_lora_rank"], mla["kv_lora_rank"], moe["d_ff"], dense["d_ff"]]
    assert len(set(widths)) == len(widths)
    assert mla["qk_nope_head_dim"] == mla["v_head_dim"]  # both 128 in the large one
    assert sorted(widths) == [mla["kv_lora_rank"], mla["q_lora_rank"], moe["d_ff"], small["d_model"], dense["d_ff"]]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_small_model_that_torch_proved_is_proved_again(family: Family, tmp_path: Path) -> None:
    path = tmp_path / f"{family.name}.yaml"
    path.write_text(f"name: {family.name}\n{family.spec}", encoding="utf-8")
    found = cm.verify_(str(path))
    assert found.proved, str(found.specs[0].differs)
