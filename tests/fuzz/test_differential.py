"""Random specs: archcalc's figures equal those of a PyTorch model written independently of it.

One spec again: ``ARCHCALC_FUZZ_SEED=17 pytest tests/fuzz``. More: ``ARCHCALC_FUZZ_SPECS=5000``.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.loader import read_document, resolve
from costmodel.validation import parse
from costmodel.workload import Workload

from .parts import Cache, Step
from .reference import Mtp, Reference
from .specs import random_spec
from .towers import Tower

CHUNKS = 12
SPECS = int(os.environ.get("ARCHCALC_FUZZ_SPECS", "312"))
ONE = os.environ.get("ARCHCALC_FUZZ_SEED")


@pytest.mark.parametrize("chunk", [0] if ONE else range(CHUNKS))
def test_random_specs_equal_a_model_written_from_the_papers(chunk: int, record_property: pytest.RecordProperty) -> None:
    torch.set_num_threads(1)
    seen: Counter[str] = Counter()
    for seed in [int(ONE)] if ONE else range(chunk, SPECS, CHUNKS):
        spec = random_spec(seed)
        text = yaml.safe_dump(spec, sort_keys=False)
        try:
            Comparison(spec, text, seed, seen).run()
        except Exception as error:
            raise AssertionError(f"{error}\n\nARCHCALC_FUZZ_SEED={seed}\n{text}") from error
        seen.update({block["kind"] for block in spec["blocks"].values()})
        seen.update(f for f in OPTIONS if f in spec)
        seen["specs"] += 1
    record_property("fuzz", dict(seen))


OPTIONS = (
    "encoder",
    "components",
    "mtp",
    "shared",
    "loops",
    "altup",
    "laurel",
    "ple",
    "ngrams",
    "residual_gate",
    "hyper_connections",
    "relative_bias",
)


class Comparison:
    """Every figure of one spec, both ways."""

    def __init__(self, spec: dict[str, Any], text: str, seed: int, seen: Counter[str]) -> None:
        self.spec, self.seen = spec, seen
        torch.manual_seed(seed)
        self.random = Random(f"steps of {seed}")
        document = resolve(read_document(text), lambda name: pytest.fail(f"no base {name}"))
        found = parse(document.data)
        assert isinstance(found, Architecture)
        self.architecture, self.model = found, Reference(spec)

    def same(self, what: str, ours: Any, theirs: Any) -> None:
        """Demand integer equality."""
        assert ours == theirs, f"{what}: archcalc {ours}, reference {theirs}, difference {ours - theirs}"
        self.seen["figures"] += 1

    def run(self) -> None:
        """Compare parameters, then steps."""
        self.params()
        self.model.to(torch.bfloat16)
        blocks = self.spec["blocks"].values()
        kept = [Fraction(block["keep"]).denominator for block in blocks if "keep" in block and block["kind"] != "ffn"]
        self.unit = math.lcm(*kept) if kept else 1
        shares = [block["keep"] for block in self.spec["blocks"].values() if "keep" in block]
        # Whole numbers of kept tokens.
        self.batch = (
            math.lcm(*(Fraction(share).denominator for share in shares)) if shares else self.random.randint(1, 2)
        )
        self.source = self.random.randint(1, 5) if "encoder" in self.spec else 0
        first, second = self.random.randint(1, 5), self.random.randint(4, 8)
        for lengths in ([first], [second, self.random.randint(2, 4), 1]):
            self.steps([length * self.unit for length in lengths])
        if "mtp" in self.spec:
            self.mtp()
        if "components" in self.spec:
            self.tower()

    def params(self) -> None:
        """Compare total and active parameters, and buffers."""
        ours = figures.params(self.architecture)
        model = self.model
        self.same("params.total", ours.total, sum(p.numel() for p in model.parameters()))
        logits = model(torch.zeros(1, 1, dtype=torch.long), Step(Cache(), 1, 0, sticky=True), self.some_source(1, 1))
        (logits * torch.randn_like(logits)).sum().backward()
        active = 0
        for parameter in model.parameters():
            if not hasattr(parameter, "stacked"):
                active += parameter.numel() * getattr(parameter, "keep", 1)
            elif parameter.grad is not None:
                active += int(parameter.grad.reshape(len(parameter), -1).any(1).sum()) * parameter[0].numel()
        self.same("params.active", ours.active, active)
        self.same("params.active_without_lookup", ours.active_without_lookup, active - model.lookups())
        model.zero_grad(set_to_none=True)

    def some_source(self, batch: int, tokens: int) -> torch.Tensor | None:
        if "encoder" not in self.spec or not tokens:
            return None
        return torch.randint(self.spec["vocab_size"], (batch, tokens))

    def steps(self, lengths: list[int]) -> None:
        """Run steps one after another, in every way that latent attention has; one prefill in any of them."""
        kinds = {block["kind"] for block in self.spec["blocks"].values()}
        ways = ("absorbed", "expanded", "expanded-cached") if "mla" in kinds else ("expanded",)
        padded = any("capacity_factor" in block for block in self.spec["blocks"].values())
        if len(lengths) == 1:
            ways = (self.random.choice(ways),)
        last = [self.random.random() < 0.2 for _ in lengths]
        found = {}
        for way in ways:
            cache = Cache()
            for i, new in enumerate(lengths):
                found[i, way] = self.step(cache, new, way, self.source if i == 0 else 0, last=last[i])
            if padded and not kinds & {"mamba2", "gated_deltanet", "kda"}:
                self.padded(lengths[0], way)

        if len(ways) > 1:
            self.cheapest(found, lengths)

    def cheapest(self, found: dict[tuple[int, str], tuple[Workload, list[int]]], lengths: list[int]) -> None:
        """Compare the way that is chosen for latent attention, where one block alone has the choice."""
        used = {name for layer in self.model.stack.layout for names in layer for name in names}
        if sum(self.spec["blocks"].get(name, {}).get("kind") == "mla" for name in used) != 1:
            return
        for i in range(len(lengths)):
            load, absorbed = found[i, "absorbed"]
            for attention, *totals in zip(("full", "causal"), absorbed, found[i, "expanded"][1], strict=True):
                ours = figures.flops(self.architecture.lower(replace(load, mla="auto", attention=attention))).forward
                self.same(f"flops.forward of the cheapest way at {load}", ours, min(totals))

    def step(self, cache: Cache, new: int, way: str, source: int, *, last: bool) -> tuple[Workload, list[int]]:
        """Compare one step: FLOPs with full and causal attention, and what is kept."""
        source_past = self.source - source if cache.length else 0
        load = Workload(
            batch=self.batch,
            new_tokens=new,
            cached_tokens=cache.length,
            source_new=source,
            source_cached=source_past,
            logits="last" if last else "all",
            mla=way,
        )
        totals = []
        flops, step = self.forward(cache, new, way, source, last=last)
        for attention, theirs in (("full", step.full_pairs), ("causal", step.useful_pairs)):
            ops = self.architecture.lower(replace(load, attention=attention))
            ours = figures.flops(ops)
            where = f"at {load}, attention {attention}"
            self.same(f"flops.attention {where}", ours.attention, math.floor(theirs))
            totals.append(flops - step.executed_pairs + math.floor(theirs))
            self.same(f"flops.forward {where}", ours.forward, totals[-1])
        self.kept(figures.cache(ops), cache, f"at {load}")
        self.seen["steps"] += 1
        return load, totals

    def kept(self, ours: figures.Cache, cache: Cache, where: str) -> None:
        """Compare the cache of one sequence."""
        tensors, states = cache.tensors(), cache.tensors(("state", "conv"))
        self.same(f"cache.values {where}", ours.values * self.batch, sum(t.numel() for t in tensors))
        self.same(f"cache.bytes {where}", ours.bytes * self.batch, sum(t.numel() * t.element_size() for t in tensors))
        self.same(
            f"cache.state_bytes {where}",
            ours.state_bytes * self.batch,
            sum(t.numel() * t.element_size() for t in states),
        )

    def forward(
        self, cache: Cache, new: int, way: str, source: int, *, last: bool = False, padded: bool = False
    ) -> tuple[int, Step]:
        """Run the model; return the FLOPs that torch counts."""
        step = Step(cache, new, cache.length, way, padded=padded, last_only=last)
        tokens = torch.randint(self.spec["vocab_size"], (self.batch, new))
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.model(tokens, step, self.some_source(self.batch, source))
        return counter.get_total_flops(), step

    def padded(self, new: int, way: str) -> None:
        """Compare what is executed where experts have a fixed capacity."""
        flops, step = self.forward(Cache(), new, way, self.source, padded=True)
        load = Workload(batch=self.batch, new_tokens=new, source_new=self.source, mla=way, attention="full")
        self.same(
            "flops.executed",
            figures.flops(self.architecture.lower(load)).executed,
            flops - step.executed_pairs + math.floor(step.full_pairs) - step.dropped,
        )

    def tower(self) -> None:
        """Compare the vision tower and its projector."""
        spec = self.spec["components"]["vision"]
        module = Tower(spec)
        ours = figures.params(self.architecture, ["vision"]).total - figures.params(self.architecture).total
        self.same("params of vision", ours, sum(p.numel() for p in module.parameters()))
        module.to(torch.bfloat16)
        images, size = self.random.randint(1, 3), spec["image_size"]
        pixels = torch.randn(images, spec.get("channels", 3), size, size, dtype=torch.bfloat16)
        step = Step(Cache(), 0, 0)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(pixels, step)
        found = figures.flops(self.architecture.lower_component("vision", Workload(images=images, attention="full")))
        self.same("flops of vision", found.forward, counter.get_total_flops())
        self.same("flops.attention of vision", found.attention, step.executed_pairs)

    def mtp(self) -> None:
        """Compare the layers that predict further tokens."""
        module = Mtp(self.spec, self.model)
        ours = figures.params(self.architecture, ["mtp"]).total - figures.params(self.architecture).total
        self.same("params of mtp", ours, sum(p.numel() for p in module.parameters()))
        module.to(torch.bfloat16)
        cache, width = Cache(), self.spec["d_model"]
        for new in (self.unit * self.random.randint(1, 6), self.unit):
            step = Step(cache, new, cache.length)
            hidden, embedded = (torch.randn(self.batch, new, width, dtype=torch.bfloat16) for _ in range(2))
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                module(hidden, embedded, step)
            load = Workload(
                batch=self.batch, new_tokens=new, cached_tokens=cache.length, mla="expanded", attention="full"
            )
            ops = self.architecture.lower_component("mtp", load)
            theirs = counter.get_total_flops() - step.executed_pairs + math.floor(step.full_pairs)
            self.same(f"flops of mtp at {load}", figures.flops(ops).forward, theirs)
            cache.length += new
            self.kept(figures.cache(ops), cache, f"of mtp at {load}")
