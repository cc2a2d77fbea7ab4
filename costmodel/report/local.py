"""``archcalc calibrate --local``: what one core of this machine's CPU does, as a hardware profile.

Three figures: the best rate of square fp32 products, the bandwidth of copies inside and outside
the caches, the cost of a call. CPU seconds are counted, so that other programs matter little, and
a library with several threads gets the rate of one core.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from time import process_time
from typing import Any

from costmodel.errors import UsageError, plain
from costmodel.profiles import Hardware
from costmodel.report.calibrate import day_of
from costmodel.report.data import PRIVATE, SCHEMA
from costmodel.report.device import RateConventions
from costmodel.timing.gemm import GemmTime

SQUARES = (512, 1024, 2048)
CACHED_MB = (1, 2, 4, 8, 16)
MEMORY_MB = 256
KEY = "bf16"  # where rooflines look up products of fp32 too
KEY_NOTE = "products are of fp32; a roofline looks them up as bf16"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LEAST_S = 0.002  # CPU seconds of one timing: many ticks of the clock
_DIGITS = 3


@dataclass(slots=True)
class LocalFigures:
    """What was measured: FLOP/s by size of a product, bytes/s by MB of a copy, seconds of a call.

    A copy of n bytes moves 2n. ``threads`` says how one thread was asked for.
    """

    flop_per_s: dict[int, float]
    bytes_per_s: dict[int, float]
    call_s: float
    memory_bytes: int
    cpu: str
    threads: str

    @property
    def peak(self) -> float:
        """Return the best rate of a product."""
        return max(self.flop_per_s.values())

    @property
    def bandwidth(self) -> float:
        """Return the best rate of a copy, at whatever size: the bandwidth of a floor."""
        return max(self.bytes_per_s.values())


@dataclass(slots=True)
class LocalFit:
    """Coefficients of products as the profile's calibration takes them."""

    family: str
    key: str
    fit: GemmTime


@dataclass(slots=True)
class LocalPage:
    """What ``archcalc calibrate --local`` prints: the figures, and the profile they make."""

    name: str
    measured: LocalFigures
    coefficients: dict[str, float]
    conventions: RateConventions = field(default_factory=RateConventions)
    profile: Hardware | None = field(default=None, metadata=PRIVATE)
    fitted: list[LocalFit] = field(default_factory=list, metadata=PRIVATE)
    command: str = "calibrate"
    schema: str = SCHEMA


def calibrate_local(*, name: str = "local-cpu", date: str | None = None, rounds: int = 15) -> LocalPage:
    """Measure this machine and return a profile; ``date`` is the day that its source says (today).

    Raises:
        UsageError: NumPy is missing, or ``date`` is no day.
    """
    from datetime import date as day

    read = day_of(date) if date else day.today().isoformat()
    return local_page(measure(rounds=rounds), name=name, date=read)


def local_page(found: LocalFigures, *, name: str, date: str) -> LocalPage:
    """Return the profile that figures make.

    The bandwidth is the best one, of copies that stay in a cache, so that no run beats the floor; the
    calibration has the share of it that memory gives, the share of the peak that the slowest
    product reaches, and the cost of a call.
    """
    memory = _rounded(found.bytes_per_s[MEMORY_MB] / found.bandwidth)
    compute = _rounded(min(found.flop_per_s.values()) / found.peak)
    fit = GemmTime(multiplies="fp32", fixed_us=_rounded(found.call_s * 1e6), compute=compute, memory=memory)
    best = max(found.flop_per_s, key=lambda size: found.flop_per_s[size])
    size = max(found.bytes_per_s, key=lambda mb: found.bytes_per_s[mb])
    outside = f"{found.bytes_per_s[MEMORY_MB] / 1e9:.{_DIGITS}g} GB/s"
    profile = Hardware.model_validate(
        {
            "name": name,
            "title": f"One core of this machine's CPU ({found.cpu})",
            "vendor": "local",
            "generation": "cpu",
            "sources": {
                "local": {
                    "title": "archcalc calibrate --local",
                    "locator": "best CPU time of square fp32 products and of copies through NumPy",
                    "read": date,
                    "note": found.threads,
                }
            },
            "memory_capacity": _figure(f"{found.memory_bytes} B", "as the operating system says"),
            "memory_bandwidth": _figure(
                f"{_rounded(found.bandwidth / 1e9):g} GB/s",
                f"copies of {size} MB, read and written; copies of {MEMORY_MB} MB move {outside}",
            ),
            "compute_units": _figure(1, "one core"),
            "dense_peak": {
                "fp32": _figure(f"{_rounded(found.peak / 1e9):g} GFLOP/s", f"product of {best} x {best} matrices")
            },
        }
    )
    values = {"fixed_us": fit.fixed_us, "compute": fit.compute, "memory": fit.memory}
    return LocalPage(name, found, values, profile=profile, fitted=[LocalFit("gemm", KEY, fit)])


