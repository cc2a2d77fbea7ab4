"""Bytes that a step moves: as a dispatch mode sees them and modules tell them, and as our kernels say.

Compared are products with weights, matrix by matrix: shapes, bytes of the weight with its bias, of
the input and of the output. Which experts are hit is chance: products of experts are those of the
routing that was run, at the bytes of one expert that archcalc says.

Of attention: queries, keys and values as they are kept (not repeated for the heads that share them)
and outputs, as a fused call reads and writes them; latents that keys and values are made of; keys of
an indexer, and where it picks what is read, queries and outputs alone; sums over depth.

Of what is kept: states and columns of convolutions, read and written once a step, and every entry
that a step adds to a cache.

Left out are activations of scans, of convolutions within channels and of work on single values, and
rows of tables that are looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from costmodel.dtypes import BF16
from costmodel.kernels import Device, Kernel
from costmodel.machine import Machine
from costmodel.ops import Attend, Experts, Op, Project
from costmodel.plan import Plan
from costmodel.residual.parts.depth import Blend
from costmodel.sizes import Size
from costmodel.things import Weight
from costmodel.verify.equality import Equality, integer
from costmodel.verify.reference.log import Log

_MACHINE = Machine("any", {"bf16": 1.0, "fp32": 1.0}, 1.0, 1)
_PRODUCTS = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::baddbmm": 1}  # name -> place of the first factor


class Product(NamedTuple):
    """``batch`` products of (rows, d_in) by (d_in, d_out) with weights, as one; bytes are of all of them."""

    batch: int
    rows: int
    d_in: int
    d_out: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int

    @property
    def bytes(self) -> int:
        """Return all that is moved."""
        return self.weight_bytes + self.input_bytes + self.output_bytes

    def __str__(self) -> str:
        many = f"{self.batch} x " if self.batch > 1 else ""
        bytes_ = f"weights {self.weight_bytes}, input {self.input_bytes}, output {self.output_bytes} bytes"
        return f"{many}({self.rows}, {self.d_in}) by ({self.d_in}, {self.d_out}): {bytes_}"


class Attended(NamedTuple):
    """Bytes of one attention: read (queries, keys, values) and written."""

    read_bytes: int
    output_bytes: int

    @property
    def bytes(self) -> int:
        """Return all that is moved."""
        return self.read_bytes + self.output_bytes

    def __str__(self) -> str:
        return f"read {self.read_bytes}, written {self.output_bytes} bytes"


Moved: TypeAlias = Counter[tuple[str, Any]]  # the place that moves, and a Product or an Attended

_SHOWN = 4  # of the products that one side alone has


class Products(TorchDispatchMode):
    """Notes every product with a weight that runs within it; a weight is known by its memory."""

    def __init__(self, *models: nn.Module) -> None:
        super().__init__()
        named = [pair for model in models for pair in model.named_parameters()]
        self.names = {parameter.untyped_storage().data_ptr(): name for name, parameter in named}
        self.found: Moved = Counter()  # with the name of the weight

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name in _PRODUCTS:
            first = _PRODUCTS[name]
            self._note(args[first], args[first + 1], args[0] if first else None, out)
        elif name == "aten::convolution" and args[-1] == 1:  # one matrix over windows, which share what they read
            self._convolved(args[1], args[2], out)
        return out

    def _name(self, tensor: Tensor) -> str | None:
        return self.names.get(tensor.untyped_storage().data_ptr())

    def _note(self, left: Tensor, right: Tensor, bias: Tensor | None, out: Tensor) -> None:
        name = self._name(right)
        if name is not None:
            weights = right.nbytes + (0 if bias is None else bias.nbytes)
            *batch, rows, d_in = left.shape
            product = Product(prod(batch), rows, d_in, right.shape[-1], weights, left.nbytes, out.nbytes)
            self.found[name, product] += 1

    def _convolved(self, weight: Tensor, bias: Tensor | None, out: Tensor) -> None:
        if (name := self._name(weight)) is not None:
            rows, d_in = out.numel() // out.shape[1], weight[0].numel()
            weights = weight.nbytes + (0 if bias is None else bias.nbytes)
            read = rows * d_in * out.element_size()
            self.found[name, Product(1, rows, d_in, len(weight), weights, read, out.nbytes)] += 1


def bytes_moved(ops: Iterable[Op], batch: int, seen: Products, log: Log, at: str) -> Iterator[Equality]:
    """Compare what the products and the attentions of a step move: all of them, one by one."""
    ops = list(ops)
    theirs: Moved = Counter()
    for (place, *sizes), times in log.attended.items():
        theirs[place, Attended(*sizes)] += times
    yield _equality("bytes.products", at, Counter(our_products(ops, batch, log)), seen.found)
    yield _equality("bytes.attention", at, our_attention(ops, batch, log), theirs)
    ours = our_kept(ops, batch)
    yield Equality("bytes.kept", at, ours.total(), log.kept.total(), tuple(_kept_terms(ours, log.kept)))


def _equality(figure: str, at: str, ours: Moved, theirs: Moved) -> Equality:
    sums = [sum(moved.bytes * times for (_, moved), times in side.items()) for side in (ours, theirs)]
    return Equality(
        figure, at, sums[0], sums[1], (*_alone("archcalc", ours, theirs), *_alone("reference", theirs, ours))
    )


def _alone(who: str, mine: Moved, others: Moved) -> Iterator[str]:
    """Yield what one side has more of, and where it has it."""
    left, right = (_anywhere(side) for side in (mine, others))
    alone = left - right
    for moved, times in sorted(alone.items())[:_SHOWN]:
        places = dict.fromkeys(place for place, one in mine if one == moved)
        yield f"{who} alone: {times} x {moved}; {', '.join([*places][:_SHOWN])}"
    if len(alone) > _SHOWN:
        yield f"{who} alone: {len(alone) - _SHOWN} others"


def _anywhere(side: Moved) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for (_, moved), times in side.items():
        found[moved] += times
    return found


def our_products(ops: Iterable[Op], batch: int, log: Log) -> Iterator[tuple[str, Product]]:
    """Yield the products of a step with the path of their operation; of experts, those of its routing."""
    ops = [_entered(op) for op in ops]
    of_layer: dict[str, list[Experts]] = {}
    for op in ops:
        if isinstance(op, Experts):
            of_layer.setdefault(op.path.rpartition(".")[0], []).append(op)
    for kernel in _kernels(ops, batch, fused=False):
        if isinstance(kernel.op, Project):
            for product in _of_project(kernel, kernel.op):
                yield from [(kernel.path, product)] * integer(kernel.runs)
        elif isinstance(kernel.op, Experts):
            yield from _of_experts(kernel, of_layer[kernel.path.rpartition(".")[0]], log.routed)


def _entered(op: Op) -> Op:
    """Return an operation whose weights are read for sure: in these steps tokens enter every block."""
    return replace(op, weights=tuple(replace(weight, keep=None) for weight in op.weights))


def _of_project(kernel: Kernel, op: Project) -> Iterator[Product]:
    """Yield a product a matrix: the input again, its share of the weights and of the output."""
    runs, every = integer(op.runs), sum(weight.values for weight in op.weights if weight.role != "buffer") or 1
    # What states hold is read as a state: here as the input that it is.
    read = kernel.input_bytes if not op.from_states else op.runs * _activations(op.takes)
    for weight, held in _matrices(op):
        yield Product(
            integer(op.groups),
            integer(op.tokens),
            weight.shape[-1],
            weight.shape[-2],
            integer(kernel.weight_bytes) * held // (every * runs),
            integer(read) // runs,
            integer(kernel.output_bytes) * weight.shape[-2] // (integer(op.d_out) * runs),
        )


def _of_experts(
    kernel: Kernel, ops: list[Experts], routed: Mapping[str, list[Counter[int]]]
) -> Iterator[tuple[str, Product]]:
    """Yield a product a matrix of every expert that was hit, in every run, at the bytes of one expert."""
    runs, calls = integer(kernel.runs), next((c for p, c in routed.items() if kernel.path.startswith(f"{p}.")), [])
    expert_bytes = round(kernel.weight_bytes / (runs * kernel.sizes["touched"]))
    every = sum(weight.values // weight.shape[0] for op in ops for weight in op.weights)
    for call in (calls[i % len(calls)] for i in range(runs) if calls):
        for op in ops:
            for weight, held in _matrices(op):
                _, d_out, d_in = weight.shape
                weights = expert_bytes * held // weight.shape[0] // every
                for rows in call.values():
                    yield (
                        op.path,
                        Product(1, rows, d_in, d_out, weights, _activations(rows * d_in), _activations(rows * d_out)),
                    )


def _matrices(op: Op) -> Iterator[tuple[Weight, int]]:
    """Yield the matrices of an operation, and the values of each with its bias."""
    biases = {weight.name: weight.values for weight in op.weights if weight.name.endswith(".bias")}
    for weight in op.weights:
        if len(weight.shape) > 1 and weight.role != "buffer" and weight.name not in biases:
            yield weight, integer(weight.values + biases.get(f"{weight.name}.bias", 0))


def our_attention(ops: Iterable[Op], batch: int, log: Log) -> Moved:
    """Return the operands of every attention, over depth too; where queries pick their keys, without those."""
    found: Moved = Counter()

    def note(kernel: Kernel, read: Size, written: Size) -> None:
        runs = integer(kernel.runs)
        found[kernel.path, Attended(integer(read) // runs, integer(written) // runs)] += runs

    # Steps on single values run inside the kernel before them, and read there what they keep: not so unfused.
    # Scores are written and read there: not so fused.
    outputs = (one.output_bytes for one in _kernels(ops, batch, fused=True) if isinstance(one.op, Attend))
    for kernel in _kernels(ops, batch, fused=False):
        op, picks = kernel.op, _within(log.picked, kernel)
        if isinstance(op, Project) and op.from_states and not picks:
            note(kernel, kernel.state_bytes, 0)
        elif isinstance(op, Blend):
            note(kernel, kernel.input_bytes + kernel.weight_bytes, kernel.output_bytes)
        elif isinstance(op, Attend):
            output = next(outputs)
            if op.variant.endswith("index"):
                note(kernel, kernel.state_bytes, 0)
            elif not _within(log.without_call, kernel):
                note(
                    kernel,
                    kernel.runs * _activations(op.takes) if picks else kernel.input_bytes + kernel.state_bytes,
                    output,
                )
    return found


def our_kept(ops: Iterable[Op], batch: int) -> Counter[str]:
    """Return what operations read and write of what is kept, what attention reads apart: path -> bytes."""
    found: Counter[str] = Counter()
    for kernel in _kernels(ops, batch, fused=False):
        attends = isinstance(kernel.op, Attend) or (isinstance(kernel.op, Project) and kernel.op.from_states)
        found[kernel.path] += integer(kernel.written_bytes) + (0 if attends else integer(kernel.state_bytes))
    return found


def _kept_terms(ours: Counter[str], theirs: Counter[str]) -> Iterator[str]:
    """Yield the blocks that read or write another number of bytes."""
    if ours.total() == theirs.total():
        return
    for place in theirs:
        mine = sum(size for path, size in ours.items() if path.startswith(f"{place}."))
        if mine != theirs[place]:
            yield f"{place}: archcalc {mine}, reference {theirs[place]}"
    for path in ours:
        if ours[path] and not any(path.startswith(f"{place}.") for place in theirs):
            yield f"{path}: archcalc {ours[path]}, reference nothing"


def _kernels(ops: Iterable[Op], batch: int, *, fused: bool) -> list[Kernel]:
    """Return the kernels that one device runs."""
    return [one for one in Device(_MACHINE, Plan(), BF16, fused=fused).kernels(ops, batch) if one.runs]


def _within(places: set[str], kernel: Kernel) -> bool:
    return any(kernel.path.startswith(f"{place}.") for place in places)


def _activations(values: Any) -> Any:
    return values * BF16.format("activations").bits // 8
