"""The matrix products that our operations name, in the form in which torch sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from costmodel.architecture import Architecture
from costmodel.ops import Attend, Experts, Op, Project, Scan
from costmodel.things import Matmul, Weight

from .execution import FP32, Products, block_of, products_of_scan, value_of_nothing
from .families import Family
from .models import Step
from .runs import workload


def matrices(op: Project | Experts) -> list[Weight]:
    """Return the weights that are multiplied: neither biases nor buffers."""
    return [w for w in op.weights if len(w.shape) > 1 and w.role != "buffer" and not w.name.endswith(".bias")]


def noted(product: Matmul, size: int) -> tuple[int, ...]:
    """Return what the logger notes of one product: (batch, m, k, n, bytes of a value)."""
    return (product.batch, product.m, product.k, product.n, size)


class Expected:
    """Turns the operations of one step into the products that transformers' modules run."""

    def __init__(self, family: Family, architecture: Architecture, step: Step, size: int) -> None:
        self.family, self.architecture, self.step, self.size = family, architecture, step, size
        self.found: Products = Counter()
        self.joined: dict[tuple[str, str], list[Matmul]] = {}

    def of(self, ops: Iterable[Op]) -> Products:
        """Return the products of a step."""
        ops = [op for op in ops if op.tokens]
        for op in ops:
            if isinstance(op, Attend):
                self.attention(op)
            elif isinstance(op, Project):
                self.projections(op)
            elif isinstance(op, Scan):
                block = block_of(self.architecture, op.path)
                self.found += products_of_scan(op, workload(self.step), block, self.size)
            else:
                self.streams(op)
        for (path, names), products in self.joined.items():
            assert len(products) == len(names.split()), f"{path} has {len(products)} of {names}"
            whole = products[0]._replace(n=sum(product.n for product in products))
            whole = self.turned(f"{path}.{names}", whole)
            self.found[noted(whole, self.width(names, whole.role))] += whole.times
        self.experts([op for op in ops if isinstance(op, Experts)])
        return self.found

    def width(self, names: str, role: str) -> int:
        """Return the bytes of a value: fp32 in a bf16 model where the family says so."""
        return FP32 if {*names.split(), role} & {*self.family.wide} else self.size

    def turned(self, path: str, product: Matmul) -> Matmul:
        """Return a projection as it is run where modules turn it: tokens are columns, sequence by sequence."""
        if path not in self.family.turned:
            return product
        return product._replace(batch=self.step.batch, m=product.n, n=product.m // self.step.batch)

    def projections(self, op: Project) -> None:
        """Add one product a matrix, or one for all that the family's modules hold together."""
        path = op.path.rpartition(".")[0]
        for weight, product in zip(matrices(op), op.matmuls(), strict=True):
            group = self.group(op.path, weight.name)
            if group is not None:
                self.joined.setdefault((path, group), []).append(product)
                continue
            if weight.name == "v_delayed":
                rows = value_of_nothing(op, workload(self.step), block_of(self.architecture, op.path))
                self.found += Counter({noted(product._replace(m=rows), self.size): product.times * bool(rows)})
            if op.path in self.family.apart:  # one module a matrix of a stack
                product = product._replace(times=product.times * product.batch, batch=1)
            product = self.turned(op.path, product)
            self.found[noted(product, self.width(weight.name, weight.role))] += product.times

    def group(self, path: str, name: str) -> str | None:
        """Return the names of the matrices that are held together with this one."""
        for entry in self.family.fused:
            block, _, names = entry.rpartition(": ")
            if name in names.split() and block in ("", *path.split(".")[:2], path.rpartition(".")[0]):
                return names
        return None

    def attention(self, op: Attend) -> None:
        """Add scores and weighted sums of every query and key.

        An indexer works query by query, its heads as rows, in fp32; one that picks blocks of
        keys head by head.
        """
        for name, product in zip(("scores", "sums"), op.matmuls(), strict=True):
            if not product.n or not product.k:
                continue
            size = self.width(name, product.role)
            if "two_calls" in self.family.differences:  # each with half of the values
                product = product._replace(times=2 * product.times, n=product.n // (1 if name == "scores" else 2))
            if op.variant == "block-index":
                size = FP32
            elif op.variant == "index":
                queries, heads = op.tokens, op.n_heads
                rows = (heads, product.k) if name == "scores" else (1, heads)
                product, size = product._replace(batch=queries, m=rows[0], k=rows[1], n=op.keys), FP32
            self.found[noted(product, size)] += product.times

    def streams(self, op: Op) -> None:
        """Add products of activations alone: the mixing of streams."""
        for product in op.matmuls():
            if op.path in self.family.turned:
                product = product._replace(m=product.n, n=product.m)
            self.found[noted(product, self.width(op.path.split(".")[1], product.role))] += product.times

    def experts(self, ops: Sequence[Experts]) -> None:
        """Add one product a matrix of every expert that was hit, with as many rows as it was sent.

        Blocks of one shape (of an encoder and a decoder) share the calls that were observed.
        """
        shapes: dict[tuple[object, ...], list[Experts]] = {}
        for op in ops:
            shapes.setdefault((op.path.rpartition(".")[2], op.d_in, op.d_out, op.n_experts), []).append(op)
        for same in shapes.values():
            op, calls = same[0], self.step.routed
            assert sum(each.runs for each in same) == len(calls), f"{len(calls)} calls of {op.path}"
            columns = sum(weight.shape[-2] for weight in matrices(op))
            for _, rows in calls:
                if "every_expert_runs" in self.family.differences:
                    self.found[op.n_experts, rows[0], op.d_in, columns, self.size] += 1
                    continue
                for expert, count in rows.items():
                    if expert < op.n_experts:
                        self.found[1, count, op.d_in, columns, self.size] += 1


def expected(
    family: Family, step: Step, ops: Iterable[Op], size: int = FP32, architecture: Architecture | None = None
) -> Products:
    """Return the products of a step in a model whose values have ``size`` bytes.

    ``architecture`` is another one of the same family: one of the catalog.
    """
    return Expected(family, architecture or family.architecture, step, size).of(ops)


def difference(ours: Products, torch: Products) -> Iterator[str]:
    """Yield what one side has and the other has not, as (batch, m, k, n, bytes) and times."""
    for who, left, right in (("ours", ours, torch), ("torch", torch, ours)):
        for key, times in sorted((left - right).items()):
            yield f"only {who}: {key} x {times}"
