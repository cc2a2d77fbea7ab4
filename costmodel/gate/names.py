"""Every figure by one dotted name: the path that leads to it in the JSON of the command that prints it.

``params.total`` is in ``archcalc show``, ``cache.bytes`` in ``cache``, ``flops.forward`` in ``flops``,
``time.floor_s`` in ``roofline``, ``limits.largest_batch`` in ``serve``. Names without a group are
those of ``show`` (``n_layers``), and ``blocks.NAME.FIELD`` are the fields of a spec.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel import figures
from costmodel.errors import UsageError, did_you_mean, quote
from costmodel.gate import device_names
from costmodel.gate.device_names import Found, Number, flat
from costmodel.gate.workloads import Load

if TYPE_CHECKING:
    from costmodel.architecture import Architecture
    from costmodel.ops import Op
    from costmodel.workload import Workload


_SHAPE = ("n_layers", "encoder_layers", "loops", "d_model", "vocab_size", "max_context", "receptive_field")
_AT_CONTEXT = "flops of a context"
_AT_CONTEXTS = ("flops.prefill", "flops.prefill_attention", "flops.decode", "flops.decode_attention")
PARTS = "parts of params"
_ANY = Load()  # where nothing depends on what is run
_OF_STEP = ("forward", "executed", "attention", "training", "elementwise")


class Figures:
    """The figures of one model; a group is computed when a figure of it is first asked for."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self._found: dict[tuple[str, str], Found] = {}
        self._lowered: dict[Workload, list[Op]] = {}

    def __call__(self, name: str, load: Load | None = None) -> Fraction:
        """Return a figure at a workload, exactly; a time is the fraction that its float is.

        Raises:
            UsageError: no such figure in this model, one that needs a workload or a device, or
                what the figure's own command says.
        """
        group = name.partition(".")[0] if "." in name else ""
        if group not in _GROUPS:
            raise _unknown(name, _SHAPE if not group else _examples())
        if group not in _USE_LOAD:
            load = _with_components(load)
        _needed(name, group, load)
        if name in _AT_CONTEXTS:
            group = _AT_CONTEXT
        elif group == "params" and name.count(".") > 1:
            self.every(group, load)  # which says what is wrong with the components
            group = PARTS
        found = self.every(group, load)
        if name not in found:
            raise _unknown(name, found)
        return Fraction(found[name])

    def every(self, group: str, load: Load | None) -> Found:
        """Return all figures of a group. Raises UsageError as a call does."""
        key = (group, load.key if load else "")
        if key not in self._found:
            self._found[key] = _GROUPS[group](self, load or _ANY)
        return self._found[key]

    def at_context(self, load: Load) -> Found:
        """Return what a sequence keeps at a context, and the work of its prompt and last token."""
        return dict(self.every("cache", load)) | dict(self.every(_AT_CONTEXT, load))

    def lower(self, load: Workload) -> list[Op]:
        """Return the operations of a step; each is lowered once."""
        if load not in self._lowered:
            self._lowered[load] = self.architecture.lower(load)
        return self._lowered[load]


def check(name: str, load: Load | None) -> None:
    """Raise UsageError where no model has a figure of this name, or the workload says too little for it."""
    group, _, rest = name.partition(".")
    first = rest.partition(".")[0]
    known = name in _SHAPE if not rest else group in _GROUPS and group != ""
    if known and group in _FIXED:
        own, nested = _FIXED[group]
        known = rest in own or (first in nested and rest != first)
    if not known:
        raise UsageError(f"there is no figure {quote(name)}", "AC223", hint=hint(name))
    if group in _NEED_LOAD:
        _needed(name, group, load)


def needs_load(name: str) -> bool:
    """Say whether a figure is one of a workload."""
    return "." in name and name.partition(".")[0] in _NEED_LOAD


def hint(name: str) -> str:
    """Return what a name may have been meant to be."""
    return did_you_mean(name, [*_SHAPE, *_examples()]) or "figures: " + ", ".join(_examples())


def dimension(name: str) -> str:
    """Return what a figure measures: count, bytes, seconds, FLOP or share."""
    last = name.rpartition(".")[2]
    if last.endswith("_s") and not last.endswith("per_s"):
        return "seconds"
    if last == "bytes" or last.endswith(("_bytes", "bytes_per_token")):
        return "bytes"
    return "FLOP" if name.startswith("flops.") else "count"


def _with_components(load: Load | None) -> Load | None:
    """Return the workload as far as parameters and shape depend on it: the components it counts."""
    return Load.model_validate({"with": load.include}) if load is not None and load.include else None


def _needed(name: str, group: str, load: Load | None) -> Load:
    """Return the workload that a figure needs. Raises UsageError where it says too little."""
    load = load or _ANY
    if group in _NEED_LOAD and load.step is None:
        raise UsageError(
            f"the figure {quote(name)} needs a workload or context",
            "AC224",
            hint=f"at: 128Ki; in an expression {name}@128Ki",
        )
    if group in _NEED_DEVICE and load.machines is None:
        raise UsageError(
            f"the figure {quote(name)} needs a device", "AC224", hint='a workload with  hardware: "8x h200-sxm"'
        )
    return load


def _unknown(name: str, known: Any) -> UsageError:
    near = did_you_mean(name, known)
    some = [one for one in known if one.partition(".")[0] == name.partition(".")[0]] or list(known)
    hint = near or "figures: " + ", ".join(some[:8]) + (", ..." if len(some) > 8 else "")
    return UsageError(f"there is no figure {quote(name)} in this model", "AC223", hint=hint)


