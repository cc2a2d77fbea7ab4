"""The summary at the end of a run: how much was compared with implementations nobody here wrote.

Tests leave counts in their reports, so that processes of a distributed run add up.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

# No example has a time limit: machines are shared. CI draws the same examples at every run; elsewhere they
# are new each time, and a failure prints how to replay it.
settings.register_profile("shared", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")))
if settings.get_current_profile_name() == "default":  # mutation testing brings a quicker one
    settings.load_profile("shared")

COMPARED = "compared"  # (kind, count): families, forwards, ...
ZOO = "zoo"  # counts of families, and of configurations that are equal or refused
FUZZED = "fuzz"  # counts of specs, steps, figures, and specs by kind of block


@pytest.fixture
def compared(record_property: Callable[[str, Any], None]) -> Callable[..., None]:
    """Note what a test compared, by kind: ``compared(families=1, forwards=14)``."""

    def note(**counts: int) -> None:
        for kind, count in counts.items():
            record_property(COMPARED, (kind, count))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums over the tests that passed."""
    torch, fuzz, zoo = Counter[str](), Counter[str](), Counter[str]()
    for key, value in _noted(terminalreporter):
        if key == COMPARED:
            torch[value[0]] += value[1]
        elif key == FUZZED:
            fuzz.update(value)
        elif key == ZOO:
            zoo.update(value)
    if torch:
        terminalreporter.section("equal to torch and transformers")
        for kind in sorted(torch):
            terminalreporter.write_line(f"{torch[kind]:>8,} {kind.replace('_', ' ')}")
    if zoo:
        terminalreporter.section("configurations of every family of transformers, imported")
        terminalreporter.write_line(", ".join(f"{kind} {count:,}" for kind, count in zoo.items()) + ", wrong 0")
    if fuzz:
        terminalreporter.section("random specs, equal to a second implementation")
        for kind in ("specs", "steps", "figures"):
            terminalreporter.write_line(f"{fuzz.pop(kind, 0):>8,} {kind}")
        terminalreporter.write_line("specs with " + ", ".join(f"{kind} {count}" for kind, count in fuzz.most_common()))


def _noted(terminalreporter: pytest.TerminalReporter) -> Iterator[tuple[str, Any]]:
    for report in terminalreporter.stats.get("passed", ()):
        if getattr(report, "when", "") == "call":
            yield from report.user_properties
