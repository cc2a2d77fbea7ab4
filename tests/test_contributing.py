"""The worked example of CONTRIBUTING.md: one new file is a new mechanism, and its counts are right."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from costmodel import blocks, catalog, figures
from costmodel.architecture import Architecture
from costmodel.workload import Workload

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """A fenced text of the page, by the comment before it."""
    match = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    return match[1]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Architecture]:
    """The example's spec, with the example's file among the blocks under a new name: nothing else is changed."""
    folder = tmp_path / "blocks"
    folder.mkdir()
    text = example("blocks/lightning.py").replace('Literal["lightning"]', 'Literal["thunder"]')
    (folder / "thunder.py").write_text(text, encoding="utf-8")
    (tmp_path / "tiny-lightning.yaml").write_text(example("spec").replace("kind: lightning", "kind: thunder"))
    monkeypatch.setattr(blocks, "__path__", [*blocks.__path__, str(folder)])
    assert "thunder" in blocks.kinds()
    loaded = catalog.load(str(tmp_path / "tiny-lightning.yaml"))
    assert isinstance(loaded, Architecture)
    yield loaded
    assert {block.kind for block in loaded.blocks.values()} == {"thunder", "attention", "ffn"}
    sys.modules.pop("costmodel.blocks.thunder", None)


def test_the_page_prints_the_file() -> None:
    assert example("blocks/lightning.py") == (ROOT / "costmodel" / "blocks" / "lightning.py").read_text("utf-8")


def test_the_page_prints_an_adapter_as_it_is() -> None:
    assert example("families/olmo.py") in (ROOT / "costmodel" / "importers" / "families" / "olmo.py").read_text("utf-8")


def test_every_figure_knows_the_new_mechanism(spec: Architecture) -> None:
    # 7 lightning layers of width 60: q, k, v, gate 4 * 48*60, o 60*48, norm 60
    # 1 attention: q and o 2 * 48*48, k and v 2 * 48*16; 8 ffn 3 * 48*70; 17 norms; two tables 100*48
    attention, ffn = 2 * 48 * 48 + 2 * 48 * 16, 3 * 48 * 70
    lightning = 7 * (4 * 48 * 60 + 60 * 48 + 60)
    params = figures.params(spec)
    assert params.components["mixer.lightning"] == lightning
    assert params.total == lightning + attention + 8 * ffn + 17 * 48 + 2 * 100 * 48
    ops = spec.lower(Workload(new_tokens=1, cached_tokens=99))
    # 5 heads of 12 x 12 values, an update and a read-out of 2 each
    assert figures.flops(ops).parts["recurrent"] == 7 * 2 * 2 * 5 * 12 * 12
    # fp32 states of the 7, bf16 keys and values of 2 heads of 8 for 100 tokens of the one
    cache = figures.cache(ops)
    assert cache.state_bytes == 7 * 5 * 12 * 12 * 4
    assert cache.bytes == cache.state_bytes + 100 * 2 * (8 + 8) * 2


@pytest.mark.oracle
def test_the_example_equals_the_module_of_transformers(spec: Architecture) -> None:
    import torch
    from transformers import MiniMaxConfig
    from transformers.models.minimax.modeling_minimax import MiniMaxLightningAttention

    config = MiniMaxConfig(
        hidden_size=48, num_attention_heads=5, head_dim=12, num_hidden_layers=2, layer_types=["linear_attention"] * 2
    )
    with torch.device("meta"):
        module = MiniMaxLightningAttention(config, layer_idx=0)
    ours = figures.params(spec).components["mixer.lightning"]
    assert ours == 7 * sum(parameter.numel() for parameter in module.parameters())
