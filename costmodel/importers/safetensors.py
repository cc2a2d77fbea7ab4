"""Headers and indices of the safetensors format: names, types and shapes, and nothing of the weights.

Source of the format: huggingface/safetensors 24b0b28, README and safetensors/src/tensor.rs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from costmodel.errors import SpecError, count_of, plain, quote
from costmodel.importers.json_text import read
from costmodel.importers.packing import Stored
from costmodel.loader import read_bytes, to_text
from costmodel.nodes import Source
from costmodel.reading import opened

# Bytes of a header, as huggingface_hub 2.4 reads it (the format allows 100,000,000); indices of 60 MB exist.
MAX_HEADER, MAX_INDEX = 25_000_000, 100_000_000
MAX_AXES, MAX_SHARDS = 64, 10_000
# Bits of an element; several of the smallest are packed.
BITS: Mapping[str, int] = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
SHARD = re.compile(r".+-(\d{5,6})-of-(\d{5,6})\.safetensors")
INDEX = ".safetensors.index.json"
_FILE = re.compile(r"[^\\/]{1,200}\.safetensors")  # beside the index


@dataclass(frozen=True)
class Index:
    """Which file holds which tensor; ``total_size`` in bytes and ``total_parameters`` where it says so."""

    files: dict[str, str]
    total_size: int | None
    total_parameters: int | None

    @property
    def shards(self) -> list[str]:
        """The files, each once."""
        return sorted(set(self.files.values()))


def read_header(path: Path) -> list[Stored]:
    """Return the tensors of a file.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: AC413: it is no safetensors file, is cut off, or its header contradicts itself.
    """
    where = plain(str(path))
    with opened(path) as file:
        return _read(file, os.fstat(file.fileno()).st_size, where)


def _read(file: BinaryIO, size: int, where: str) -> list[Stored]:
    if size < 8:
        _fail(
            where,
            f"the file has {count_of(size, 'byte')}, and a safetensors file starts with 8 for its header's length",
        )
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        _fail(where, f"the header is said to have {length:,} bytes, and {MAX_HEADER:,} is the most that is read")
    if 8 + length > size:
        _fail(where, f"the header is said to have {length:,} bytes, and {size - 8:,} follow: the file is cut off")
    return header(file.read(length), where, size - 8 - length)


def header(content: bytes, where: str, data: int | None = None) -> list[Stored]:
    """Return the tensors of a header. ``data``: the bytes that follow it, which it describes whole.

    Raises:
        SpecError: AC413: it is no header, or contradicts itself.
    """
    if not content.startswith(b"{"):
        _fail(where, "the header is no JSON object")
    return tensors_of(_object(content, f"{where} (header)"), where, data)


def tensors_of(found: dict[str, Any], where: str, data: int | None = None) -> list[Stored]:
    """Return the tensors of a header that is read already; raises as ``header``."""
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(value, str) for value in metadata.values()):
        _fail(where, "__metadata__ holds something else than texts")
    tensors: list[Stored] = []
    spans: list[tuple[int, int, str]] = []
    for name, said in found.items():
        tensor, span = _tensor(name, said, where)
        tensors.append(tensor)
        spans.append((*span, name))
    end = 0
    for start, stop, name in sorted(spans):
        if start != end:
            what = "overlaps the one before it" if start < end else f"leaves a hole of {start - end:,} bytes before it"
            _fail(where, f"the tensor {quote(name)} {what}")
        end = stop
    if data is not None and end != data:
        what = "the file is cut off" if end > data else "something else follows"
        _fail(where, f"the tensors have {end:,} bytes, and {data:,} follow the header: {what}")
    return tensors


def _tensor(name: str, said: Any, where: str) -> tuple[Stored, tuple[int, int]]:
    """Return one tensor of a header, and where its bytes lie."""
    if not isinstance(said, dict) or not {"dtype", "shape", "data_offsets"} <= said.keys():
        _fail(where, f"the tensor {quote(name)} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        _fail(where, f"the tensor {quote(name)} is of an unknown type {quote(dtype)}")
    if not _naturals(shape) or len(shape) > MAX_AXES:
        _fail(where, f"the shape of {quote(name)} is no list of numbers from 0")
    if not _naturals(offsets) or len(offsets) != 2:
        _fail(where, f"the data_offsets of {quote(name)} are no two numbers from 0")
    start, stop = offsets
    bits = prod(shape) * BITS[dtype]
    if (stop - start) * 8 != bits:
        size = f"{bits // 8:,}" if bits.bit_length() < 200 else "far more"
        _fail(
            where, f"the tensor {quote(name)} takes {size} bytes by its shape, and {stop - start:,} by its data_offsets"
        )
    return Stored(name, dtype, tuple(shape)), (start, stop)


def _naturals(found: Any) -> bool:
    return isinstance(found, list) and all(type(one) is int and 0 <= one < 2**64 for one in found)


def read_index(path: Path) -> Index:
    """Return what an index says.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: AC413: it is no index, or names files elsewhere.
    """
    return index(read_bytes(path, most=MAX_INDEX), plain(str(path)))


def index(content: bytes, where: str) -> Index:
    """Return what the bytes of an index say; raises as ``read_index``."""
    found = _object(content, where)
    files, metadata = found.get("weight_map"), found.get("metadata") or {}
    if not isinstance(files, dict) or not files or not isinstance(metadata, dict):
        _fail(where, "an index has a weight_map from names of tensors to files")
    for name, file in files.items():
        if not isinstance(file, str) or not _FILE.fullmatch(file) or not file.isprintable():
            _fail(
                where, f"the tensor {quote(name)} is not in a safetensors file beside the index, but in {quote(file)}"
            )
    if len(set(files.values())) > MAX_SHARDS:
        _fail(where, f"the index names more than {MAX_SHARDS:,} files")
    return Index(files, _natural(metadata, "total_size"), _natural(metadata, "total_parameters"))


def _natural(metadata: Mapping[str, Any], key: str) -> int | None:
    """Return a number of an index; older ones write it as a text or a float."""
    said = metadata.get(key)
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 30:
        return int(said)
    if isinstance(said, float) and said.is_integer():
        return int(said)
    return said if type(said) is int and said >= 0 else None


def _object(content: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object that bytes are."""
    return read(Source(where, to_text(content, where)))


def _fail(where: str, message: str) -> NoReturn:
    raise SpecError(message, "AC413", where)
