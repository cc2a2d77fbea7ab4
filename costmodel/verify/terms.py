"""Which term of a figure differs: by block, and for parameters by shape."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.ops import Op
from costmodel.verify.reference.parts import Cache
from costmodel.workload import Workload

Terms: TypeAlias = tuple[str, ...]

_ELSEWHERE = "beside the blocks"


def parameter_terms(architecture: Architecture, model: Any) -> Terms:
    """Return the blocks whose parameters differ, with the shapes that one side alone has."""
    ours: dict[str, Counter[tuple[int, ...]]] = {}
    for op in architecture.lower(Workload()):
        for weight in op.weights:
            if weight.stored and weight.role != "buffer":
                shape = tuple(int(n) for n in weight.shape)
                ours.setdefault(_of_path(op.path), Counter())[shape] += int(weight.stored)
    theirs: dict[str, Counter[tuple[int, ...]]] = {}
    for name, parameter in model.named_parameters():
        theirs.setdefault(_of_module(name), Counter())[tuple(parameter.shape)] += 1
    found = []
    for place in dict.fromkeys([*ours, *theirs]):
        left, right = ours.get(place, Counter()), theirs.get(place, Counter())
        sums = [sum(math.prod(shape) * times for shape, times in side.items()) for side in (left, right)]
        if sums[0] != sums[1]:
            only = [f"archcalc alone {_shapes(left - right)}", f"reference alone {_shapes(right - left)}"]
            found.append(f"{place}: archcalc {sums[0]}, reference {sums[1]}; {'; '.join(only)}")
    return tuple(found)


def flops_terms(ops: Iterable[Op], by_module: Counter[str]) -> Terms:
    """Return the blocks whose FLOPs differ, every query counted against every key."""
    ours: Counter[str] = Counter()
    for op in ops:
        ours[_of_path(op.path)] += int(figures.whole(op.flops))
    theirs: Counter[str] = Counter()
    for name, flops in by_module.items():
        parts = name.split(".")
        if len(parts) > 4 and parts[2] == "layers" and len(parts) == 6:  # Reference.stack.layers.0.1.mlp
            theirs[parts[5].replace("_", ".")] += flops
    places = {place: ours[place] for place in ours if place != _ELSEWHERE}
    named = {place.replace("_", ".").replace("-", "-"): n for place, n in places.items()}
    return tuple(
        f"{place}: archcalc {n}, reference {theirs[place]}" for place, n in named.items() if n != theirs[place]
    )


def kept_terms(ours: figures.Cache, cache: Cache, batch: int) -> Terms:
    """Return the blocks whose caches differ."""
    left: Counter[str] = Counter()
    for row in ours.rows:
        left[_of_path(row.path)] += int(row.values) * batch
    right: Counter[str] = Counter()
    for key, tensors in cache.slots.items():
        name = next((part for part in reversed(key) if isinstance(part, str) and part != "indexer"), "")
        right[name] += sum(tensor.numel() for tensor in tensors.values())
    places = dict.fromkeys([*left, *right])
    return tuple(
        f"{place}: archcalc {left[place]}, reference {right[place]}" for place in places if left[place] != right[place]
    )


def _of_path(path: str) -> str:
    """Return the block of an operation: the second part of its path, where names may have dots."""
    stack, _, rest = path.partition(".")
    return rest.rpartition(".")[0].partition(".")[0] if stack in ("layers", "encoder") and "." in rest else _ELSEWHERE


def _of_module(name: str) -> str:
    """Return the block of a parameter: ``stack.layers.0.1.mlp.up.weight``."""
    parts = name.split(".")
    return parts[4] if len(parts) > 4 and parts[1] == "layers" and parts[0] in ("stack", "encoder") else _ELSEWHERE


def _shapes(found: Counter[tuple[int, ...]]) -> str:
    if not found:
        return "nothing"
    return ", ".join(f"{times} x {' x '.join(map(str, shape)) or 'scalar'}" for shape, times in sorted(found.items()))
