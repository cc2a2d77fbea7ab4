"""A network with an adapter for each language, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel import figures
from costmodel.errors import InvalidSpec
from costmodel.validation import parse
from costmodel.workload import Workload

NETWORK: dict[str, Any] = {"kind": "language_ffn", "d_ff": 7, "languages": 3, "adapter_width": 2}


def model(**changes: Any) -> Any:
    """Return a model of one layer, 5 wide."""
    spec = {"name": "toy", "d_model": 5, "vocab_size": 7, "n_layers": 1, "ffn": "mlp"}
    return parse(spec | {"blocks": {"mlp": NETWORK | changes}})


def of_block(load: Workload, **changes: Any) -> list[Any]:
    return [op for op in model(**changes).lower(load) if op.path.startswith("layers.mlp.")]


@pytest.mark.parametrize(
    ("changes", "total", "active"),
    [
        # 5*7 + 7 and 7*5 + 5, and for each of three languages 5*2 + 2 and 2*5 + 5, of which a text uses one.
        ({}, 82 + 3 * 27, 82 + 27),
        ({"languages": 1}, 82 + 27, 82 + 27),
        ({"adapter_norm": "own"}, 82 + 3 * 27 + 10, 82 + 27 + 10),
        ({"adapter_norm": "shared"}, 82 + 3 * 27, 82 + 27),
    ],
)
def test_parameters_by_hand(changes: dict[str, Any], total: int, active: int) -> None:
    weights = [w for op in of_block(Workload(), **changes) for w in op.weights]
    assert (sum(w.total for w in weights), sum(w.active for w in weights)) == (total, active)


def test_flops_by_hand() -> None:
    ops = {op.path: op for op in of_block(Workload(new_tokens=4), adapter_norm="shared")}
    assert sum(op.flops for op in ops.values()) == 2 * 4 * (70 + 20)
    assert ops["layers.mlp.adapter_norm"].elementwise == 4 * 5 * 7
    assert ops["layers.mlp.adapter_down"].elementwise == 4 * 2  # a bias


def test_one_adapter_is_read() -> None:
    down = next(op for op in of_block(Workload(new_tokens=4)) if op.path.endswith("adapter_down"))
    assert [(m.batch, m.m, m.k, m.n) for m in down.matmuls()] == [(1, 4, 5, 2)]


def test_active_parameters_of_a_model() -> None:
    found = figures.params(model())
    assert found.total - found.active == 2 * 27


def test_some_tokens_do_not_enter() -> None:
    with pytest.raises(InvalidSpec) as caught:
        model(keep="1/2")
    assert caught.value.message == "a whole text passes through its adapter, and keep lets some in"
