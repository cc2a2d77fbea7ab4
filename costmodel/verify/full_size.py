"""Totals at full size: an imported configuration beside the class of transformers that it names.

The class is built with shapes and no memory. Compared are the language model's parameters, the active
ones (an expert's share by the class's own number of chosen experts), and those of everything beside it.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import transformers
from transformers.utils import logging as their_logging

from costmodel import figures
from costmodel.architecture import Architecture
from costmodel.verify.equality import Equality, as_rounded
from costmodel.verify.published import Counts, build, count, model_class
from costmodel.verify.terms import Terms
from costmodel.workload import Workload

MOST_LAYERS = 1_000  # a class makes modules of every one of them
# Keys without which a configuration of another type is not in the words of the class that it names.
_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_CODE = ("auto_map", "attn_implementation", "_attn_implementation")  # names of code that is not run here
_SHOWN = 12


class NotBuilt(Exception):  # noqa: N818
    """No class of transformers can be compared with; says why."""


def by() -> str:
    """Return what the totals are compared with."""
    return f"transformers {transformers.__version__}"


class FullSize:
    """A configuration as transformers builds it: ``name`` of the class, ``counts`` of its parameters.

    Raises:
        NotBuilt: transformers has no class of this model type, or it fails.
    """

    def __init__(self, data: Mapping[str, Any], n_layers: int) -> None:
        kind, cls = _class_of(data)
        if n_layers > MOST_LAYERS:
            raise NotBuilt(f"{n_layers} layers are more than are built here ({MOST_LAYERS})")
        self.name = cls.__name__
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loud, level = their_logging.get_verbosity(), logging.root.manager.disable
            their_logging.set_verbosity_error()
            logging.disable(logging.CRITICAL)
            try:
                model = build(_without_code(data) | {"model_type": kind}, cls)
                self.parts = _parts(model)
                self.counts: Counts = count(model)
            except Exception as error:  # whatever their code raises says that there is no model
                raise NotBuilt(f"{self.name} fails on it: {type(error).__name__}: {str(error)[:200]}") from None
            finally:
                their_logging.set_verbosity(loud)
                logging.disable(level)

    def compare(self, architecture: Architecture, *, towers: bool) -> Iterator[Equality]:
        """Yield total and active parameters; with ``towers`` also those of all that stands beside."""
        ours, theirs = figures.params(architecture), self.counts
        yield self._equality("total", ours.total, theirs.total, ours)
        exact, _ = figures.expected_active(architecture.lower(Workload()))
        yield self._equality("active", ours.active, as_rounded(ours.active, exact, theirs.active), ours)
        beside = [name for name in architecture.extra_components if name != "mtp"]  # which no class builds
        if towers and beside:
            with_all = figures.params(architecture, beside)
            yield self._equality("with_towers", with_all.total, theirs.everything, with_all)

    def _equality(self, figure: str, ours: int, theirs: int, found: figures.Params) -> Equality:
        terms: Terms = ()
        if ours != theirs:
            mine = ", ".join(f"{name} {n}" for name, n in found.components.items())
            others = ", ".join(f"{name} {n}" for name, n in self.parts.most_common(_SHOWN))
            terms = (f"archcalc: {mine}", f"{self.name}: {others}")
        return Equality(f"full_size.{figure}", self.name, ours, theirs, terms)


def _class_of(data: Mapping[str, Any]) -> tuple[str, Any]:
    """Return a model type that transformers knows and its class: the configuration's, or of the class it names."""
    kind = str(data["model_type"])
    if (cls := model_class(kind)) is not None:
        return kind, cls
    for name in data.get("architectures") or () if all(key in data for key in _SIZES) else ():
        named: Any = getattr(transformers, str(name), None)
        if isinstance(named, type) and issubclass(named, transformers.PreTrainedModel):
            config: Any = getattr(named, "config_class", None)
            return config.model_type, named
    raise NotBuilt(f"{by()} has no class of model type {kind!r}")


def _without_code(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration that names no code: neither of a repository nor of a kernel."""
    return {
        key: _without_code(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if key not in _CODE
    }


def _parts(model: Any) -> Counter[str]:
    """Return the parameters of every part of a layer, all layers together, and of what is beside them."""
    found: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        names = [part for part in name.split(".") if not part.isdigit()]
        found[".".join(names[:3] if "layers" in names[:2] else names[:4])] += parameter.numel()
    return found
