"""Give the sizes of a spec and of a workload their symbols: copies whose numbers are traced.

The names are the literature's. Where two blocks have different values for one field, the block's
name is added: ``f_dense``, ``f_moe``. Blocks that agree share a symbol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from pydantic import BaseModel

from costmodel.architecture import Architecture
from costmodel.dtypes import Format, Recipe
from costmodel.stack import Layout
from costmodel.traced import RANKS, Symbol, symbol
from costmodel.workload import Workload

Path = tuple[str | int, ...]

# field -> symbol and rank; a field that is not listed is its own symbol
_NAMES = {
    "vocab_size": ("V", "size"),
    "d_model": ("d", "size"),
    "n_heads": ("H", "size"),
    "n_kv_heads": ("G", "size"),
    "q_lora_rank": ("q", "size"),
    "kv_lora_rank": ("r", "size"),
    "head_dim": ("k", "size"),
    "qk_nope_head_dim": ("k_nope", "size"),
    "qk_rope_head_dim": ("k_rope", "size"),
    "v_head_dim": ("v", "size"),
    "d_inner": ("D", "size"),
    "d_state": ("N", "size"),
    "d_conv": ("t", "size"),
    "dt_rank": ("R", "size"),
    "n_groups": ("g", "size"),
    "n_k_heads": ("H_k", "size"),
    "n_v_heads": ("H_v", "size"),
    "k_head_dim": ("k_k", "size"),
    "d_ff": ("f", "size"),
    "ratio": ("m", "size"),
    "latent": ("l", "size"),
    "n_streams": ("n", "size"),
    "positions": ("T", "size"),
    "n_layers": ("L", "count"),
    "loops": ("loops", "count"),
    "depth": ("depth", "count"),
    "n_experts": ("E", "choice"),
    "top_k": ("K", "choice"),
    "expected_top_k": ("K_real", "choice"),
    "capacity_factor": ("capacity", "choice"),
    "keep": ("keep", "choice"),
    "window": ("W", "workload"),
    "chunk": ("c", "workload"),
}
_ORDER = {name: index for index, name in enumerate(_NAMES)}
_NO_SIZE = frozenset(("format", "max_context", "kv_copies", "claims", "source"))
# field of the workload -> symbol, meaning, option
_WORKLOAD = {
    "batch": ("B", "sequences", "--batch"),
    "new_tokens": ("S", "new tokens of a sequence", "--new"),
    "cached_tokens": ("P", "tokens cached before", "--cached"),
    "source_new": ("X", "new source tokens", "--source"),
    "source_cached": ("X", "source tokens", "--source"),
    "images": ("I", "images", "--images"),
    "clips": ("J", "clips of sound", "--clips"),
    "prefix": ("prefix", "tokens of the prefix", "--prefix"),
    "page": ("page", "tokens in a page", "--page"),
}


@dataclass(slots=True)
class Named:
    """A symbol with its meaning and where it comes from: paths in the spec, or an option."""

    symbol: Symbol
    meaning: str
    paths: list[Path] = field(default_factory=list)
    option: str | None = None


@dataclass(slots=True)
class Tracing:
    """The traced copy of a spec, and its symbols by name."""

    architecture: Architecture
    symbols: dict[str, Named]


def trace(architecture: Architecture) -> Tracing:
    """Return a copy of a spec whose sizes are traced."""
    named = _name(list(_sizes(architecture, ())))
    by_path = {path: found.symbol for found in named.values() for path in found.paths}
    copy = _copied(architecture, (), by_path)
    copy._kept = {}  # what follows from the plain numbers is not for the traced ones
    copy._layout = _counted(architecture.stack.layout, copy.n_layers)
    if (encoder := copy.encoder_stack) is not None and copy.encoder is not None:
        encoder.layout = _counted(encoder.layout, copy.encoder.n_layers)
    return Tracing(copy, named)


def _sizes(model: BaseModel, path: Path) -> Iterator[tuple[Path, int | Fraction]]:
    """Yield every size that a spec states, with its path."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name in model.model_fields_set and name not in _NO_SIZE:
            if isinstance(value, (int, Fraction)) and not isinstance(value, bool):
                yield (*path, name), value
            for key, inner in _models(value):
                yield from _sizes(inner, (*path, name, *key))


def _models(value: Any) -> Iterator[tuple[Path, BaseModel]]:
    """Yield the models in a field, with what leads to them."""
    if isinstance(value, BaseModel):
        yield (), value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        if isinstance(item, BaseModel):
            yield (key,), item


