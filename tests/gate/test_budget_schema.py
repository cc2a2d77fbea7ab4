"""The JSON Schema of budget files: editors accept what the reader accepts, and refuse what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from costmodel.errors import ArchcalcError
from costmodel.gate.budget_schema import budget_schema, budget_schema_text
from costmodel.gate.budgets import read_budgets

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def valid(text: str) -> bool:
    schema = budget_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema).is_valid(yaml.safe_load(text))


def readable(text: str, folder: Path) -> bool:
    path = folder / "limits.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        read_budgets(path)
    except ArchcalcError:
        return False
    return True


def test_the_committed_schema_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "archcalc-budgets.schema.json").read_text(encoding="utf-8")
    assert committed == budget_schema_text(), "run: archcalc schema --budgets --out docs/archcalc-budgets.schema.json"


def test_the_example_of_the_page(tmp_path: Path) -> None:
    match = re.search(r"<!-- example: archcalc.budgets.yaml -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    assert readable(match[1], tmp_path)
    assert valid(match[1])


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("budgets: [{rules: {params.active: {max: 38B}}}]", True),
        ("budgets: [{match: [a, 'b/**'], rules: {params.active: [{max: 38B}, {min: 1.5e+9, why: x}]}}]", True),
        ("budgets: [{rules: {'cache.bytes@128Ki': {max_increase: 1%, vs: base}}}]", True),
        ("budgets: [{rules: {fits: {hardware: 8x h200-sxm, context: 8Ki, with: [mtp]}}}]", True),
        ("budgets: [{assert: [n_layers < 100, {expr: d_model > 1, severity: note}]}]", True),
        ("{severity: {AC153: 'off'}, budgets: [{assert: [n_layers < 100]}]}", True),
        ("{workloads: {long: {context: 128Ki, tp: 8}}, budgets: [{assert: [n_layers < 100]}]}", True),
        ("{version: 2, budgets: []}", False),
        ("budgets: [{rules: {params.active: {maximum: 38B}}}]", False),
        ("budgets: [{rules: {params.active: {max: 38B, severity: fatal}}}]", False),
        ("budgets: [{rules: {params.active: 38B}}]", False),
        ("budgets: [{rules: {fits: {hardwear: h200-sxm, context: 8Ki}}}]", False),
        ("budgets: [{assert: [{severity: note}]}]", False),
        ("{severity: {AC999: 'off'}, budgets: [{assert: [n_layers < 100]}]}", False),
        ("{workloads: {long: {phase: decoding}}, budgets: [{assert: [n_layers < 100]}]}", False),
    ],
)
def test_it_agrees_with_the_reader(text: str, good: bool, tmp_path: Path) -> None:
    assert (valid(text), readable(text, tmp_path)) == (good, good)
