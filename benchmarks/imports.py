"""Import configurations in a fresh process; print what one costs, and 150 of as many model types, in loops of 1,000.

Start-up is an archcalc that has loaded a spec and knows how to import: it has imported another
family. One import finds the family's adapter; what 150 of them cost includes every mechanism that
they need.
"""

from __future__ import annotations

import json
import time

from costmodel import catalog
from costmodel.importers import import_text
from costmodel.importers.defaults import SAME_KEYS, class_of
from costmodel.importers.families import TABLE
from costmodel.validation import parse

MANY = 150


def loop() -> int:
    """A thousand integer multiply-adds in pure Python: the unit."""
    total = 0
    for i in range(1000):
        total += i * 3
    return total


def seconds(run: object) -> float:
    """Return the CPU time of one call."""
    assert callable(run)
    started = time.thread_time()
    run()
    return time.thread_time() - started


def text(model_type: str) -> str:
    """Return a configuration that has every key of its class at its default."""
    keys = {key: value for key, value in class_of(model_type).keys.items() if value is not None}
    return json.dumps({"model_type": model_type, **keys}, indent=1)


def main() -> None:
    """Measure and print."""
    catalog.load("deepseek-v3")
    import_text(text("llama"), "config.json")
    unit = min(seconds(loop) for _ in range(200))
    one = text("deepseek_v3")
    first = seconds(lambda: parse(import_text(one, "config.json").document))
    texts = [text(name) for name in TABLE if name not in SAME_KEYS]
    whole = 0

    def many() -> None:
        nonlocal whole
        for each in texts:
            try:
                parse(import_text(each, "config.json").document)
            except Exception:  # a default that is no model
                continue
            whole += 1
            if whole == MANY:
                return

    cost = seconds(many)
    assert whole == MANY
    print(first / unit, cost / unit)


if __name__ == "__main__":
    main()
