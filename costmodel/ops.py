"""Work: operations and their formulas. What exists apart from it is in ``things``.

* Op
  - Project   one input times one or more matrices: q, k, v; gate, up; the LM head
  - Experts   the same for the chosen experts of a stack
  - Attend    scores and weighted sum over (query, key) pairs
  - Scan      a recurrence over a state: rank-1 updates and read-outs
  - Conv      a short causal convolution
  - Lookup    rows of a table
  - Vector    work per value: norms, activations, rotary, residual adds

Every figure of archcalc is a sum over a list of these. Properties of an op are totals over its
``runs`` (layers times loops) and the whole batch. Conventions: docs/conventions.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from costmodel.sizes import Size
from costmodel.steps import STEPS
from costmodel.things import Matmul, State, Weight


@dataclass(slots=True, kw_only=True)
class Op:
    """One operation of ``runs`` layers on ``tokens`` rows (the whole batch)."""

    family: ClassVar[str]

    path: str
    component: str
    runs: Size
    tokens: Size
    weights: tuple[Weight, ...] = ()
    states: tuple[State, ...] = ()

    @property
    def flops(self) -> Size:
        """Return the useful FLOPs."""
        raise NotImplementedError(type(self).__name__)  # an op without a formula cannot exist

    @property
    def padding(self) -> Size:
        """Return what the named execution computes beyond the useful FLOPs."""
        return 0

    @property
    def executed(self) -> Size:
        """Return what the named execution computes."""
        return self.flops + self.padding

    @property
    def elementwise(self) -> Size:
        """Return the arithmetic steps on single values."""
        return 0

    @property
    def takes(self) -> Size:
        """Return the activation values read, a run."""
        raise NotImplementedError(type(self).__name__)

    @property
    def gives(self) -> Size:
        """Return the activation values written, a run."""
        raise NotImplementedError(type(self).__name__)

    def matmuls(self) -> Iterator[Matmul]:
        """Yield the matrix products, logical matrices apart."""
        return iter(())


@dataclass(slots=True, kw_only=True)
class Project(Op):
    """One input of ``d_in`` times its matrices, ``d_out`` columns in all.

    ``groups`` block-diagonal pieces share the sizes: each group has its own ``d_in`` inputs.
    ``biased`` is how many of the output columns have a bias. ``beside``: the input is that of the
    projection before, so that an engine runs both as one product. ``from_states``: the input is
    what the states hold.
    """

    family: ClassVar[str] = "projections"

    d_in: Size
    d_out: Size
    groups: Size = 1
    biased: Size = 0
    beside: bool = False
    from_states: bool = False

    @property
    def flops(self) -> Size:
        """Return 2 x tokens x d_in x d_out: one multiply and one add a term."""
        return 2 * self.runs * self.groups * self.d_in * self.d_out * self.tokens

    @property
    def elementwise(self) -> Size:
        """Return one add for every biased output."""
        return self.runs * self.groups * self.biased * self.tokens if self.biased else 0

    @property
    def takes(self) -> Size:
        """Return the input, read once for all matrices."""
        return self.groups * self.d_in * self.tokens

    @property
    def gives(self) -> Size:
        """Return the outputs of all matrices."""
        return self.groups * self.d_out * self.tokens

    def matmuls(self) -> Iterator[Matmul]:
        """Yield one product a matrix; a stack of groups is a batch, of a stack of choices those that are used."""
        for weight in self.weights:
            if len(weight.shape) > 1 and weight.role != "buffer" and not weight.name.endswith(".bias"):
                d_out, d_in = weight.shape[-2:]
                stack = prod(weight.shape[:-2]) if weight.chosen is None else weight.chosen
                yield Matmul(self.runs, stack, self.tokens, d_in, d_out, weight.role)


@dataclass(slots=True, kw_only=True)
class Experts(Op):
    """The chosen experts' matrices, ``chosen`` of ``n_experts`` a token in expectation.

    ``slots`` is how many rows are computed when experts work at a fixed capacity (None: as many
    as are useful).
    """

    family: ClassVar[str] = "experts"

    d_in: Size
    d_out: Size
    n_experts: Size
    chosen: Size
    slots: Size | None = None
    biased: Size = 0
    shared_input: bool = False  # one input row feeds all chosen experts (up), or each has its own

    @property
    def flops(self) -> Size:
        """Return 2 x tokens x chosen x d_in x d_out."""
        return 2 * self.runs * self.chosen * self.d_in * self.d_out * self.tokens

    @property
    def padding(self) -> Size:
        """Return the work of slots that stay empty; where tokens are dropped it is negative."""
        if self.slots is None:
            return 0
        return 2 * self.runs * self.d_in * self.d_out * (self.slots - self.chosen * self.tokens)

    @property
    def elementwise(self) -> Size:
        """Return one add for every biased output."""
        return self.runs * self.biased * self.chosen * self.tokens if self.biased else 0

    @property
    def takes(self) -> Size:
        """Return the inputs: one row a token, or one a chosen expert."""
        return self.d_in * self.tokens * (1 if self.shared_input else self.chosen)

    @property
    def gives(self) -> Size:
        """Return one output row a token and chosen expert."""
        return self.d_out * self.chosen * self.tokens


@dataclass(slots=True, kw_only=True)
class Attend(Op):
    """Scores and weighted sum over the (query, key) pairs of one sequence, in every head.

    ``tokens`` are the query rows of the batch, ``keys`` what is resident for one sequence.
    ``variant`` says how a mechanism with several executions was run.
    """

    family: ClassVar[str] = "attention"

    batch: Size
    pairs: Size
    keys: Size
    n_heads: Size
    n_kv_heads: Size
    qk_head_dim: Size
    v_head_dim: Size
    steps: int = STEPS["softmax"]
    variant: str = ""

    @property
    def flops(self) -> Size:
        """Return the FLOPs of both matmuls.

        Scores take 2 x qk_head_dim a pair, the weighted sum 2 x v_head_dim. Softmax is
        elementwise: docs/conventions.md.
        """
        factor = 2 * self.runs * self.n_heads * (self.qk_head_dim + self.v_head_dim)
        return factor * self.batch * self.pairs

    @property
    def elementwise(self) -> Size:
        """Return the softmax steps of every pair and head."""
        return self.steps * self.runs * self.n_heads * self.batch * self.pairs

    @property
    def takes(self) -> Size:
        """Return the queries; keys and values are states or come from new tokens."""
        return self.tokens * self.n_heads * self.qk_head_dim

    @property
    def gives(self) -> Size:
        """Return the weighted sums. Scores are never written."""
        return self.tokens * self.n_heads * self.v_head_dim

    def matmuls(self) -> Iterator[Matmul]:
        """Yield both products as an eager program runs them: every query against every key."""
        batch, new = self.batch * self.n_heads, self.tokens // self.batch
        yield Matmul(self.runs, batch, new, self.qk_head_dim, self.keys, "attention")
        yield Matmul(self.runs, batch, new, self.keys, self.v_head_dim, "attention")


@dataclass(slots=True, kw_only=True)
class Rows(Op):
    """An operation on ``inputs`` rows of ``width`` values a token that gives one row of them."""

    width: Size
    inputs: Size = 1

    @property
    def takes(self) -> Size:
        """Return every operand; what earlier steps left is a state."""
        return self.inputs * self.width * self.tokens

    @property
    def gives(self) -> Size:
        """Return one value an element."""
        return self.width * self.tokens


@dataclass(slots=True, kw_only=True)
class Scan(Rows):
    """A recurrence over ``state`` values: ``products`` rank-1 updates and read-outs a token.

    Useful FLOPs are linear in tokens. ``chunked`` is what a chunked kernel computes for the step
    instead (None: the recurrence itself); ``decays`` the elementwise steps a state value.
    """

    family: ClassVar[str] = "recurrent"

    state: Size
    products: Size
    chunked: Size | None = None
    decays: Size = 1

    @property
    def flops(self) -> Size:
        """Return 2 x state values x products x tokens (Mamba and SSD 2 products, delta rule 3)."""
        return 2 * self.runs * self.products * self.state * self.tokens

    @property
    def padding(self) -> Size:
        """Return what the chunked kernel computes more than the recurrence, or less."""
        return 0 if self.chunked is None else self.runs * self.chunked - self.flops

    @property
    def elementwise(self) -> Size:
        """Return the decay of every state value."""
        return self.runs * self.decays * self.state * self.tokens


@dataclass(slots=True, kw_only=True)
class Conv(Rows):
    """A causal convolution of ``d_conv`` taps on ``width`` channels, ``per_group`` inputs a channel."""

    family: ClassVar[str] = "recurrent"

    d_conv: Size
    per_group: Size = 1
    biased: bool = False

    @property
    def flops(self) -> Size:
        """Return 2 x channels x inputs a channel x taps x tokens."""
        return 2 * self.runs * self.width * self.per_group * self.d_conv * self.tokens

    @property
    def elementwise(self) -> Size:
        """Return one add for every biased output."""
        return self.runs * self.width * self.tokens if self.biased else 0


@dataclass(slots=True, kw_only=True)
class Lookup(Rows):
    """Rows of a table: bytes, no arithmetic."""

    family: ClassVar[str] = "vector"

    @property
    def flops(self) -> Size:
        """Return 0: a row is copied."""
        return 0


@dataclass(slots=True, kw_only=True)
class Vector(Rows):
    """``steps`` arithmetic steps on each of ``width`` values a token; ``inputs`` of them are read."""

    family: ClassVar[str] = "vector"

    steps: Size = 1

    @property
    def flops(self) -> Size:
        """Return 0: work on single values is ``elementwise``."""
        return 0

    @property
    def elementwise(self) -> Size:
        """Return steps x width x tokens."""
        return self.runs * self.steps * self.width * self.tokens
