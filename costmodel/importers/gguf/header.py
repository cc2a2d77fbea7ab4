"""The header of a GGUF file: what it says, and which tensors it has. Weights are never read.

Everything is bounded before it is read: a file is somebody else's. Source of the layout: ggml,
docs/gguf.md, versions 2 and 3, of both byte orders.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from costmodel.errors import SpecError, plain, quote
from costmodel.importers.gguf.quants import QUANTS, Quant
from costmodel.reading import is_file, opened

MAX_BYTES = 256 * 2**20  # of a header: vocabularies of 300,000 words take 15 MB
MAX_KEYS, MAX_TENSORS, MAX_PARTS = 10_000, 200_000, 1000
MAX_LIST = 10_000  # values of a list that is kept: one for each layer
_NAME, _DIMS = 256, 4  # bytes of a name of a key or tensor, and its axes
_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


class Info(NamedTuple):
    """A tensor that a file has. The last axis of ``shape`` is contiguous, as in PyTorch."""

    name: str
    shape: tuple[int, ...]
    quant: Quant

    @property
    def values(self) -> int:
        """Return how many values it has."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Return the bytes that it takes in the file."""
        return self.quant.bytes(self.values)


class Long(NamedTuple):
    """A list that is too long to be about layers, and was passed over."""

    length: int


@dataclass(frozen=True)
class Header:
    """What a file says, without what is its tokenizer's, and its tensors."""

    metadata: Mapping[str, Any]
    tensors: list[Info]


def read_model(path: Path) -> Header:
    """Read a file, and the others of a model that is split: any of them names all.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it is no GGUF file of a kind that is read, or a part of the model is missing.
    """
    first = read_header(path)
    count = first.metadata.get("split.count", 1)
    if count in (0, 1):
        return first
    match = _PART.fullmatch(path.name)
    if not isinstance(count, int) or not 1 < count <= MAX_PARTS or match is None or int(match["count"]) != count:
        message = f"the file is one of {quote(count)} parts, and its name does not say which"
        raise SpecError(message, "AC422", str(path), "give it the name that ends in -00001-of-00003.gguf or the like")
    tensors: list[Info] = []
    metadata: dict[str, Any] = {}
    for number in range(1, count + 1):
        part = path.with_name(f"{match['stem']}-{number:05}-of-{count:05}.gguf")
        if not is_file(part):
            message = f"part {number} of {count} is not beside the file"
            raise SpecError(message, "AC422", str(path), f"put {plain(part.name)} there")
        header = read_header(part)
        if header.metadata.get("split.count") != count or header.metadata.get("split.no") != number - 1:
            raise SpecError(f"the file does not say that it is part {number} of {count}", "AC422", str(part))
        metadata = dict(header.metadata) | metadata
        tensors += header.tensors
    _unique(tensors, str(path))
    promised = metadata.get("split.tensors.count", len(tensors))
    if promised != len(tensors):
        message = f"the parts have {len(tensors):,} tensors, and should have {quote(promised)}"
        raise SpecError(message, "AC422", str(path))
    return Header(metadata, tensors)


def read_header(path: Path) -> Header:
    """Read one file.

    Raises:
        UnknownSpecError: there is no such file.
        SpecError: it is no GGUF file of a kind that is read.
    """
    with opened(path) as file:
        return _Reader(file, plain(str(path))).header()


