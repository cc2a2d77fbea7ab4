"""Tensors of a file against the weights that a spec has: equal to the parameter, or an error that says where not.

What a file holds beside the language model is told by names (``tensor_names``): towers, layers that
predict further tokens, buffers, and tables that are written once more though they are tied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from costmodel.architecture import Architecture
from costmodel.errors import SpecError
from costmodel.importers.tensor_differences import difference
from costmodel.importers.tensor_groups import Held, Sorted, Tensor, held, sum_of
from costmodel.importers.tensor_names import tower_modules
from costmodel.importers.wanted import Wanted, wanted

__all__ = ["Checked", "Held", "Tensor", "check"]


@dataclass(frozen=True)
class Checked:
    """A file that holds what a spec says.

    ``language_model`` holds the spec's total, ``components`` what the spec counts beside it.
    ``left_out``: by the beginning of their names, tensors that no figure counts; ``copies`` tables
    that are written once more; ``buffers`` what is not learned. ``unchecked`` are components of the
    spec of which the file holds nothing, or that stand among others which the spec leaves out.
    """

    language_model: Held
    components: dict[str, Held]
    left_out: dict[str, Held]
    copies: Held
    buffers: Held
    unchecked: list[str]


def check(tensors: Iterable[Tensor], architecture: Architecture, where: str, left_out: Sequence[str] = ()) -> Checked:
    """Return how the tensors hold the architecture's weights, which they do exactly.

    ``where`` names the file in errors. ``left_out`` are keys of parts that the import left out:
    tensors beside the language model may be theirs.

    Raises:
        SpecError: AC411: the sums differ; the message names the layers and tensors that do.
    """
    spec = wanted(architecture)
    beside = left_out or any(name != "mtp" for name in spec.components)
    modules = tower_modules(left_out, reads_source=architecture.d_source is not None)
    found = Sorted(tensors, spec, modules if beside else None)
    if problem := difference(found, spec):
        message, note = problem
        raise SpecError(message, "AC411", where, "is the config.json that of this file?", note=note)
    components, unread, unchecked = _beside(found, spec, where, bool(left_out))
    return Checked(held(found.language), components, unread, held(found.copies), held(found.buffers), unchecked)


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
            unchecked.append(name)
        rest = {prefix: group for prefix, group in groups.items() if not (equal and prefix in ours)}
        unread |= {prefix: held(group) for prefix, group in rest.items()}
    return components, unread, unchecked
