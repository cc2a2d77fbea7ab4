"""How quantised weights are packed: which tensor stands for how many values, which only helps to read another.

A row is a kind of tensor: how its name ends, its types, and what stands beside it that says so.
Sources: AutoGPTQ 9f7d370, AutoAWQ 88e4c76, bitsandbytes 95f9af3, compressed-tensors ac8e2ba,
TensorRT Model Optimizer 5a4242f, mlx 846d176, transformers 5.23.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from costmodel.errors import SpecError, quote
from costmodel.importers.tensor_groups import Tensor
from costmodel.importers.tensor_names import is_buffer


class Stored(NamedTuple):
    """A tensor as a file has it. ``dtype`` is the format's word: BF16, I32."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Packing(NamedTuple):
    """A packed tensor: ``end`` of its name, its types, and ``beside``, the end of a tensor that marks it.

    A stored element stands for ``per_element`` values, or for as many as its ``container`` bits hold
    where that is None. ``more``: ends of what else stands beside it and is no parameter.
    """

    end: str
    dtypes: tuple[str, ...]
    beside: str | None
    per_element: int | None
    more: tuple[str, ...]
    source: str
    container: int = 32


_FLOAT8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_SCALES = (".weight_scale", ".weight_zero_point", ".input_scale", ".input_zero_point", ".output_scale")
_BITSANDBYTES = (
    ".quant_map",
    ".nested_absmax",
    ".nested_quant_map",
    *(f".quant_state.bitsandbytes__{kind}" for kind in ("nf4", "fp4")),
)

PACKINGS = (
    Packing(".qweight", ("I32",), ".scales", None, (".qzeros", ".g_idx"), "AutoGPTQ qlinear_cuda, AutoAWQ gemm"),
    Packing("", ("U8",), ".absmax", 2, _BITSANDBYTES, "bitsandbytes functional.QuantState, 4 bits"),
    Packing(".weight", ("I8",), ".SCB", 1, (".weight_format",), "bitsandbytes nn.Linear8bitLt"),
    Packing("_blocks", ("U8",), "_scales", 2, (), "transformers integrations/mxfp4, gpt-oss weights.py"),
    Packing(".blocks", ("U8",), ".scales", 2, (), "gpt-oss torch/weights.py, the folder original"),
    Packing(
        ".weight_packed", ("I32",), ".weight_scale", None,
        (".weight_shape", ".weight_zero_point", ".weight_g_idx", ".input_scale", ".input_zero_point"),
        "compressed-tensors pack_quantized",
    ),
    Packing(
        ".weight_packed", ("U8",), ".weight_scale", 2,
        (".weight_global_scale", ".input_global_scale", ".weight_zero_point"),
        "compressed-tensors nvfp4, mxfp4",
    ),
    Packing(
        ".weight", ("U8",), ".weight_scale_2", 2, (".weight_scale", ".input_scale", ".pre_quant_scale"),
        "Model Optimizer nvfp4_tensor",
    ),
    Packing(".weight", ("I8",), ".weight_scale", 1, _SCALES[1:], "compressed-tensors naive_quantized"),
    Packing(".weight", ("I8",), ".scale", 2, (), "transformers integrations/finegrained_fp8, experts in fp4"),
    Packing(".weight", ("U32",), ".scales", None, (".biases",), "mlx nn/layers/quantized"),
    Packing(
        ".weight", _FLOAT8, None, 1, (*_SCALES, ".weight_scale_inv", ".scale", ".activation_scale", ".pre_quant_scale"),
        "transformers integrations/finegrained_fp8, fbgemm_fp8; Model Optimizer",
    ),
    Packing("", _FLOAT8, None, 1, ("_scale_inv", "_scale", "_activation_scale"), "the same, experts in one tensor"),
)  # fmt: skip
# One number each, for a cache or for what goes into attention: Model Optimizer quant_utils, compressed-tensors.
_NUMBERS = tuple(f".{name}_scale" for name in ("k", "v", "kv", "q", "prob", "softmax"))
_VALUES = frozenset(("F64", "F32", "F16", "BF16", "F4", "F6_E2M3", "F6_E3M2", "C64", *_FLOAT8))


