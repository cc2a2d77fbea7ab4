"""Every figure of a small spec, by archcalc and by the reference model: equal, or named.

Parameters and active parameters (by gradient), buffers apart; steps of prefill, chunked prefill and
decode in every way that latent attention has: FLOPs with causal and full attention, what is kept,
the bytes that products, attention and states move; towers and further-token layers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.ops import Op
from costmodel.verify.beside import compare_mtp, compare_towers
from costmodel.verify.equality import Equality, as_rounded, integer, said
from costmodel.verify.reference.model import Reference
from costmodel.verify.reference.parts import Cache, Step
from costmodel.verify.terms import flops_terms, kept_terms, parameter_terms
from costmodel.verify.traffic import Products, bytes_moved
from costmodel.workload import Workload

# Kinds whose kernels execute chunks, where the reference goes token by token.
CHUNKED = {"mamba2", "gated_deltanet", "kda", "lightning", "mlstm"}


def version() -> str:
    """Return the version of PyTorch."""
    return str(torch.__version__)


def on_one_thread() -> None:
    """Run on one thread: beside tensors so small, others only wait for each other."""
    torch.set_num_threads(1)


class Comparison:
    """The equalities of one spec, small enough to run. The same ``seed`` runs the same steps."""

    def __init__(self, architecture: Architecture, spec: dict[str, Any], seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.architecture, self.spec = architecture, spec
        self.random = Random(f"steps of {seed}")
        self.model = Reference(spec)
        blocks = list(spec["blocks"].values())
        self.kinds = {block["kind"] for block in blocks}
        shares = [Fraction(block["keep"]).denominator for block in blocks if "keep" in block]
        by_sequence = [b["keep"] for b in blocks if "keep" in b and b["kind"] not in ("ffn", "moe")]
        # Whole numbers of kept tokens, in every sequence and in the batch.
        self.unit = math.lcm(*(Fraction(share).denominator for share in by_sequence))
        self.batch = math.lcm(*shares) if shares else self.random.randint(1, 2)
        self.prefix = self.random.randint(1, 9) if any(block.get("prefix") for block in blocks) else 0
        self.source = self.random.randint(1, 5) if "encoder" in spec or "d_source" in spec else 0

    def run(self) -> Iterator[Equality]:
        """Yield every comparison; the model's dtype changes on the way."""
        yield from self._params()
        self.model.to(torch.bfloat16)
        first, second = self.random.randint(1, 5), self.random.randint(4, 8)
        for lengths in ([first], [second, self.random.randint(2, 4), 1]):
            yield from self._chain([length * self.unit for length in lengths])
        if "mtp" in self.spec:
            yield from compare_mtp(self)
        if "components" in self.spec:
            yield from compare_towers(self)

    def _params(self) -> Iterator[Equality]:
        """Compare total and active parameters: those that a token has a gradient of, and lookups."""
        ours, model = figures.params(self.architecture), self.model
        total = sum(p.numel() for p in model.parameters())
        terms = () if total == ours.total else parameter_terms(self.architecture, model)
        yield Equality("params.total", "", ours.total, total, terms)
        tokens = torch.zeros(1, 1, dtype=torch.long)
        logits = model(tokens, Step(Cache(), 1, 0, sticky=True), self._some_source(1, 1))
        (logits * torch.randn_like(logits)).sum().backward()
        active: Any = 0
        for parameter in model.parameters():
            keep = getattr(parameter, "keep", 1)
            if not hasattr(parameter, "stacked"):
                active += parameter.numel() * keep
            elif parameter.grad is not None:
                hit = int(parameter.grad.reshape(len(parameter), -1).any(1).sum())
                active += hit * parameter[0].numel() * keep
        lookups = model.lookups()
        exact, without = figures.expected_active(self.architecture.lower(Workload()))
        yield Equality("params.active", "", ours.active, as_rounded(ours.active, exact, active))
        rest = ours.active_without_lookup
        yield Equality("params.active_without_lookup", "", rest, as_rounded(rest, without, active - lookups))
        model.zero_grad(set_to_none=True)

    def _some_source(self, batch: int, tokens: int) -> torch.Tensor | None:
        if not self.source or not tokens:
            return None
        return self.model.some_source(batch, tokens)

    def _chain(self, lengths: list[int]) -> Iterator[Equality]:
        """Run steps one after another, in every way that latent attention has; one prefill in any of them."""
        ways = ("absorbed", "expanded", "expanded-cached") if "mla" in self.kinds else ("expanded",)
        if len(lengths) == 1:
            ways = (self.random.choice(ways),)
        last = [self.random.random() < 0.2 for _ in lengths]
        found: dict[tuple[int, str], tuple[Workload, list[int]]] = {}
        for way in ways:
            cache = Cache()
            for i, new in enumerate(lengths):
                load, totals = yield from self._step(cache, new, way, self.source if i == 0 else 0, last=last[i])
                found[i, way] = load, totals
            padded = any("capacity_factor" in block for block in self.spec["blocks"].values())
            if padded and not self.kinds & CHUNKED:
                yield self._padded(lengths[0], way)
        if len(ways) > 1:
            yield from self._cheapest(found, len(lengths))

    def _cheapest(self, found: dict[tuple[int, str], tuple[Workload, list[int]]], steps: int) -> Iterator[Equality]:
        """Compare the way that is chosen for latent attention, where one block alone has the choice."""
        used = {name for layer in self.model.stack.layout for names in layer for name in names}
        if sum(self.spec["blocks"].get(name, {}).get("kind") == "mla" for name in used) != 1:
            return
        for i in range(steps):
            load, absorbed = found[i, "absorbed"]
            for attention, *totals in zip(("full", "causal"), absorbed, found[i, "expanded"][1], strict=True):
                chosen = replace(load, mla="auto", attention=attention)  # type: ignore[arg-type]
                ours = figures.flops(self.architecture.lower(chosen)).forward
                yield Equality("flops.forward", f"the cheapest way, {said(load)}", integer(ours), min(totals))

    def _step(
        self, cache: Cache, new: int, way: str, source: int, *, last: bool
    ) -> Any:  # yields equalities, returns (workload, totals)
        """Compare one step: FLOPs with full and causal attention, what is kept, products of projections."""
        source_past = self.source - source if cache.length else 0
        load = Workload(
            batch=self.batch,
            new_tokens=new,
            cached_tokens=cache.length,
            source_new=source,
            source_cached=source_past,
            prefix=self.prefix,
            logits="last" if last else "all",
            mla=way,  # type: ignore[arg-type]
        )
        totals = []
        flops, by_module, step, seen = self._forward(cache, new, way, source, last=last)
        for attention, theirs in (("full", step.full_pairs), ("causal", step.useful_pairs)):
            ops = self.architecture.lower(replace(load, attention=attention))  # type: ignore[arg-type]
            ours, at = figures.flops(ops), f"{said(load)}, {attention}"
            yield Equality("flops.attention", at, integer(ours.attention), math.floor(theirs))
            totals.append(flops - step.executed_pairs + math.floor(theirs))
            same = ours.forward == totals[-1]
            terms = () if same or attention != "full" else flops_terms(ops, by_module)
            yield Equality("flops.forward", at, integer(ours.forward), totals[-1], terms)
        yield from self.kept(figures.cache(ops), cache, said(load))
        yield from self.moved(ops, seen, step, said(load))
        return load, totals

    def kept(self, ours: figures.Cache, cache: Cache, at: str, batch: int | None = None) -> Iterator[Equality]:
        """Compare the cache, the batch's."""
        batch = batch or self.batch
        tensors, states = cache.tensors(), cache.tensors(("state", "conv"))
        values = sum(t.numel() for t in tensors)
        terms = () if values == ours.values * batch else kept_terms(ours, cache, batch)
        yield Equality("cache.values", at, integer(ours.values) * batch, values, terms)
        yield Equality("cache.bytes", at, integer(ours.bytes) * batch, _bytes(tensors))
        yield Equality("cache.state_bytes", at, integer(ours.state_bytes) * batch, _bytes(states))

    def moved(self, ops: list[Op], seen: Products, step: Step, at: str, batch: int | None = None) -> Iterator[Equality]:
        """Compare the bytes that products, attention and states move."""
        step.log.keep(step.cache.moved())
        return bytes_moved(ops, batch or self.batch, seen, step.log, at)

    def _forward(
        self, cache: Cache, new: int, way: str, source: int, *, last: bool = False, padded: bool = False
    ) -> tuple[int, Counter[str], Step, Products]:
        """Run the model; return the FLOPs that torch counts, in all and by module, and the products it sees."""
        step = Step(cache, new, cache.length, way, padded=padded, last_only=last, prefix=self.prefix)
        tokens = torch.randint(self.spec["vocab_size"], (self.batch, new))
        with torch.no_grad(), FlopCounterMode(display=False) as counter, Products(self.model) as seen:
            self.model(tokens, step, self._some_source(self.batch, source))
        by_module = Counter({name: sum(found.values()) for name, found in counter.get_flop_counts().items()})
        return int(counter.get_total_flops()), by_module, step, seen

    def _padded(self, new: int, way: str) -> Equality:
        """Compare what is executed where experts have a fixed capacity."""
        flops, _, step, _ = self._forward(Cache(), new, way, self.source, padded=True)
        load = Workload(
            batch=self.batch, new_tokens=new, source_new=self.source, prefix=self.prefix, mla=way,  # type: ignore[arg-type]
            attention="full",
        )  # fmt: skip
        theirs = flops - step.executed_pairs + math.floor(step.full_pairs) - step.dropped
        return Equality(
            "flops.executed", said(load), integer(figures.flops(self.architecture.lower(load)).executed), theirs
        )


def _bytes(tensors: list[torch.Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)
