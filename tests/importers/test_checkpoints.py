"""Published checkpoints, tensor by tensor: the catalog has as many values, correction biases and further layers too."""

from __future__ import annotations

import pytest

from costmodel import catalog, figures
from costmodel.architecture import Architecture

# Values of all tensors of the language model, as lists of the files' shapes add them up:
# gogongxt/python scripts/models/*.md, at commits cbff706, ec99626 and b521199.
# That of MiniMax-M3 has no further layers, though its configuration names some.
CHECKPOINTS = {
    "glm-5.1": 753_864_139_008,
    "llama-3.2-3b": 3_212_749_824,
    "minimax-m3": 427_040_140_160 - 865_567_232,  # less the tower's
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-7b": 7_615_616_512,
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_spec_has_the_values_of_the_published_tensors(name: str) -> None:
    model = catalog.load(name)
    assert isinstance(model, Architecture)
    params = figures.params(model, ["mtp"] if model.mtp and name != "minimax-m3" else [])
    assert params.total + params.not_in_total.get("buffers", 0) == CHECKPOINTS[name]
