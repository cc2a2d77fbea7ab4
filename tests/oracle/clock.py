"""CPU times of real forwards, of lists of products, and of what bounds them, all in one loop."""

from __future__ import annotations

import copy
import inspect
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from costmodel import figures

from .families import Family
from .models import SEED, Products, Step, build, distinct, steps
from .operands import difference, expected
from .runs import workload

PHASES = ("prefill", "decode")
SIZE = 4  # bytes of a value: models are fp32
SQUARES = (512, 1024)  # where products reach their peak; 2048 is no faster and takes long
CACHED_MIB = (1, 2, 4, 8, 16)

Call = Callable[[], object]


def listed(family: Family, step: Step) -> Counter[tuple[int, ...]]:
    """Return our products of a step: (batch, m, k, n, bytes of a value) and how often."""
    return expected(family, step, family.architecture.lower(workload(step)), SIZE)


class Forwards:
    """A family's model and its two timed forwards: a prompt, and one token after it.

    Before anything is timed, parameters and products are compared: ``lists`` are what torch ran.
    """

    def __init__(self, family: Family, prompt: int) -> None:
        self.family, self.model = family, build(family.config)
        total = sum(parameter.numel() for parameter in distinct(self.model))
        assert figures.params(family.architecture).total == total
        self.steps = dict(zip(PHASES, steps(self.model, (prompt, 1), source=family.source, count=False), strict=True))
        self.lists = {phase: listed(family, step) for phase, step in self.steps.items()}
        takes = inspect.signature(self.model.forward).parameters
        self._key = "cache_params" if "cache_params" in takes else "past_key_values"
        # The tokens that ``steps`` drew, in its order: which experts are hit depends on them.
        draw = partial(torch.randint, 2, family.config["vocab_size"], generator=torch.Generator().manual_seed(SEED))
        tokens = draw((1, prompt))
        source = {"input_ids": draw((1, family.source))} if family.source else {}
        self._prompt = {"decoder_input_ids" if source else "input_ids": tokens, **source}
        out = self._same("prefill", self.prefill)
        self._past = out[self._key]
        encoded = {"encoder_outputs": (out.encoder_last_hidden_state,)} if source else {}
        self._next = {"decoder_input_ids" if source else "input_ids": draw((1, 1)), **encoded}
        self._same("decode", self.decode())

    def prefill(self) -> Any:
        """Run the prompt, and the encoder where there is one."""
        return self.model(**self._prompt, use_cache=True)

    def decode(self) -> Callable[[], Any]:
        """Return a function that runs the next token, on a copy of the cache: it adds to it."""
        past = {self._key: copy.deepcopy(self._past)}
        return lambda: self.model(**self._next, **past, use_cache=True)

    def _same(self, phase: str, run: Callable[[], Any]) -> Any:
        with torch.no_grad(), Products() as products:
            out = run()
        step, ours = self.steps[phase], self.lists[phase]
        assert products.seen == step.products, f"{phase} is not the step that was written down"
        assert ours == step.products, "\n".join([str(step), *difference(ours, step.products)])
        return out


def replay(found: Counter[tuple[int, ...]], times: int = 1) -> Call:
    """Return a function that runs these products and nothing else, each with its own memory."""
    shapes = list(found.elements()) * times
    pairs = [(torch.randn(b, m, k).squeeze(0), torch.randn(b, n, k).squeeze(0).mT) for b, m, k, n, _ in shapes]
    return lambda: [left @ right for left, right in pairs]


@dataclass(frozen=True)
class Times:
    """Least CPU seconds by name, and this core's ceilings: FLOP/s of products, bytes/s of copies and of sums."""

    best: dict[str, float]
    peak: float
    copies: float
    sums: float

    @property
    def bandwidth(self) -> float:
        """Return the best rate within the caches: an operand may still be there from the product before."""
        return max(self.copies, self.sums)

    def __str__(self) -> str:
        rates = f"{self.peak / 1e9:.0f} GFLOP/s, copies {self.copies / 1e9:.0f} GB/s, sums {self.sums / 1e9:.0f} GB/s"
        return ", ".join([*(f"{name} {1e3 * seconds:.2f} ms" for name, seconds in self.best.items()), rates])


def _rates() -> Iterator[tuple[tuple[str, int], int, Call]]:
    """Yield (kind, size), what one call does in FLOPs or bytes, and the call."""
    for n in SQUARES:
        square, out = torch.randn(n, n), torch.empty(n, n)
        yield ("square", n), 2 * n**3, partial(torch.mm, square, square, out=out)
    for mib in CACHED_MIB:
        source = torch.randn(mib << 18)
        yield ("copy", mib), 2 * mib << 20, partial(torch.empty_like(source).copy_, source)
        yield ("sum", mib), mib << 20, source.sum


def measure(forwards: Forwards, rounds: int, phases: tuple[str, ...] = PHASES, **further: Call) -> Times:
    """Run everything in turn, so many times, and keep the minima.

    A ceiling is the second of two calls in a row, so that its operands are where they can be.
    """
    best: dict[Any, float] = {}

    def timed(name: Any, run: Call) -> None:
        started = time.thread_time()
        run()
        best[name] = min(best.get(name, math.inf), time.thread_time() - started)

    assert torch.get_num_threads() == 1
    rates = list(_rates())
    with torch.no_grad():
        for _ in range(rounds):
            for name, _, run in rates:
                run()
                timed(name, run)
            if "prefill" in phases:
                timed("prefill", forwards.prefill)
            if "decode" in phases:
                timed("decode", forwards.decode())
            for name, run in further.items():
                timed(name, run)
    done = {name: work / best.pop(name) for name, work, _ in rates}
    peak, copies, sums = (max(v for (k, _), v in done.items() if k == kind) for kind in ("square", "copy", "sum"))
    return Times(best, peak, copies, sums)
