"""Operations as the kernels that one device of a plan runs: FLOPs, bytes by what they are, sizes.

Engines run projections of one input as one product, attention without writing its scores, an
expert layer as one grouped kernel, and work on single values inside the kernels beside it.
``fused=False`` is the naive program instead: scores and probabilities are written and read, and
every step on single values is a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from costmodel.dtypes import Recipe
from costmodel.kernel_groups import group
from costmodel.machine import Machine
from costmodel.ops import Attend, Conv, Experts, Lookup, Op, Project, Scan, Vector
from costmodel.plan import Plan
from costmodel.routing import busiest_share, touched_skewed, touched_uniform
from costmodel.share import Share, entries_seen, of, present
from costmodel.sizes import Size, ceil_div, indicator, maximum, minimum

_WHOLE = Fraction(1)


@dataclass(slots=True)
class Kernel:
    """One kernel on one device, in all its ``runs``. FLOPs and bytes are totals over the runs.

    ``family`` picks the coefficients, ``group`` is the line of a report, ``dtype`` what is
    multiplied. ``useful`` FLOPs bound a floor; ``flops`` are what is executed. ``sizes`` describe
    one run to the family's formula.
    """

    path: str
    group: str
    family: str
    dtype: str
    runs: Size
    useful: Size = 0
    flops: Size = 0
    weight_bytes: Size = 0
    state_bytes: Size = 0  # read of what is kept, and of this step's own entries
    written_bytes: Size = 0  # added to what is kept
    input_bytes: Size = 0
    output_bytes: Size = 0
    norm_bytes: Size = 0  # weights of steps on single values that run inside it
    sizes: dict[str, Any] = field(default_factory=dict)
    op: Op | None = None

    @property
    def bytes(self) -> Size:
        """Return everything that is moved."""
        weights = self.weight_bytes + self.norm_bytes
        return weights + self.state_bytes + self.written_bytes + self.input_bytes + self.output_bytes


class Device(Share):
    """One device of a plan: turns the operations of its sequences into its kernels.

    ``ops`` are lowered with the sequences of one device's group (the batch over dp).
    """

    def __init__(self, machine: Machine, plan: Plan, recipe: Recipe, *, fused: bool = True) -> None:
        super().__init__(machine, plan, recipe)
        self.fused = fused
        self.routing_shape: float | None = None  # of experts' popularity in runs, for expected times
        self._cut = False  # naive: whether values on the way are cut by heads or inner columns
        self._projects: dict[str, tuple[Size, Size, Size, Size, str]] = {}
        self._groups: dict[str, str] = {}

    def kernels(self, ops: Iterable[Op], batch: Size, group: Size | None = None) -> list[Kernel]:
        """Return the kernels in order; ``batch`` is the sequences that ``ops`` were lowered with.

        ``group``: the sequences of all data-parallel groups (default: as many in every one).
        """
        found: list[Kernel] = []
        together = batch * self.plan.dp if group is None else group
        for op in present(ops):
            if self.fused and isinstance(op, Vector):
                if op.weights and found:
                    found[-1].norm_bytes = found[-1].norm_bytes + op.runs * self.read_bytes(op)
                if op.states and found:
                    self._states(found[-1], op, batch)
                continue
            if isinstance(op, Experts):
                self._experts(op, found, batch, together)
                continue
            kernel = self._kernel(op, batch)
            if kernel is None:
                continue
            if op.weights and op.weights[0].keep is not None:  # not read where no token enters
                kept = float(op.weights[0].keep)
                kernel.weight_bytes = kernel.weight_bytes * (1 - (1 - kept) ** (op.tokens / kept))
            last = found[-1] if found else None
            if isinstance(op, Project) and op.beside and self.fused and last is not None and last.family == "gemm":
                _join(last, kernel)
            else:
                found.append(kernel)
        return found

    def _kernel(self, op: Op, batch: Size) -> Kernel | None:
        if isinstance(op, Project):
            return self._project(op, batch)
        if isinstance(op, Attend):
            return self._attend(op, batch)
        if isinstance(op, Vector):
            return None if self.fused else self._vector(op, batch)
        return self._other(op, batch)

    def _project(self, op: Project, batch: Size) -> Kernel:
        if op.path not in self._projects:
            self._projects[op.path] = self._cut_project(op)
        groups, d_in, d_out, weights, dtype = self._projects[op.path]
        tokens, split = self.rows(op.tokens, batch), op.weights[0].split
        self._cut = split == "out" or (self._cut and split == "none" and op.groups != 1)
        kernel = self._new(op, "gemm", dtype)
        kernel.useful = kernel.flops = 2 * op.runs * groups * d_in * d_out * tokens
        kernel.weight_bytes = op.runs * weights
        kernel.input_bytes = 0 if op.from_states else op.runs * self.values(groups * d_in * tokens)
        kernel.output_bytes = op.runs * self.values(groups * d_out * tokens)
        if op.states:
            self._states(kernel, op, batch)
        kernel.sizes = {"m": tokens, "n": d_out, "k": d_in, "batch": groups}
        return kernel

    def _cut_project(self, op: Project) -> tuple[Size, Size, Size, Size, str]:
        """Return one device's groups, inner and outer columns, bytes of weights, and what it multiplies."""
        first, plan = op.weights[0], self.plan
        groups, d_in, d_out = op.groups, op.d_in, op.d_out
        if op.groups != 1:
            groups = plan.columns(groups, first.split, first.units)
        elif first.split == "in":
            d_in = plan.columns(d_in, "in", first.units)
        elif first.split == "out":
            d_out = sum(plan.columns(w.shape[-2], w.split, w.units) for w in op.weights if len(w.shape) > 1)
        return groups, d_in, d_out, self.read_bytes(op), self.computes(first.role)

    def _attend(self, op: Attend, batch: Size) -> Kernel:
        plan = self.plan
        heads = ceil_div(op.n_heads, plan.tp) if self.is_cut(op) else op.n_heads
        new = op.tokens // op.batch
        kv_heads = ceil_div(op.n_kv_heads, plan.tp) if heads != op.n_heads else op.n_kv_heads
        kernel = self._new(op, _attention_family(op), self.computes("compute"))
        pairs = op.pairs if plan.cp == 1 else ceil_div(op.pairs, plan.cp)
        # Where a step has a query for every device of cp, each has its own; else each has its own keys.
        own: Size = 1 if plan.cp == 1 else indicator(new >= plan.cp)
        rows = own * self.rows(op.tokens, batch) + (1 - own) * op.tokens
        kernel.useful = kernel.flops = 2 * op.runs * heads * (op.qk_head_dim + op.v_head_dim) * op.batch * pairs
        kernel.input_bytes = op.runs * self.values(rows * heads * op.qk_head_dim)
        kernel.output_bytes = op.runs * self.values(rows * heads * op.v_head_dim)
        kernel.weight_bytes = op.runs * self.read_bytes(op)
        if op.states:
            self._states(kernel, op, batch, own)
        else:
            kernel.input_bytes += op.runs * self.values(
                op.batch * op.keys * kv_heads * (op.qk_head_dim + op.v_head_dim)
            )
        if not self.fused:  # scores out and in, probabilities out and in
            kernel.output_bytes += 4 * op.runs * self.values(heads * op.batch * pairs)
        # Of many resident keys a query may pick some; cut keys are another device's.
        queries = maximum(new, 1)
        keys = minimum(op.keys, op.pairs // queries + queries - 1)
        if plan.cp > 1:
            keys = own * keys + (1 - own) * ceil_div(keys, plan.cp)
            new = own * ceil_div(new, plan.cp) + (1 - own) * new
        kernel.sizes = {
            "batch": op.batch, "new": new, "keys": keys, "heads": heads, "kv_heads": kv_heads,
            "qk": op.qk_head_dim, "v": op.v_head_dim, "pairs": pairs,
        }  # fmt: skip
        self._cut = heads != op.n_heads
        return kernel

    def _experts(self, op: Experts, found: list[Kernel], batch: Size, together: Size) -> None:
        """Add an expert operation to the grouped kernel of its layer, or begin that."""
        plan = self.plan
        n_local = plan.experts(op.n_experts)
        n_all = op.n_experts + plan.redundant_experts
        # A set of experts meets the tokens of moe_dp of the cp x dp owners of tokens, at most all there are.
        tokens = op.tokens * together
        tokens = tokens // batch if isinstance(tokens, int) else tokens / batch
        mine = op.tokens * plan.moe_dp
        tokens = minimum(tokens, mine if plan.cp == 1 else ceil_div(mine, plan.cp))
        rows = tokens * op.chosen / plan.ep if plan.ep > 1 else tokens * op.chosen
        up = op.shared_input
        d_in = op.d_in if up else ceil_div(op.d_in, plan.moe_tp)
        d_out = ceil_div(op.d_out, plan.moe_tp) if up else op.d_out
        touched, busiest = self._touched(n_local, n_all, op.chosen, tokens, plan)
        each = self.read_bytes(op) / n_local
        kernel = None if up else next((one for one in reversed(found) if one.family == "moe"), None)
        if kernel is None:
            kernel = self._new(op, "moe", self.computes("experts"))
            likely = touched
            if plan.skew is None and self.routing_shape is not None:
                likely = minimum(touched, self._touched_skewed(n_local, n_all, op.chosen, rows, self.routing_shape))
            kernel.sizes = {
                "rows": rows * busiest,
                "touched": touched,
                "likely": likely,
                "local": n_local,
                "tokens": tokens,
                "columns": 0,
            }
            kernel.input_bytes = op.runs * minimum(tokens, rows) * self.act.bits * d_in / 8
            found.append(kernel)
        work = 2 * op.runs * d_in * d_out * rows * busiest
        kernel.useful += work
        kernel.flops += work if op.slots is None else work * op.slots / maximum(op.chosen * op.tokens, 1)
        kernel.weight_bytes += op.runs * touched * each
        if up:
            kernel.sizes |= {"d_in": d_in, "inner": d_out}
            kernel.sizes["columns"] = d_out
        else:
            kernel.sizes["down_in"] = d_in
            kernel.output_bytes = op.runs * minimum(tokens, rows) * self.act.bits * d_out / 8

    def _touched(self, n_local: Size, n_all: Size, chosen: Size, tokens: Size, plan: Plan) -> tuple[Size, Size]:
        """Return the expected distinct experts that a device reads, and the busiest device's load over the mean.

        Uniform and independent: an expert is missed by every token with (1 - chosen / experts) ^ tokens.
        """
        if plan.skew is None:
            single = (n_all - plan.redundant_experts) / plan.ep  # a router may pass by the copies
            touched = touched_uniform(n_local, n_all, float(chosen), tokens)
            return minimum(touched, touched_uniform(single, n_all - plan.redundant_experts, float(chosen), tokens)), 1
        busiest = busiest_share(n_local, plan.ep, plan.skew)
        rows = tokens * float(chosen) / plan.ep * busiest
        return self._touched_skewed(n_local, n_all, chosen, rows, plan.skew), busiest

    def _touched_skewed(self, n_local: Size, n_all: Size, chosen: Size, rows: Size, shape: float) -> Size:
        """Return the same where popularity is unequal: no fewer than a token's own, no more than there are rows."""
        found = maximum(touched_skewed(n_local, rows, shape), float(chosen) * n_local / n_all)
        return minimum(found, rows)

    def _other(self, op: Op, batch: Size) -> Kernel:
        """Return a scan, a convolution, a look-up or declared work."""
        family = "recurrent" if isinstance(op, Scan | Conv) else "lookup" if isinstance(op, Lookup) else "declared"
        plan = self.plan
        units = next((u for u in (*(s.units for s in op.states), *(w.units for w in op.weights)) if u != 1), 1)
        part = Fraction(plan.pieces(units), units) if family == "recurrent" and units != 1 else _WHOLE
        share = part if plan.cp == 1 else part / plan.cp
        rows = self.rows(op.tokens, batch)
        role = op.weights[0].role if family == "declared" and op.weights else "compute"
        kernel = self._new(op, family, self.computes(role))
        kernel.useful, kernel.flops = of(op.flops, share), of(op.executed, share)
        kernel.sizes = {"rows": rows}
        kernel.output_bytes = of(op.runs * self.values(op.gives), share)
        if family == "lookup":  # rows of the table, at its own format
            kernel.weight_bytes = op.runs * self.recipe.format(op.weights[0].role).bytes(op.takes)
        else:
            kernel.input_bytes = of(op.runs * self.values(op.takes), share)
            kernel.weight_bytes = op.runs * self.read_bytes(op)
        self._states(kernel, op, batch)
        self._cut = part is not _WHOLE and part != 1
        return kernel

    def _vector(self, op: Vector, batch: Size) -> Kernel:
        tokens = self.rows(op.tokens, batch)
        part = Fraction(1, self.plan.tp) if self._cut else Fraction(1)
        kernel = self._new(op, "vector", self.computes("compute"))
        kernel.input_bytes = of(op.runs * self.values(op.inputs * op.width * tokens), part)
        kernel.output_bytes = of(op.runs * self.values(op.width * tokens), part)
        kernel.weight_bytes = op.runs * self.read_bytes(op)
        kernel.sizes = {"rows": tokens}
        self._states(kernel, op, batch)
        return kernel

    def _states(self, kernel: Kernel, op: Op, batch: Size, own: Size = 1) -> None:
        """Count what is read and added of what is kept; ``own``: 1 where a device has queries of its own."""
        for state in op.states:
            each = op.runs * batch
            read = state.read + state.fresh
            if self.plan.cp > 1:
                read = own * entries_seen(state, self.plan.cp) + (1 - own) * ceil_div(read, self.plan.cp)
            kernel.state_bytes = kernel.state_bytes + each * self.state_bytes(state, read)
            kernel.written_bytes = kernel.written_bytes + each * self.state_bytes(state, state.written)

    def _new(self, op: Op, family: str, dtype: str) -> Kernel:
        path = op.path
        if path not in self._groups:
            self._groups[path] = group(op)
        return Kernel(path, self._groups[path], family, dtype, op.runs, op=op)


def _attention_family(op: Attend) -> str:
    """Return which kernel runs an attention: of latents, of queries that are few or many."""
    if op.variant.endswith("index"):
        return "indexer"
    one_vector = op.n_kv_heads == 1 and all(state.width < op.qk_head_dim + op.v_head_dim for state in op.states)
    if op.variant == "absorbed" or (op.states and one_vector):  # key and value are one, read once
        return "mla_decode"
    return "mla_prefill" if op.variant == "expanded" else "attention"


def _join(first: Kernel, second: Kernel) -> None:
    """Add a projection of the same input to a product."""
    for name in ("useful", "flops", "weight_bytes", "output_bytes", "state_bytes", "written_bytes"):
        setattr(first, name, getattr(first, name) + getattr(second, name))  # never in place: arrays are shared
    first.sizes["n"] += second.sizes["n"]
