"""Active parameters from the gradients of one token: an expert's slice counts if any of it has one.

Only routed experts are judged by their gradients. With one token, attention's softmax has one key,
so the gradients of queries and keys are exactly zero though their weights are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from costmodel import figures

from .models import build, distinct, expert_count, expert_size, routing
from .runs import BY_NAME, IDS

pytestmark = pytest.mark.oracle

WITH_EXPERTS = [name for name in IDS if "moe" in BY_NAME[name].kinds]
TOKEN = 7


def slices(module: torch.nn.Module) -> Iterator[list[torch.Tensor | None]]:
    """Yield the gradients of every expert's own values."""
    if isinstance(module, torch.nn.ModuleDict):
        for expert in module.values():
            yield [parameter.grad for parameter in expert.parameters()]
        return
    for expert in range(expert_count(module)):
        yield [None if p.grad is None else p.grad[expert] for p in module.parameters()]


def used(module: torch.nn.Module) -> int:
    """Count the experts that a gradient reached."""
    return sum(any(g is not None and bool(g.any()) for g in gradients) for gradients in slices(module))


@pytest.mark.parametrize("name", WITH_EXPERTS)
def test_active_parameters(name: str, compared: Callable[..., None]) -> None:
    family = BY_NAME[name]
    model = build(family.config)
    torch.manual_seed(1)
    for parameter in distinct(model):  # zero biases and tiny weights invite accidental zeros
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter.data, std=0.2)
    tokens = torch.tensor([[TOKEN]])
    inputs = {"input_ids": tokens, "decoder_input_ids": tokens} if family.source else {"input_ids": tokens}
    model(**inputs).logits.square().sum().backward()

    modules = routing(model).values()
    total = sum(parameter.numel() for parameter in distinct(model)) - sum(family.beside.values())
    idle = sum((expert_count(m) - used(m)) * expert_size(m) for m in modules)
    found = figures.params(family.architecture)
    assert found.total == total
    if "zero_experts_are_drawn" in family.differences:
        assert found.active_min <= total - idle <= found.active_max
        (spread,) = {b.most - b.least for b in family.architecture.blocks.values() if b.kind == "moe"}  # type: ignore[attr-defined]
        assert found.active_max - found.active_min == sum(spread * expert_size(m) for m in modules)
    else:
        assert found.active == total - idle
        assert found.active_min == found.active_max == found.active
    compared(families_whose_active_parameters_are_equal=1)