def _figure(value: str | int, note: str) -> dict[str, Any]:
    return {"value": value, "basis": "measured", "source": "local", "note": note}


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def measure(*, rounds: int = 15) -> LocalFigures:
    """Measure products, copies and a call on one thread, the best of ``rounds`` timings each."""
    with one_thread() as threads:
        try:
            import numpy as np
        except ImportError:
            raise UsageError("calibrate --local needs NumPy", hint='pip install "archcalc[sweep]"') from None
        rng = np.random.default_rng(0)
        flops: dict[int, float] = {}
        for n in SQUARES:
            a, b = (rng.random((n, n), dtype=np.float32) for _ in range(2))
            out = np.empty((n, n), dtype=np.float32)
            flops[n] = 2 * n**3 / seconds(partial(np.matmul, a, b, out=out), rounds)
        moved: dict[int, float] = {}
        for mb in (*CACHED_MB, MEMORY_MB):
            source = np.ones(mb * 10**6, dtype=np.uint8)
            target = np.zeros_like(source)
            moved[mb] = 2 * source.nbytes / seconds(partial(np.copyto, target, source), rounds)
        one = np.ones((1, 1), dtype=np.float32)
        out = np.empty_like(one)
        call = seconds(partial(np.matmul, one, one, out=out), rounds)
    return LocalFigures(flops, moved, call, _memory(), _cpu(), threads)


def seconds(run: Callable[[], object], rounds: int) -> float:
    """Return the least CPU seconds of one call, over ``rounds`` timings of as many calls as the clock needs."""
    calls = 1
    while True:
        started = process_time()
        for _ in range(calls):
            run()
        taken = process_time() - started
        if taken >= _LEAST_S:
            break
        calls *= 2
    least = taken
    for _ in range(rounds - 1):
        started = process_time()
        for _ in range(calls):
            run()
        least = min(least, process_time() - started)
    return least / calls


@contextmanager
def one_thread() -> Iterator[str]:
    """Ask libraries for one thread, and yield how that was done."""
    if "numpy" not in sys.modules:
        for name in _THREADS:
            os.environ.setdefault(name, "1")  # read when NumPy loads its library
    try:
        limits = import_module("threadpoolctl").threadpool_limits
    except ImportError:
        asked = os.environ.get(_THREADS[0])
        yield f"one thread by {_THREADS[0]}=1" if asked == "1" else "CPU seconds of all threads together"
        return
    with limits(limits=1):
        yield "one thread by threadpoolctl"


def _memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        raise UsageError(
            "this system does not say how much memory it has", hint="calibrate --local needs POSIX"
        ) from None


def _cpu() -> str:
    """Return what the CPU calls itself, without what could identify a machine beyond its model."""
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123  (no Path for one line)
            found = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        found = ""
    return plain(found or platform.processor() or platform.machine() or "unknown")[:64]
