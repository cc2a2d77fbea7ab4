"""Published figures with their conditions, the floor and the expectation beside each.

    python benchmarks/published.py [GROUP]

Every line of ``benchmarks/measured/endtoend.csv`` is either a row or listed with the reason why nothing is
computed for it. docs/data.py writes the same tables for docs/published.md.
"""

from __future__ import annotations

import statistics
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import published_deepseek
import published_kernels
import published_local
import published_serving
import published_training
from published_row import Published, Unstated, lines

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
GROUPS: dict[str, Callable[[], list[Published | Unstated]]] = {
    "deepseek": published_deepseek.rows,
    "serving": published_serving.throughput,
    "latency": published_serving.latency,
    "local": published_local.rows,
    "kernels": published_kernels.rows,
    "training": published_training.rows,
}


@cache
def _found() -> tuple[tuple[str, Published | Unstated], ...]:
    return tuple((group, one) for group, of in GROUPS.items() for one in of())


def rows(group: str | None = None) -> list[Published]:
    """Return the figures that the model states, of one group or all."""
    return [one for name, one in _found() if isinstance(one, Published) and group in (None, name)]


def missing(group: str | None = None) -> list[Unstated]:
    """Return the lines that nothing is computed for, of one group or all."""
    return [one for name, one in _found() if isinstance(one, Unstated) and group in (None, name)]


def median_ratio(group: str) -> float | None:
    """Return the median of expected / published of a group."""
    ratios = [one.ratio for one in rows(group) if one.ratio is not None]
    return statistics.median(ratios) if ratios else None


def summary() -> Table:
    """Return a line for each group: does the floor hold, how far from it, how good is the expectation."""
    found = []
    for group in GROUPS:
        its = rows(group)
        ratios = [one.ratio for one in its if one.ratio is not None]
        reached = [one.reached for one in its]
        found.append(
            (
                group, f"{len(its)}", f"{sum(one <= 1 for one in reached)}", _share(statistics.median(reached)),
                _share(max(reached)), f"{len(ratios)}", *_spread(ratios), f"{len(missing(group))}",
            )
        )  # fmt: skip
    heads = (
        "group", "figures", "floor holds", "reached", "most", "expected", "ratio", "p10-p90",
        "not stated",
    )  # fmt: skip
    return heads, found


def deepseek() -> Table:
    """Return the two means."""
    return _plain(rows("deepseek"), ("phase", "device", "conditions"))


def batches() -> Table:
    """Return DeepSeek's units over batches in tokens/s a node, and where the published means lie."""
    decode, prefill = (one for one in sorted(rows("deepseek"), key=lambda one: one.what))
    hits = float(published_deepseek.HITS)
    same = published_deepseek.same_rate(decode.published)
    implied = round(decode.published / published_deepseek.NODE / published_deepseek.SPEED)
    units = published_deepseek.batches()
    first = units[0].unit
    ours = published_deepseek.decode(144, 32, published_deepseek.CONTEXT, same)
    found = []
    for one in sorted((*units, ours), key=lambda one: (one.unit != first, one.sequences if one.unit == first else 0)):
        text = ""
        if one.unit == first and one.sequences in (same, implied):
            text = _number(decode.published)
        if one is units[-1]:
            text = f"{_number(prefill.published * (1 - hits))} without hits"
        figures = (one.bound, one.hidden, one.in_turn)
        found.append((one.unit, f"{one.sequences}", *map(_number, figures), text))
    return ("unit", "a device", "allowed", "expected, hidden", "in turn", "published"), found


def serving() -> Table:
    """Return throughput at the largest batch."""
    return _plain(rows("serving"), ("model", "device", "conditions"))


def latency() -> Table:
    """Return times of tokens by what was run."""
    groups: dict[tuple[str, str, str], list[Published]] = {}
    for one in rows("latency"):
        groups.setdefault((one.what, one.device, one.conditions.partition(",")[0]), []).append(one)
    found = []
    for key, its in sorted(groups.items()):
        reached = [one.reached for one in its]
        ratios = [one.ratio for one in its if one.ratio is not None]
        sources = sorted({source_number(one.source) for one in its})
        found.append(
            (
                *key, f"{len(its)}", _share(statistics.median(reached)), _share(max(reached)),
                ", ".join(text for text in _spread(ratios) if text != "-") or "-",
                " ".join(f"[{number}]" for number in sources),
            )
        )  # fmt: skip
    return ("time", "device", "engine", "runs", "reached", "most", "ratio", "source"), found


def local() -> Table:
    """Return llama.cpp's rates and what the floor allows, by length."""
    return _lengths(rows("local"), lambda one: f"{_number(one.published)}/{_short(one.bound)}")


