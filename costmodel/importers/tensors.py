"""Tensors of a file against the weights that a spec has: equal to the parameter, or an error that says where not.

What a file holds beside the language model is told by names (``tensor_names``): towers, layers that
predict further tokens, buffers, and tables that are written once more though they are tied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers.safetensors import Index
from costmodel.importers.tensor_differences import difference, wrong_layers
from costmodel.importers.tensor_groups import Held, Sorted, Tensor, held, sum_of
from costmodel.importers.tensor_names import tower_modules
from costmodel.importers.tensor_sizes import check_names, check_size
from costmodel.importers.wanted import Wanted, wanted

__all__ = ["Checked", "Held", "Tensor", "check", "check_index"]

_HINT = "is the config.json that of this file?"


@dataclass(frozen=True)
class Checked:
    """A file that holds what a spec says.

    ``language_model`` holds the spec's total, ``components`` what the spec counts beside it.
    ``left_out``: by the beginning of their names, tensors that no figure counts; ``copies`` tables
    that are written once more; ``buffers`` what is not learned. Values are 0 where only names are
    known. ``unchecked`` says what could not be compared: components of which the file holds nothing,
    or which stand among others that the spec leaves out; sizes.
    """

    language_model: Held
    components: dict[str, Held]
    left_out: dict[str, Held]
    copies: Held
    buffers: Held
    unchecked: list[str]


def check(
    tensors: Iterable[Tensor],
    architecture: Architecture,
    where: str,
    left_out: Sequence[str] = (),
    unsaved: Sequence[str] = (),
    hint: str = _HINT,
) -> Checked:
    """Return how the tensors hold the architecture's weights, which they do exactly.

    ``where`` names the file in errors. ``left_out`` are keys of parts that the import left out:
    tensors beside the language model may be theirs. ``unsaved`` are weights that may be missing.
    ``hint`` is the way out where the sums differ.

    Raises:
        SpecError: AC411: the sums differ; the message names the layers and tensors that do.
    """
    spec, found = _sorted(tensors, architecture, left_out)
    absent = [weight for weight in spec.outside if weight.name in unsaved]
    if absent and sum_of(found.language) + sum(weight.values for weight in absent) == spec.total:
        spec = spec.without(absent)
    else:
        absent = []
    _equal(difference(found, spec), where, hint)
    components, unread, unchecked = _beside(found, spec, where, bool(left_out))
    unchecked += [f"{weight.name}: it is computed, and not in the file" for weight in absent]
    return Checked(held(found.language), components, unread, held(found.copies), held(found.buffers), unchecked)


def check_index(
    index: Index, architecture: Architecture, where: str, left_out: Sequence[str], config: Mapping[str, Any], why: str
) -> Checked:
    """Return the same for an index, which has names and a number of bytes and no shapes.

    ``config`` says in which type the weights are stored; ``why`` the index is all there is.

    Raises:
        SpecError: AC411: layers, or the bytes of all tensors, are not those of the spec.
    """
    spec, found = _sorted((Tensor(name, (), 0) for name in index.files), architecture, left_out)
    _equal(wrong_layers(found, spec), where)
    check_names(found, spec, where)
    unchecked = [f"the shape of any tensor: {why}"]
    unchecked += check_size(found, spec, index, config, where, some_left_out=bool(left_out))
    unread = {prefix: held(group) for prefix, group in (found.further | found.towers).items()}
    return Checked(held(found.language), {}, unread, held(found.copies), held(found.buffers), unchecked)


def _sorted(tensors: Iterable[Tensor], architecture: Architecture, left_out: Sequence[str]) -> tuple[Wanted, Sorted]:
    spec = wanted(architecture)
    beside = left_out or any(name != "mtp" for name in spec.components)
    modules = tower_modules(left_out, reads_source=architecture.d_source is not None)
    return spec, Sorted(tensors, spec, modules if beside else None)


def _equal(problem: tuple[str, str | None] | None, where: str, hint: str = _HINT) -> None:
    if problem is not None:
        message, note = problem
        raise SpecError(message, "AC411", where, hint, note=note)


def _beside(
    found: Sorted, spec: Wanted, where: str, some_left_out: bool
) -> tuple[dict[str, Held], dict[str, Held], list[str]]:
    """Return the components that are equal, what no figure counts, and components that cannot be compared."""
    components: dict[str, Held] = {}
    unread: dict[str, Held] = {}
    unchecked: list[str] = []
    read = {name: values for name, values in spec.components.items() if name != "mtp"}
    further = {"mtp": spec.components["mtp"]} if "mtp" in spec.components else {}
    for names, groups, some in ((further, found.further, False), (read, found.towers, some_left_out)):
        name, values = ", ".join(names), sum(names.values())
        ours = {prefix: group for prefix, group in groups.items() if not some or "vis" in prefix}
        tensors = [tensor for group in ours.values() for tensor in group]
        equal = bool(names) and sum_of(tensors) == values
        if equal:
            components[name] = held(tensors)
        elif names and tensors and not some:
            message = f"the tensors of {name} hold {sum_of(tensors):,} parameters, and the spec has {values:,}"
            raise SpecError(message, "AC411", where, note=f"they are {', '.join(ours)}")
        elif names:
            unchecked.append(
                f"{name}: " + ("it is not in the file" if not tensors else "it stands among parts that are left out")
            )
        rest = {prefix: group for prefix, group in groups.items() if not (equal and prefix in ours)}
        unread |= {prefix: held(group) for prefix, group in rest.items()}
    return components, unread, unchecked
