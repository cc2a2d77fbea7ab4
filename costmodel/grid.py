"""All counts over arrays of workload sizes: the axes of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.architecture import Architecture
from costmodel.dtypes import BF16, Recipe
from costmodel.figures import cache, flops
from costmodel.ops import Op
from costmodel.workload import LatentMode, Workload

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 16_384  # points evaluated at once: a few arrays of this size stay in a cache
_KEPT = 33_000_000  # bytes; glibc learns from sizes up to 32 MiB
_EXACT = 2**62  # counts beyond this do not fit 64 bits
_SIZES = ("batch", "new_tokens", "cached_tokens", "source_new", "source_cached", "images", "clips", "prefix")


@dataclass(slots=True)
class Counts:
    """Every count at every point, arrays of the workload's broadcast shape.

    ``exact`` says that they are 64-bit integers. Counts that could pass 2^62, and expectations
    that are no whole numbers (``keep``, ``expected_top_k``), are float64 instead, each within a
    relative error of 1e-12; they never wrap.
    Columns may share memory: copy one before writing to it.
    """

    forward: Any
    executed: Any
    attention: Any
    elementwise: Any
    training: Any
    cache_values: Any
    cache_bytes: Any
    state_bytes: Any
    paged_bytes: Any
    one_pool_bytes: Any
    exact: bool


_NAMES = tuple(field.name for field in fields(Counts) if field.name != "exact")


def counts(architecture: Architecture, load: Workload, recipe: Recipe = BF16) -> Counts:
    """Count everything at every point of a workload whose sizes are ints or NumPy arrays.

    Arrays are broadcast against each other. Structure is concrete: to sweep a field of the spec,
    build the architecture again.
    """
    import numpy as np

    arrays = {name: np.asarray(getattr(load, name)) for name in _SIZES if hasattr(getattr(load, name), "shape")}
    if not arrays:
        arrays = {"new_tokens": np.asarray(load.new_tokens)}
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    exact = _fits(architecture, load, arrays, recipe)
    kind = np.int64 if exact else np.float64
    flat = {
        name: np.ascontiguousarray(np.broadcast_to(array, shape), dtype=kind).ravel() for name, array in arrays.items()
    }
    size = next(iter(flat.values())).size
    # Freeing one large array that was never touched teaches glibc to keep freed memory of that size.
    # Else every temporary array is new memory, whose page faults cost nine times the arithmetic.
    np.empty(_KEPT, dtype=np.uint8)
    found = _Columns(size, kind)
    for start in range(0, max(size, 1), _BLOCK):
        part = slice(start, start + _BLOCK)
        sizes: dict[str, Any] = {name: array[part] for name, array in flat.items()}
        found.put(part, _counts(architecture.lower(replace(load, **sizes)), recipe))
    return Counts(**{name: found.column(name).reshape(shape) for name in _NAMES}, exact=exact)


class _Columns:
    """The results, one column a count; columns that are equal by construction share memory.

    Fresh memory costs as much as the arithmetic: FLOPs executed are mostly the useful ones, and
    many models have no state.
    """

    def __init__(self, size: int, kind: type) -> None:
        self.size, self.kind = size, kind
        self.same_as: dict[str, str] = {}
        self.constant: dict[str, Any] = {}
        self.arrays: dict[str, Any] = {}

    def put(self, part: slice, values: dict[str, Any]) -> None:
        """Store one block of every column."""
        first = not self.arrays and not self.constant
        for name, value in values.items():
            if first:
                self._begin(name, values)
            shared = self.same_as.get(name)
            if shared is not None and values[shared] is not value:
                self.arrays[name] = self.arrays[shared].copy()
                del self.same_as[name]
            elif name in self.constant and (hasattr(value, "shape") or value != self.constant[name]):
                self.arrays[name] = self._fill(self.constant.pop(name))
            if name in self.arrays:
                self.arrays[name][part] = value

    def _begin(self, name: str, values: dict[str, Any]) -> None:
        import numpy as np

        value = values[name]
        if not hasattr(value, "shape"):
            self.constant[name] = value
            return
        shared = next((other for other in self.arrays if values[other] is value), None)
        if shared is None:
            self.arrays[name] = np.empty(self.size, dtype=self.kind)
        else:
            self.same_as[name] = shared

    def _fill(self, value: Any) -> Any:
        import numpy as np

        return np.full(self.size, value, dtype=self.kind)

    def column(self, name: str) -> Any:
        """Return a whole column."""
        import numpy as np

        if name in self.constant:
            return np.broadcast_to(np.asarray(self.constant[name], dtype=self.kind), self.size)
        return self.arrays[self.same_as.get(name, name)]


def _counts(ops: Sequence[Op], recipe: Recipe) -> dict[str, Any]:
    """Return every count of one step."""
    work, kept = flops(ops), cache(ops, recipe)
    return {
        "forward": work.forward,
        "executed": work.executed,
        "attention": work.attention,
        "elementwise": work.elementwise,
        "training": work.training,
        "cache_values": kept.values,
        "cache_bytes": kept.bytes,
        "state_bytes": kept.state_bytes,
        "paged_bytes": kept.paged_bytes,
        "one_pool_bytes": kept.one_pool_bytes,
    }


def _fits(architecture: Architecture, load: Workload, arrays: dict[str, np.ndarray[Any, Any]], recipe: Recipe) -> bool:
    """Say whether every count is whole and fits 64 bits: no count falls when a size grows."""
    sizes: dict[str, Any] = {name: int(array.max(initial=0)) for name, array in arrays.items()}
    largest = replace(load, **sizes)
    # Where the choice of an execution is made point by point, every choice is computed.
    modes: tuple[LatentMode, ...] = ("absorbed", "expanded") if load.mla == "auto" else (load.mla,)
    for mode in modes:
        ops = architecture.lower(replace(largest, mla=mode))
        if any(isinstance(size, Fraction) for op in ops for size in (op.flops, op.elementwise)):
            return False
        if any(value * 32 >= _EXACT for value in _counts(ops, recipe).values()):
            return False
    return True
