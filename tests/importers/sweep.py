"""One key at a time: every number, switch and empty key of every class, set to other values.

    python -m tests.importers.sweep llama qwen2      (without names: all, some ten minutes on two cores)

The zoo draws several keys at once, so that a value which only one key can have comes late. Here no key
is forgotten: 0, 1, 2 and one more than the default, the other way round, or a number where there was none.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from costmodel.importers.defaults import class_of
from costmodel.importers.families import TABLE
from costmodel.verify.published import LANGUAGE_MODELS, model_class

from .survey import quiet
from .zoo import Tally, bare, examine

TYPES = [name for name in sorted(TABLE) if model_class(name) is not None]


def wrapped(model_type: str) -> str | None:
    """Return the key of a wrapper under which the configuration of its language model stands."""
    return next((key for key in LANGUAGE_MODELS if key in class_of(model_type).inside), None)


def changed(model_type: str) -> Iterator[dict[str, Any]]:
    """Yield configurations of a model type with one key changed, its language model's keys included."""
    cls = class_of(model_type)
    places = [((), cls.keys)]
    if (key := wrapped(model_type)) and (only := cls.inside[key].get("only") or cls.inside[key].get("type")):
        places.append(((key,), class_of(only).keys))
    for path, keys in places:
        for name, value in keys.items():
            if name in ("model_type", "is_encoder_decoder"):
                continue
            for other in _others(value):
                data = bare(model_type)
                inner = data
                for part in path:
                    inner = inner.setdefault(part, {})
                inner[name] = other
                yield data


def _others(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (0, 1, 2, value + 1)
    return (2, True) if value is None else ()


def tied(model_type: str) -> Iterator[dict[str, Any]]:
    """Yield a wrapper's configurations in which it, its language model or both say that tables are tied, or not."""
    if (key := wrapped(model_type)) is None:
        return
    for outer in (None, True, False):
        for inner in (None, True, False):
            data = bare(model_type)
            if outer is not None:
                data["tie_word_embeddings"] = outer
            if inner is not None:
                data[key] = (data.get(key) or {}) | {"tie_word_embeddings": inner}
            yield data


def main() -> None:
    """Run from the command line."""
    quiet()
    outcomes: Counter[str] = Counter()
    for model_type in sys.argv[1:] or TYPES:
        tally = Tally()
        cls = model_class(model_type)
        assert cls is not None, f"transformers has no class of type {model_type}"
        outcomes.update(examine(data, cls, tally) for data in (*changed(model_type), *tied(model_type)))
        for wrong in tally.wrong:
            print(f"{model_type}: {wrong}", flush=True)
    print(", ".join(f"{name} {count:,}" for name, count in sorted(outcomes.items())))
    sys.exit(bool(outcomes["wrong"]))


if __name__ == "__main__":
    main()
