"""Imported configurations at full size: the parameters of transformers' class, or why there are none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import costmodel as cm
from costmodel import verify
from costmodel.cli import run
from costmodel.importers.config import Config
from costmodel.report.verify import Verified

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
# A wrapper: a language model with experts, and a tower.
GLM: dict[str, Any] = {"model_type": "glm4v_moe", "vision_config": {"out_hidden_size": 4096}}
KIMI: dict[str, Any] = {"model_type": "kimi_k2", "n_routed_experts": 64, "num_hidden_layers": 3}


def verified(folder: Path, config: dict[str, Any]) -> Verified:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return cm.verify_(str(path)).specs[0]


def at_full_size(found: Verified) -> dict[str, tuple[int, int]]:
    """Return the figures at full size: ours and theirs."""
    rows = {row.figure: (row.archcalc, row.pytorch) for row in found.figures}
    return {figure.removeprefix("full_size."): both for figure, both in rows.items() if "full_size" in figure}


def test_a_configuration_is_compared_at_full_size(tmp_path: Path) -> None:
    found = verified(tmp_path, LLAMA)
    # 2 tables of 32,000 x 4096; 32 layers of 4 matrices of 4096^2, 3 of 4096 x 11,008, 2 norms; a norm.
    total = 2 * 32_000 * 4096 + 32 * (4 * 4096**2 + 3 * 4096 * 11_008 + 2 * 4096) + 4096
    assert at_full_size(found) == {"total": (total, total), "active": (total, total)}
    assert found.full_size is not None
    assert (found.full_size.model, found.full_size.note) == ("LlamaForCausalLM", "")
    assert found.full_size.by is not None
    assert found.full_size.by.startswith("transformers ")
    assert found.equal == len(found.figures) == 45


def test_towers_are_compared_with_everything_that_the_class_holds(tmp_path: Path) -> None:
    found = at_full_size(verified(tmp_path, GLM))
    assert list(found) == ["total", "active", "with_towers"]
    assert all(ours == theirs for ours, theirs in found.values())
    assert found["active"] < found["total"] < found["with_towers"]


def test_a_class_that_the_configuration_names_stands_in_for_one_of_its_type(tmp_path: Path) -> None:
    named = {"architectures": ["DeepseekV3ForCausalLM"]}
    found = verified(tmp_path, KIMI | named)
    assert found.full_size is not None
    assert found.full_size.model is None  # its sizes may have other names in that class
    found = verified(tmp_path, KIMI | named | {"hidden_size": 512, "num_attention_heads": 8, "vocab_size": 1000})
    assert found.full_size is not None
    assert found.full_size.model == "DeepseekV3ForCausalLM"
    both = at_full_size(found)
    assert list(both) == ["total", "active"]
    assert all(ours == theirs for ours, theirs in both.values())


def test_a_wrong_import_is_noticed_at_full_size_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The small model is built from what was imported, so that it is as wrong."""

    right = Config.count

    def wrong(self: Config, key: str, *null: Any) -> Any:
        return right(self, key, *null) + 1 if key == "intermediate_size" else right(self, key, *null)

    monkeypatch.setattr(Config, "count", wrong)
    found = verified(tmp_path, LLAMA)
    assert found.differs is not None
    assert found.differs.figure == "full_size.total"
    assert found.differs.archcalc - found.differs.pytorch == 32 * 3 * 4096
    assert f", ffn.dense {32 * 3 * 4096 * 11_009}, " in found.differs.terms[0]
    assert f"model.layers.mlp {32 * 3 * 4096 * 11_008}" in found.differs.terms[1]
    assert run(["verify", str(tmp_path / "config.json")]) == 1
    assert "full_size.total at LlamaForCausalLM differs: archcalc 6,738," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "note"),
    [
        (KIMI, "has no class of model type 'kimi_k2'"),
        (KIMI | {"architectures": ["system", "nn"]}, "has no class of model type 'kimi_k2'"),
        (LLAMA | {"num_hidden_layers": 1001}, "1001 layers are more than are built here (1000)"),
        (LLAMA | {"rope_scaling": {"rope_type": "yarn"}}, "LlamaForCausalLM fails on it: "),
    ],
    ids=["unknown", "no class", "deep", "fails"],
)
def test_why_nothing_is_compared_at_full_size(
    config: dict[str, Any], note: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = verified(tmp_path, config)
    assert found.differs is None
    assert at_full_size(found) == {}
    assert found.full_size is not None
    assert found.full_size.model is None
    assert note in found.full_size.note
    assert run(["verify", str(tmp_path / "config.json")]) == 0
    assert "Not compared at full size: " in capsys.readouterr().out
    assert run(["verify", str(tmp_path / "config.json"), "--format", "markdown"]) == 0
    assert "equal; not compared at full size: " in capsys.readouterr().out


def test_without_transformers_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("full_size", "published"):
        monkeypatch.delitem(sys.modules, f"costmodel.verify.{name}", raising=False)
        monkeypatch.delattr(verify, name, raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    found = verified(tmp_path, LLAMA)
    assert found.differs is None
    assert found.full_size is not None
    assert found.full_size.note == 'transformers is not installed: pip install "archcalc[verify]"'
    assert found.full_size.by is None


def test_what_a_repository_would_run_is_not_run(tmp_path: Path) -> None:
    code = {"auto_map": {"AutoModelForCausalLM": "modeling.Mine"}, "attn_implementation": "somebody/kernel"}
    found = verified(tmp_path, LLAMA | code)
    assert found.full_size is not None
    assert found.full_size.model == "LlamaForCausalLM"


def test_a_spec_of_ours_has_no_class() -> None:
    found = cm.verify_("llama-3.1-8b").specs[0]
    assert found.full_size is None
    assert at_full_size(found) == {}


def test_nothing_is_allocated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from costmodel.verify import full_size

    built = []
    right = full_size.count
    monkeypatch.setattr(full_size, "count", lambda model: (built.append(model), right(model))[1])
    verified(tmp_path, LLAMA)
    assert {parameter.device for parameter in built[0].parameters()} == {torch.device("meta")}