def local_expected() -> Table:
    """Return llama.cpp's rates and what is expected of an engine like those measured, where formats agree."""
    its = [one for one in rows("local") if one.expected is not None]
    return _lengths(its, lambda one: f"{_number(one.published)}/{_number(one.expected or 0)}")


def _lengths(its: Iterable[Published], cell: Callable[[Published], str]) -> Table:
    groups: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for one in its:
        test, length = one.conditions.split()
        key = (one.what.removeprefix("Llama 3 "), _device(one), test, f"[{source_number(one.source)}]")
        groups.setdefault(key, {})[length] = cell(one)
    names = ("512", "1024", "4096", "8192")
    found = [(*key[:3], *(cells.get(name, "") for name in names), key[3]) for key, cells in groups.items()]
    return ("Llama 3", "device", "test", *names, "source"), found


def kernels() -> Table:
    """Return rates of kernels."""
    return _plain(rows("kernels"), ("kernel", "device", "conditions"), units=True)


def training() -> Table:
    """Return tokens/s of a device in training."""
    its = [one for one in rows("training") if one.unit == "tokens/s"]
    return _plain(its, ("model", "device", "conditions"), expected=False)


def training_flops() -> Table:
    """Return model FLOP/s of a device in training beside the peak."""
    found = []
    for one in rows("training"):
        if one.unit == "tokens/s":
            continue
        run, _, counts = one.conditions.partition(", counts ")
        figures = (_number(one.published), _number(one.bound), _share(one.reached), counts or "-")
        found.append((one.what, one.device, run, *figures, f"[{source_number(one.source)}]"))
    return ("model", "device", "conditions", "published", "peak", "reached", "counts", "source"), found


def _device(one: Published) -> str:
    """Return the device, marked where the coefficients are another's."""
    return f"{one.device}*" if one.like else one.device


def _plain(its: Sequence[Published], heads: tuple[str, ...], *, expected: bool = True, units: bool = False) -> Table:
    """Return a line a figure."""
    found = []
    for one in its:
        unit = f" {one.unit}" if units else ""
        ours = (_or_dash(one.expected), _ratio(one.ratio)) if expected else ()
        found.append(
            (
                one.what, _device(one), one.conditions, _number(one.published) + unit, _number(one.bound),
                _share(one.reached), *ours, f"[{source_number(one.source)}]",
            )
        )  # fmt: skip
    more = ("expected", "ratio") if expected else ()
    return (*heads, "published", "allowed", "reached", *more, "source"), found


def unstated() -> Table:
    """Return what nothing is computed for, counted."""
    counts = Counter((one.reason, one.device, one.metric, source_number(one.source)) for one in missing())
    found = [(reason, device, metric, f"{n}", f"[{number}]") for (reason, device, metric, number), n in counts.items()]
    return ("reason", "device", "figure", "lines", "source"), found


def sources() -> Table:
    """Return the sources by number."""
    found = []
    for text, number in _numbers().items():
        first, *more = textwrap.wrap(text, 88)
        found += [(f"[{number}]", first), *(("", part) for part in more)]
    return ("", "source"), found


@cache
def _numbers() -> dict[str, int]:
    named = dict.fromkeys(_document(line["source"]) for line in lines())
    return {text: number for number, text in enumerate(named, 1)}


def _document(source: str) -> str:
    """Return a source without the run in it: every line of the file has that."""
    return source.partition(" id=")[0]


def source_number(source: str) -> int:
    """Return the number of a source in the list."""
    return _numbers()[_document(source)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def _short(value: float) -> str:
    return f"{value / 1e3:.0f}k" if value >= 9950 else _number(value)


def _or_dash(value: float | None) -> str:
    return "-" if value is None else _number(value)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _spread(ratios: list[float]) -> tuple[str, str]:
    """Return the median of ratios, and the middle eight tenths where there are enough."""
    if not ratios:
        return "-", "-"
    if len(ratios) < 2:
        return _ratio(ratios[0]), "-"
    tenths = statistics.quantiles(ratios, n=10, method="inclusive")
    return _ratio(statistics.median(ratios)), f"{tenths[0]:.2f}-{tenths[-1]:.2f}"


TABLES: dict[str, Callable[[], Table]] = {
    "summary": summary,
    "deepseek": deepseek,
    "batches": batches,
    "serving": serving,
    "latency": latency,
    "local": local,
    "local-expected": local_expected,
    "kernels": kernels,
    "training": training,
    "training-flops": training_flops,
    "unstated": unstated,
    "sources": sources,
}


def main() -> None:
    """Print one table or all."""
    for name in sys.argv[1:] or TABLES:
        heads, found = TABLES[name]()
        widths = [max(map(len, column)) for column in zip(heads, *found, strict=True)]
        print(f"\n{name}")
        for row in (heads, *found):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