class _Reader:
    """Reads a header from its beginning to its end."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.file, self.where, self.order, self.at = file, where, "<", 0
        self.size = os.fstat(file.fileno()).st_size
        self.left = min(self.size, MAX_BYTES)

    def fail(self, message: str, hint: str | None = None) -> NoReturn:
        raise SpecError(message, "AC421", self.where, hint)

    def spend(self, size: int) -> None:
        """Count bytes before they are read or passed over."""
        if size > self.left:
            if size > self.size - self.at:
                self.fail("the header ends before all of it is there", "the file is cut off, or no GGUF file")
            self.fail(f"the header is larger than {MAX_BYTES // 2**20} MiB")
        self.left -= size
        self.at += size

    def take(self, size: int) -> bytes:
        self.spend(size)
        found = self.file.read(size)
        if len(found) != size:
            self.fail("the header ends before all of it is there", "the file is cut off, or no GGUF file")
        return found

    def skip(self, size: int) -> None:
        self.spend(size)
        self.file.seek(size, os.SEEK_CUR)

    def scalar(self, code: str) -> Any:
        """Return one value of a format of ``struct``."""
        code = self.order + code
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def count(self, what: str, most: int) -> int:
        found: int = self.scalar("Q")
        if found > most:
            self.fail(f"{found:,} {what} are more than the {most:,} that are read")
        return found

    def text(self, most: int = MAX_BYTES) -> str:
        size: int = self.scalar("Q")
        if size > most:
            self.fail(f"a text of {size:,} bytes where at most {most:,} are read")
        return self.take(size).decode("utf-8", "replace")

    def header(self) -> Header:
        if self.size < 4 or self.take(4) != b"GGUF":
            self.fail("this is no GGUF file", 'one begins with "GGUF"')
        version = self.scalar("I")
        if not version & 0xFFFF:  # as older readers do: the other byte order
            self.order = ">"
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
        if version not in _VERSIONS:
            self.fail(f"version {version} of GGUF is not read", f"versions: {', '.join(map(str, _VERSIONS))}")
        n_tensors, n_keys = self.count("tensors", MAX_TENSORS), self.count("keys", MAX_KEYS)
        metadata: dict[str, Any] = {}
        for _ in range(n_keys):
            key = self.text(_NAME)
            if key in metadata:
                self.fail(f"the key {quote(key)} is there twice")
            metadata[key] = self.value(self.scalar("I"), key)
        starts, tensors = [], []
        for _ in range(n_tensors):
            start, tensor = self.tensor()
            starts.append(start)
            tensors.append(tensor)
        _unique(tensors, self.where)
        self.place(sorted(zip(starts, tensors, strict=True)), metadata.get("general.alignment", 32))
        return Header(metadata, tensors)

    def place(self, tensors: list[tuple[int, Info]], alignment: Any) -> None:
        """Refuse tensors that overlap, or end behind the file. They start at a multiple of the alignment."""
        if type(alignment) is not int or not 1 <= alignment <= 2**30:
            self.fail(f'the key "general.alignment" is {quote(alignment)}, and no number of bytes')
        end = 0
        for start, tensor in tensors:
            if start < end:
                self.fail(f"the tensor {quote(tensor.name)} overlaps the one before it")
            end = start + tensor.bytes
        whole = -(-self.at // alignment) * alignment + end
        if end and whole > self.size:
            message = f"the tensors end at byte {whole:,}, and the file has {self.size:,}"
            self.fail(message, "the file is cut off; import the whole one")

    def value(self, kind: int, key: str) -> Any:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _LIST:
            self.fail(f"the key {quote(key)} has a value of the unknown type {kind}")
        inner, length = self.scalar("I"), self.scalar("Q")
        code = _SCALARS.get(inner)
        if code is None and inner != _TEXT:
            self.fail(f"the key {quote(key)} is a list of the unknown type {inner}")
        if length <= MAX_LIST and not key.startswith("tokenizer."):
            return [self.scalar(code) if code else self.text() for _ in range(length)]
        if code:
            self.skip(length * struct.calcsize(code))
        else:
            for _ in range(length):  # each takes eight bytes at least, so the file's size bounds this
                self.skip(self.scalar("Q"))
        return Long(length)

    def tensor(self) -> tuple[int, Info]:
        """Return where a tensor starts, in bytes from the first one, and what it is."""
        name, axes = self.text(_NAME), self.scalar("I")
        if not name or not name.isprintable():
            self.fail("a tensor has no printable name")
        if not 1 <= axes <= _DIMS:
            self.fail(f"the tensor {quote(name)} has {axes} axes", f"1 to {_DIMS} are read")
        shape = tuple(self.scalar("Q") for _ in range(axes))
        number, start = self.scalar("I"), self.scalar("Q")
        if number not in QUANTS:
            self.fail(f"the tensor {quote(name)} is of the unknown type {number}")
        quant = QUANTS[number]
        if min(shape) < 1 or prod(shape) >= 2**60 or shape[0] % quant.block:
            self.fail(f"the tensor {quote(name)} of type {quant.name} has the impossible shape {list(shape)}")
        return start, Info(name, shape[::-1], quant)


def _unique(tensors: list[Info], where: str) -> None:
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            raise SpecError(f"the tensor {quote(tensor.name)} is there twice", "AC421", where)
        seen.add(tensor.name)