def _params(of: Figures, load: Load) -> Found:
    from costmodel.report.source import check_components

    check_components(of.architecture, load.include)
    found = figures.params(of.architecture, tuple(load.include))
    return {f"params.{name}": getattr(found, name) for name in _FIXED["params"][0]}


def _parts(of: Figures, load: Load) -> Found:
    """Return the parameters by component and by group of layers."""
    found = figures.params(of.architecture, tuple(load.include))
    named: dict[str, Number] = {}
    for kind in ("components", "active_components", "not_in_total"):
        named |= {f"params.{kind}.{name}": values for name, values in getattr(found, kind).items()}
    for path, part in found.groups.items():
        named[f"params.groups.{path}.total"], named[f"params.groups.{path}.active"] = part
    return named


def _shape(of: Figures, _: Load) -> Found:
    own: dict[str, Any] = {name: getattr(of.architecture, name) for name in _SHAPE if hasattr(of.architecture, name)}
    own["encoder_layers"] = of.architecture.encoder.n_layers if of.architecture.encoder else None
    own["receptive_field"] = figures.reach(of.architecture)
    return {name: value for name, value in own.items() if value is not None}


def _blocks(of: Figures, _: Load) -> Found:
    found = dict(flat({name: block.model_dump() for name, block in of.architecture.blocks.items()}, "blocks"))
    for name, block in of.architecture.blocks.items():  # shares, which are written as texts
        shares = {field: value for field, value in block if isinstance(value, Fraction)}
        found |= {f"blocks.{name}.{field}": value for field, value in shares.items()}
    return found


def _cache(of: Figures, load: Load) -> Found:
    choices = _language_model("figures of the cache", load).choices
    (context,) = choices.contexts
    kept = figures.cache(of.lower(choices.decode(of.architecture, context)), choices.recipe)
    return {f"cache.{name}": getattr(kept, name) for name in _FIXED["cache"][0]}


def _language_model(name: str, load: Load) -> Load:
    """Return a workload that counts no components. Raises UsageError for one that does."""
    if load.include:
        raise UsageError(
            f"{name} are of the language model alone, and the workload counts {', '.join(load.include)}",
            "AC224",
            hint="another workload, without with:",
        )
    return load


def _growth(of: Figures, load: Load) -> Found:
    from costmodel.report import points

    found = points.growth(of.architecture, load.choices)
    return {f"growth.{name}": getattr(found, name) for name in _FIXED["growth"][0]}


def _flops(of: Figures, load: Load) -> Found:
    """Return the FLOPs of the step, and of a token of it."""
    from costmodel.report.flops import step_of
    from costmodel.report.source import check_components

    assert load.step is not None
    check_components(of.architecture, load.include)
    new, cached = load.step
    step = step_of(of.architecture, load.choices, new, cached, None)
    ops = of.lower(step)
    for name in load.include:
        ops = ops + of.architecture.lower_component(name, step)
    total = figures.flops(ops)
    named: dict[str, Number] = {f"flops.{name}": getattr(total, name) for name in _OF_STEP}
    named |= {f"flops.parts.{name}": value for name, value in total.parts.items()}
    named["flops.per_token"] = Fraction(total.forward, load.choices.batch * new)
    return named


def _flops_at_context(of: Figures, load: Load) -> Found:
    """Return the FLOPs of a whole prompt, and of the step that adds the last token of the context."""
    choices = _language_model("flops.prefill and flops.decode", load).choices
    (context,) = choices.contexts
    prompt = figures.flops(of.lower(choices.prefill(of.architecture, context)))
    last = figures.flops(of.lower(choices.decode(of.architecture, context)))
    values = (prompt.forward, prompt.attention, last.forward, last.attention)
    return dict(zip(_AT_CONTEXTS, values, strict=True))


def _examples() -> list[str]:
    """Return figures that every model has."""
    fixed = [f"{group}.{name}" for group, (own, _) in _FIXED.items() for name in own]
    return [*fixed, "time.floor_s", "time.expected_s", "memory.weights_bytes", "limits.largest_batch", "fit.devices"]


_GROUPS: dict[str, Callable[[Figures, Load], Found]] = {
    "": _shape,
    "params": _params,
    PARTS: _parts,
    "blocks": _blocks,
    "cache": _cache,
    "growth": _growth,
    "flops": _flops,
    _AT_CONTEXT: _flops_at_context,
    "time": lambda of, load: device_names.times(of.architecture, load),
    "memory": lambda of, load: device_names.times(of.architecture, load),
    "limits": lambda of, load: device_names.serving(of.architecture, load),
    "fit": lambda of, load: device_names.fitting(of.architecture, load),
}
_NEED_DEVICE = ("time", "memory", "limits", "fit")
_NEED_LOAD = ("cache", "flops", *_NEED_DEVICE)
_USE_LOAD = ("growth", *_NEED_LOAD)
# Figures that every model has, by group, and the first word of those that only some have.
_FIXED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "params": (
        ("total", "active", "active_min", "active_max", "active_without_lookup"),
        ("components", "active_components", "not_in_total", "groups"),
    ),
    "cache": (("bytes", "values", "state_bytes", "paged_bytes", "one_pool_bytes"), ()),
    "growth": (("bytes_per_token", "fixed_bytes", "state_bytes"), ()),
    "flops": (
        (*_OF_STEP, "per_token", *(name.removeprefix("flops.") for name in _AT_CONTEXTS)),
        ("parts",),
    ),
}
