"""What stands beside the language model: towers, and layers that predict further tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from costmodel import figures
from costmodel.verify.equality import Equality, integer, said
from costmodel.verify.reference.model import Mtp
from costmodel.verify.reference.parts import Cache, Step
from costmodel.verify.reference.patches import Patcher
from costmodel.verify.reference.towers import AudioTower, Tower
from costmodel.verify.traffic import Products
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.verify.compare import Comparison


def compare_towers(of: Comparison) -> Iterator[Equality]:
    """Compare every tower and its projector, and a patcher."""
    for name, spec in of.spec["components"].items():
        if "vocab_size" in spec:
            yield from _patcher(of, name, Patcher(spec, of.spec["d_model"]))
            continue
        hears = "input" in spec
        module = (AudioTower if hears else Tower)(spec, of.spec["d_model"])
        ours = figures.params(of.architecture, [name]).total - figures.params(of.architecture).total
        yield Equality(f"params of {name}", "", ours, sum(p.numel() for p in module.parameters()))
        module.to(torch.bfloat16)
        n, step = of.random.randint(1, 3), Step(Cache(), 0, 0)
        with torch.no_grad(), FlopCounterMode(display=False) as counter, Products(module) as products:
            module(module.some(n).to(torch.bfloat16), step)
        load, at = (Workload(clips=n), f"{n} clips") if hears else (Workload(images=n), f"{n} images")
        ops = of.architecture.lower_component(name, replace(load, attention="full"))
        found = figures.flops(ops)
        yield Equality(f"flops of {name}", at, integer(found.forward), _flops(counter, step))
        yield Equality(f"flops.attention of {name}", at, integer(found.attention), math.floor(step.full_pairs))
        seen = figures.flops(of.architecture.lower_component(name, load))
        yield Equality(f"flops.attention of {name}", f"{at}, causal", integer(seen.attention), step.useful_pairs)
        yield from of.moved(ops, products, step, f"{name}, {at}", n)


def _patcher(of: Comparison, name: str, module: Patcher) -> Iterator[Equality]:
    """Compare what finds the ends of patches: two steps on the bytes of the model."""
    ours = figures.params(of.architecture, [name]).total - figures.params(of.architecture).total
    yield Equality(f"params of {name}", "", ours, sum(p.numel() for p in module.parameters()))
    module.to(torch.bfloat16)
    cache = Cache()
    for new in (of.random.randint(2, 5), 2):
        load, step = Workload(batch=2, new_tokens=new, cached_tokens=cache.length), Step(cache, new, cache.length)
        with torch.no_grad(), FlopCounterMode(display=False) as counter, Products(module) as products:
            module(torch.randint(9, (2, new)), step)
        ops, at = of.architecture.lower_component(name, replace(load, attention="full")), f"{name}, {said(load)}"
        yield Equality(f"flops of {name}", said(load), integer(figures.flops(ops).forward), _flops(counter, step))
        seen = figures.flops(of.architecture.lower_component(name, load))
        yield Equality(f"flops.attention of {name}", said(load), integer(seen.attention), step.useful_pairs)
        yield from of.kept(figures.cache(ops), cache, at, 2)
        yield from of.moved(ops, products, step, at, 2)


def _flops(counter: FlopCounterMode, step: Step) -> int:
    """Return the FLOPs that torch counts, of attention those of every query against every resident key."""
    return int(counter.get_total_flops()) - step.executed_pairs + math.floor(step.full_pairs)


def compare_mtp(of: Comparison) -> Iterator[Equality]:
    """Compare the layers that predict further tokens."""
    module = Mtp(of.spec, of.model)
    ours = figures.params(of.architecture, ["mtp"]).total - figures.params(of.architecture).total
    yield Equality("params of mtp", "", ours, sum(p.numel() for p in module.parameters()))
    module.to(torch.bfloat16)
    cache, width = Cache(), of.spec["d_model"]
    for new in (of.unit * of.random.randint(1, 6), of.unit):
        step = Step(cache, new, cache.length, prefix=of.prefix)
        hidden, embedded = (torch.randn(of.batch, new, width, dtype=torch.bfloat16) for _ in range(2))
        with torch.no_grad(), FlopCounterMode(display=False) as counter, Products(module, of.model) as products:
            module(hidden, embedded, step)
        load = Workload(
            batch=of.batch, new_tokens=new, cached_tokens=cache.length, prefix=of.prefix, mla="expanded",
            attention="full",
        )  # fmt: skip
        ops = of.architecture.lower_component("mtp", load)
        yield Equality("flops of mtp", said(load), integer(figures.flops(ops).forward), _flops(counter, step))
        cache.length += new
        yield from of.kept(figures.cache(ops), cache, f"mtp, {said(load)}")
        yield from of.moved(ops, products, step, f"mtp, {said(load)}")
