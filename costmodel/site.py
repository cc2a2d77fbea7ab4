"""Where a block lowers itself: sizes of the step, and constructors of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.ops import Attend, Experts, Project, Vector
from costmodel.sizes import Size, round_up
from costmodel.spans import Span
from costmodel.steps import STEPS
from costmodel.things import State, Weight
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.block import Block


@dataclass(slots=True)
class Site:
    """One block at all its places in a stack.

    ``width`` is the residual stream, ``runs`` how often the block works (places times loops),
    ``stored`` how many copies of its weights exist (0: another site stores them). ``new`` and
    ``cached`` are the tokens of one sequence in this stack, ``tokens`` rows of the batch.
    ``source_width`` is the width of what cross-attention reads. ``keep`` is the share of tokens that
    enter (Mixture of Depths); ``role`` the dtype role of weights.
    """

    load: Workload
    path: str
    component: str
    width: Size
    runs: Size
    stored: Size
    new: Size
    cached: Size
    tokens: Size
    source_width: Size = 0
    keep: Fraction | None = None
    role: str = "weights"
    keeps: bool = True  # whether this stack keeps a cache between steps: encoders do not
    blocks: Mapping[str, Block] = field(default_factory=dict)
    vocab_size: int = 0
    _context: Size | None = None

    @property
    def batch(self) -> Size:
        """Return the sequences of the step."""
        return self.load.batch

    @property
    def context(self) -> Size:
        """Return the tokens of one sequence after the step."""
        if self._context is None:
            self._context = self.cached + self.new
        return self._context

    def sub(self, name: str, component: str | None = None, role: str | None = None) -> Site:
        """Return the same site one step down the path."""
        found = object.__new__(Site)  # dataclasses.replace costs several times as much
        for field_name in Site.__slots__:
            setattr(found, field_name, getattr(self, field_name))
        found.path = f"{self.path}.{name}"
        found.component, found.role = component or self.component, role or self.role
        return found

    def kept_share(self, share: Fraction) -> Site:
        """Return the site as seen by a block that only a share of the tokens enters.

        Tokens become expectations. Weights count for the same share of a token's path.
        """
        return replace(self, tokens=self.expected(self.tokens, share), keep=share)

    # Things

    def weight(
        self,
        name: str,
        *shape: Size,
        role: str | None = None,
        chosen: Size | Fraction | None = None,
        split: str = "none",
        units: Size = 1,
    ) -> Weight:
        """Return a tensor that every stored copy of this block has."""
        return Weight(name, shape, self.stored, role or self.role, chosen, split, units, False, True, self.keep)

    def cache(
        self, name: str, span: Span, width: Size, *, role: str = "kv", kind: str = "", own: bool = True, units: Size = 1
    ) -> State:
        """Return what a span keeps when every entry has ``width`` values."""
        context = self.context
        kept = self.share(span.kept(context))
        read = self.share(span.read(self.cached))
        written = self.share(span.written(self.new, self.cached)) if own else 0
        filling = span if self.keep is None else span.thinned(self.keep)  # only kept tokens fill pages
        paged = filling.paged(self.share(context), self.load.page)
        pooled = kept if span.limit is None else self.share(context)
        stored = self.runs if own and self.keeps else 0
        fresh = self.share(self.new)
        return State(name, kind or span.kind, kept, read, written, paged, pooled, stored, role, units, width, fresh)

    def share(self, entries: Size) -> Size:
        """Return the whole entries that are kept of so many, under ``keep``."""
        if self.keep is None:
            return entries
        return entries * self.keep.numerator // self.keep.denominator

    def fixed(self, name: str, values: Size, *, kind: str = "recurrent", role: str = "state", units: Size = 1) -> State:
        """Return a state of constant size, read and written at every step."""
        return State(name, kind, 1, 1, 1, 1, 1, self.runs if self.keeps else 0, role, units, values)

    def entries(
        self, name: str, kept: Size, width: Size, *, read: Size, written: Size, most: Size, kind: str, role: str = "kv"
    ) -> State:
        """Return ``kept`` entries of ``width`` values; engines allocate ``most``, in whole pages."""
        paged = round_up(most, self.load.page)
        stored = self.runs if self.keeps else 0
        return State(name, kind, kept, read, written, paged, most, stored, role, 1, width, written)

    # Work

    def project(
        self,
        name: str,
        *,
        d_in: Size | None = None,
        tokens: Size | None = None,
        bias: bool | tuple[str, ...] | list[str] = False,
        split: str = "none",
        units: Size = 1,
        groups: Size = 1,
        role: str | None = None,
        beside: bool = False,
        **outs: Size,
    ) -> Project:
        """Return one input times the matrices named in ``outs`` (name: columns); ``bias``: True, or the names."""
        d_in = self.width if d_in is None else d_in
        weights: list[Weight] = []
        d_out: Size = 0
        biased: Size = 0
        # Not by ``weight``: every model has most of its weights from here, and a call costs as much as a weight.
        stored, role, keep = self.stored, role or self.role, self.keep
        for out, columns in outs.items():
            shape = (columns, d_in) if groups == 1 else (groups, columns, d_in)
            d_out = d_out + columns if weights else columns
            weights.append(Weight(out, shape, stored, role, None, split, units, False, True, keep))
            if bias is True or (bias and out in bias):
                of_bias = shape[:-1]
                weights.append(Weight(f"{out}.bias", of_bias, stored, role, None, split, units, False, True, keep))
                biased += columns
        return Project(
            path=f"{self.path}.{name}",
            component=self.component,
            runs=self.runs,
            tokens=self.tokens if tokens is None else tokens,
            weights=tuple(weights),
            d_in=d_in,
            d_out=d_out,
            groups=groups,
            biased=biased,
            beside=beside,
        )

    def norm(
        self,
        name: str,
        width: Size | None = None,
        *,
        count: Size = 1,
        kind: str | None = None,
        bias: bool = True,
        shape: tuple[Size, ...] | None = None,
        tokens: Size | None = None,
    ) -> Vector:
        """Return a normalisation of ``count`` vectors of ``width`` a token that share one weight.

        ``kind`` is rms, layer (with a bias unless told otherwise) or none (no weight). ``shape``
        is the weight's where vectors have weights of their own.
        """
        width = self.width if width is None else width
        kind = kind or "rms"
        shape = shape or (width,)
        weights: tuple[Weight, ...] = ()
        if kind != "none":
            weights = (self.weight(name, *shape, role="norm"),)
            if kind == "layer" and bias:
                weights += (self.weight(f"{name}.bias", *shape, role="norm"),)
        steps = STEPS["rms_plain" if kind == "none" else kind]
        return self.vector(name, count * width, steps, weights=weights, tokens=tokens)

    def vector(
        self,
        name: str,
        width: Size,
        steps: Size = 1,
        *,
        inputs: Size = 1,
        weights: tuple[Weight, ...] = (),
        tokens: Size | None = None,
        runs: Size | None = None,
    ) -> Vector:
        """Return work on each of ``width`` values a token."""
        return Vector(
            path=f"{self.path}.{name}",
            component=self.component,
            runs=self.runs if runs is None else runs,
            tokens=self.tokens if tokens is None else tokens,
            weights=weights,
            width=width,
            steps=steps,
            inputs=inputs,
        )

    def expectation(self, value: Fraction) -> Size:
        """Return an expected number as this step can multiply it: a float beside arrays."""
        return float(value) if self.load.swept else value

    def expected(self, size: Size, share: Fraction) -> Size:
        """Return a share of a size; beside arrays a float, which is whole where the share is."""
        return size * share.numerator / share.denominator if self.load.swept else size * share

    def resident(self, span: Span) -> Size:
        """Return the keys in memory for one sequence during the step; under ``keep`` expected ones."""
        keys = span.resident(self.new, self.cached)
        return keys if self.keep is None else self.expected(keys, self.keep)

    def pairs(self, count: Callable[[Size, Size], Size]) -> Size:
        """Count pairs of one sequence; under ``keep`` in expectation over which tokens are kept.

        A token sees itself for sure when it is kept at all, every other key with the same share.
        """
        pairs = count(self.new, self.cached)
        if self.keep is None:
            return pairs
        share = self.expectation(self.keep)
        return share * share * (pairs - self.new) + share * self.new

    def attend(
        self,
        name: str,
        pairs: Size,
        keys: Size,
        *,
        n_heads: Size,
        n_kv_heads: Size,
        qk_head_dim: Size,
        v_head_dim: Size,
        states: tuple[State, ...] = (),
        weights: tuple[Weight, ...] = (),
        steps: int = STEPS["softmax"],
        variant: str = "",
    ) -> Attend:
        """Return scores and weighted sums over so many pairs of one sequence."""
        return Attend(
            path=f"{self.path}.{name}",
            component=self.component,
            runs=self.runs,
            tokens=self.tokens,
            weights=weights,
            states=states,
            batch=self.batch,
            pairs=pairs,
            keys=keys,
            n_heads=n_heads,
            n_kv_heads=n_kv_heads,
            qk_head_dim=qk_head_dim,
            v_head_dim=v_head_dim,
            steps=steps,
            variant=variant,
        )

    def experts(
        self,
        name: str,
        *,
        n_experts: Size,
        chosen: Size,
        chosen_range: tuple[Size, Size] | None = None,
        d_in: Size,
        bias: bool = False,
        slots: Size | None = None,
        shared_input: bool = False,
        **outs: Size,
    ) -> Experts:
        """Return matrices of the chosen experts, stacked by expert."""
        weights: list[Weight] = []
        d_out: Size = 0
        for out, columns in outs.items():
            common: dict[str, Any] = {"chosen": chosen, "split": "experts", "units": n_experts}
            weights.append(self.weight(out, n_experts, columns, d_in, role="experts", **common))
            if bias:
                # Of a matrix that is cut along its input, every device has the whole bias.
                whole = common if shared_input else {**common, "split": "experts-whole"}
                weights.append(self.weight(f"{out}.bias", n_experts, columns, role="experts", **whole))
            d_out = columns if not d_out else d_out + columns
        if chosen_range is not None:
            for weight in weights:
                weight.chosen_range = chosen_range
        return Experts(
            path=f"{self.path}.{name}",
            component=self.component,
            runs=self.runs,
            tokens=self.tokens,
            weights=tuple(weights),
            d_in=d_in,
            d_out=d_out,
            n_experts=n_experts,
            chosen=chosen,
            slots=slots,
            biased=d_out if bias else 0,
            shared_input=shared_input,
        )
