"""Where the tensors of a file and the weights of a spec differ: layers, tensors, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from costmodel.errors import count_of, one_of, plain
from costmodel.importers.tensor_groups import Layers, Sorted, Tensor, sum_of
from costmodel.importers.wanted import Wanted, Weight

_SHOWN = 3  # layers, and tensors of each, that a message names


def difference(found: Sorted, spec: Wanted) -> tuple[str, str | None] | None:
    """Return what differs in the language model, in a sentence and in detail; None where all is equal."""
    if problem := wrong_layers(found, spec):
        return problem
    total = sum_of(found.language)
    details = list(_details(found, spec))
    if total != spec.total:
        more = _more(total - spec.total)
        message = (
            f"the tensors hold {total:,} parameters of the language model, and the spec has {spec.total:,}: {more}"
        )
        return message, "; ".join(details) or None
    if spec.alone and _misplaced(found, spec):
        return "the tensors hold as many parameters as the spec has, but in other layers", "; ".join(details)
    return None


def wrong_layers(found: Sorted, spec: Wanted) -> tuple[str, str | None] | None:
    """Return in a sentence which layers the tensors lack or have too many of; None where there are none."""
    for stack, layers in spec.layers.items():
        if spec.alone and found.layers[stack].keys() != set(range(len(layers))):
            return _layers_missing(found.layers[stack], len(layers), stack), None
    return None


def _layers_missing(layers: Layers, n_layers: int, stack: str) -> str:
    """Say which layers are missing or too many."""
    missing = [index for index in range(n_layers) if index not in layers]
    beyond = sorted(index for index in layers if index >= n_layers)
    name = next((t.name for layer in layers.values() for t in layer), "")
    found = f", as in {plain(name)[:80]}" if name else ""
    of = "the encoder" if stack == "encoder" else "the spec"
    said = f"{of} has {count_of(n_layers, 'layer')}, and the tensors {len(layers):,}{found}"
    if layers and missing:
        said += f": {_numbers(missing)} missing"
    elif beyond:
        said += f": {_numbers(beyond)} too many"
    return said


def _numbers(indices: Sequence[int]) -> str:
    """Return ``layers 4, 5 and 6 are``, the first few."""
    shown = [f"{index:,}" for index in indices[:_SHOWN]] + (
        [f"{len(indices) - _SHOWN:,} more"] * (len(indices) > _SHOWN)
    )
    return f"layer {shown[0]} is" if len(indices) == 1 else f"layers {one_of(shown, 'and')} are"


def _misplaced(found: Sorted, spec: Wanted) -> bool:
    """Say whether some layers hold more and others less than the spec says.

    Where all hold more, or all less, classes count a part of the whole to its first layers: a norm
    of the embedding, tables of distances.
    """
    signs = {gap > 0 for stack in spec.layers for gap in _gaps(found, spec, stack).values() if gap}
    return len(signs) > 1


def _gaps(found: Sorted, spec: Wanted, stack: str) -> dict[int, int]:
    """Return how many values every layer holds beyond what the spec says."""
    layers = spec.layers[stack]
    gaps = {
        index: sum_of(tensors) - sum(weight.values for weight in layers[index])
        for index, tensors in found.layers[stack].items()
        if index < len(layers)
    }
    if gaps.get(0) == spec.within[stack]:
        gaps[0] = 0
    return gaps


def _details(found: Sorted, spec: Wanted) -> Iterator[str]:
    """Yield what differs in layers and outside, the first few."""
    for stack, layers in spec.layers.items():
        if not spec.alone:
            break
        gaps = _gaps(found, spec, stack)
        alike: dict[int, list[int]] = {}  # layers by what they hold beyond the spec
        for index, gap in gaps.items():
            if gap:
                alike.setdefault(gap, []).append(index)
        for gap, (index, *more) in list(alike.items())[:_SHOWN]:
            equal = next((i for i, other in gaps.items() if not other and layers[i] == layers[index]), None)
            tensors = found.layers[stack][index]
            peer = None if equal is None else (equal, found.layers[stack][equal])
            named = list(_beside_peer(tensors, index, *peer) if peer else _unmatched(tensors, layers[index]))
            of = "encoder layer" if stack == "encoder" else "layer"
            who = f"{of} {index} and {len(more):,} more hold" if more else f"{of} {index} holds"
            yield f"{who} {_more(gap)}{_listed(named)}"
    outside = sum_of(found.outside) - sum(weight.values for weight in spec.outside)
    if outside:
        yield f"outside the layers: {_more(outside)}{_listed(list(_unmatched(found.outside, spec.outside)))}"


def _more(gap: int) -> str:
    return f"{abs(gap):,} too {'many' if gap > 0 else 'few'}"


def _listed(named: Sequence[str]) -> str:
    if not named:
        return ""
    rest = f", and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else ""
    return f" ({', '.join(named[:_SHOWN])}{rest})"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape[:8])) or "one number"


def _beside_peer(tensors: Sequence[Tensor], index: int, equal: int, others: Sequence[Tensor]) -> Iterator[str]:
    """Yield what a layer has otherwise than a layer of the same kind that is equal to the spec's."""
    ours = {t.name.replace(f".{index}.", ".#.", 1): t for t in tensors}
    theirs = {t.name.replace(f".{equal}.", ".#.", 1): t for t in others}
    for name, tensor in ours.items():
        if name not in theirs:
            yield f"{plain(tensor.name)} is not in layer {equal}"
        elif theirs[name].values != tensor.values:
            other = _shape(theirs[name].shape)
            yield f"{plain(tensor.name)} is {_shape(tensor.shape)}, in layer {equal} {other}"
    for name in theirs:
        if name not in ours:
            yield f"{plain(name.replace('.#.', f'.{index}.', 1))} is missing"


def _unmatched(tensors: Sequence[Tensor], weights: Sequence[Weight]) -> Iterator[str]:
    """Yield tensors that no weight is as large as, and weights that no tensor is."""
    sizes = Counter(weight.values for weight in weights)
    for tensor in tensors:
        if sizes[tensor.values]:
            sizes[tensor.values] -= 1
        else:
            yield f"{plain(tensor.name)} of {_shape(tensor.shape)} is like no weight"
    for weight in weights:
        if sizes[weight.values]:
            sizes[weight.values] -= 1
            yield f"{weight.name} of {_shape(weight.shape)} is like no tensor"
