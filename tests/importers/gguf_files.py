"""Small GGUF files for tests: what llama.cpp's converter wrote, written again by the ``gguf`` package."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).parent / "gguf_converted.jsonl"
_LAYER = re.compile(r"^blk\.(\d+)\.")

Tensors = list[tuple[str, str, list[int]]]  # name, type, shape
Metadata = dict[str, list[Any]]  # key -> type, type of a list's items, value


@dataclass(frozen=True)
class Converted:
    """A model: its configuration, and the file that llama.cpp's converter writes of it."""

    name: str
    config: dict[str, Any]
    metadata: Metadata
    tensors: Tensors

    @property
    def architecture(self) -> str:
        """llama.cpp's name."""
        return str(self.metadata["general.architecture"][2])


def packed(tensors: Iterable[tuple[str, str, list[int]]]) -> list[list[Any]]:
    """Return tensors with those that are alike in several layers in one row, the layers listed."""
    found: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for name, kind, shape in tensors:
        match = _LAYER.match(name)
        layers = found.setdefault((_LAYER.sub("blk.#.", name), kind, tuple(shape)), [])
        if match:
            layers.append(int(match[1]))
    return [[name, kind, list(shape), layers] for (name, kind, shape), layers in found.items()]


@cache
def converted() -> tuple[Converted, ...]:
    """Return all models."""
    rows = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    return tuple(Converted(row["name"], row["config"], row["metadata"], _unpacked(row["tensors"])) for row in rows)


def _unpacked(rows: list[list[Any]]) -> Tensors:
    return [
        (name.replace("#", str(layer)), kind, shape)
        for name, kind, shape, layers in rows
        for layer in (layers if "#" in name else [0])
    ]


def one(name: str) -> Converted:
    """Return a model by its name."""
    return next(model for model in converted() if model.name == name)


def write(
    model: Converted,
    path: Path,
    edit: Callable[[Metadata, Tensors], None] | None = None,
    big_endian: bool = False,
) -> Path:
    """Write a model's file, edited; its weights are a hole that takes no room on most disks."""
    import gguf  # not above: a checkout of llama.cpp has its own, and is asked for ``packed`` only

    endianess = gguf.GGUFEndian.BIG if big_endian else gguf.GGUFEndian.LITTLE
    metadata, tensors = dict(model.metadata), [(name, kind, list(shape)) for name, kind, shape in model.tensors]
    if edit is not None:
        edit(metadata, tensors)
    writer = gguf.GGUFWriter(path, metadata.pop("general.architecture")[2], endianess=endianess)
    for key, (kind, item, value) in metadata.items():
        sub_type = None if item is None else gguf.GGUFValueType(item)
        writer.add_key_value(key, value, gguf.GGUFValueType(kind), sub_type=sub_type)
    end = 0
    for name, kind, shape in tensors:
        quant = gguf.GGMLQuantizationType[kind]
        block, size = gguf.GGML_QUANT_SIZES[quant]
        # The writer takes whole numbers of eight bits for bytes, and any other dtype for values.
        bytes_ = prod(shape) // block * size
        writer.add_tensor_info(name, shape, np.dtype(np.float32), bytes_, raw_dtype=quant)
        end = writer.ggml_pad(end, writer.data_alignment) + bytes_
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        file.truncate(writer.ggml_pad(path.stat().st_size, writer.data_alignment) + end)
    return path
