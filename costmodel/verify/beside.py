"""What stands beside the language model: towers, and layers that predict further tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from costmodel import figures
from costmodel.verify.equality import Equality, integer, said
from costmodel.verify.reference.model import Mtp
from costmodel.verify.reference.parts import Cache, Step
from costmodel.verify.reference.towers import Tower
from costmodel.verify.traffic import Products
from costmodel.workload import Workload

if TYPE_CHECKING:
    from costmodel.verify.compare import Comparison


def compare_towers(of: Comparison) -> Iterator[Equality]:
    """Compare every tower and its projector."""
    for name, spec in of.spec["components"].items():
        module = Tower(spec, of.spec["d_model"])
        ours = figures.params(of.architecture, [name]).total - figures.params(of.architecture).total
        yield Equality(f"params of {name}", "", ours, sum(p.numel() for p in module.parameters()))
        module.to(torch.bfloat16)
        images, size = of.random.randint(1, 3), spec["image_size"]
        shape = (images, spec.get("channels", 3), spec.get("frames", 1), size, size)
        pixels = torch.randn(*shape, dtype=torch.bfloat16)
        step = Step(Cache(), 0, 0)
        with torch.no_grad(), FlopCounterMode(display=False) as counter, Products(module) as products:
            module(pixels, step)
        ops = of.architecture.lower_component(name, Workload(images=images, attention="full"))
        found, at = figures.flops(ops), f"{images} images"
        yield Equality(f"flops of {name}", at, integer(found.forward), int(counter.get_total_flops()))
        yield Equality(f"flops.attention of {name}", at, integer(found.attention), step.executed_pairs)
        seen = figures.flops(of.architecture.lower_component(name, Workload(images=images)))
        yield Equality(f"flops.attention of {name}", f"{at}, causal", integer(seen.attention), step.useful_pairs)
        yield from of.moved(ops, products, step, f"{name}, {at}", images)


def compare_mtp(of: Comparison) -> Iterator[Equality]:
    """Compare the layers that predict further tokens."""
    module = Mtp(of.spec, of.model)
    ours = figures.params(of.architecture, ["mtp"]).total - figures.params(of.architecture).total
    yield Equality("params of mtp", "", ours, sum(p.numel() for p in module.parameters()))
    module.to(torch.bfloat16)
    cache, width = Cache(), of.spec["d_model"]
    for new in (of.unit * of.random.randint(1, 6), of.unit):
        step = Step(cache, new, cache.length)
        hidden, embedded = (torch.randn(of.batch, new, width, dtype=torch.bfloat16) for _ in range(2))
        with torch.no_grad(), FlopCounterMode(display=False) as counter, Products(module, of.model) as products:
            module(hidden, embedded, step)
        load = Workload(batch=of.batch, new_tokens=new, cached_tokens=cache.length, mla="expanded", attention="full")
        ops = of.architecture.lower_component("mtp", load)
        theirs = int(counter.get_total_flops()) - step.executed_pairs + math.floor(step.full_pairs)
        yield Equality("flops of mtp", said(load), integer(figures.flops(ops).forward), theirs)
        cache.length += new
        yield from of.kept(figures.cache(ops), cache, f"mtp, {said(load)}")
        yield from of.moved(ops, products, step, f"mtp, {said(load)}")
