"""Deliberately wrong formulas: what each does to the operations of a mechanism."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import yaml

from costmodel.ops import Op, Vector

Ops: TypeAlias = Iterator[Op]
Mutation: TypeAlias = Callable[[Ops], Ops]


def wider(ops: Ops) -> Ops:
    """The first weight has one value too many in its first axis."""
    done = False
    for op in ops:
        if op.weights and not done and op.weights[0].role != "buffer":
            first, *rest = op.weights
            done = True
            op.weights = (replace(first, shape=(first.shape[0] + 1, *first.shape[1:])), *rest)
        yield op
    assert done, "nothing to change"


def forgotten(ops: Ops) -> Ops:
    """The last operation that has weights is left out."""
    every = list(ops)
    last = max(i for i, op in enumerate(every) if any(w.role != "buffer" for w in op.weights))
    yield from (op for i, op in enumerate(every) if i != last)


def dearer(ops: Ops) -> Ops:
    """The last operation that is no elementwise work is done on one row too many."""
    every = list(ops)
    last = max((i for i, op in enumerate(every) if op.flops and not isinstance(op, Vector)), default=-1)
    assert last >= 0, "nothing to change"
    op = every[last]
    if hasattr(op, "pairs"):
        op.pairs = op.pairs + 1
    else:
        op.tokens = op.tokens + 1
    yield from every


def hoarding(ops: Ops) -> Ops:
    """One value too many is kept."""
    done = False
    for op in ops:
        if op.states and not done:
            done = True
            first, *rest = op.states
            op.states = (replace(first, width=first.width + 1), *rest)
        yield op
    assert done, "nothing to change"


def copied(ops: Ops) -> Ops:
    """The last weight is stored once more."""
    every = list(ops)
    last = max(i for i, op in enumerate(every) if any(w.role != "buffer" for w in op.weights))
    first, *rest = every[last].weights
    every[last].weights = (replace(first, stored=first.stored + 1), *rest)
    yield from every


def written(tmp_path: Any, data: dict[str, Any]) -> str:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False, default_flow_style=None), encoding="utf-8")
    return str(path)