def _copied(model: Any, path: Path, symbols: dict[Path, Symbol]) -> Any:
    """Return a model with symbols in place of sizes; what it has worked out is left behind."""

    def convert(value: Any, at: Path) -> Any:
        if at in symbols:
            return symbol(symbols[at])
        if isinstance(value, BaseModel):
            return _copied(value, at, symbols)
        if isinstance(value, dict):
            return {key: convert(item, (*at, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [convert(item, (*at, index)) for index, item in enumerate(value)]
        return value

    copy = model.model_copy()
    fields = {name: convert(getattr(model, name), (*path, name)) for name in type(model).model_fields}
    object.__setattr__(copy, "__dict__", fields)  # frozen, and cached properties must go
    return copy


def _name(sizes: list[tuple[Path, int | Fraction]]) -> dict[str, Named]:
    """Give every size a symbol: one for all that share field and value."""
    fields: dict[str, dict[int | Fraction, list[Path]]] = {}
    for path, value in sizes:
        fields.setdefault(str(path[-1]), {}).setdefault(value, []).append(path)
    named: dict[str, Named] = {}
    for name, values in fields.items():
        base, rank = _NAMES.get(name, (name, "size"))
        top = next((value for value, paths in values.items() if any(len(path) == 1 for path in paths)), None)
        for value, paths in values.items():
            indexed = base if len(values) == 1 or value == top else f"{base}_{_owner(paths[0])}"
            unique, number = indexed, 2
            while unique in named:
                unique, number = f"{indexed}_{number}", number + 1
            tokens = name in ("window", "chunk")
            found = Symbol(unique, value, RANKS[rank], _ORDER.get(name, len(_ORDER)), tokens)
            named[unique] = Named(found, name, paths)
    return named


def _owner(path: Path) -> str:
    """Return what a size belongs to, in a word: a block's name, or the part inside it."""
    parts = [str(part) for part in path[:-1] if part not in ("blocks", "components", "features", "shared")]
    inner = "shared" if path[0] == "blocks" and path[-2] == "shared" else parts[-1] if parts else "model"
    return inner.replace(" ", "-")


def _counted(layout: Layout, n_layers: Any) -> Layout:
    """Return a layout whose counts are traced: multiples of n_layers, or written as numbers."""

    def count(places: int) -> Any:
        if places and places % n_layers.tree.value == 0:
            return places // n_layers.tree.value * n_layers
        return symbol(Symbol(f"#{places}", places, RANKS["count"], literal=True)) if places > 1 else places

    copy = replace(layout)
    copy.counts = {name: count(places) for name, places in layout.counts.items()}
    for name in ("sublayers", "normed", "normed_layers", "added"):
        setattr(copy, name, count(getattr(layout, name)))
    return copy


def trace_workload(load: Workload, symbols: dict[str, Named], *, context: bool) -> Workload:
    """Return a workload whose sizes are traced; with ``context``, as functions of the context C.

    What is 0, a batch of 1 and the page stay numbers. The symbols are added to ``symbols``.
    """
    sizes: dict[str, Any] = {}
    if context:
        tokens = _add(symbols, "C", load.context, "context, tokens", "--context")
        sizes["cached_tokens"] = tokens - load.new_tokens
    for name, (short, meaning, option) in _WORKLOAD.items():
        value = getattr(load, name)
        if name == "page" or not value or (name == "batch" and value == 1):
            continue
        if not (context and name in ("new_tokens", "cached_tokens")):
            sizes[name] = _add(symbols, short, value, meaning, option)
    return replace(load, **sizes)


def _add(symbols: dict[str, Named], name: str, value: int, meaning: str, option: str | None) -> Any:
    found = Symbol(name, value, RANKS["workload"], tokens=True)
    symbols.setdefault(name, Named(found, meaning, option=option))
    return symbol(found)


@dataclass(slots=True)
class TracedRecipe:
    """A recipe whose bytes a value are symbols: b, and b_ROLE for roles with another width."""

    recipe: Recipe
    symbols: dict[str, Named]

    @property
    def text(self) -> str:
        """Return what a reader would type."""
        return self.recipe.text

    def format(self, role: str) -> Format:
        """Return the format of a role; one of whole bytes has a symbol for them."""
        form = self.recipe.format(role)
        if form.bits % 8 or form.group:
            return form
        for name in ("b", f"b_{role}"):
            known = self.symbols.get(name)
            if known is None:
                found = Symbol(name, form.bits // 8, RANKS["bytes"])
                option = f"--dtype {'kv' if role == 'kv_rope' else role}={form.name}"
                known = self.symbols[name] = Named(found, f"bytes a value, {form.name}", option=option)
            if known.symbol.value == form.bits // 8:
                return replace(form, bits=8 * symbol(known.symbol))
        raise AssertionError(f"two widths for {role}")  # a role has one format
