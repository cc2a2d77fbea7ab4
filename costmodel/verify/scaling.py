"""A large spec -> a small one with the same structure, which a laptop can run.

Works on the plain data of a spec. Every mechanism, option and kind of layer stays; sizes become
small numbers, by what they are:

- widths: the smallest becomes a small prime, the next one the next prime, and so on over the whole
  spec: equal stays equal, less stays less, and no two products are the same, so that no formula is
  right by accident;
- heads and groups of heads: what divides goes on dividing, by the same ratio where that is 2, 3, 5 or 7;
- spans in tokens: in order, like widths, and shorter than the steps that are run;
- layers: the first two of every kind, in their order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import count
from typing import Any

from costmodel.verify.clips import short_clip, side_of

Spec = dict[str, Any]

# What a number is, by the name of its field; a name that is not here is a width.
_HEADS = frozenset(("n_heads", "n_kv_heads", "n_groups", "o_groups", "n_k_heads", "n_v_heads", "relative_heads"))
_SPANS = frozenset(
    "window chunk sink_tokens ahead block_size ratio extent dynamic_mask memory vectors".split()  # noqa: SIM905
)
_ROWS = frozenset(("vocab_size", "rows", "codebook_rows", "positions", "hash_rows"))
_AT_MOST = {
    "token_types": 2,
    "codebooks": 3,
    "columns": 3,
    "kinds": 2,
    "block": 3,
    "top_blocks": 2,
    "relative_bias": 7,
    "loops": 2,
    "copies": 2,
    "n_streams": 3,
    "streams": 3,
    "block_layers": 2,
    "d_conv": 4,
    "d_conv_heads": 3,
    "kv_conv": 4,
    "depth": 2,
    "channels": 3,
    "frames": 2,
    "feature_layers": 3,
    "separators": 2,
    "scalars": 3,
    "languages": 3,
    "hashes": 3,
    "size": 3,
    "kernel": 3,
    "stride": 3,
    "chunk_size": 5,
    "flops_per_token": 6,
    "flops_per_pair": 4,
    "elementwise_per_token": 3,
    "cache_per_token": 5,
    "state": 7,
}
_BY_BLOCK = frozenset(
    [
        "n_layers",
        "n_experts",
        "top_k",
        "zero_experts",
        "expected_top_k",
        "groups",
        "top_groups",
        "capacity_factor",
        "block",
        "top_blocks",
    ]
)
_AS_THEY_ARE = frozenset(("keep", "kv_copies", "pool", "merge", "image_size", "patch_size"))
_OF_THE_ENTRY = frozenset(("claims", "source", "title", "aliases", "confidence", "max_context", "format"))
_PER_KIND = 2  # layers kept of every kind
_FIRST_SPAN, _FIRST_ROWS = 2, 41


def scaled(spec: Mapping[str, Any]) -> Spec:
    """Return a small spec of the same structure."""
    kept = {key: value for key, value in spec.items() if key not in _OF_THE_ENTRY}
    return _Scale(kept).spec()


class _Scale:
    """The maps from large sizes to small ones of one spec."""

    def __init__(self, spec: Spec) -> None:
        self.given = spec
        found = list(_numbers(spec))
        unit = math.lcm(*(Fraction(str(value)).denominator for key, value in found if key == "keep"))
        widths = sorted({value for key, value in found if value and _is_width(key)})
        spans = sorted({value for key, value in found if key in _SPANS})
        rows = sorted({value for key, value in found if key in _ROWS})
        # Shares of weights and of tokens stay whole numbers.
        self.widths = {value: unit * prime for value, prime in zip(widths, _primes(), strict=False)}
        self.spans = dict(zip(spans, _spaced(spans), strict=True))
        self.rows = {value: _FIRST_ROWS + 2 * index for index, value in enumerate(rows)}
        self.heads: dict[int, int] = {}
        for value in sorted({value for key, value in found if key in _HEADS}):
            self.heads[value] = self._heads(value)

    def _heads(self, value: int) -> int:
        """Return a number of heads that is divided by those of the divisors so far."""
        below = [n for n in self.heads if value % n == 0]
        base, of = math.lcm(*(self.heads[n] for n in below)), math.lcm(*below)
        ratio = value // of if value % of == 0 else 1
        return base * next((n for n in (2, 3, 5, 7) if ratio % n == 0), 1)

    def spec(self) -> Spec:
        """Return the small spec."""
        found = self._mapping(self.given, ())
        n_layers, schedules = _few(self.given, self.given["n_layers"])
        found |= {"n_layers": n_layers, **schedules}
        for name in ("encoder", "mtp"):
            if part := self.given.get(name):
                length = "depth" if name == "mtp" else "n_layers"
                n, schedules = _few(part, part.get(length, 1))
                found[name] |= {length: n, **schedules}
        if patches := self.given.get("patches"):
            inner = patches["encoder"]
            for part, place in ((patches, found["patches"]), (inner, found["patches"]["encoder"])):
                n, schedules = _few(part, part["n_layers"])
                place |= {"n_layers": n, **schedules}
            if patches["d_model"] == patches.get("vectors", 1) * self.given["d_model"]:  # without a matrix between
                found["patches"]["d_model"] = found["patches"].get("vectors", 1) * found["d_model"]
        for name, tower in self.given.get("components", {}).items():
            n, schedules = _few(tower, tower["n_layers"])
            found["components"][name] |= {"n_layers": n, **schedules}
        return found

    def _mapping(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        if fields.get("kind") == "moe":
            return self._experts(fields, path)
        if fields.get("kind") == "custom":
            return self._custom(fields)
        if "patch_size" in fields:
            return self._tower(fields, path)
        if "frames" in fields and "input" in fields:
            return self._audio(fields, path)
        if path and path[-1] in ("indexer", "block_indexer"):
            return self._indexer(fields, path)
        if fields.get("gated") and "out" in fields:  # a convolution, of whose output half is left
            half = fields["out"] // 2
            rest = {key: self._value(key, value, path) for key, value in fields.items()}
            return rest | {"out": 2 * self.widths.get(half, 5)}
        if path == ("ngrams",):
            return self._tables(fields, path)
        return {key: self._value(key, value, path) for key, value in fields.items()}

    def _value(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, (*path, key))
        if isinstance(value, list):
            return [
                self._mapping(item, (*path, key)) if isinstance(item, Mapping) else self._value(key, item, path)
                for item in value
            ]
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if key in _AS_THEY_ARE or value == 0:
            return value
        if key in _HEADS:
            return self.heads[value]
        if key in _SPANS:
            return self.spans[value]
        if key in _ROWS:
            return self.rows[value]
        if key in _AT_MOST:
            return min(value, _AT_MOST[key])
        if key == "d_in" and value % self.given["d_model"] == 0:  # several residual streams side by side
            return value // self.given["d_model"] * self.widths[self.given["d_model"]]
        return self.widths.get(value, value)

    def _experts(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return a mixture with few experts; who is chosen in the mean stays a whole number."""
        router, n, top_k = dict(fields.get("router", {})), fields["n_experts"], fields["top_k"]
        few = min(top_k, 3) if top_k < n else min(n, 4)
        groups = 2 if (router.get("groups") or 1) > 1 and n % 2 == 0 else 1
        experts = min(n, few if top_k == n else max(few + 3, 5))
        experts += -experts % groups
        rest = {
            k: v for k, v in fields.items() if k not in ("n_experts", "top_k", "expected_top_k", "router", "shared")
        }
        found = {key: self._value(key, value, path) for key, value in rest.items()}
        found |= {"n_experts": experts, "top_k": few}
        if zero := fields.get("zero_experts"):
            found["zero_experts"] = min(zero, 2)
            found["expected_top_k"] = max(few - min(zero, 2), few - 1, 1)
        if router:
            router.pop("top_groups", None), router.pop("groups", None)
            found["router"] = router | ({"groups": groups, "top_groups": 1} if groups > 1 else {})
        if shared := fields.get("shared"):
            found["shared"] = {k: min(v, 2) if k == "n_experts" else self._value(k, v, path) for k, v in shared.items()}
        if fields.get("capacity_factor") is not None and fields.get("expert_choice"):
            found["capacity_factor"] = min(fields["capacity_factor"], experts)
        return found

    def _indexer(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return an indexer that picks few keys, or few groups of few keys."""
        group, picked = fields.get("pool") or 1, {}
        if "top_k" in fields:
            picked["top_k"] = min(group, 3) * min(fields["top_k"] // group, 2 if group > 1 else 4)
        if fields.get("pool"):
            picked["pool"] = min(group, 3)
        picked |= {key: min(fields[key], most) for key, most in (("block", 3), ("top_blocks", 2)) if key in fields}
        return {key: picked[key] if key in picked else self._value(key, value, path) for key, value in fields.items()}

    def _tables(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return small tables of n-grams, in no more layers than are left."""
        heads = min(fields["heads"], 3)
        layers, _ = _few(self.given, self.given["n_layers"])
        rows = [_FIRST_ROWS + 2 * index for index in range(min(len(fields["rows"]), layers))]
        found = {key: self._value(key, value, path) for key, value in fields.items()}
        return found | {"rows": rows, "heads": heads, "width": 5 * heads, "dilation": min(fields.get("dilation", 1), 3)}

    def _custom(self, fields: Mapping[str, Any]) -> Spec:
        """Return declared costs of small weights; costs themselves become small numbers."""
        found = {k: self._value(k, v, ()) for k, v in fields.items() if k not in ("weights", "active")}
        weights = fields.get("weights", {})
        found["weights"] = {
            name: [min(size, 4 + axis) for axis, size in enumerate(shape)] for name, shape in weights.items()
        }
        found["active"] = {name: min(n, found["weights"][name][0]) for name, n in fields.get("active", {}).items()}
        return found

    def _tower(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return a tower on an image of few patches."""
        rest = {k: v for k, v in fields.items() if k not in ("image_size", "patch_size", "projector")}
        found = {key: self._value(key, value, path) for key, value in rest.items()}
        side, patch = 2 * side_of(fields), 3
        found |= {"patch_size": patch, "image_size": side * patch + bool(fields["image_size"] % fields["patch_size"])}
        return found | self._projector(fields, path)

    def _projector(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return the projector of a tower, which makes one of as many tokens as before."""
        steps = fields.get("projector", [])
        return {"projector": [self._step(step, path) for step in steps]} if steps else {}

    def _step(self, step: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return a step of a projector, of few layers where it has any."""
        kept = ("pool", "merge", "kernel", "stride", "repeat")
        found = {key: value if key in kept else self._value(key, value, path) for key, value in step.items()}
        if layers := step.get("layers"):
            n, schedules = _few(layers, layers["n_layers"])
            found["layers"] |= {"n_layers": n, **schedules}
        return found

    def _audio(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> Spec:
        """Return a tower on a clip of few frames."""
        rest = {k: v for k, v in fields.items() if k not in ("frames", "piece", "projector")}
        found = {key: self._value(key, value, path) for key, value in rest.items()}
        clip, tokens = short_clip(fields, found["input"], 2 * side_of(fields))
        if found.get("positions"):
            found["positions"] = max(found["positions"], tokens)
        return found | clip | self._projector(fields, path)


def _is_width(key: str) -> bool:
    """Say whether a number is a width, by the name of its field."""
    return key not in (_HEADS | _SPANS | _ROWS | _AT_MOST.keys() | _BY_BLOCK | _AS_THEY_ARE)


def _numbers(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every number of a spec with the name of its field; shares as they are written."""
    for key, value in fields.items():
        if isinstance(value, Mapping):
            if key not in ("weights", "active"):
                yield from _numbers(value)
        elif isinstance(value, list):
            for item in value:
                yield from _numbers(item if isinstance(item, Mapping) else {key: item})
        elif (key == "keep" and value is not None) or (isinstance(value, int) and not isinstance(value, bool)):
            yield key, value


def _primes() -> Iterator[int]:
    """Yield 3, 5, 7, 11, ..."""
    return (n for n in count(3, 2) if all(n % of for of in range(3, math.isqrt(n) + 1, 2)))


def _spaced(values: Iterable[int]) -> Iterator[int]:
    """Yield growing small numbers for growing spans; small ones stay as they are."""
    last = _FIRST_SPAN - 1
    for value in values:
        last = value if value <= last + 1 else max(last + 1, min(value, last + 2))
        yield last


def _few(part: Mapping[str, Any], n_layers: int) -> tuple[int, Spec]:
    """Return few layers, the first ones of every kind, and their schedules as lists."""
    from costmodel.verify.reference.schedules import expand

    fields = [("layer", i, s) for i, s in enumerate(part.get("layer") or [])]
    fields = fields or [(f, 0, part[f]) for f in ("mixer", "ffn") if part.get(f) is not None]
    if not fields:  # a tower of no layers
        return 0, {}
    layers = list(zip(*(expand(schedule, n_layers) for _, _, schedule in fields), strict=True))
    seen: dict[Any, int] = {}
    kept = []
    for layer in layers:
        seen[layer] = seen.get(layer, 0) + 1
        if seen[layer] <= _PER_KIND:
            kept.append(layer)
    columns = [[" & ".join(names) or "none" for names in column] for column in zip(*kept, strict=True)]
    if fields[0][0] == "layer":
        return len(kept), {"layer": columns}
    return len(kept), {name: column for (name, _, _), column in zip(fields, columns, strict=True)}
