"""What an index alone can be compared with: names by layer, bytes in all, the number of parameters it claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costmodel.errors import SpecError, plain
from costmodel.importers.safetensors import Index
from costmodel.importers.tensor_groups import Sorted
from costmodel.importers.wanted import Wanted

_WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}


def check_names(found: Sorted, spec: Wanted, where: str) -> None:
    """Raise SpecError AC411 where layers that are alike in the spec have other names of tensors.

    The first layer may have more or fewer: a norm of the embedding, a table of distances.
    """
    for stack, layers in spec.layers.items() if spec.alone else ():
        first: dict[int, tuple[int, set[str]]] = {}
        for index, layer in enumerate(layers):
            if index == 0 and len(layers) > 1:
                continue
            names = {tensor.name.replace(f".{index}.", ".#.", 1) for tensor in found.layers[stack][index]}
            other, expected = first.setdefault(id(layer), (index, names))
            if different := sorted(names ^ expected):
                name = different[0]
                has, lacks = (index, other) if name in names else (other, index)
                shown = plain(name.replace(".#.", f".{has}.", 1))
                message = f"{shown} is there, and layer {lacks}, which is like layer {has}, has no such tensor"
                raise SpecError(message, "AC411", where)


def check_size(
    found: Sorted, spec: Wanted, index: Index, config: Mapping[str, Any], where: str, *, some_left_out: bool
) -> Iterator[str]:
    """Yield what could not be checked of the sizes.

    Raises:
        SpecError: AC411: the bytes are fewer, or many more, than the spec's parameters take.
    """
    least = spec.total + sum(v for k, v in spec.components.items() if (found.further if k == "mtp" else found.towers))
    if index.total_parameters not in (None, least, spec.total) and not some_left_out:
        yield f"total_parameters of the index, {index.total_parameters:,}: the spec has {least:,}"
    width = _width(config)
    doubt = "weights are quantised" if _quantised(config) else None
    doubt = doubt or ("parts are left out" if some_left_out else None)
    doubt = doubt or ("the configuration names no type" if width is None else None)
    doubt = doubt or ("the index says no total_size" if index.total_size is None else None)
    if doubt or width is None or index.total_size is None:
        yield f"bytes in all, since {doubt}"
        return
    copies = len(found.outside) - len(spec.outside)
    sizes = [least + n * table for table in spec.tables or (0,) for n in range(max(copies, 0) + 1)]
    buffers = {0, width * spec.buffers, 4 * spec.buffers}  # of routers, which many keep in fp32
    if any(index.total_size == width * size + more for size in sizes for more in buffers):
        return
    most = (max(sizes) + spec.buffers) * max(width, 4)
    if not width * least <= index.total_size <= most and not found.buffers:
        message = (
            f"the index has {index.total_size:,} bytes, and the spec's {least:,} parameters take {width * least:,}"
        )
        raise SpecError(message, "AC411", where, "is the config.json that of this file?")
    more = index.total_size - width * least
    said = f"{abs(more):,} {'more' if more > 0 else 'fewer'}"
    yield f"bytes in all, which are {said} than the parameters take at {width} each"


def _parts(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [config, *(value for value in config.values() if isinstance(value, dict))]


def _quantised(config: Mapping[str, Any]) -> bool:
    return any(part.get(key) for part in _parts(config) for key in ("quantization_config", "quantization"))


def _width(config: Mapping[str, Any]) -> int | None:
    """Return the bytes of a value by the configuration; None where it names no type, or one that is not known."""
    for part in _parts(config):
        for key in ("dtype", "torch_dtype"):
            if isinstance(word := part.get(key), str):
                return _WIDTHS.get(word.removeprefix("torch."))
    return None