def unpack(stored: Sequence[Stored], where: str, bits: int | None = None) -> list[Tensor]:
    """Return the tensors with the values that they stand for, without what only helps to read them.

    ``bits`` of a packed value, where the file does not say it: see ``bits_of``.

    Raises:
        SpecError: AC412: a tensor is of a type that holds no values, and no packing is known for it.
    """
    names = {tensor.name: tensor for tensor in stored}
    helpers: set[str] = set()
    packed: dict[str, Packing] = {}
    for tensor in stored:
        found = _packing(tensor, names)
        if found is not None:
            packed[tensor.name] = found
            base = tensor.name.removesuffix(found.end) if found.end else tensor.name
            helpers.update(base + end for end in (found.beside, *found.more) if end)
    tensors = []
    for tensor in stored:
        name, shape = tensor.name, tensor.shape
        if name in helpers or _is_number(tensor) or tensor.dtype == "F8_E8M0":  # which has powers of two, and no sign
            continue
        if name in packed:
            tensors.append(Tensor(name, shape, _values(tensor, packed[name], where, bits)))
        elif tensor.dtype in _VALUES or is_buffer(name, shape):
            tensors.append(Tensor(name, shape, prod(shape)))
        else:
            message = (
                f"the tensor {quote(name)} is {tensor.dtype}, and no way of packing weights is known that makes it"
            )
            raise SpecError(message, "AC412", where, "the packings that are known: docs/import.md")
    return tensors


def _packing(tensor: Stored, names: Mapping[str, Stored]) -> Packing | None:
    """Return how a tensor is packed, None where it is not."""
    if tensor.dtype not in _PACKED:
        return None
    for row in PACKINGS:
        if tensor.dtype in row.dtypes and tensor.name.endswith(row.end):
            base = tensor.name.removesuffix(row.end) if row.end else tensor.name
            if row.beside is None or base + row.beside in names:
                return row
    return None


_PACKED = frozenset(dtype for row in PACKINGS for dtype in row.dtypes)


def _values(tensor: Stored, row: Packing, where: str, bits: int | None) -> int:
    """Return the values that a packed tensor stands for."""
    elements = prod(tensor.shape)
    if row.per_element is not None:
        return elements * row.per_element
    if bits is None:
        message = f"the tensor {quote(tensor.name)} is packed, and the configuration does not say in how many bits"
        raise SpecError(
            message, "AC412", where, 'one number of bits for all, as in "bits": 4 of its quantization_config'
        )
    values, rest = divmod(elements * row.container, bits)
    if rest:
        message = f"the tensor {quote(tensor.name)} holds no whole number of values of {bits} bits"
        raise SpecError(message, "AC412", where)
    return values


def _is_number(tensor: Stored) -> bool:
    return prod(tensor.shape) <= 1 and tensor.name.endswith(_NUMBERS)


def bits_of(config: Mapping[str, Any]) -> int | None:
    """Return how many bits a packed value has by a configuration; None where it says none or several."""
    parts = [config, *(value for value in config.values() if isinstance(value, dict))]
    found: set[int] = set()
    for part in parts:
        for key in ("quantization_config", "quantization"):
            if isinstance(said := part.get(key), dict):
                found.update(_said(said))
    return found.pop() if len(found) == 1 else None


def _said(said: Mapping[str, Any]) -> Iterable[int]:
    """Yield the numbers of bits in a quantisation."""
    groups = said.get("config_groups")
    groups = list(groups.values()) if isinstance(groups, dict) else []
    weights = [group.get("weights") for group in groups if isinstance(group, dict)]
    for part in [said, *weights]:
        if isinstance(part, dict):
            for key in ("bits", "w_bit", "num_bits"):
                if type(bits := part.get(key)) is int and 1 <= bits <= 32:
                    yield bits
